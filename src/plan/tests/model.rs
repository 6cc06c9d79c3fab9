//! A tenant as it is, whatever the planner thinks of it: the service, the products, the broker's records, and what an
//! application may see of all that. Nothing here calls a rule of the planner.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fixture::TENANT;
use crate::api::{DesiredState, Operation, OperationParameters, OperationResult, Reason, StepName};
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::microsoft::{
    Access, Answer, EndpointLocation, Holder, Hunting, LinkAnswer, Listed, Microsoft, ObservedLink, Organization,
    Principal, Requirements, RoleHolders, SkuPlan, SubscribedSku,
};
use crate::plan::observed::{Instance, InstanceParameters, Observed, Progress};
use crate::plan::reading::{Reading, Why};
use crate::plan::step::{ArmRequest, BrokerCall, BrokerRequest, Outcome, Step, StepActor};
use crate::tenant::{
    CapabilityStatus, IntegrationType, LinkState, Permission, ProvisioningStatus, Region, Role, Service,
};

pub(super) const SUBSCRIPTION: &str = "2b6a3a0c-0d0e-4f60-8a54-7d0f5a1c9e11";
pub(super) const WORKSPACE: &str = "/subscriptions/2b6a3a0c-0d0e-4f60-8a54-7d0f5a1c9e11/resourceGroups/soc/providers/Microsoft.OperationalInsights/workspaces/soc-logs";

/// Service plans of Microsoft 365 E5.
const E5: [&str; 5] = [
    "bf28f719-7844-4079-9c78-c1307898e192",
    "871d91ec-ec1a-452b-a83f-bd76c7d770ef",
    "14ab5db5-e6c4-4b20-b4bc-13e36fd2227f",
    "2e2ddb96-6af9-4b1d-a3f0-d6ecfd22edb2",
    "8e0c0a52-6a6c-4d40-8370-dd62790dcd70",
];

/// What a tenant is licensed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Licence {
    /// Microsoft 365 E5.
    Full,
    /// The same, expired and in its grace period.
    Grace,
    /// Defender for Identity alone: no Endpoint.
    Identity,
    /// Nothing that counts.
    Nothing,
}

/// What goes wrong in one pass, or what somebody does before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Nothing,
    /// The broker does not answer.
    BrokerUnread,
    /// The broker asks to wait.
    BrokerThrottles,
    /// These readings of Microsoft fail; one bit each.
    Unread(u16),
    /// The same are not permitted for once.
    NotPermitted(u16),
    SignInFails,
    SignInRefused,
    Incomplete,
    /// Incidents contradict hunting.
    Ambiguous,
    LinksNotAsked,
    LostBefore,
    LostAfter,
    Refused,
    AsyncFails,
    HandleLost,
    CrashBeforeIntent,
    CrashAfterIntent,
    CrashAfterSend,
    Restart,
    LicenceLapses,
    OptOut,
    Unlink,
}

/// An operation that the broker works on.
#[derive(Clone, Debug)]
pub(super) struct Running {
    request: BrokerRequest,
    polls: u8,
    fails: bool,
}

/// The broker's record of the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) created_with: OperationParameters,
    pub(super) shown: InstanceParameters,
}

/// One tenant, the broker's records of it, and what the application may see.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a tenant has many properties that are independent of each other")]
pub(super) struct Tenant {
    pub(super) is_on: bool,
    pub(super) region: Option<Region>,
    pub(super) endpoint: Option<Region>,
    pub(super) licence: Licence,
    pub(super) has_administrator: bool,
    pub(super) identity_is_onboarded: bool,
    /// Switches of the links, declared or not.
    pub(super) links: BTreeMap<IntegrationType, LinkState>,
    /// Settings of the four services that nobody here may touch.
    pub(super) settings: BTreeMap<Service, u32>,
    pub(super) permissions: BTreeSet<Permission>,
    pub(super) sentinel_takes_applications: bool,
    pub(super) has_broker: bool,
    pub(super) is_retrievable: bool,
    pub(super) withholds: bool,
    pub(super) is_async: bool,
    pub(super) record: Option<Record>,
    pub(super) running: Option<Running>,
    pub(super) failed: Option<StepName>,
    /// How often an instance came into being, and went.
    pub(super) creates: usize,
    pub(super) deletes: usize,
    /// Requests to create another instance than the one that is there or under way.
    pub(super) second_creates: usize,
}

fn failure(class: ErrorClass, reason: Reason, message: &str) -> Failure {
    Failure { class, reason, message: message.to_owned(), request_id: Some("r-7".to_owned()) }
}

fn lost() -> Failure {
    failure(ErrorClass::Transient, Reason::ProviderUnavailable, "the broker did not answer")
}

fn refused(message: &str) -> Outcome {
    Outcome::Refused(failure(ErrorClass::Invalid, Reason::ProviderRejected, message))
}

impl Tenant {
    /// What a pass sees of the tenant.
    pub(super) fn look(&mut self, spec: &Value, operation: Option<&Operation>, fault: Fault) -> Observed {
        let microsoft = self.microsoft(spec, fault);
        let nothing = Observed { microsoft, ..Observed::nothing() };
        if !self.has_broker {
            return nothing;
        }
        let broken = match fault {
            Fault::BrokerUnread => Some(lost()),
            Fault::BrokerThrottles => {
                Some(failure(ErrorClass::Throttled { until: None }, Reason::Throttled, "the broker asked to wait"))
            }
            _ => None,
        };
        let pending = operation
            .filter(|operation| operation.end_time.is_none() || operation.result == Some(OperationResult::TimedOut));
        if broken.is_some() {
            let is_accepted = pending.is_some_and(|operation| operation.accept_time.is_some());
            return Observed {
                instance: Reading::unknown(Why::ReadFailed),
                is_retrievable: self.is_retrievable,
                progress: is_accepted.then_some(Progress::InProgress { retry_after: None }),
                failure: broken,
                ..nothing
            };
        }
        let progress = pending.and_then(|operation| self.poll(operation, fault));
        let is_running = matches!(progress, Some(Progress::InProgress { .. }));
        let instance = if is_running || !self.is_retrievable { Reading::unknown(Why::NotAsked) } else { self.shown() };
        Observed { instance, is_retrievable: self.is_retrievable, progress, ..nothing }
    }

    fn shown(&self) -> Reading<Instance> {
        Reading::claimed(self.record.as_ref().map_or(Instance::Absent, |record| Instance::Present {
            parameters: (!self.withholds).then(|| record.shown.clone()),
        }))
    }

    fn poll(&mut self, operation: &Operation, fault: Fault) -> Option<Progress> {
        let is_accepted = operation.accept_time.is_some();
        if let Some(running) = &mut self.running {
            if running.polls > 0 {
                running.polls -= 1;
                return Some(Progress::InProgress { retry_after: None });
            }
            let running = self.running.take().unwrap();
            if running.fails {
                self.failed = Some(operation.step);
            } else {
                self.carry_out(&running.request);
            }
        } else if fault == Fault::HandleLost && is_accepted {
            return Some(Progress::Gone);
        }
        let is_gone = operation.step == StepName::Deprovision && self.record.is_none();
        match (is_accepted, self.failed.take()) {
            (true, Some(step)) if step == operation.step => {
                let description = "no seats".to_owned();
                Some(Progress::Failed { description, is_repeatable: true, is_usable: true })
            }
            (true, _) => Some(Progress::Succeeded),
            (false, _) => is_gone.then_some(Progress::Succeeded),
        }
    }

    /// Does a step, as far as the fault lets it.
    pub(super) fn execute(&mut self, step: &Step, fault: Fault) -> Outcome {
        let busy = failure(ErrorClass::Throttled { until: None }, Reason::Throttled, "the other side asked to wait");
        match fault {
            Fault::LostBefore => return Outcome::Refused(lost()),
            Fault::BrokerThrottles => return Outcome::Refused(busy),
            Fault::Refused => return refused("no"),
            _ => {}
        }
        let outcome = match &step.by {
            StepActor::Broker(request) => self.order(request, fault == Fault::AsyncFails),
            StepActor::Arm(request) => self.set(request),
            StepActor::Person(_) | StepActor::Nobody => unreachable!("only the operator's own steps are sent"),
        };
        if fault == Fault::LostAfter { Outcome::Refused(lost()) } else { outcome }
    }

    fn order(&mut self, request: &BrokerRequest, fails: bool) -> Outcome {
        let handle = || Outcome::InProgress { handle: Some("h".to_owned()), poll_after: None };
        if let Some(running) = &self.running {
            if running.request == *request {
                return handle();
            }
            self.second_creates += usize::from(request.call == BrokerCall::Provision);
            return Outcome::Refused(failure(ErrorClass::Waiting, Reason::Throttled, "busy with another request"));
        }
        match (request.call, &self.record) {
            (BrokerCall::Provision, Some(record)) if record.created_with == request.parameters => return Outcome::Done,
            (BrokerCall::Provision, Some(_)) => {
                self.second_creates += usize::from(self.is_retrievable);
                return refused("an instance with other parameters exists");
            }
            (BrokerCall::Provision, None) => {
                if !matches!(self.licence, Licence::Full | Licence::Grace | Licence::Identity) {
                    return refused("no licence");
                }
                let elsewhere = request.parameters.region.zip(self.endpoint.or(self.region));
                if elsewhere.is_some_and(|(wished, is)| wished != is) {
                    return refused("the data is in another region");
                }
            }
            (BrokerCall::Update, None) => {
                return Outcome::Refused(failure(ErrorClass::Waiting, Reason::Throttled, "no such instance"));
            }
            (BrokerCall::Deprovision, None) => return Outcome::Done,
            (BrokerCall::Update | BrokerCall::Deprovision, Some(_)) => {}
        }
        self.failed = None;
        if self.is_async {
            self.running = Some(Running { request: request.clone(), polls: 1, fails });
            return handle();
        }
        self.carry_out(request);
        Outcome::Done
    }

    fn carry_out(&mut self, request: &BrokerRequest) {
        let asked = &request.parameters;
        match request.call {
            BrokerCall::Provision => {
                self.creates += 1;
                self.is_on = true;
                self.region = self.region.or(self.endpoint).or(asked.region).or(Some(Region::EU));
                let shown = InstanceParameters {
                    tenant: TENANT.parse().ok(),
                    region: self.region,
                    state: Some(DesiredState::Enabled),
                    integrations: BTreeMap::new(),
                };
                self.record = Some(Record { created_with: asked.clone(), shown });
            }
            BrokerCall::Update => {
                let Some(record) = &mut self.record else { return };
                record.shown.state = asked.state.or(record.shown.state);
                record.shown.integrations.extend(asked.integrations.clone());
                self.links.extend(asked.integrations.clone());
                self.is_on = asked.state.map_or(self.is_on, |state| state == DesiredState::Enabled);
            }
            BrokerCall::Deprovision => {
                self.deletes += 1;
                self.record = None;
                (self.is_on, self.region) = (false, None);
            }
        }
    }

    /// A setting of Azure Resource Manager.
    fn set(&mut self, request: &ArmRequest) -> Outcome {
        let is_sentinel = request.kind == IntegrationType::SentinelIncidents;
        let needed = if is_sentinel { Permission::SentinelContributor } else { Permission::SecurityAdmin };
        if !self.permissions.contains(&needed) {
            return Outcome::Refused(failure(ErrorClass::Permission, Reason::PermissionDenied, "not allowed"));
        }
        if is_sentinel && !self.sentinel_takes_applications {
            return Outcome::Refused(failure(ErrorClass::Invalid, Reason::ActionRequired, "InvalidLicense"));
        }
        self.links.insert(request.kind, request.state);
        if request.kind == IntegrationType::DefenderForCloudEndpoint && request.state == LinkState::Linked {
            self.endpoint = self.endpoint.or(self.region);
        }
        Outcome::Done
    }

    pub(super) fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// What Microsoft's own APIs answer.
    fn microsoft(&self, spec: &Value, fault: Fault) -> Microsoft {
        if spec.get("credentials").is_none() {
            return Microsoft::nothing();
        }
        match fault {
            Fault::SignInFails => return Microsoft::no_access(lost(), false),
            Fault::SignInRefused => {
                let expired = failure(ErrorClass::Auth, Reason::CredentialsInvalid, "the secret has expired");
                return Microsoft::no_access(expired, true);
            }
            _ => {}
        }
        let asks = Asks { tenant: self, fault };
        let is_on = self.is_on;
        let answer = |yes: bool| if yes { Answer::Answers } else { Answer::Refuses };
        let mut tables: BTreeSet<Service> = [Service::Endpoint, Service::Office365].into();
        tables.extend(self.identity_is_onboarded.then_some(Service::Identity));
        let rows = || {
            if is_on {
                tables.iter().map(|service| (*service, super::fixture::noon())).collect()
            } else {
                BTreeMap::new()
            }
        };
        let hunting = if is_on { Hunting::Answers { tables: tables.clone() } } else { Hunting::Refuses };
        let is_observed = spec.pointer("/observation/subscriptionId").is_some();
        let place = || EndpointLocation { data_center: self.endpoint.map(data_center), geography: None };
        let unread = matches!(fault, Fault::Unread(bits) if bits != 0);
        Microsoft {
            cloud: Reading::unknown(Why::NotAsked),
            organization: asks.about(3, Permission::Organization, organization()),
            skus: asks.about(4, Permission::Organization, self.skus(fault != Fault::Incomplete)),
            subscriptions: asks.about(5, Permission::Organization, Listed { items: Vec::new(), is_complete: true }),
            roles: Role::ALL.iter().map(|role| (*role, self.holders(&asks))).collect(),
            hunting: asks.about(0, Permission::ThreatHunting, hunting),
            incidents: asks.about(1, Permission::SecurityIncidents, answer(is_on && fault != Fault::Ambiguous)),
            identity: asks.about(2, Permission::IdentityHealth, answer(self.identity_is_onboarded)),
            newest_rows: asks.about(7, Permission::ThreatHunting, rows()),
            endpoint_location: if is_observed {
                asks.about(8, Permission::SecurityReader, place())
            } else {
                Reading::unknown(Why::NotAsked)
            },
            observation_owner: if is_observed {
                asks.about(8, Permission::SecurityReader, TENANT.parse().unwrap())
            } else {
                Reading::unknown(Why::NotAsked)
            },
            links: if fault == Fault::LinksNotAsked { BTreeMap::new() } else { self.seen_links(spec, &asks) },
            failure: unread.then(lost),
            ..Microsoft::unknown(Access::Granted, Why::NotAsked)
        }
    }

    fn skus(&self, is_complete: bool) -> Listed<SubscribedSku> {
        let sku = |part_number: &str, capability, ids: &[&str]| SubscribedSku {
            id: format!("{part_number}-id"),
            part_number: part_number.to_owned(),
            capability,
            plans: ids
                .iter()
                .map(|id| SkuPlan { id: (*id).to_owned(), provisioning: ProvisioningStatus::Success })
                .collect(),
        };
        let free = sku("FLOW_FREE", CapabilityStatus::Enabled, &["50e68c76-46c6-4674-81f9-75456511b170"]);
        let items = match self.licence {
            Licence::Full => vec![sku("SPE_E5", CapabilityStatus::Enabled, &E5), free],
            Licence::Grace => vec![free, sku("SPE_E5", CapabilityStatus::Warning, &E5)],
            Licence::Identity => vec![free, sku("ATA", CapabilityStatus::Enabled, &E5[2..3])],
            Licence::Nothing => vec![free],
        };
        Listed { items, is_complete }
    }

    fn holders(&self, asks: &Asks<'_>) -> RoleHolders {
        let group = |members| Holder { principal: Principal::Group { members }, scope: "/".to_owned() };
        let person = Holder { principal: Principal::User, scope: "/".to_owned() };
        let items = if self.has_administrator { vec![group(Reading::observed(0)), person] } else { Vec::new() };
        let list = |items| Listed { items, is_complete: asks.fault != Fault::Incomplete };
        RoleHolders {
            assigned: asks.about(6, Permission::DirectoryRoles, list(items)),
            eligible: asks.about(9, Permission::DirectoryRoles, list(Vec::new())),
        }
    }

    fn seen_links(&self, spec: &Value, asks: &Asks<'_>) -> BTreeMap<String, ObservedLink> {
        let mut seen = BTreeMap::new();
        for (name, kind) in declared(spec) {
            let is_linked = self.links.get(&kind) == Some(&LinkState::Linked);
            let (permission, answer) = match kind {
                IntegrationType::IdentityCloudApps => continue,
                IntegrationType::EndpointIntune => {
                    let state = if is_linked { "enabled" } else { "available" };
                    (Permission::IntuneConnector, LinkAnswer::Partner(state.to_owned()))
                }
                IntegrationType::SentinelIncidents => {
                    let incidents = is_linked.then(|| "Enabled".to_owned());
                    (Permission::SentinelContributor, LinkAnswer::Connector { incidents })
                }
                _ => (Permission::SecurityReader, LinkAnswer::Setting { is_enabled: is_linked }),
            };
            let has_target = kind != IntegrationType::EndpointIntune;
            let owner = || asks.about(11, permission, TENANT.parse().unwrap());
            let valid = Requirements { is_authorized: true, is_licensed: true };
            let is_sentinel = kind == IntegrationType::SentinelIncidents;
            let none = Why::NotAsked;
            seen.insert(
                name,
                ObservedLink {
                    answer: asks.about(10, permission, answer),
                    owner: if has_target { owner() } else { Reading::unknown(none) },
                    requirements: if is_sentinel { asks.about(12, permission, valid) } else { Reading::unknown(none) },
                },
            );
        }
        seen
    }
}

/// Which questions fail, and which are not permitted.
struct Asks<'a> {
    tenant: &'a Tenant,
    fault: Fault,
}

impl Asks<'_> {
    fn about<T>(&self, bit: u16, permission: Permission, value: T) -> Reading<T> {
        match self.fault {
            _ if !self.tenant.may(permission) => Reading::unknown(Why::NotPermitted),
            Fault::Unread(bits) if bits & (1 << bit) != 0 => Reading::unknown(Why::ReadFailed),
            Fault::NotPermitted(bits) if bits & (1 << bit) != 0 => Reading::unknown(Why::NotPermitted),
            _ => Reading::observed(value),
        }
    }
}

fn organization() -> Organization {
    Organization {
        id: TENANT.parse().unwrap(),
        display_name: Some("Contoso".to_owned()),
        default_domain: Some("contoso.com".to_owned()),
        country_code: Some("DE".to_owned()),
    }
}

fn data_center(region: Region) -> String {
    match region {
        Region::EU => "WestEurope",
        Region::UK => "UKSouth",
        Region::US => "EastUs",
        Region::AU => "AustraliaEast",
        Region::CH => "SwitzerlandNorth",
        Region::IN => "CentralIndia",
        Region::AE => "UAENorth",
    }
    .to_owned()
}

/// Names and types of the declared links.
pub(super) fn declared(spec: &Value) -> Vec<(String, IntegrationType)> {
    let entries = spec.get("integrations").and_then(Value::as_array).cloned().unwrap_or_default();
    let named = |entry: &Value| {
        let kind = serde_json::from_value(entry.get("type")?.clone()).ok()?;
        Some((entry.get("name")?.as_str()?.to_owned(), kind))
    };
    entries.iter().filter_map(named).collect()
}
