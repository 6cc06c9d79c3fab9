//! What Microsoft's own APIs answer about a tenant, as the tests set it up.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::api::Reason;
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::microsoft::{
    Access, Answer, DirectorySubscription, EndpointLocation, Holder, Hunting, LinkAnswer, Listed, Microsoft,
    ObservedLink, Organization, Principal, RoleHolders, SkuPlan, SubscribedSku,
};
use crate::plan::reading::{Reading, Why};
use crate::tenant::{CapabilityStatus, Cloud, IntegrationType, LinkState, ProvisioningStatus, Role, Service};

/// The declared tenant.
pub(super) const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";

/// Noon of a day in the middle of a year.
pub(super) fn noon() -> Timestamp {
    "2026-06-15T12:00:00Z".parse().unwrap()
}

pub(super) fn failure(class: ErrorClass, reason: Reason) -> Failure {
    Failure { class, reason, message: "the broker did not answer".into(), request_id: Some("r-1".into()) }
}

/// Another tenant than the declared one.
pub(super) const OTHER: &str = "00000000-0000-4000-8000-00000000beef";

pub(super) const ENDPOINT_PLAN: &str = "871d91ec-ec1a-452b-a83f-bd76c7d770ef";
pub(super) const IDENTITY_PLAN: &str = "14ab5db5-e6c4-4b20-b4bc-13e36fd2227f";
pub(super) const CLOUD_APPS_PLAN: &str = "2e2ddb96-6af9-4b1d-a3f0-d6ecfd22edb2";
pub(super) const OFFICE_PLAN: &str = "8e0c0a52-6a6c-4d40-8370-dd62790dcd70";

/// A tenant that is on: every licence, everybody who is needed, data in the European Union, all four services reporting.
pub(super) fn seen_on() -> Microsoft {
    let granted = Microsoft::unknown(Access::Granted, Why::NotAsked);
    let mut microsoft = Microsoft {
        cloud: Reading::observed(Cloud::Public),
        organization: Reading::observed(organization(TENANT)),
        skus: Reading::observed(skus(&[ENDPOINT_PLAN, IDENTITY_PLAN, CLOUD_APPS_PLAN, OFFICE_PLAN])),
        subscriptions: Reading::observed(all(vec![paid()])),
        roles: Role::ALL.iter().map(|role| (*role, held_by(vec![Principal::User]))).collect(),
        endpoint_location: Reading::observed(located("WestEurope", "EU")),
        security_center: Reading::observed(false),
        observation_owner: Reading::observed(TENANT.parse().unwrap()),
        ..granted
    };
    turned_on(&mut microsoft);
    microsoft
}

/// The same tenant, off.
pub(super) fn seen_off() -> Microsoft {
    let mut microsoft = seen_on();
    turned_off(&mut microsoft);
    microsoft
}

/// The same tenant, off, and without Defender for Endpoint: nothing says where its data would be.
pub(super) fn seen_off_without_endpoint() -> Microsoft {
    Microsoft {
        skus: Reading::observed(skus(&[IDENTITY_PLAN, CLOUD_APPS_PLAN, OFFICE_PLAN])),
        endpoint_location: Reading::unknown(Why::NotAsked),
        observation_owner: Reading::unknown(Why::NotAsked),
        ..seen_off()
    }
}

pub(super) fn turned_on(microsoft: &mut Microsoft) {
    microsoft.hunting = Reading::observed(Hunting::Answers { tables: Service::ALL.iter().copied().collect() });
    microsoft.incidents = Reading::observed(Answer::Answers);
    microsoft.identity = Reading::observed(Answer::Answers);
    microsoft.newest_rows = Reading::observed(rows(Service::ALL));
}

pub(super) fn turned_off(microsoft: &mut Microsoft) {
    microsoft.hunting = Reading::observed(Hunting::Refuses);
    microsoft.incidents = Reading::observed(Answer::Refuses);
    microsoft.identity = Reading::observed(Answer::Refuses);
    microsoft.newest_rows = Reading::unknown(Why::NotAsked);
}

/// Signing in failed, and may succeed the next time.
pub(super) fn no_answer() -> Microsoft {
    Microsoft::no_access(failure(ErrorClass::Transient, Reason::ProviderUnavailable), false)
}

/// Signing in was refused for this reason.
pub(super) fn refused(reason: Reason) -> Microsoft {
    Microsoft::no_access(failure(ErrorClass::Auth, reason), true)
}

pub(super) fn organization(id: &str) -> Organization {
    Organization {
        id: id.parse().unwrap(),
        display_name: Some("Contoso".into()),
        default_domain: Some("contoso.example".into()),
        country_code: Some("NL".into()),
    }
}

pub(super) const fn all<T>(items: Vec<T>) -> Listed<T> {
    Listed { items, is_complete: true }
}

/// One SKU in force with these plans.
pub(super) fn skus(plans: &[&str]) -> Listed<SubscribedSku> {
    all(vec![sku(CapabilityStatus::Enabled, plans)])
}

fn paid() -> DirectorySubscription {
    let sku_id = sku(CapabilityStatus::Enabled, &[]).id;
    DirectorySubscription { sku_id, is_trial: false, status: CapabilityStatus::Enabled, next_lifecycle: None }
}

pub(super) fn sku(capability: CapabilityStatus, plans: &[&str]) -> SubscribedSku {
    let plan = |id: &&str| SkuPlan { id: (*id).to_owned(), provisioning: ProvisioningStatus::Success };
    SubscribedSku {
        id: "06ebc4ee-1bb5-47dd-8120-11324bc54e06".into(),
        part_number: "SPE_E5".into(),
        capability,
        plans: plans.iter().map(plan).collect(),
    }
}

pub(super) fn held_by(principals: Vec<Principal>) -> RoleHolders {
    let holders = principals.into_iter().map(|principal| Holder { principal, scope: "/".into() }).collect();
    RoleHolders { assigned: Reading::observed(all(holders)), eligible: Reading::observed(all(Vec::new())) }
}

pub(super) fn located(data_center: &str, geography: &str) -> EndpointLocation {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    EndpointLocation { data_center: some(data_center), geography: some(geography) }
}

pub(super) fn rows(services: &[Service]) -> BTreeMap<Service, Timestamp> {
    services.iter().map(|service| (*service, noon() - SignedDuration::from_hours(1))).collect()
}

pub(super) fn tables(services: &[Service]) -> Hunting {
    Hunting::Answers { tables: services.iter().copied().collect() }
}

/// A link of the declared tenant whose switch is so.
pub(super) fn link(kind: IntegrationType, state: LinkState) -> ObservedLink {
    ObservedLink {
        answer: Reading::observed(switch(kind, state)),
        owner: Reading::observed(TENANT.parse().unwrap()),
        requirements: Reading::unknown(Why::NotAsked),
    }
}

pub(super) fn switch(kind: IntegrationType, state: LinkState) -> LinkAnswer {
    let is_linked = state == LinkState::Linked;
    match kind {
        IntegrationType::IdentityCloudApps | IntegrationType::EndpointIntune => {
            LinkAnswer::Partner(if is_linked { "enabled" } else { "available" }.into())
        }
        IntegrationType::DefenderForCloudEndpoint | IntegrationType::DefenderForCloudCloudApps => {
            LinkAnswer::Setting { is_enabled: is_linked }
        }
        IntegrationType::SentinelIncidents => {
            LinkAnswer::Connector { incidents: is_linked.then(|| "Enabled".to_owned()) }
        }
    }
}
