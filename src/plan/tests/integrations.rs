//! Section "Integrations" of the contract: each type, what it asks for, and what must not happen.

use rstest::rstest;
use serde_json::{Value, json};

use super::eyes::*;
use super::fixture::*;
use super::transitions::deprovisioned;
use crate::api::{Actor, ConditionType, LinkReading, PendingStep, Reason, TriState};
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::microsoft::{LinkAnswer, Microsoft, Requirements};
use crate::plan::reading::{Reading, Why};
use crate::plan::step::{Change, Outcome, StepActor};
use crate::tenant::{Cloud, IntegrationType, LinkState};

const SUBSCRIPTION: &str = "11111111-1111-4111-8111-111111111111";
const WORKSPACE: &str = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w";

fn entry(kind: IntegrationType, state: LinkState) -> Value {
    let mut entry = json!({"name": "x", "type": kind, "state": state});
    let (field, target) = match kind {
        IntegrationType::SentinelIncidents => ("workspaceResourceId", WORKSPACE),
        IntegrationType::DefenderForCloudEndpoint | IntegrationType::DefenderForCloudCloudApps => {
            ("subscriptionId", SUBSCRIPTION)
        }
        _ => return entry,
    };
    entry.as_object_mut().unwrap().insert(field.into(), json!(target));
    entry
}

/// A tenant that is on and whose link is so, and a spec that wishes it otherwise, or not.
fn world(kind: IntegrationType, wish: LinkState, is: LinkState) -> World {
    let mut world = World::new(json!({"integrations": [entry(kind, wish)]})).sees_on().without_broker();
    if kind != IntegrationType::IdentityCloudApps {
        world.microsoft().links.insert("x".into(), link(kind, is));
    }
    world
}

fn asked(world: &mut World) -> &mut crate::plan::microsoft::ObservedLink {
    world.microsoft().links.get_mut("x").unwrap()
}

#[track_caller]
fn shown(world: &World) -> (LinkReading, Actor, TriState) {
    let link = &world.status.as_ref().unwrap().integrations[0];
    (link.state, link.actor, link.effective)
}

fn arm(world: &World) -> Vec<(String, LinkState)> {
    let of = |step: &crate::plan::step::Step| match &step.by {
        StepActor::Arm(request) => (request.target.clone(), request.state),
        other => panic!("not sent to Azure Resource Manager: {other:?}"),
    };
    world.sent.iter().map(of).collect()
}

const ENDPOINT: IntegrationType = IntegrationType::DefenderForCloudEndpoint;
const MCAS: IntegrationType = IntegrationType::DefenderForCloudCloudApps;
const SENTINEL: IntegrationType = IntegrationType::SentinelIncidents;
const INTUNE: IntegrationType = IntegrationType::EndpointIntune;
const IDENTITY: IntegrationType = IntegrationType::IdentityCloudApps;

#[rstest]
#[case::arm_put_settings_wdatp(ENDPOINT, SUBSCRIPTION)]
#[case::arm_put_settings_mcas(MCAS, SUBSCRIPTION)]
#[case::arm_put_data_connectors(SENTINEL, WORKSPACE)]
fn changed_by_arm(#[case] kind: IntegrationType, #[case] target: &str) {
    for (wish, is) in [(LinkState::Linked, LinkState::Unlinked), (LinkState::Unlinked, LinkState::Linked)] {
        let mut world = world(kind, wish, is);
        world.pass();
        assert_eq!(arm(&world), [(target.to_owned(), wish)]);
        world.assert_ready(TriState::True, Reason::Enabled);
        assert_eq!(shown(&world).1, Actor::Arm);
        assert_eq!(world.writes, 1, "1 + 1 per step shares the write: a setting needs no intent");
        world.pass();
        assert_eq!((world.sent.len(), world.writes), (1, 1), "steady state 0");
    }
}

#[rstest]
#[case::sign_in_to_cloud_apps_once(IDENTITY, "Sign in to Defender for Cloud Apps at least once")]
#[case::switch_in_the_endpoint_settings(INTUNE, "turn Microsoft Intune connection on")]
fn changed_by_a_person(#[case] kind: IntegrationType, #[case] words: &str) {
    let mut world = world(kind, LinkState::Linked, LinkState::Unlinked);
    world.pass();
    world.assert_stalled(Reason::ActionRequired);
    let action = world.status.as_ref().unwrap().pending_actions[0].clone();
    assert_eq!(action.step, PendingStep::Link);
    assert!(action.instructions.contains(words), "{}", action.instructions);
    assert!(world.sent.is_empty());
}

#[test]
fn identity_in_2020_is_a_global_administrators_and_takes_up_to_12_hours() {
    let fields = json!({"experience": "SettingsPage", "integrations": [entry(IDENTITY, LinkState::Linked)]});
    let mut world = World::new(fields).sees_on().without_broker();
    world.pass();
    let action = world.status.unwrap().pending_actions[0].clone();
    assert!(action.role.starts_with("Global Administrator") && !action.role.contains("Security Admin"), "own role");
    assert!(action.instructions.contains("12 hours"));
}

#[test]
fn the_irreversible_link_is_refused_until_the_region_is_pinned() {
    let mut world = world(ENDPOINT, LinkState::Linked, LinkState::Unlinked);
    world.microsoft().endpoint_location = Reading::unknown(Why::NotAsked);
    world.pass();
    world.assert_stalled(Reason::RegionRequired);
    assert_eq!(world.condition(ConditionType::Integrated).map(|(status, _)| status), Some(TriState::False));
    assert!(world.sent.is_empty(), "no call");
    world.edit(json!({"attestations": [attestation("DataLocation", json!({"region": "EU"}))]}));
    world.pass();
    assert_eq!(arm(&world).len(), 1, "\"A live attestation pins and is enough\"");
    assert_eq!(world.region().as_deref(), Some("EU Attested"));
}

#[test]
fn the_irreversible_link_needs_no_pin_where_the_cloud_has_no_regions() {
    let fields = json!({"cloud": "GCC", "integrations": [entry(ENDPOINT, LinkState::Linked)]});
    let mut world = World::new(fields).sees_on().without_broker();
    world.microsoft().cloud = Reading::observed(Cloud::GCC);
    world.microsoft().endpoint_location = Reading::unknown(Why::NotAsked);
    world.microsoft().links.insert("x".into(), link(ENDPOINT, LinkState::Unlinked));
    world.pass();
    assert_eq!(world.condition(ConditionType::RegionPinned), Some((TriState::True, Reason::NotNeeded)));
    assert_eq!(arm(&world).len(), 1, "\"`NotNeeded`, which suffices for `DefenderForCloudEndpoint`\"");
    assert!(world.region().is_none(), "\"Non-`Public` clouds pin nothing\"");
}

#[test]
fn unlinking_says_that_agents_stay() {
    let world = world(ENDPOINT, LinkState::Unlinked, LinkState::Linked);
    let plan = world.plan();
    assert!(matches!(plan.steps[0].change, Change::Unlink { .. }));
    assert!(plan.to_string().contains("agents that were deployed stay"), "{plan}");
    let linking = super::integrations::world(ENDPOINT, LinkState::Linked, LinkState::Unlinked).plan().to_string();
    assert!(linking.contains("CANNOT BE UNDONE") && linking.contains("location never moves"), "{linking}");
}

#[rstest]
#[case::endpoint(ENDPOINT)]
#[case::cloud_apps_same_subscription_check(MCAS)]
#[case::sentinel(SENTINEL)]
fn the_subscription_must_belong_to_this_tenant(#[case] kind: IntegrationType) {
    let mut foreign = world(kind, LinkState::Linked, LinkState::Unlinked);
    asked(&mut foreign).owner = Reading::observed(OTHER.parse().unwrap());
    foreign.pass();
    foreign.assert_stalled(Reason::TenantMismatch);
    assert!(foreign.sent.is_empty());
    for why in [Why::ReadFailed, Why::NotPermitted] {
        let mut unread = world(kind, LinkState::Linked, LinkState::Unlinked);
        asked(&mut unread).owner = Reading::unknown(why);
        unread.pass();
        assert!(unread.sent.is_empty(), "whose subscription it is could not be read");
    }
}

#[test]
fn a_link_of_another_tenant_that_is_as_declared_is_a_mismatch_too() {
    let mut foreign = world(MCAS, LinkState::Linked, LinkState::Linked);
    asked(&mut foreign).owner = Reading::observed(OTHER.parse().unwrap());
    foreign.pass();
    foreign.assert_stalled(Reason::TenantMismatch);
}

#[rstest]
#[case::enabled("enabled", LinkReading::Linked, TriState::True)]
#[case::unresponsive_linked_effective_false("unresponsive", LinkReading::Linked, TriState::False)]
#[case::available_unlinked("available", LinkReading::Unlinked, TriState::False)]
#[case::unavailable_unlinked("unavailable", LinkReading::Unlinked, TriState::False)]
#[case::spelling_does_not_matter("Enabled", LinkReading::Linked, TriState::True)]
#[case::undocumented_unknown("warmingUp", LinkReading::Unknown, TriState::Unknown)]
fn partner_state(#[case] spelt: &str, #[case] state: LinkReading, #[case] effective: TriState) {
    let mut world = world(INTUNE, LinkState::Linked, LinkState::Linked);
    asked(&mut world).answer = Reading::observed(LinkAnswer::Partner(spelt.into()));
    world.pass();
    let (seen, _, flows) = shown(&world);
    assert_eq!((seen, flows), (state, effective));
    let is_ready = world.condition(ConditionType::Ready).map(|ready| ready.0) == Some(TriState::True);
    assert_eq!(is_ready, state == LinkReading::Linked, "`effective` must not hold `Ready`");
}

#[test]
fn an_undocumented_connector_state_is_unknown_and_nothing_is_written() {
    let mut sentinel = world(SENTINEL, LinkState::Linked, LinkState::Unlinked);
    asked(&mut sentinel).answer = Reading::observed(LinkAnswer::Connector { incidents: Some("Paused".into()) });
    let mut intune = World::new(json!({"integrations": [entry(INTUNE, LinkState::Linked)]})).sees_on();
    let shows = json!({"state": "Enabled", "region": "EU", "integrations": {"EndpointIntune": "Unlinked"}});
    intune.show(present(&shows));
    intune.microsoft().links.insert("x".into(), link(INTUNE, LinkState::Unlinked));
    asked(&mut intune).answer = Reading::observed(LinkAnswer::Partner("warmingUp".into()));
    for mut world in [sentinel, intune] {
        world.pass();
        assert!(world.sent.is_empty(), "{}", world.plan());
        world.assert_stalled(Reason::ActionRequired);
        assert_eq!(world.status.as_ref().unwrap().pending_actions[0].step, PendingStep::Attest);
    }
}

#[test]
fn propagation_is_shown_for_12_hours_and_never_holds_ready() {
    let linked = attestation("IntegrationLinked", json!({"integrationName": "x"}));
    let fields = json!({"integrations": [entry(IDENTITY, LinkState::Linked)], "attestations": [linked]});
    let mut world = World::new(fields).sees_on().without_broker();
    world.microsoft().newest_rows = Reading::observed(rows(&[]));
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(shown(&world), (LinkReading::Linked, Actor::Person, TriState::False));
    assert_eq!(world.condition(ConditionType::Integrated), Some((TriState::True, Reason::Propagating)));
    world.wait(11);
    world.pass();
    assert_eq!(world.condition(ConditionType::Integrated), Some((TriState::True, Reason::Propagating)));
    world.wait(1);
    world.pass();
    assert_eq!(world.condition(ConditionType::Integrated), Some((TriState::True, Reason::Met)));
    world.assert_ready(TriState::True, Reason::Enabled);
}

fn arm_failure(class: ErrorClass, reason: Reason) -> Outcome {
    Outcome::Refused(Failure { class, reason, message: "Azure refused it".into(), request_id: Some("r-9".into()) })
}

#[test]
fn a_403_of_arm_is_permission_denied_and_stalled() {
    let mut world = world(MCAS, LinkState::Linked, LinkState::Unlinked);
    for _ in 0..3 {
        world.pass_with(&arm_failure(ErrorClass::Permission, Reason::PermissionDenied), None);
        world.assert_stalled(Reason::PermissionDenied);
        world.wait(1);
    }
    assert_eq!(world.writes, 1, "each try is the same verdict");
    assert!(world.status.as_ref().unwrap().pending_actions.is_empty(), "never a reason to try another actor");
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[rstest]
#[case::until_the_spec_changes(true)]
#[case::until_a_reconcile_is_requested(false)]
fn invalid_license_of_sentinel_is_a_hand_off_the_one_listed_exception(#[case] by_spec: bool) {
    let mut world = world(SENTINEL, LinkState::Linked, LinkState::Unlinked);
    world.pass_with(&arm_failure(ErrorClass::Invalid, Reason::ActionRequired), None);
    for _ in 0..4 {
        world.assert_stalled(Reason::ActionRequired);
        assert_eq!(shown(&world).1, Actor::Person);
        assert_eq!(world.status.as_ref().unwrap().pending_actions[0].step, PendingStep::Link);
        world.wait(1);
        world.pass();
    }
    assert_eq!((world.sent.len(), world.writes), (1, 1), "it stays a person's");
    if by_spec {
        world.edit(json!({"resyncSeconds": 600}));
    } else {
        world.subject.reconcile_request = Some("again".into());
    }
    world.pass();
    assert_eq!(world.sent.len(), 2);
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[rstest]
#[case::a_licence_is_missing(true, false, Reason::ActionRequired)]
#[case::a_permission_is_missing(false, true, Reason::PermissionDenied)]
fn sentinel_says_beforehand_that_it_would_refuse(
    #[case] is_authorized: bool,
    #[case] is_licensed: bool,
    #[case] reason: Reason,
) {
    let mut world = world(SENTINEL, LinkState::Linked, LinkState::Unlinked);
    asked(&mut world).requirements = Reading::observed(Requirements { is_authorized, is_licensed });
    world.pass();
    world.assert_stalled(reason);
    assert!(world.sent.is_empty());
}

#[rstest]
#[case::mcas(MCAS)]
#[case::sentinel(SENTINEL)]
#[case::endpoint(ENDPOINT)]
fn drift_is_repaired_once_and_then_contended(#[case] kind: IntegrationType) {
    let mut world = world(kind, LinkState::Linked, LinkState::Linked);
    world.pass();
    for _ in 0..2 {
        world.wait(1);
        asked(&mut world).answer = Reading::observed(switch(kind, LinkState::Unlinked));
        world.pass();
    }
    world.assert_stalled(Reason::Contended);
    assert_eq!(world.sent.len(), 1, "a setting that flips back within 24 h after we set it is left alone");
    world.wait(40);
    world.pass();
    world.assert_stalled(Reason::Contended);
    world.subject.reconcile_request = Some("please".into());
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn what_another_spec_asks_for_is_not_contended_even_within_the_second_of_a_repair() {
    let mut world = world(MCAS, LinkState::Linked, LinkState::Linked);
    world.pass();
    asked(&mut world).answer = Reading::observed(switch(MCAS, LinkState::Unlinked));
    world.pass();
    assert_eq!(world.sent.len(), 1, "it is set back");
    world.edit(json!({"integrations": [entry(MCAS, LinkState::Unlinked)], "managementPolicy": "Observe"}));
    for _ in 0..2 {
        world.pass();
        world.assert_stalled(Reason::ObserveOnly);
    }
}

#[test]
fn a_licence_that_lapses_is_told_although_hunting_is_refused_for_it() {
    let mut world = world(MCAS, LinkState::Linked, LinkState::Linked);
    world.pass();
    world.microsoft().hunting = Reading::observed(crate::plan::microsoft::Hunting::Refuses);
    world.microsoft().skus = Reading::observed(skus(&[]));
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(world.condition(ConditionType::Eligible), Some((TriState::False, Reason::NotEligible)));
    let writes = world.writes;
    world.pass();
    assert_eq!(world.writes, writes);
}

#[test]
fn a_lost_licence_never_unlinks_or_turns_off() {
    let mut world = world(MCAS, LinkState::Linked, LinkState::Linked);
    world.pass();
    world.microsoft().skus = Reading::observed(skus(&[]));
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(world.condition(ConditionType::Eligible), Some((TriState::False, Reason::NotEligible)));
    assert!(world.sent.is_empty());
}

#[test]
fn an_entry_removed_from_the_list_is_simply_no_longer_managed() {
    let mut world = world(MCAS, LinkState::Linked, LinkState::Linked);
    world.pass();
    world.edit(json!({"integrations": []}));
    world.pass();
    assert!(world.sent.is_empty() && world.status.as_ref().unwrap().integrations.is_empty());
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[rstest]
#[case::disabled(json!({"desiredState": "Disabled"}), seen_off())]
#[case::deprovisioned(deprovisioned(), seen_off())]
fn links_are_left_as_they_are_and_only_reported(#[case] wish: Value, #[case] microsoft: Microsoft) {
    let mut world = world(MCAS, LinkState::Linked, LinkState::Unlinked);
    world.observed.microsoft = Microsoft { links: world.observed.microsoft.links.clone(), ..microsoft };
    world.edit(wish);
    world.pass();
    assert!(world.sent.is_empty());
    assert_eq!(world.condition(ConditionType::Ready).map(|ready| ready.0), Some(TriState::True));
    assert_eq!(shown(&world).0, LinkReading::Unlinked, "reported");
    assert_eq!(world.condition(ConditionType::Integrated), Some((TriState::True, Reason::NotNeeded)));
}

#[rstest]
#[case::mcas(MCAS)]
#[case::sentinel(SENTINEL)]
#[case::broker_types(INTUNE)]
fn links_wait_for_service_on(#[case] kind: IntegrationType) {
    let mut world = world(kind, LinkState::Linked, LinkState::Unlinked);
    turned_off(world.microsoft());
    world.pass();
    assert!(world.sent.is_empty());
    assert_eq!(shown(&world).0, LinkReading::Unlinked);
    assert_eq!(world.condition(ConditionType::Integrated).map(|(status, _)| status), Some(TriState::False));
}

#[test]
fn a_switch_that_was_left_for_a_later_look_is_as_it_was_and_is_not_written() {
    let mut known = world(MCAS, LinkState::Linked, LinkState::Linked);
    known.pass();
    let writes = known.writes;
    known.microsoft().links.clear();
    known.pass();
    assert_eq!(
        (known.writes, known.sent.len()),
        (writes, 0),
        "\"until read again the remembered value feeds the report\""
    );
    let mut pending = world(MCAS, LinkState::Linked, LinkState::Unlinked);
    pending.microsoft().links.clear();
    pending.pass();
    assert!(pending.sent.is_empty(), "\"a pending link reads its own target first\"");
}

/// "`unresponsive` linked, effective False": it is said, and not of what is not linked to Intune.
#[rstest]
#[case::lost(INTUNE, LinkState::Linked, "unresponsive", true)]
#[case::fine(INTUNE, LinkState::Linked, "enabled", false)]
#[case::not_wished(INTUNE, LinkState::Unlinked, "available", false)]
#[case::another_type(IDENTITY, LinkState::Linked, "", false)]
fn a_connector_that_does_not_respond_is_named(
    #[case] kind: IntegrationType,
    #[case] wish: LinkState,
    #[case] spelt: &str,
    #[case] is_lost: bool,
) {
    let mut world = world(kind, wish, wish);
    if kind == INTUNE {
        asked(&mut world).answer = Reading::observed(LinkAnswer::Partner(spelt.into()));
    } else {
        world.microsoft().newest_rows = Reading::observed(rows(&[crate::tenant::Service::Endpoint]));
        world.edit(json!({"attestations": [attestation("IntegrationLinked", json!({"integrationName": "x"}))]}));
    }
    world.pass();
    world.wait(13);
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(world.condition(ConditionType::Integrated), Some((TriState::True, Reason::Met)));
    assert_eq!(world.message(ConditionType::Integrated).contains("does not respond"), is_lost);
}

/// Under the rules of 2020 Azure Security Center turns Defender ATP on in the European Union, unless it is there already.
#[rstest]
#[case::where_the_rule_leads("EU", false, true)]
#[case::elsewhere("UK", false, false)]
#[case::elsewhere_and_there_already("UK", true, true)]
fn the_irreversible_link_must_not_lead_elsewhere(#[case] region: &str, #[case] is_there: bool, #[case] goes: bool) {
    let mut world = world(ENDPOINT, LinkState::Linked, LinkState::Unlinked);
    let attested = attestation("DataLocation", json!({"region": region}));
    world.edit(json!({"experience": "SettingsPage", "attestations": [attested]}));
    world.microsoft().endpoint_location =
        if is_there { Reading::observed(located("UkSouth", "UK")) } else { Reading::unknown(Why::NotAsked) };
    world.pass();
    assert_eq!(world.sent.len(), usize::from(goes), "{}", world.plan());
    if !goes {
        world.assert_stalled(Reason::RegionMismatch);
    }
}
