//! Rows whose wish is *Enabled*.

use rstest::rstest;
use serde_json::{Value, json};
use threat_protection_operator::api::{LocationSource, StepName};
use threat_protection_operator::plan::situation::Permit;
use threat_protection_operator::tenant::Experience::{self, DefenderPortal, SettingsPage, WelcomePage};

use crate::world::{Mode, TENANT, World, attestation, attested, consent};

impl World {
    /// A resource that was retained, deleted and created again: the tenant is as it was, nothing is remembered.
    pub(crate) fn recreate(&mut self) {
        self.status = None;
        self.subject.uid = "u2".into();
        self.subject.generation = 1;
        self.recent = threat_protection_operator::plan::situation::Recent::default();
    }

    /// A tenant that was turned on through the broker.
    pub(crate) async fn running(experience: Experience, mode: Mode) -> Self {
        let mut world = Self::open(experience, mode).await;
        world.rest().await;
        world.assert("Ready", "True", "Enabled");
        world
    }
}

/// *Enabled, on, any*: nothing (adopted; pin the region as observed, never as wished); True `Enabled`.
#[rstest]
#[tokio::test]
async fn enabled_on_present_is_adopted(
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
    #[values(Mode::Sync, Mode::Async)] mode: Mode,
) {
    let mut world = World::running(experience, mode).await;
    world.recreate();
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    world.assert("InSync", "True", "Met");
    assert_eq!(world.pin().as_deref(), Some("EU Claimed"));
    assert_eq!(world.methods().await, ["PUT"], "the one that turned it on");
}

#[rstest]
#[tokio::test]
async fn enabled_on_elsewhere_than_wished_pins_what_is(
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
) {
    let mut world = World::running(experience, Mode::Sync).await;
    world.recreate();
    world.edit(&json!({"dataLocation": {"region": "US"}}));
    world.rest().await;
    world.assert_stalled("False", "RegionMismatch");
    world.assert("RegionPinned", "False", "RegionMismatch");
    assert_eq!(world.pin().as_deref(), Some("EU Claimed"));
    assert_eq!(world.methods().await, ["PUT"]);
}

#[rstest]
#[tokio::test]
async fn enabled_on_by_attestation_without_a_broker(
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
) {
    let mut world = World::open(experience, Mode::Absent).await;
    world.edit(&json!({"attestations": [
        attestation("ServiceOn", &json!({})), attestation("DataLocation", &json!({"region": "EU"})),
    ]}));
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    assert_eq!(world.pin().as_deref(), Some("EU Attested"));
}

/// *Enabled, off, absent*: gates, then pin, then provision; `Enabling`.
#[rstest]
#[tokio::test]
async fn enabled_off_absent_provisions_once(
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
    #[values(Mode::Sync, Mode::Async, Mode::Silent, Mode::SilentAsync, Mode::Withholding)] mode: Mode,
    #[values(None, Some("UK"))] region: Option<&str>,
) {
    let mut world = World::open(experience, mode).await;
    if let Some(region) = region {
        world.edit(&json!({"dataLocation": {"region": region}}));
    }
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    world.assert("ServiceOn", "True", "Enabled");
    let mut parameters = json!({"tenantId": TENANT, "cloud": "Public", "experience": experience, "state": "Enabled"});
    if let Some(region) = world.spec["dataLocation"].get("region") {
        parameters["region"] = region.clone();
    }
    if experience == WelcomePage {
        parameters["consent"] = world.spec["dataSharing"]["consent"].clone();
    }
    assert_eq!(world.sent().await, [("PUT".to_owned(), parameters)]);
    let consented = if experience == WelcomePage { vec!["consented"] } else { Vec::new() };
    assert_eq!(world.effects().await, [vec!["instanceCreated"], consented, vec!["turnedOn"]].concat());
    // The intent, and the region where one is wished, were written before anything was sent.
    let first = world.history.first().unwrap();
    assert_eq!(
        first.operation.as_ref().map(|intent| (intent.step, intent.end_time.is_none())),
        Some((StepName::Enable, true))
    );
    let is_wished = world.spec["dataLocation"].is_object();
    assert_eq!(first.data_location.as_ref().map(|pin| pin.source), is_wished.then_some(LocationSource::Declared));
    let is_shown = matches!(mode, Mode::Sync | Mode::Async);
    let place = region.unwrap_or("EU");
    assert_eq!(world.pin(), (is_wished || is_shown).then(|| format!("{place} Claimed")));
    let writes = if matches!(mode, Mode::Async | Mode::SilentAsync) { 3 } else { 2 };
    assert_eq!(world.history.len(), writes, "one, one a step, one a handle");
}

/// What was decided is sent again exactly as it was, whatever has changed since.
#[tokio::test]
async fn enabled_off_absent_sends_frozen_parameters_again() {
    let mut world = World::open(WelcomePage, Mode::Sync).await;
    world.fault("PUT", Some(2), json!({"kind": "failBeforeActing", "status": 500})).await;
    world.pass().await;
    world.assert_reconciling("False", "ProviderUnavailable");
    world.edit(&json!({"dataSharing": consent("2026-06-10")}));
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    let sent = world.sent().await;
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|request| *request == sent[0]), "{sent:?}");
    assert_eq!(world.effects().await, ["instanceCreated", "consented", "turnedOn"]);
}

/// *The gates*: each names itself, and nothing is sent.
#[rstest]
#[case::not_permitted(DefenderPortal, json!({}), Permit::NotAllowed, "TenantNotAllowed")]
#[case::duplicate(DefenderPortal, json!({}), Permit::Duplicate, "DuplicateTenant")]
#[case::no_consent(WelcomePage, json!({"dataSharing": null}), GRANTED, "ConsentRequired")]
#[case::consent_to_come(WelcomePage, json!({"dataSharing": consent("2026-07-01")}), GRANTED, "ConsentRequired")]
#[case::attested_elsewhere(
    DefenderPortal,
    json!({"dataLocation": {"region": "UK"}, "attestations": [attestation("DataLocation", &json!({"region": "US"}))]}),
    GRANTED,
    "RegionMismatch"
)]
#[case::foreign_region(SettingsPage, json!({"dataLocation": {"region": "AU"}}), GRANTED, "InvalidSpec")]
#[tokio::test]
async fn enabled_off_absent_waits_at_its_gates(
    #[case] experience: Experience,
    #[case] fields: Value,
    #[case] permit: Permit,
    #[case] reason: &str,
) {
    let mut world = World::open(experience, Mode::Sync).await;
    world.edit(&fields);
    world.permit = permit;
    world.pass().await;
    world.assert_stalled("False", reason);
    assert!(world.sent().await.is_empty());
    assert_eq!(world.pin(), None);
}

const GRANTED: Permit = Permit::Granted { allow_deprovision: true };

/// *`NotAsked` closes no gate: the broker judges licence and Endpoint region and answers 400.* The region is free again.
#[rstest]
#[case::no_licence(SettingsPage, json!({"services": []}), json!({"dataLocation": {"region": "EU"}}), "NotEligible")]
#[case::not_all_four(WelcomePage, json!({"services": ["Endpoint"]}), json!({}), "NotEligible")]
#[case::endpoint_elsewhere(
    DefenderPortal,
    json!({"endpointRegion": "US"}),
    json!({"dataLocation": {"region": "UK"}}),
    "RegionMismatch"
)]
#[case::none_chosen(WelcomePage, json!({}), json!({"dataLocation": null}), "RegionMissing")]
#[tokio::test]
async fn enabled_off_absent_refused_by_the_broker(
    #[case] experience: Experience,
    #[case] mut tenant: Value,
    #[case] fields: Value,
    #[case] words: &str,
) {
    let mut world = World::open(experience, Mode::Sync).await;
    tenant["experience"] = json!(experience);
    world.seed(tenant).await;
    world.edit(&fields);
    world.rest().await;
    world.assert_stalled("False", "ProviderRejected");
    assert!(world.message("Ready").contains(words), "{}", world.describe());
    assert_eq!((world.pin(), world.methods().await), (None, vec!["PUT".to_owned()]));
    // The cure, and a spec that changed.
    world.seed(json!({"experience": experience, "endpointRegion": "US"})).await;
    world.edit(&json!({"dataLocation": {"region": "US"}}));
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    assert_eq!(world.pin().as_deref(), Some("US Claimed"));
}

/// *No broker: else person*; `ActionRequired`. Opening the portal is an irreversible click: where a region is wished, the
/// later experiences go through support only.
#[rstest]
#[case::march(WelcomePage, json!({}), "Enable", "finish the welcome page: choose EU")]
#[case::june(SettingsPage, json!({}), "Enable", "select Turn on Microsoft Threat Protection")]
#[case::today(DefenderPortal, json!({}), "Enable", "Open Incidents & alerts")]
#[case::june_with_region(SettingsPage, json!({"dataLocation": {"region": "UK"}}), "RequestRegion", "Do not open the security portal")]
#[case::today_with_region(DefenderPortal, json!({"dataLocation": {"region": "AU"}}), "RequestRegion", "its data in AU")]
#[tokio::test]
async fn enabled_off_no_broker_is_a_person(
    #[case] experience: Experience,
    #[case] fields: Value,
    #[case] step: &str,
    #[case] words: &str,
    #[values("ServiceOff", "")] claim: &str,
) {
    let mut world = World::open(experience, Mode::Absent).await;
    world.edit(&fields);
    if !claim.is_empty() {
        world.edit(&attested(claim));
    }
    world.rest().await;
    let known = if claim.is_empty() { "Unknown" } else { "False" };
    world.assert_stalled(known, "ActionRequired");
    let (asked, instructions) = world.hand_off();
    assert_eq!(asked, step);
    assert!(instructions.contains(words), "{instructions}");
    assert_eq!(instructions.contains("security.microsoft.com"), step == "Enable", "{instructions}");
    assert_eq!(world.pin(), None, "nothing was decided");
}

/// A visit of the portal turned it on before the broker was asked: the broker takes it over where it is.
#[rstest]
#[tokio::test]
async fn enabled_on_by_a_visit_is_taken_over(#[values(SettingsPage, DefenderPortal)] experience: Experience) {
    let mut world = World::open(experience, Mode::Sync).await;
    world.act("SecurityAdministrator", "openPortal").await;
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    assert_eq!(world.effects().await, ["turnedOn", "instanceCreated"]);
    assert_eq!(world.pin().as_deref(), Some("EU Claimed"));
}

#[tokio::test]
async fn enabled_on_by_a_visit_elsewhere_than_wished_is_refused() {
    let mut world = World::open(DefenderPortal, Mode::Sync).await;
    world.act("SecurityAdministrator", "openPortal").await;
    world.edit(&json!({"dataLocation": {"region": "US"}}));
    world.rest().await;
    world.assert_stalled("False", "ProviderRejected");
    assert_eq!(world.pin(), None);
}

/// *Enabled, off, our operation succeeded less than the grace ago*: nothing, look; `Verifying`.
/// *Grace over, not seen on since*: nothing; Stalled `ClaimNotObserved`.
#[rstest]
#[tokio::test]
async fn enabled_off_absent_claim_is_verified(#[values(WelcomePage, DefenderPortal)] experience: Experience) {
    let mut world = World::open(experience, Mode::Sync).await;
    world.fault("PUT", Some(1), json!({"kind": "failBeforeActing", "status": 201, "body": {}})).await;
    world.pass().await;
    world.assert_reconciling("False", "Verifying");
    world.now += jiff::SignedDuration::from_mins(59);
    world.pass().await;
    world.assert_reconciling("False", "Verifying");
    world.wait_hours(1);
    world.rest().await;
    world.assert_stalled("False", "ClaimNotObserved");
    assert_eq!(world.methods().await, ["PUT"]);
    world.request_reconcile();
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    assert_eq!(world.methods().await, ["PUT", "PUT"]);
}

#[tokio::test]
async fn enabled_off_present_claim_is_verified() {
    let mut world = World::running(SettingsPage, Mode::Sync).await;
    world.edit(&json!({"desiredState": "Disabled"}));
    world.rest().await;
    world.edit(&json!({"desiredState": null}));
    world.fault("PATCH", Some(1), json!({"kind": "failBeforeActing", "status": 200, "body": {}})).await;
    world.pass().await;
    world.assert_reconciling("False", "Verifying");
    world.wait_hours(1);
    world.rest().await;
    world.assert_stalled("False", "ClaimNotObserved");
    world.act("support", "supportProvision").await;
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    assert_eq!(world.methods().await, ["PUT", "PATCH", "PATCH"], "seen on, so nothing more was sent");
}

/// *Enabled, off, present, our operation failed*: nothing until a reconcile request; Stalled `OperationFailed`.
#[rstest]
#[tokio::test]
async fn enabled_off_present_failed_waits_for_a_request(
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
    #[values(Mode::Async, Mode::SilentAsync)] mode: Mode,
) {
    let mut world = World::open(experience, mode).await;
    world.simulator.settings(None, json!({"failedProvisionLeaves": "present"})).await.unwrap();
    world.fault("PUT", Some(1), json!({"kind": "operationFails", "description": "no seat left"})).await;
    world.rest().await;
    if mode == Mode::SilentAsync {
        // Nobody knows whether an instance was left, so the same request finds out.
        world.assert("Ready", "Unknown", "OperationFailed");
        return;
    }
    world.assert_stalled("False", "OperationFailed");
    assert!(world.message("Ready").contains("no seat left"), "{}", world.describe());
    world.wait_hours(24);
    world.rest().await;
    assert_eq!(world.methods().await, ["PUT"]);
    world.request_reconcile();
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    assert_eq!(world.methods().await, ["PUT", "PATCH"], "once the instance exists it is never provisioned again");
}

/// *After `failed`: absent → same `PUT` at slow pace.* Never a `DELETE`.
#[tokio::test]
async fn enabled_off_absent_failed_is_tried_again_slowly() {
    let mut world = World::open(DefenderPortal, Mode::Async).await;
    world.fault("PUT", Some(1), json!({"kind": "operationFails", "description": "busy"})).await;
    world.rest().await;
    world.assert_reconciling("False", "OperationFailed");
    assert_eq!(world.methods().await, ["PUT"]);
    world.wait_hours(1);
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    assert_eq!(world.methods().await, ["PUT", "PUT"]);
}

/// *Enabled, off, present, we disabled it and the spec changed back*: update; `Enabling`.
#[rstest]
#[tokio::test]
async fn enabled_after_our_opt_out_updates(
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
    #[values(Mode::Sync, Mode::Async, Mode::Silent, Mode::SilentAsync, Mode::Withholding)] mode: Mode,
) {
    let mut world = World::running(experience, mode).await;
    world.edit(&json!({"desiredState": "Disabled"}));
    world.rest().await;
    world.assert("Ready", "True", "Disabled");
    world.edit(&json!({"desiredState": null}));
    let mut parameters = json!({"state": "Enabled"});
    if experience == WelcomePage {
        world.rest().await;
        world.assert_stalled("False", "ConsentRequired");
        world.edit(&json!({"dataSharing": consent("2026-06-15")}));
        parameters["consent"] = consent("2026-06-15")["consent"].clone();
    }
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    let sent = world.sent().await;
    assert_eq!(sent[1..], [("PATCH".to_owned(), json!({"state": "Disabled"})), ("PATCH".to_owned(), parameters)]);
}

/// *Enabled, off, present, seen on before, spec unchanged*: somebody opted out: update once; again within 24 h: stop;
/// `Enabling` with `InSync=False` `Drifted`; then Stalled `Contended` until the spec changes or a reconcile is requested.
#[rstest]
#[case::a_request_releases(true)]
#[case::a_changed_spec_releases(false)]
#[tokio::test]
async fn enabled_opted_out_outside_is_set_back_once(
    #[case] by_request: bool,
    #[values(SettingsPage, DefenderPortal)] experience: Experience,
    #[values(Mode::Sync, Mode::Async)] mode: Mode,
) {
    let mut world = World::running(experience, mode).await;
    world.wait_hours(1);
    world.opt_out_outside().await;
    if mode == Mode::Async {
        world.pass().await;
        world.assert_reconciling("False", "Enabling");
        world.assert("InSync", "False", "Drifted");
    }
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    world.wait_hours(1);
    world.opt_out_outside().await;
    world.rest().await;
    world.assert_stalled("False", "Contended");
    world.assert("InSync", "False", "Drifted");
    world.wait_hours(100);
    world.rest().await;
    world.assert_stalled("False", "Contended");
    assert_eq!(world.methods().await, ["PUT", "PATCH"]);
    if by_request {
        world.request_reconcile();
    } else {
        world.edit(&json!({"resyncSeconds": 7200}));
    }
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    assert_eq!(world.methods().await, ["PUT", "PATCH", "PATCH"]);
    let effects = world.effects().await;
    assert_eq!(effects.iter().filter(|effect| *effect == "turnedOn").count(), 3);
}

#[tokio::test]
async fn enabled_opted_out_outside_after_a_day_is_set_back_again() {
    let mut world = World::running(SettingsPage, Mode::Sync).await;
    for _ in 0..3 {
        world.wait_hours(25);
        world.opt_out_outside().await;
        world.rest().await;
        world.assert("Ready", "True", "Enabled");
    }
    assert_eq!(world.methods().await, ["PUT", "PATCH", "PATCH", "PATCH"]);
}

/// *Under `WelcomePage` only with a newer consent*: of a later UTC day than the opt-out.
#[tokio::test]
async fn enabled_opted_out_outside_in_march_needs_a_newer_consent() {
    let mut world = World::running(WelcomePage, Mode::Sync).await;
    world.opt_out_outside().await;
    world.rest().await;
    world.assert_stalled("False", "ConsentRequired");
    world.wait_hours(48);
    world.edit(&json!({"dataSharing": consent("2026-06-15")}));
    world.rest().await;
    world.assert_stalled("False", "ConsentRequired");
    world.edit(&json!({"dataSharing": consent("2026-06-16")}));
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    let renewed = json!({"state": "Enabled", "consent": consent("2026-06-16")["consent"]});
    assert_eq!(world.sent().await[1..], [("PATCH".to_owned(), renewed)]);
}

/// *Not retrievable, or withholds parameters: T and I are what our last succeeded operation made them.*
#[rstest]
#[tokio::test]
async fn enabled_opted_out_unseen_is_believed_on(#[values(Mode::Silent, Mode::Withholding)] mode: Mode) {
    let mut world = World::running(SettingsPage, mode).await;
    world.opt_out_outside().await;
    world.wait_hours(48);
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    assert_eq!(world.methods().await, ["PUT"]);
}
