//! Laws over generated worlds.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixture::*;
use super::story::{fits, is_well_formed};
use crate::api::Reason;
use crate::api::{Risk, StepName};
use crate::plan::failure::ErrorClass;
use crate::plan::observed::Observed;
use crate::plan::planner::plan;
use crate::plan::report::report;
use crate::plan::step::Outcome;

fn specs() -> impl Strategy<Value = Value> {
    let states = prop_oneof![
        Just(json!({})),
        Just(json!({"desiredState": "Disabled"})),
        Just(json!({"desiredState": "Deprovisioned", "deprovisionConfirmation": TENANT})),
    ];
    let experiences = prop_oneof![Just("WelcomePage"), Just("SettingsPage"), Just("DefenderPortal")];
    let regions = prop_oneof![Just(None), Just(Some("EU")), Just(Some("US"))];
    let policies = prop_oneof![4 => Just("Manage"), 1 => Just("Observe"), 1 => Just("Suspend")];
    let links = prop_oneof![
        Just(json!([])),
        Just(json!([{"name": "identity-data", "type": "IdentityCloudApps"}])),
        Just(json!([{"name": "intune", "type": "EndpointIntune", "state": "Unlinked"}])),
    ];
    (states, experiences, regions, policies, links).prop_map(|(state, experience, region, policy, links)| {
        let mut spec = state;
        let fields = spec.as_object_mut().unwrap();
        fields.insert("experience".into(), json!(experience));
        fields.insert("managementPolicy".into(), json!(policy));
        fields.insert("integrations".into(), links);
        fields.insert("dataSharing".into(), consent("2026-06-15"));
        if let Some(region) = region {
            fields.insert("dataLocation".into(), json!({"region": region}));
        }
        spec
    })
}

fn worlds() -> impl Strategy<Value = World> {
    let shown = prop_oneof![
        Just(None),
        Just(Some(json!({"state": "Enabled", "region": "EU"}))),
        Just(Some(json!({"state": "Disabled", "region": "EU"}))),
        Just(Some(json!({}))),
    ];
    (specs(), shown, any::<bool>(), any::<bool>()).prop_map(|(spec, shown, broker, may_deprovision)| {
        let mut world = World::new(spec);
        if let Some(parameters) = shown {
            world.show(present(&parameters));
        }
        world.permit = crate::plan::situation::Permit::Granted { allow_deprovision: may_deprovision };
        if broker { world } else { world.without_broker() }
    })
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Done),
        1 => Just(Outcome::InProgress { handle: Some("h".into()), poll_after: None }),
        1 => Just(Outcome::Refused(failure(ErrorClass::Transient, Reason::ProviderUnavailable))),
        1 => Just(Outcome::Refused(failure(ErrorClass::Invalid, Reason::ProviderRejected))),
        1 => Just(Outcome::Refused(failure(ErrorClass::Throttled { until: None }, Reason::Throttled))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn planning_converges_and_then_changes_nothing(mut world in worlds()) {
        world.settle();
        let (writes, sent) = (world.writes, world.sent.len());
        world.pass();
        prop_assert_eq!(world.writes, writes, "a settled tenant is written to again");
        prop_assert_eq!(world.sent.len(), sent);
    }

    #[test]
    fn a_crash_after_any_write_converges_to_the_same(mut world in worlds(), outcome in outcomes()) {
        let mut straight = world.clone();
        straight.settle();
        if matches!(outcome, Outcome::Done) { world.pass(); } else { world.pass_with(&outcome, None); }
        let refused = matches!(&outcome, Outcome::Refused(failure) if failure.class == ErrorClass::Invalid);
        let started = matches!(&outcome, Outcome::InProgress { .. });
        if started && !world.sent.is_empty() {
            world.observed.progress = Some(crate::plan::observed::Progress::Gone);
        }
        if refused {
            world.subject.reconcile_request = Some("again".into());
        }
        world.recent = crate::plan::situation::Recent::default();
        for _ in 0..8 { world.pass(); }
        let verdict = |world: &World| (world.condition(crate::api::ConditionType::Ready), world.observed.instance.clone());
        prop_assert_eq!(verdict(&world), verdict(&straight), "{}", world.plan());
    }

    #[test]
    fn nothing_is_sent_on_unknown(mut world in worlds()) {
        world.observed = unreadable(ErrorClass::Transient, Reason::ProviderUnavailable);
        world.pass();
        prop_assert!(world.sent.is_empty());
    }

    #[test]
    fn observe_and_suspend_send_nothing(mut world in worlds(), suspend in any::<bool>()) {
        world.edit(json!({"managementPolicy": if suspend { "Suspend" } else { "Observe" }}));
        for _ in 0..3 { world.pass(); }
        prop_assert!(world.sent.is_empty());
    }

    #[test]
    fn nothing_destructive_is_sent_that_is_not_declared(mut world in worlds()) {
        world.settle();
        let declared = world.spec.get("desiredState").and_then(Value::as_str).unwrap_or("Enabled").to_owned();
        for step in &world.sent {
            match step.change.name() {
                StepName::Deprovision => prop_assert_eq!(&declared, "Deprovisioned"),
                StepName::Disable => prop_assert_eq!(&declared, "Disabled"),
                StepName::Enable | StepName::Link => prop_assert_eq!(&declared, "Enabled"),
                StepName::Unlink => prop_assert!(step.change.risk() == Risk::Mutating && declared == "Enabled"),
            }
        }
    }

    #[test]
    fn a_pin_never_changes_but_by_deprovisioning(mut world in worlds(), shown in prop_oneof![Just("EU"), Just("US"), Just("UK")]) {
        world.settle();
        let pinned = world.region();
        world.show(present(&json!({"state": "Enabled", "region": shown})));
        world.pass();
        if let (Some(before), Some(after)) = (pinned, world.region()) {
            prop_assert_eq!(before.split(' ').next(), after.split(' ').next());
        }
    }

    #[test]
    fn planning_is_a_function_and_its_report_fits_the_schema(world in worlds()) {
        let situation = world.situation();
        let (one, other) = (plan(&situation), plan(&situation));
        prop_assert_eq!(&one, &other);
        let status = report(&situation, &one);
        fits(&status);
        is_well_formed(&status);
    }

    #[test]
    fn reading_nothing_at_all_never_panics(mut world in worlds()) {
        world.observed = Observed::nothing();
        for _ in 0..3 { world.pass(); }
    }
}
