//! Generated specs, tenants and faults.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

use super::fixture::{TENANT, World, attestation, consent};
use super::model::{Fault, Licence, Record, SUBSCRIPTION, Tenant, WORKSPACE};
use super::story::Story;
use crate::api::{DesiredState, OperationParameters};
use crate::plan::observed::InstanceParameters;
use crate::plan::situation::Permit;
use crate::tenant::{IntegrationType, LinkState, Permission, Region, Service};

const PERMISSIONS: [Permission; 9] = [
    Permission::Organization,
    Permission::SecurityIncidents,
    Permission::ThreatHunting,
    Permission::IdentityHealth,
    Permission::DirectoryRoles,
    Permission::IntuneConnector,
    Permission::SecurityReader,
    Permission::SecurityAdmin,
    Permission::SentinelContributor,
];

/// The same cases on every machine and at every time, whatever the environment says.
pub(super) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(2020),
        max_shrink_iters: 4096,
        max_global_rejects: 100_000,
        ..ProptestConfig::default()
    }
}

fn state() -> impl Strategy<Value = LinkState> {
    prop_oneof![3 => Just(LinkState::Linked), 1 => Just(LinkState::Unlinked)]
}

fn integrations() -> impl Strategy<Value = Vec<Value>> {
    (subsequence(IntegrationType::ALL.to_vec(), 0..=4), prop::collection::vec(state(), 4)).prop_map(
        |(kinds, states)| {
            let entry = |(kind, state): (IntegrationType, LinkState)| {
                let mut entry = json!({"name": kind.name().to_lowercase(), "type": kind, "state": state});
                match kind {
                    IntegrationType::DefenderForCloudEndpoint | IntegrationType::DefenderForCloudCloudApps => {
                        entry["subscriptionId"] = json!(SUBSCRIPTION);
                    }
                    IntegrationType::SentinelIncidents => entry["workspaceResourceId"] = json!(WORKSPACE),
                    _ => {}
                }
                entry
            };
            kinds.into_iter().zip(states).map(entry).collect()
        },
    )
}

fn attestations() -> impl Strategy<Value = Vec<Value>> {
    let claim = prop_oneof![
        Just(attestation("ServiceOn", json!({}))),
        Just(attestation("ServiceOff", json!({}))),
        Just(attestation("Deprovisioned", json!({}))),
        Just(attestation("DataLocation", json!({"region": "EU"}))),
        Just(attestation("IntegrationLinked", json!({"integrationName": "identitycloudapps"}))),
        Just(attestation("ServiceOn", json!({"name": "old", "expireTime": "2026-06-15T09:00:00Z"}))),
        Just(attestation("ServiceOff", json!({"name": "early", "attestTime": "2026-07-15T09:00:00Z"}))),
    ];
    prop_oneof![3 => Just(Vec::new()), 2 => prop::collection::vec(claim, 1..=2)]
}

/// A spec that the schema would let pass.
pub(super) fn specs() -> impl Strategy<Value = Value> {
    let place = prop_oneof![
        3 => (prop_oneof![Just("WelcomePage"), Just("SettingsPage")], prop_oneof![Just(None), Just(Some("EU")), Just(Some("US"))], Just("Public")),
        3 => (Just("DefenderPortal"), prop_oneof![2 => Just(None), 1 => Just(Some("EU")), 1 => Just(Some("AU"))], Just("Public")),
        1 => (Just("DefenderPortal"), Just(None), prop_oneof![Just("GCC"), Just("DoD")]),
    ];
    let declared = (
        prop_oneof![3 => Just("Enabled"), 1 => Just("Disabled"), 1 => Just("Deprovisioned")],
        prop_oneof![10 => Just("Manage"), 1 => Just("Observe"), 1 => Just("Suspend")],
    );
    let sees = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.8));
    let expected = subsequence(Service::ALL.to_vec(), 0..=4);
    (place, declared, sees, integrations(), attestations(), expected).prop_map(
        |((experience, region, cloud), (state, policy), (signs_in, observes, agrees), links, attested, expected)| {
            let mut spec = json!({
                "experience": experience, "cloud": cloud, "desiredState": state, "managementPolicy": policy,
                "integrations": links, "attestations": attested, "expectedServices": expected,
            });
            if let Some(region) = region {
                spec["dataLocation"] = json!({"region": region});
            }
            if state == "Deprovisioned" {
                spec["deprovisionConfirmation"] = json!(TENANT);
            }
            if agrees {
                spec["dataSharing"] = consent("2026-06-15");
            }
            if signs_in {
                spec["credentials"] =
                    json!({"type": "WorkloadIdentity", "workloadIdentity": {"clientId": SUBSCRIPTION}});
                if observes {
                    spec["observation"] = json!({"subscriptionId": SUBSCRIPTION});
                }
            }
            spec
        },
    )
}

/// A tenant and a broker's records of it that fit each other.
pub(super) fn tenants() -> impl Strategy<Value = Tenant> {
    let region = prop_oneof![2 => Just(Region::EU), 1 => Just(Region::US)];
    let licence = prop_oneof![
        4 => Just(Licence::Full), 1 => Just(Licence::Grace), 2 => Just(Licence::Identity), 1 => Just(Licence::Nothing)
    ];
    let permissions = prop_oneof![
        3 => Just(PERMISSIONS.to_vec()),
        2 => subsequence(PERMISSIONS.to_vec(), 6..=9),
    ];
    let broker = (any::<bool>(), prop::bool::weighted(0.8), prop::bool::weighted(0.2), any::<bool>());
    let product = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.8), any::<bool>(), prop::bool::weighted(0.8));
    let record = prop_oneof![3 => Just(None), 2 => Just(Some(true)), 1 => Just(Some(false))];
    let links = subsequence(IntegrationType::ALL.to_vec(), 0..=5);
    (region, licence, permissions, broker, product, (record, links)).prop_map(
        |(region, licence, permissions, broker, product, (record, links))| {
            let (has_broker, is_retrievable, withholds, is_async) = broker;
            let (is_on, has_endpoint, has_administrator, identity_is_onboarded, sentinel_takes_applications) = product;
            let linked: BTreeMap<_, _> = links.into_iter().map(|kind| (kind, LinkState::Linked)).collect();
            // A broker that shows nothing has no records that nobody remembers.
            let record = record.filter(|_| has_broker && is_retrievable && !withholds);
            let is_on = record.unwrap_or(is_on);
            let shown = |is_enabled: bool| InstanceParameters {
                tenant: TENANT.parse().ok(),
                region: Some(region),
                state: Some(if is_enabled { DesiredState::Enabled } else { DesiredState::Disabled }),
                integrations: linked
                    .iter()
                    .filter(|(kind, _)| kind.is_changed_by_broker())
                    .map(|(kind, state)| (*kind, *state))
                    .collect(),
            };
            Tenant {
                is_on,
                region: (is_on || record.is_some()).then_some(region),
                endpoint: has_endpoint.then_some(region),
                licence,
                has_administrator,
                identity_is_onboarded,
                links: linked.clone(),
                settings: Service::ALL.iter().map(|service| (*service, 7)).collect(),
                permissions: permissions.into_iter().collect(),
                sentinel_takes_applications,
                has_broker,
                is_retrievable,
                withholds,
                is_async,
                record: record.map(|is_enabled| Record {
                    created_with: OperationParameters::default(),
                    shown: shown(is_enabled),
                }),
                running: None,
                failed: None,
                creates: usize::from(record.is_some()),
                deletes: 0,
                second_creates: 0,
            }
        },
    )
}

pub(super) fn stories() -> impl Strategy<Value = Story> {
    let permit = prop_oneof![
        8 => Just(Permit::Granted { allow_deprovision: true }),
        2 => Just(Permit::Granted { allow_deprovision: false }),
        1 => Just(Permit::NotAllowed),
    ];
    (specs(), tenants(), permit).prop_map(|(spec, mut tenant, permit)| {
        let mut world = World::new(spec);
        world.permit = permit;
        world.capabilities.has_broker = tenant.has_broker;
        tenant.has_broker &= permit != Permit::NotAllowed;
        Story { world, tenant }
    })
}

fn bits() -> impl Strategy<Value = u16> {
    prop_oneof![Just(0x1fff), Just(0b111), 1..0x2000_u16]
}

pub(super) fn faults() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => Just(Fault::Nothing),
        2 => bits().prop_map(Fault::Unread),
        1 => bits().prop_map(Fault::NotPermitted),
        1 => prop_oneof![Just(Fault::BrokerUnread), Just(Fault::BrokerThrottles), Just(Fault::AsyncFails), Just(Fault::HandleLost)],
        1 => prop_oneof![Just(Fault::SignInFails), Just(Fault::SignInRefused), Just(Fault::Incomplete), Just(Fault::Ambiguous), Just(Fault::LinksNotAsked)],
        1 => prop_oneof![Just(Fault::LostBefore), Just(Fault::LostAfter), Just(Fault::Refused)],
        2 => prop_oneof![Just(Fault::CrashBeforeIntent), Just(Fault::CrashAfterIntent), Just(Fault::CrashAfterSend), Just(Fault::Restart)],
        1 => prop_oneof![Just(Fault::LicenceLapses), Just(Fault::OptOut), Just(Fault::Unlink)],
    ]
}
