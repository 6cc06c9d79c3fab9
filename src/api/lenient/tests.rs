use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Map, Value, json};

use crate::api::{Reason, ThreatProtectionTenant, ThreatProtectionTenantStatus};

const FIELDS: [&str; 13] = [
    "observedGeneration",
    "conditions",
    "tenant",
    "eligibility",
    "dataLocation",
    "features",
    "services",
    "integrations",
    "pendingActions",
    "plan",
    "operation",
    "repairs",
    "lastHandledReconcileAt",
];

/// Names and words that occur deeper down, so that arbitrary values come close to real ones.
const WORDS: [&str; 28] = [
    "type",
    "status",
    "reason",
    "message",
    "lastTransitionTime",
    "name",
    "state",
    "source",
    "region",
    "pinTime",
    "step",
    "actor",
    "risk",
    "id",
    "handle",
    "parameters",
    "startTime",
    "deadlineTime",
    "endTime",
    "plans",
    "target",
    "repairTime",
    "True",
    "EU",
    "Observed",
    "Enable",
    "Broker",
    "2026-05-01T00:00:00Z",
];

fn read(status: &Value) -> ThreatProtectionTenantStatus {
    let spec = json!({ "tenantId": "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11" });
    let object = json!({
        "apiVersion": "threatprotection.dev/v1alpha1", "kind": "ThreatProtectionTenant", "metadata": { "name": "a" },
        "spec": spec, "status": status,
    });
    let object: ThreatProtectionTenant = serde_json::from_value(object).unwrap();
    object.status.unwrap()
}

#[rstest]
#[case::null(Value::Null)]
#[case::bool(json!(true))]
#[case::number(json!(7.5))]
#[case::text(json!("text"))]
#[case::list(json!([1, "a", null, {}, []]))]
#[case::object(json!({ "name": 1, "region": {}, "step": "Explode" }))]
fn a_value_of_another_type_is_left_out(#[case] wrong: Value) {
    for field in FIELDS.iter().filter(|field| !(**field == "lastHandledReconcileAt" && wrong.is_string())) {
        let read = read(&json!({ *field: wrong }));
        // Facts without a required field may be read as present and empty.
        let expected = ThreatProtectionTenantStatus {
            tenant: read.tenant.clone().filter(|tenant| *tenant == <_>::default()),
            eligibility: read.eligibility.clone().filter(|eligibility| *eligibility == <_>::default()),
            ..<_>::default()
        };
        assert_eq!(read, expected, "{field}");
    }
}

#[test]
fn a_missing_status_is_that_of_a_fresh_object() {
    assert_eq!(read(&json!({})), ThreatProtectionTenantStatus::default());
    assert_eq!(read(&json!({ "observedGeneration": -1, "phase": "Running" })), ThreatProtectionTenantStatus::default());
}

#[test]
fn what_is_understood_beside_what_is_not_is_kept() {
    let status = read(&json!({
        "observedGeneration": 4,
        "phase": "Running",
        "conditions": [
            { "type": "Ready", "status": "True", "reason": "Invented", "message": "", "lastTransitionTime": "2026-05-01T00:00:00Z" },
            { "type": "Ready", "lastTransitionTime": "yesterday" },
        ],
        "services": [
            { "name": "Endpoint", "licensed": "True", "reporting": "Perhaps" },
            { "name": "Identity", "licensed": "True", "reporting": "False", "seats": 5 },
        ],
        "dataLocation": { "region": "Mars", "source": "Observed", "pinTime": "2026-05-01T00:00:00Z" },
        "operation": { "step": "Explode" },
    }));
    assert_eq!(status.observed_generation, 4);
    assert_eq!(status.conditions.iter().map(|it| it.reason.as_str()).collect::<Vec<_>>(), ["Invented"]);
    assert!(Reason::ALL.iter().all(|reason| reason.name() != "Invented"));
    assert_eq!(status.services.iter().map(|it| it.name.name()).collect::<Vec<_>>(), ["Identity"]);
    assert_eq!((status.data_location, status.operation), (None, None));
}

fn any_value() -> impl Strategy<Value = Value> {
    let word = prop_oneof![proptest::sample::select(&WORDS[..]).prop_map(str::to_owned), any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(word.clone(), inner, 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    /// The schema makes it an object; beyond that nothing is relied upon.
    #[test]
    fn no_status_fails_to_parse(
        known in proptest::collection::btree_map(proptest::sample::select(&FIELDS[..]), any_value(), 0..6),
        unknown in proptest::collection::btree_map(any::<String>(), any_value(), 0..2),
    ) {
        let mut fields: Map<String, Value> = unknown.into_iter().collect();
        fields.extend(known.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let first = read(&Value::Object(fields));
        let again = read(&serde_json::to_value(&first).unwrap());
        prop_assert_eq!(serde_json::to_value(&again).unwrap(), serde_json::to_value(&first).unwrap());
    }
}
