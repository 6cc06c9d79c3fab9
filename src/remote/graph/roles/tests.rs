//! Holders of roles, as the documents show them.

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::remote::samples::{assert_troubles, blindly, failure, ok, reply};
use crate::tenant::Permission;

const GROUP: &str = "5c1f9f43-0000-4000-8000-000000000001";

fn body() -> Value {
    json!({ "value": [
        {"id": "a", "principalId": "u", "directoryScopeId": "/", "roleDefinitionId": "194ae4cb-b126-40b2-bd5b-6091b380977d",
         "principal": {"@odata.type": "#microsoft.graph.user", "id": "u"}},
        {"directoryScopeId": "/", "principal": {"@odata.type": "#microsoft.graph.group", "id": GROUP.to_uppercase()}},
        {"directoryScopeId": "/", "principal": {"@odata.type": "#microsoft.graph.servicePrincipal", "id": "s"}},
        {"directoryScopeId": "/administrativeUnits/1", "principal": {"@odata.type": "Microsoft.Graph.User"}},
        {"directoryScopeId": null, "principal": {"@odata.type": "#microsoft.graph.agentUser", "id": "x"}},
        {"directoryScopeId": "/"}
    ]})
}

fn assignment(assignee: Assignee, scope: &str) -> Assignment {
    Assignment { assignee, scope: scope.to_owned() }
}

fn read() -> Page<Assignment> {
    blindly(|context| read_assigned(&ok(&body()), context)).unwrap()
}

#[test]
fn the_calls_ask_for_one_role_and_no_names() {
    assert_eq!(
        assigned(Role::SecurityAdministrator).path,
        "/roleManagement/directory/roleAssignments?$filter=roleDefinitionId%20eq%20'194ae4cb-b126-40b2-bd5b-6091b380977d'&$expand=principal($select=id)"
    );
    assert_eq!(
        eligible(Role::GlobalAdministrator).path,
        "/roleManagement/directory/roleEligibilityScheduleInstances?$filter=roleDefinitionId%20eq%20'62e90394-69f5-4237-9190-012177145e10'&$expand=principal($select=id)"
    );
    let members = members(GROUP);
    assert_eq!(
        members.path,
        "/groups/5c1f9f43-0000-4000-8000-000000000001/transitiveMembers/microsoft.graph.user/$count"
    );
    assert!(members.is_eventual);
    assert!(super::members("../x?y").path.starts_with("/groups/..%2Fx%3Fy/"));
}

#[test]
fn every_kind_of_holder_is_told_apart() {
    let expected = [
        assignment(Assignee::User, "/"),
        assignment(Assignee::Group(GROUP.to_owned()), "/"),
        assignment(Assignee::ServicePrincipal, "/"),
        assignment(Assignee::User, "/administrativeUnits/1"),
        assignment(Assignee::Unrecognised, ""),
        assignment(Assignee::Unrecognised, "/"),
    ];
    assert_eq!(read().items, expected);
    assert_eq!(groups(&read().items), BTreeSet::from([GROUP.to_owned()]));
}

#[test]
fn members_are_put_in_and_what_is_missing_stays_unknown() {
    let list = || Ok(Page::list(vec![read()]));
    let counted = BTreeMap::from([(GROUP.to_owned(), Reading::observed(3))]);
    let holders_of = |members: &BTreeMap<String, Reading<u32>>| {
        let RoleHolders { assigned, eligible } =
            holders(&list(), &Err(Unread::NotPermitted(Permission::DirectoryRoles)), members);
        assert_eq!(eligible, Reading::unknown(Why::NotPermitted));
        let Reading::Known { value, .. } = assigned else { panic!() };
        assert!(value.is_complete);
        value.items[1].clone()
    };
    let group = |members| Holder { principal: Principal::Group { members }, scope: "/".to_owned() };
    assert_eq!(holders_of(&counted), group(Reading::observed(3)));
    assert_eq!(holders_of(&BTreeMap::new()), group(Reading::unknown(Why::NotAsked)));
}

#[test]
fn a_tenant_without_premium_has_nobody_eligible() {
    let body = json!({ "error": { "code": "AadPremiumLicenseRequired", "message": "needs P2" } });
    let page = blindly(|context| read_eligible(&reply(400, body.to_string()), context)).unwrap();
    assert_eq!(Page::list(vec![page]), Listed { items: Vec::new(), is_complete: true });
    let other = blindly(|context| read_assigned(&reply(400, body.to_string()), context));
    assert_eq!(failure(other).class.name(), "protocol");
}

#[rstest]
#[case::text("12", 12)]
#[case::zero("0", 0)]
#[case::mark("\u{feff}12", 12)]
#[case::blanks(" 12\r\n", 12)]
#[case::quoted("\"12\"", 12)]
#[case::base64("MTI=", 12)]
#[case::quoted_base64("\"MTI=\"", 12)]
#[case::digits_that_are_base64_too("1234", 1234)]
fn a_count_is_read_in_every_form(#[case] body: &str, #[case] count: u32) {
    assert_eq!(blindly(|context| read_members(&reply(200, body), context)), Ok(count));
}

#[rstest]
#[case::empty("")]
#[case::words("many")]
#[case::negative("-1")]
#[case::too_many("4294967296")]
#[case::object("{\"value\":3}")]
#[case::page("<html/>")]
#[case::bytes("\u{0}")]
fn anything_else_is_no_count(#[case] body: &str) {
    assert_eq!(failure(blindly(|context| read_members(&reply(200, body), context))).class.name(), "protocol");
}

#[test]
fn trouble_is_told() {
    assert_troubles(Operation::RoleAssignments, read_assigned);
    assert_troubles(Operation::EligibleAssignments, read_eligible);
    assert_troubles(Operation::GroupMembers, read_members);
    let refused = blindly(|context| read_members(&reply(403, ""), context));
    assert_eq!(refused, Err(Unread::NotPermitted(Permission::GroupMembers)));
    let empty = blindly(|context| read_assigned(&reply(200, r#"{"value":[]}"#), context));
    assert_eq!(empty, Ok(Page::empty()));
}
