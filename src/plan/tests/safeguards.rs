//! What must never open a gate: somebody else's readings, words that hold no longer, licences that only sleep.

use jiff::SignedDuration;
use rstest::rstest;
use serde_json::json;

use super::eyes::*;
use super::fixture::*;
use crate::api::{ConditionType, Reason, TriState};
use crate::plan::failure::ErrorClass;
use crate::plan::microsoft::{Answer, EndpointLocation, Hunting, LinkAnswer, Listed, Microsoft, ObservedLink};
use crate::plan::observed::{Instance, Progress};
use crate::plan::pace::pace;
use crate::plan::reading::{Reading, Why};
use crate::plan::release::Hold;
use crate::plan::situation::Permit;
use crate::plan::step::Outcome;
use crate::tenant::{CapabilityStatus, TenantId};

const OTHER: &str = "11111111-2222-4333-8444-555555555555";

fn gone(fields: &serde_json::Value) -> World {
    let mut spec = json!({
        "desiredState": "Deprovisioned", "deprovisionConfirmation": TENANT,
        "attestations": [attestation("Deprovisioned", json!({}))],
    });
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    World::new(spec)
}

/// "present, `allowDeprovision` | deprovision": a word proves nothing while the broker can still be asked.
#[test]
fn a_broker_that_answers_again_removes_what_a_word_calls_gone() {
    let mut world = gone(&json!({}));
    world.show_state("Enabled");
    world.recent.failing_since = Some(world.now - SignedDuration::from_hours(9));
    world.recent.broker_silent_since = Some(world.now - SignedDuration::from_hours(9));
    world.pass();
    assert_eq!(world.sent.len(), 1, "the instance is there, so it is removed: {}", world.plan());
}

/// Trouble with Microsoft's own APIs is no silence of the broker.
#[test]
fn a_blind_look_is_not_a_broker_that_gave_up() {
    let mut world = gone(&json!({})).sees(Microsoft { hunting: Reading::unknown(Why::ReadFailed), ..seen_on() });
    world.show_state("Enabled");
    world.recent.failing_since = Some(world.now - SignedDuration::from_hours(9));
    let plan = world.plan();
    assert!(!plan.is_settled(), "{plan}");
    assert_ne!(world.hold(), Hold::Release { warning: None });
}

/// "attestation `Deprovisioned`, which here outranks the broker's word but never an observation of *on*"
#[test]
fn what_still_answers_is_not_talked_away() {
    let mut world = gone(&json!({})).sees(Microsoft { hunting: Reading::unknown(Why::NotPermitted), ..seen_on() });
    world.observed.instance = Reading::unknown(Why::ReadFailed);
    world.recent.broker_silent_since = Some(world.now - SignedDuration::from_hours(9));
    assert!(!world.plan().is_settled(), "{}", world.plan());
}

fn located(owner: Reading<TenantId>) -> Microsoft {
    Microsoft {
        endpoint_location: Reading::observed(EndpointLocation {
            data_center: Some("WestEurope".into()),
            geography: Some("EU".into()),
        }),
        security_center: Reading::observed(true),
        observation_owner: owner,
        ..seen_off()
    }
}

/// "A subscription of another tenant: region Unknown", and what it tells decides nothing, also in 2020.
#[rstest]
#[case::of_another_tenant(Reading::observed(OTHER.parse().unwrap()))]
#[case::nobody_asked(Reading::unknown(Why::NotAsked))]
#[case::two_ways(Reading::unknown(Why::Ambiguous))]
#[case::unread(Reading::unknown(Why::ReadFailed))]
fn a_subscription_that_is_not_known_to_be_ours_tells_nothing(
    #[case] owner: Reading<TenantId>,
    #[values("SettingsPage", "DefenderPortal")] experience: &str,
) {
    let spec = json!({"experience": experience, "dataLocation": {"region": "EU"}});
    let mut world = World::new(spec).sees(located(owner));
    world.pass();
    assert!(world.sent.is_empty(), "Endpoint's data may be elsewhere: {}", world.plan());
    assert_eq!(world.region(), None, "nothing is pinned");
}

fn to_defender_for_cloud(extra: &serde_json::Value) -> World {
    let mut spec = json!({"integrations": [{
        "name": "cloud", "type": "DefenderForCloudEndpoint",
        "subscriptionId": "2b6a3a0c-0d0e-4f60-8a54-7d0f5a1c9e11",
    }]});
    spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let link = ObservedLink {
        answer: Reading::observed(LinkAnswer::Setting { is_enabled: false }),
        owner: Reading::observed(TENANT.parse().unwrap()),
        requirements: Reading::unknown(Why::NotAsked),
    };
    let nowhere = Microsoft { endpoint_location: Reading::unknown(Why::NotAsked), ..seen_on() };
    let mut world = World::new(spec).sees(nowhere).without_broker();
    world.microsoft().links.insert("cloud".into(), link);
    world
}

/// "A *live* attestation pins and is enough."
#[test]
fn an_irreversible_link_waits_when_the_word_for_the_region_has_lapsed() {
    let mut world =
        to_defender_for_cloud(&json!({"attestations": [attestation("DataLocation", json!({"region": "EU"}))]}));
    let plan = world.plan();
    assert!(plan.next().is_some(), "while the word holds: {plan}");
    world.microsoft().links.clear();
    world.pass();
    assert_eq!(world.region().as_deref(), Some("EU Attested"));
    let mut later = to_defender_for_cloud(&json!({"attestations": []}));
    later.status = world.status.clone();
    later.subject.generation = 2;
    let plan = later.plan();
    assert!(plan.next().is_none(), "{plan}");
    assert!(plan.waiting.iter().any(|waiting| waiting.reason == Reason::RegionRequired), "{plan}");
}

/// "`RegionPinned`: region decided and not contradicted"
#[test]
fn an_irreversible_link_waits_when_the_pin_is_contradicted() {
    let mut world = to_defender_for_cloud(&json!({}));
    world.microsoft().endpoint_location =
        Reading::observed(EndpointLocation { data_center: Some("WestEurope".into()), geography: None });
    world.microsoft().links.clear();
    world.pass();
    assert_eq!(world.region().as_deref(), Some("EU Observed"));
    let mut moved = to_defender_for_cloud(&json!({}));
    moved.status = world.status.clone();
    moved.microsoft().endpoint_location =
        Reading::observed(EndpointLocation { data_center: Some("UKSouth".into()), geography: None });
    let plan = moved.plan();
    assert!(plan.next().is_none(), "{plan}");
    assert!(plan.waiting.iter().any(|waiting| waiting.reason == Reason::RegionMismatch), "{plan}");
}

/// "data survives grace and suspension": its region may still be another one than the wished.
#[rstest]
#[case(CapabilityStatus::Suspended)]
#[case(CapabilityStatus::LockedOut)]
#[case(CapabilityStatus::Deleted)]
fn a_licence_for_endpoint_that_sleeps_opens_no_gate(#[case] capability: CapabilityStatus) {
    let spec = json!({"dataLocation": {"region": "UK"}});
    let mut seen = seen_off();
    if let Reading::Known { value: Listed { items, .. }, .. } = &mut seen.skus {
        let mut sleeping = items[0].clone();
        for sku in items.iter_mut() {
            // THREAT_INTELLIGENCE: Office Plan 2 alone qualifies today.
            sku.plans.retain(|plan| plan.id == "8e0c0a52-6a6c-4d40-8370-dd62790dcd70");
        }
        sleeping.capability = capability;
        sleeping.plans.retain(|plan| plan.id == "871d91ec-ec1a-452b-a83f-bd76c7d770ef");
        assert_eq!(sleeping.plans.len(), 1, "WINDEFATP");
        items.push(sleeping);
    }
    let mut world = World::new(spec).sees(seen);
    world.pass();
    assert_eq!(world.condition(ConditionType::Eligible).map(|(status, _)| status), Some(TriState::True));
    assert!(world.sent.is_empty(), "{}", world.plan());
}

/// "never acts on doubt": a broker without an instance is no proof that what answers is off.
#[rstest]
#[case::hunting_answers(Microsoft { incidents: Reading::unknown(Why::NotPermitted), ..seen_on() })]
#[case::incidents_answer(Microsoft { hunting: Reading::unknown(Why::NotPermitted), ..seen_on() })]
#[case::a_table_and_no_incidents(Microsoft { incidents: Reading::observed(Answer::Refuses), ..seen_on() })]
#[case::no_table_and_incidents(Microsoft { hunting: Reading::observed(Hunting::Refuses), ..seen_on() })]
fn a_broker_turns_nothing_on_that_answers_already(#[case] seen: Microsoft) {
    let mut world = World::new(json!({})).sees(seen);
    world.pass();
    assert!(world.sent.is_empty(), "{}", world.plan());
}

/// "I Unknown: no step"
#[rstest]
#[case(Why::NotAsked)]
#[case(Why::NotPermitted)]
#[case(Why::Ambiguous)]
#[case(Why::ReadFailed)]
fn an_instance_that_is_not_known_is_not_provisioned_once_more(#[case] why: Why) {
    let mut world = World::new(json!({})).sees(seen_off());
    world.show(Instance::Absent);
    world.observed.instance = Reading::unknown(why);
    world.pass();
    assert!(world.sent.is_empty(), "{}", world.plan());
}

/// "the tenant's permitted owner": a permission that was taken away for the organisation does not let go of a held resource.
#[rstest]
#[case(Why::ReadFailed)]
#[case(Why::NotPermitted)]
fn a_resource_that_its_credentials_hold_is_not_let_go_of_while_they_cannot_prove_it(#[case] why: Why) {
    let mut world = World::new(json!({"deletionPolicy": "Deprovision"})).sees(seen_on()).without_broker();
    world.permit = Permit::NotAllowed;
    world.pass();
    assert_eq!(world.held, Hold::Add);
    world.subject.finalizers = vec![crate::api::FINALIZER.to_owned()];
    world.microsoft().organization = Reading::unknown(why);
    assert_eq!(world.hold(), Hold::Keep);
    world.subject.is_deleting = true;
    assert_eq!(world.hold(), Hold::Keep, "{}", world.plan());
}

/// What is known to be otherwise is told at once, whatever else could not be read.
#[test]
fn a_link_that_is_seen_to_be_gone_is_told_although_something_else_is_unread() {
    let spec = json!({"integrations": [{"name": "intune", "type": "EndpointIntune"}]});
    let partner = |state: &str| ObservedLink {
        answer: Reading::observed(LinkAnswer::Partner(state.into())),
        owner: Reading::unknown(Why::NotAsked),
        requirements: Reading::unknown(Why::NotAsked),
    };
    let mut world = World::new(spec).sees(seen_on()).without_broker();
    world.microsoft().links.insert("intune".into(), partner("enabled"));
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    world.microsoft().links.insert("intune".into(), partner("available"));
    world.microsoft().endpoint_location = Reading::unknown(Why::ReadFailed);
    world.pass();
    world.assert_stalled(Reason::ActionRequired);
    world.microsoft().links.insert("intune".into(), partner("enabled"));
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
}

/// "a wrong resource costs at most 12 calls an hour", a hand-off beside it or not.
#[test]
fn a_wrong_region_beside_a_hand_off_is_looked_at_like_a_wrong_region() {
    let spec = json!({
        "dataLocation": {"region": "UK"},
        "integrations": [{"name": "intune", "type": "EndpointIntune"}],
    });
    let mut world = World::new(spec).sees(seen_on()).without_broker();
    world.pass();
    world.assert_stalled(Reason::RegionMismatch);
    let wait = pace(&world.situation(), &world.plan(), None, 0.0);
    assert!(wait >= SignedDuration::from_mins(55), "{wait}");
}

/// Nothing is at work while another finalizer holds the resource, or a link waits for its turn.
#[test]
fn what_waits_for_somebody_else_is_not_polled() {
    let mut world = gone(&json!({"deletionPolicy": "Deprovision"}));
    world.show_state("Enabled");
    world.subject.is_deleting = true;
    world.subject.finalizers = vec![crate::api::FINALIZER.to_owned(), "example.com/theirs".to_owned()];
    world.pass();
    let wait = pace(&world.situation(), &world.plan(), None, 0.0);
    assert!(wait >= SignedDuration::from_secs(27), "{wait}");
}

/// Whether an `Enable` that was sent has arrived is not known while the broker shows nothing yet: the tenant is not off.
#[test]
fn a_tenant_is_not_called_opted_out_while_a_request_to_turn_it_on_may_have_arrived() {
    let mut world = World::new(json!({}));
    world.pass_with(&Outcome::Refused(failure(ErrorClass::Transient, Reason::ProviderUnavailable)), None);
    assert_eq!(world.sent.len(), 1);
    world.observed.failure = None;
    world.edit(json!({"desiredState": "Disabled"}));
    world.pass();
    let ready = world.condition(ConditionType::Ready);
    assert_ne!(ready.map(|(status, _)| status), Some(TriState::True), "{}", world.plan());
}

/// "`effective`": what cannot be read again stands, and does not become unknown.
#[rstest]
#[case(Why::ReadFailed)]
#[case(Why::NotPermitted)]
fn that_data_flows_is_not_forgotten_when_it_cannot_be_read_again(#[case] why: Why) {
    let spec = json!({"integrations": [{"name": "identity-data", "type": "IdentityCloudApps"}]});
    let mut world = World::new(spec).sees(seen_on());
    let linked = json!({"state": "Enabled", "region": "EU", "integrations": {"IdentityCloudApps": "Linked"}});
    world.show(present(&linked));
    world.pass();
    let effective = |world: &World| world.status.as_ref().unwrap().integrations[0].effective;
    assert_eq!(effective(&world), TriState::True);
    world.microsoft().newest_rows = Reading::unknown(why);
    world.subject.reconcile_request = Some("look".into());
    world.pass();
    assert_eq!(effective(&world), TriState::True);
}

/// "A contradicting observation wins", and it is said that the word does not count.
#[rstest]
#[case::contradicted("ServiceOff", true, true)]
#[case::agreeing("ServiceOn", true, false)]
#[case::alone("ServiceOn", false, false)]
fn a_word_that_is_contradicted_is_said_not_to_count(#[case] claim: &str, #[case] seen: bool, #[case] is_said: bool) {
    let spec = json!({"attestations": [attestation(claim, json!({}))]});
    let mut world = World::new(spec).without_broker();
    if seen {
        world = world.sees(seen_on());
    }
    world.pass();
    let told = world.message(ConditionType::ServiceOn);
    assert_eq!(told.contains("an attestation says otherwise"), is_said, "{told}");
}

#[test]
fn nobody_needs_a_role_while_the_operator_acts() {
    let world = World::new(json!({})).sees(seen_off());
    let situation = world.situation();
    let status = crate::plan::report::report(&situation, &crate::plan::planner::plan(&situation));
    let authorized = status.conditions.iter().find(|condition| condition.type_ == "Authorized").unwrap();
    assert_eq!(authorized.reason, "NotNeeded");
    assert!(authorized.message.contains("the operator acts"), "{}", authorized.message);
}

/// That licences can be read two ways is more than that they could not be read: it stands. That nothing was asked does not.
#[rstest]
#[case::ambiguous(Why::Ambiguous, Reason::Ambiguous)]
#[case::not_asked(Why::NotAsked, Reason::ReadFailed)]
fn what_says_more_than_a_failed_reading_stands(#[case] before: Why, #[case] after: Reason) {
    let mut world = World::new(json!({})).sees(Microsoft { skus: Reading::unknown(before), ..seen_on() });
    world.show_state("Enabled");
    world.pass();
    world.microsoft().skus = Reading::unknown(Why::ReadFailed);
    world.subject.reconcile_request = Some("look".into());
    world.pass();
    assert_eq!(world.condition(ConditionType::Eligible), Some((TriState::Unknown, after)));
}

/// "the subscription must belong to this tenant": neither half of what has to be read is enough.
#[rstest]
#[case::whose_it_is_was_not_asked(Reading::observed(LinkAnswer::Setting { is_enabled: false }), Why::NotAsked)]
#[case::whose_it_is_can_be_two(Reading::observed(LinkAnswer::Setting { is_enabled: false }), Why::Ambiguous)]
fn a_setting_is_not_written_before_it_is_known_whose_it_is(#[case] answer: Reading<LinkAnswer>, #[case] owner: Why) {
    let attested = json!({"attestations": [attestation("DataLocation", json!({"region": "EU"}))]});
    let mut world = to_defender_for_cloud(&attested);
    assert!(world.plan().next().is_some(), "as it stands it would be written: {}", world.plan());
    let link = world.microsoft().links.get_mut("cloud").unwrap();
    (link.answer, link.owner) = (answer, Reading::unknown(owner));
    assert!(world.plan().next().is_none(), "{}", world.plan());
}

#[test]
fn a_setting_is_not_written_before_it_was_read() {
    let attested = json!({"attestations": [attestation("DataLocation", json!({"region": "EU"}))]});
    let mut world = to_defender_for_cloud(&attested);
    world.microsoft().links.get_mut("cloud").unwrap().answer = Reading::unknown(Why::NotAsked);
    assert!(world.plan().next().is_none(), "{}", world.plan());
}

/// "keep remembered verdicts", and only of the spec that they were given for.
#[rstest]
#[case::same_spec(false, TriState::True)]
#[case::another_spec(true, TriState::Unknown)]
fn a_verdict_outlives_contradicting_signals_only_for_its_own_spec(#[case] edited: bool, #[case] ready: TriState) {
    let mut world = World::new(json!({})).sees(seen_on()).without_broker();
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    world.microsoft().incidents = Reading::observed(Answer::Refuses);
    if edited {
        world.edit(json!({"resyncSeconds": 600}));
    }
    world.pass();
    let found = world.condition(ConditionType::Ready).map(|(status, _)| status);
    assert!(found == Some(ready) || edited && found == Some(TriState::False), "{found:?} {}", world.plan());
    assert_eq!(found == Some(TriState::True), !edited);
}

/// A step that failed is tried again at the slow pace; one that is being verified is looked at like any operation.
#[test]
fn what_failed_waits_for_the_slow_probe_and_what_is_verified_does_not() {
    let mut world = World::new(json!({}));
    world.pass_with(&Outcome::InProgress { handle: None, poll_after: None }, None);
    let failed = Progress::Failed { description: "busy".into(), is_repeatable: true, is_usable: true };
    world.observed = progressing(&world.observed, failed);
    world.pass();
    world.show(Instance::Absent);
    assert_eq!(pace(&world.situation(), &world.plan(), None, 0.0), world.capabilities.slow_probe);

    let mut verified = World::new(json!({}));
    let mut off = verified.clone();
    off.show(present(&json!({"state": "Disabled"})));
    verified.pass_with(&Outcome::Done, Some(off.observed));
    verified.assert_ready(TriState::False, Reason::Verifying);
    assert_eq!(pace(&verified.situation(), &verified.plan(), None, 0.0), verified.capabilities.poll);
}

/// "whether anyone is known to hold it"
#[test]
fn a_hand_off_says_whether_anybody_is_known_to_hold_the_role() {
    let mut world = World::new(json!({})).sees(seen_off()).without_broker();
    let roles = &mut world.microsoft().roles;
    for holders in roles.values_mut() {
        let nobody = Listed { items: Vec::new(), is_complete: true };
        holders.assigned = Reading::observed(nobody.clone());
        holders.eligible = Reading::observed(nobody);
    }
    world.pass();
    let role = &world.status.as_ref().unwrap().pending_actions[0].role;
    assert!(role.ends_with("; nobody is known to hold it"), "{role}");
}

/// Words that contradict each other matter only where nothing better is known.
#[test]
fn contradicting_words_about_the_region_stop_nothing_that_is_known() {
    let words = json!([
        attestation("DataLocation", json!({"name": "one", "region": "UK"})),
        attestation("DataLocation", json!({"name": "other", "region": "EU"})),
    ]);
    let mut world = World::new(json!({"attestations": words})).sees(seen_on());
    world.show_state("Enabled");
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
}
