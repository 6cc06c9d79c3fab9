//! What a world file means, and what it must not mean.

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::api::Reason;
use crate::plan::failure::ErrorClass;
use crate::plan::microsoft::{Access, Answer, Hunting, LinkAnswer, Microsoft, Principal};
use crate::plan::observed::{Instance, Progress};
use crate::plan::reading::{Reading, Why};
use crate::tenant::{Cloud, Role};

const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";

fn desired() -> Desired {
    Desired::from_spec(&serde_json::from_value(json!({"tenantId": TENANT})).unwrap()).unwrap()
}

fn read(text: &str) -> Result<Observed, WorldError> {
    World::read(text, Timestamp::UNIX_EPOCH)?.observed(&desired(), true, true)
}

fn microsoft(text: &str) -> Microsoft {
    read(&format!("microsoft: {text}")).unwrap().microsoft
}

#[test]
fn the_documented_file_can_be_read() {
    let page = include_str!("../../../../deploy/docs/plan.md");
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let observed = read(example).unwrap();
    assert_eq!(observed.instance, Reading::claimed(Instance::Absent));
    assert_eq!(observed.microsoft.links.len(), 3);
    assert_eq!(observed.microsoft.skus.value().map(|skus| skus.items.len()), Some(2));
}

#[test]
fn nothing_said_is_nothing_asked() {
    assert_eq!(read("").unwrap(), Observed::nothing());
    assert!(!World::read("", Timestamp::UNIX_EPOCH).unwrap().capabilities.has_broker);
    let observed = read("broker: {}").unwrap();
    assert_eq!((observed.instance, observed.is_retrievable), (Reading::claimed(Instance::Absent), true));
    assert_eq!(read("broker: { retrievable: false }").unwrap().instance, Reading::unknown(Why::NotAsked));
    let failed = read("broker: { failure: { class: Transient } }").unwrap();
    assert_eq!(failed.instance, Reading::unknown(Why::ReadFailed));
    assert_eq!(failed.failure.unwrap().reason, Reason::ProviderUnavailable);
    let microsoft = microsoft("{}");
    assert_eq!(microsoft.access, Access::Granted);
    assert_eq!(microsoft.organization.value().unwrap().id.to_string(), TENANT);
    assert_eq!((microsoft.cloud.value(), microsoft.skus), (Some(&Cloud::Public), Reading::unknown(Why::NotAsked)));
}

#[rstest]
#[case::succeeded("succeeded", Progress::Succeeded)]
#[case::gone("gone", Progress::Gone)]
#[case::going_on("in progress, retryAfterSeconds: 10", Progress::InProgress { retry_after: Some(SignedDuration::from_secs(10)) })]
#[case::failed(
    "failed, description: quota, updateRepeatable: false",
    Progress::Failed { description: "quota".into(), is_repeatable: false, is_usable: true }
)]
fn an_operation_is_as_far_as_it_says(#[case] operation: &str, #[case] expected: Progress) {
    let observed = read(&format!("broker: {{ operation: {{ state: {operation} }} }}")).unwrap();
    assert_eq!(observed.progress, Some(expected));
}

#[test]
fn signing_in_may_be_refused_or_fail() {
    let refused = microsoft("{ signIn: { refused: CredentialsInvalid, message: AADSTS7000215 } }");
    assert!(matches!(&refused.access, Access::Refused(failure) if failure.reason == Reason::CredentialsInvalid));
    assert_eq!(refused.organization, Reading::unknown(Why::NotAsked));
    let failed = microsoft("{ signIn: { failed: no answer }, failure: { class: Permission } }");
    assert!(matches!(&failed.access, Access::Failed(failure) if failure.class == ErrorClass::Transient));
    assert_eq!(failed.organization, Reading::unknown(Why::ReadFailed));
    assert_eq!(failed.failure.unwrap().reason, Reason::PermissionDenied);
}

#[test]
fn what_microsoft_answers_is_what_is_observed() {
    let seen = microsoft(
        "{ tenantRegionSubScope: DODCON, incidents: 403, healthIssues: { unknown: NotPermitted }, hunting: { status: 403 }, \
         roleAssignments: { GlobalAdministrator: { assigned: [{ principal: Group, members: { unknown: NotPermitted } }], eligible: NoPremiumLicence } }, \
         links: { s: { incidents: None, authorizationState: Invalid }, i: { partnerState: unresponsive }, u: { unknown: ReadFailed } } }",
    );
    assert_eq!(seen.cloud.value(), Some(&Cloud::GCCHigh));
    assert_eq!((seen.incidents.value(), seen.identity), (Some(&Answer::Refuses), Reading::unknown(Why::NotPermitted)));
    assert_eq!(seen.hunting.value(), Some(&Hunting::Refuses));
    let holders = &seen.roles[&Role::GlobalAdministrator];
    let members = Reading::unknown(Why::NotPermitted);
    assert_eq!(holders.assigned.value().unwrap().items[0].principal, Principal::Group { members });
    assert!(holders.eligible.value().is_some_and(|eligible| eligible.items.is_empty() && eligible.is_complete));
    assert_eq!(seen.links["s"].answer.value(), Some(&LinkAnswer::Connector { incidents: None }));
    assert!(seen.links["s"].requirements.value().is_some_and(|needs| !needs.is_authorized && needs.is_licensed));
    assert_eq!(seen.links["i"].answer.value(), Some(&LinkAnswer::Partner("unresponsive".into())));
    assert_eq!(seen.links["u"].answer, Reading::unknown(Why::ReadFailed));
}

#[test]
fn a_licence_has_the_plans_that_the_table_knows_of_it() {
    let seen = microsoft(
        "{ subscribedSkus: [{ skuPartNumber: SPE_E5, capabilityStatus: enabled }], subscriptions: [{ skuPartNumber: SPE_E5, status: Warning }] }",
    );
    let sku = &seen.skus.value().unwrap().items[0];
    assert_eq!(sku.id, "06ebc4ee-1bb5-47dd-8120-11324bc54e06");
    assert!(sku.plans.iter().any(|plan| plan.id == "bf28f719-7844-4079-9c78-c1307898e192"), "MTP is in it");
    assert_eq!(seen.subscriptions.value().unwrap().items[0].sku_id, sku.id);
}

#[rstest]
#[case::field("borker: {}", "unknown field `borker`")]
#[case::deeper("broker: { instanse: Absent }", "broker: unknown field `instanse`")]
#[case::within("broker: { instance: { stat: Enabled } }", "unknown field `stat`")]
#[case::word("broker: { instance: Gone }", "unknown variant `Gone`")]
#[case::why("microsoft: { incidents: { unknown: Maybe } }", "unknown variant `Maybe`")]
#[case::status("microsoft: { incidents: 500 }", "microsoft.incidents: 500 is neither 200 nor 403")]
#[case::sign_in("microsoft: { signIn: {} }", "microsoft.signIn: write Granted")]
#[case::reason("microsoft: { signIn: { refused: Nope } }", "\"Nope\" is no reason of the catalogue")]
#[case::role("microsoft: { roleAssignments: { Janitor: {} } }", "\"Janitor\" is none of GlobalAdministrator")]
#[case::sku(
    "microsoft: { subscribedSkus: [{ skuPartNumber: UNHEARD_OF, capabilityStatus: Enabled }] }",
    "microsoft.subscribedSkus[0].servicePlans: the licence table does not know one SKU \"UNHEARD_OF\""
)]
#[case::shown("broker: { retrievable: false, instance: Absent }", "shows no instance")]
#[case::withheld("broker: { instance: { parameters: Withheld, state: Enabled } }", "parameters: Withheld stands alone")]
#[case::seconds("administrator: { claimGraceSeconds: -1 }", "-1 is not in 0 to 604800")]
#[case::time("now: 9999-12-01T00:00:00Z", "not in the years 1970 to 2999")]
#[case::until("broker: { failure: { class: Auth, until: 2026-06-15T12:00:00Z } }", "belongs to class Throttled")]
fn a_mistake_is_named(#[case] text: &str, #[case] expected: &str) {
    let error = read(text).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}
