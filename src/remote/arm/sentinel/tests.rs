//! Data connectors of Microsoft Sentinel, as azure-rest-api-specs shows them.

use rstest::rstest;

use super::*;
use crate::remote::samples::{TENANT, assert_troubles, blindly, failure, ok, reply, sentence};
use crate::tenant::Permission;

const ROOT: &str = "/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23/resourceGroups/soc-rg/providers/Microsoft.OperationalInsights/workspaces/soc-prod";
const NAME: &str = "73e01a99-5cd7-4139-a149-9f2736ff2ab5";
const ETAG: &str = "\"0300bf09-0000-0000-0000-5c37296e0000\"";

fn workspace() -> Workspace {
    ROOT.parse().unwrap()
}

fn tenant() -> TenantId {
    TENANT.parse().unwrap()
}

fn shown() -> Value {
    json!({
        "id": format!("{ROOT}/providers/Microsoft.SecurityInsights/dataConnectors/{NAME}"),
        "name": NAME, "type": "Microsoft.SecurityInsights/dataConnectors", "etag": ETAG, "kind": "MicrosoftThreatProtection",
        "later": { "kept": true },
        "properties": {
            "tenantId": TENANT,
            "dataTypes": { "incidents": { "state": "Disabled", "later": 1 }, "alerts": { "state": "Enabled" } },
            "filteredProviders": { "alerts": ["microsoftDefenderForCloudApps"] }
        }
    })
}

fn read_all(entries: &[Value]) -> Page<Option<Connector>> {
    blindly(|context| read_list(&ok(&json!({ "value": entries })), context, tenant())).unwrap()
}

fn only(entry: Value) -> Connector {
    choose(read_all(&[entry]).items).unwrap()
}

#[test]
fn the_calls_are_as_documented() {
    let root = format!("{ROOT}/providers/Microsoft.SecurityInsights");
    assert_eq!(list(&workspace()).path, format!("{root}/dataConnectors?api-version=2025-07-01-preview"));
    let check = check_requirements(&workspace(), tenant());
    assert_eq!(
        (check.method.as_str(), check.path),
        ("POST", format!("{root}/dataConnectorsCheckRequirements?api-version=2025-07-01-preview"))
    );
    assert_eq!(
        check.body.unwrap(),
        json!({ "kind": "MicrosoftThreatProtection", "properties": { "tenantId": TENANT } })
    );
    let delete = delete(&workspace(), &only(shown()));
    assert_eq!(
        (delete.method.as_str(), delete.path),
        ("DELETE", format!("{root}/dataConnectors/{NAME}?api-version=2025-07-01-preview"))
    );
}

#[test]
fn the_connector_of_the_tenant_is_found_among_others() {
    let others = [
        json!({ "name": "a", "kind": "OfficeATP", "properties": { "tenantId": TENANT } }),
        json!({ "name": "b", "kind": "MicrosoftThreatProtection", "properties": { "tenantId": "72f988bf-86f1-41af-91ab-2d7cd011db47" } }),
        shown(),
    ];
    let page = read_all(&others);
    assert_eq!((page.items.len(), page.skipped), (3, 0));
    let connector = choose(page.items).unwrap();
    assert_eq!(connector.name, NAME);
    assert_eq!((connector.etag.as_deref(), connector.incidents.as_deref()), (Some(ETAG), Some("Disabled")));
    assert_eq!(Value::Object(connector.raw), shown());
}

#[rstest]
#[case::kind("/kind", json!("MICROSOFTTHREATPROTECTION"), true)]
#[case::tenant("/properties/tenantId", json!("8D3F2F3E-5A53-4C8E-9C3E-0D6F3A1C7B11"), true)]
#[case::no_tenant("/properties/tenantId", json!(null), true)]
#[case::other_kind("/kind", json!("MicrosoftThreatProtection2"), false)]
fn spellings_do_not_matter(#[case] place: &str, #[case] value: Value, #[case] is_found: bool) {
    let mut entry = shown();
    *entry.pointer_mut(place).unwrap() = value;
    assert_eq!(choose(read_all(&[entry]).items).is_some(), is_found);
}

#[test]
fn what_cannot_be_read_makes_the_list_incomplete() {
    let page = read_all(&[json!({ "name": "x" }), json!(null), json!({ "kind": "MicrosoftThreatProtection" })]);
    assert_eq!((page.items.len(), page.skipped), (0, 3));
    assert!(!Page::list(vec![page]).is_complete);
    assert_eq!(choose(read_all(&[]).items), None);
}

#[test]
fn one_that_takes_incidents_stands_first() {
    let mut on = shown();
    on["name"] = json!("ffffffff-0000-4000-8000-000000000000");
    on["properties"]["dataTypes"]["incidents"]["state"] = json!("enabled");
    let mut bare = shown();
    bare["properties"]["dataTypes"] = json!({});
    let chosen = choose(read_all(&[shown(), on, bare.clone()]).items).unwrap();
    assert_eq!(chosen.name, "ffffffff-0000-4000-8000-000000000000");
    assert_eq!(only(bare).incidents, None);
}

#[test]
fn a_write_keeps_what_it_does_not_change() {
    let call = put(&workspace(), tenant(), Some(&only(shown())), true);
    assert_eq!(
        call.path,
        format!("{ROOT}/providers/Microsoft.SecurityInsights/dataConnectors/{NAME}?api-version=2025-07-01-preview")
    );
    assert_eq!((call.method.as_str(), call.if_match.as_deref()), ("PUT", Some(ETAG)));
    assert_eq!(
        call.body.unwrap(),
        json!({
            "etag": ETAG, "kind": "MicrosoftThreatProtection", "later": { "kept": true },
            "properties": {
                "tenantId": TENANT,
                "dataTypes": { "incidents": { "state": "Enabled", "later": 1 }, "alerts": { "state": "Enabled" } },
                "filteredProviders": { "alerts": ["microsoftDefenderForCloudApps"] }
            }
        })
    );
}

#[test]
fn a_new_connector_is_named_after_its_workspace() {
    let call = put(&workspace(), tenant(), None, true);
    // The name-based UUID of RFC 9562 for this workspace and kind, computed with another program.
    assert_eq!(
        call.path,
        format!(
            "{ROOT}/providers/Microsoft.SecurityInsights/dataConnectors/ff496069-8df2-51ed-9b71-9b045536d2cb?api-version=2025-07-01-preview"
        )
    );
    assert_eq!(call.if_match, None);
    assert_eq!(
        call.body.unwrap(),
        json!({ "kind": "MicrosoftThreatProtection",
            "properties": { "tenantId": TENANT, "dataTypes": { "incidents": { "state": "Enabled" } } } })
    );
    let upper = ROOT.replace("soc-rg", "SOC-RG").parse().unwrap();
    let name = |call: Call| call.path.rsplit('/').next().unwrap().to_owned();
    assert_eq!(
        name(put(&upper, tenant(), None, true)),
        name(put(&workspace(), tenant(), None, false)),
        "Azure knows no case"
    );
}

#[test]
fn a_name_and_a_version_from_outside_are_made_safe() {
    let mut entry = shown();
    entry["name"] = json!("../x?y#z");
    entry["etag"] = json!("\"a\"\r\nX-Header: b");
    let call = put(&workspace(), tenant(), Some(&only(entry)), false);
    assert!(call.path.contains("/dataConnectors/..%2Fx%3Fy%23z?"), "{}", call.path);
    assert_eq!(call.if_match, None);
}

#[rstest]
#[case::valid(json!({ "authorizationState": "Valid", "licenseState": "Valid" }), true, true)]
#[case::case_of_letters(json!({ "authorizationState": "valid", "licenseState": "INVALID" }), true, false)]
#[case::refused(json!({ "authorizationState": "Invalid", "licenseState": "Unknown" }), false, true)]
#[case::renamed(json!({ "authorizationState": "Perhaps", "licenseState": "Perhaps" }), false, true)]
#[case::no_license(json!({ "AuthorizationState": "Valid", "licenseState": null }), true, true)]
fn requirements_are_read(#[case] body: Value, #[case] is_authorized: bool, #[case] is_licensed: bool) {
    let read = blindly(|context| read_requirements(&ok(&body), context));
    assert_eq!(read, Ok(Requirements { is_authorized, is_licensed }));
}

#[test]
fn the_answer_to_a_write_is_read() {
    for status in [200, 201] {
        let answer = reply(status, shown().to_string());
        let connector = blindly(|context| read_put(&answer, context)).unwrap();
        assert_eq!(connector.incidents.as_deref(), Some("Disabled"));
    }
}

#[test]
fn trouble_is_told() {
    assert_troubles(Operation::Connectors, |reply, context| read_list(reply, context, tenant()));
    assert_troubles(Operation::PutConnector, read_put);
    assert_troubles(Operation::ConnectorRequirements, read_requirements);
    let refused = blindly(|context| read_put(&reply(403, ""), context));
    assert_eq!(refused, Err(Unread::NotPermitted(Permission::SentinelContributor)));
    let gone = blindly(|context| read_list(&reply(404, ""), context, tenant()));
    assert!(sentence(gone).contains("Microsoft Sentinel is not set up"));
    let person = r#"{"error":{"code":"InvalidLicense","message":"Missing consent"}}"#;
    assert_eq!(failure(blindly(|context| read_put(&reply(401, person), context))).class.name(), "permission");
    let conflict = failure(blindly(|context| read_put(&reply(412, ""), context)));
    assert_eq!(conflict.class.name(), "waiting");
}
