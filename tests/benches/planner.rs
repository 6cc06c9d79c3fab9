//! How long planning takes: `plan()` for many tenants on one core, and `plan()` with `report()`.
//!
//! The tenants are mixed: on and off, with and without readings of Microsoft's own APIs, fresh ones and ones whose status
//! was written before, each with 15 licences of 20 service plans, links, attestations. It ends with exit code 1 where
//! 10,000 plans take more than 100 ms, or where twice as many tenants take more than 2.6 times as long.
//!
//! `cargo bench --bench planner`
#![expect(clippy::expect_used, reason = "a benchmark that cannot build its tenants should end where it stands")]
#![expect(clippy::print_stdout, reason = "the table is the result")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use threat_protection_operator::plan::desired::Desired;
use threat_protection_operator::plan::memory::Memory;
use threat_protection_operator::plan::microsoft::{
    Access, Answer, EndpointLocation, Holder, Hunting, LinkAnswer, Listed, Microsoft, ObservedLink, Organization,
    Principal, RoleHolders, SkuPlan, SubscribedSku,
};
use threat_protection_operator::plan::observed::{Instance, InstanceParameters, Observed};
use threat_protection_operator::plan::planner::plan;
use threat_protection_operator::plan::reading::{Reading, Why};
use threat_protection_operator::plan::report::report;
use threat_protection_operator::plan::situation::{Capabilities, Permit, Recent, Situation, Subject};
use threat_protection_operator::tenant::licences::SKUS;
use threat_protection_operator::tenant::{CapabilityStatus, ProvisioningStatus, Role, Service, TenantId};

const SIZES: [usize; 3] = [1_000, 10_000, 20_000];
const RUNS: usize = 9;
/// 10,000 plans on one core.
const LIMIT: Duration = Duration::from_millis(100);
/// How much longer twice as many tenants may take: linear, and room for caches that are too small.
const LINEAR: f64 = 2.6;

const SKUS_OF_A_TENANT: usize = 15;
const PLANS_OF_A_SKU: usize = 20;
const SUBSCRIPTION: &str = "2b6a3a0c-0d0e-4f60-8a54-7d0f5a1c9e11";

fn main() -> ExitCode {
    let most = SIZES.iter().copied().max().unwrap_or_default();
    let tenants: Vec<Situation> = (0..most).map(situation).collect();
    println!("{:>8}  {:<15} {:>10} {:>10} {:>12}", "tenants", "what", "best", "median", "a tenant");
    let planned = SIZES.map(|size| measure(&tenants, size, "plan", |situation| drop(black_box(plan(situation)))));
    for size in SIZES {
        measure(&tenants, size, "plan + report", |situation| {
            let plan = plan(situation);
            drop(black_box(report(situation, &plan)));
        });
    }
    let [_, ten_thousand, twenty_thousand] = planned;
    let growth = twenty_thousand.as_secs_f64() / ten_thousand.as_secs_f64();
    println!("twice as many take {growth:.2} times as long");
    if ten_thousand > LIMIT || growth > LINEAR {
        println!("FAILED: at most {LIMIT:?} for 10,000 and {LINEAR} times for twice as many are allowed");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Measures `size` tenants several times, prints a line, and returns the best time.
fn measure(tenants: &[Situation], size: usize, what: &str, act: impl Fn(&Situation)) -> Duration {
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            tenants.iter().take(size).for_each(&act);
            start.elapsed()
        })
        .collect();
    times.sort();
    let best = times.first().copied().unwrap_or_default();
    let median = times.get(RUNS / 2).copied().unwrap_or_default();
    let each = best.as_secs_f64() * 1e6 / f64::from(u32::try_from(size).expect("a small number"));
    let (best_ms, median_ms) = (best.as_secs_f64() * 1e3, median.as_secs_f64() * 1e3);
    println!("{size:>8}  {what:<15} {best_ms:>7.1} ms {median_ms:>7.1} ms {each:>9.2} µs");
    best
}

/// The tenant of this number; the same number is always the same tenant.
fn situation(number: usize) -> Situation {
    let id = format!("8d3f2f3e-5a53-4c8e-9c3e-{number:012x}");
    let tenant: TenantId = id.parse().expect("a tenant id");
    let spec = serde_json::from_value(spec(&id, number)).expect("a spec");
    let mut situation = Situation {
        subject: Subject {
            namespace: "security".to_owned(),
            name: format!("tenant-{number}"),
            uid: format!("uid-{number}"),
            generation: 1,
            ..Subject::default()
        },
        desired: Desired::from_spec(&spec),
        permit: Permit::Granted { allow_deprovision: true },
        observed: observed(tenant, number),
        memory: Memory::default(),
        recent: Recent::default(),
        capabilities: capabilities(!number.is_multiple_of(5)),
        now: noon(),
    };
    if !number.is_multiple_of(3) {
        let first = plan(&situation);
        situation.memory = Memory::new(Some(report(&situation, &first)));
    }
    situation
}

fn spec(id: &str, number: usize) -> Value {
    let experience = ["WelcomePage", "SettingsPage", "DefenderPortal"].get(number % 3).copied();
    let attested = |name: &str, claim: &str| json!({"name": name, "claim": claim, "attestedBy": "Ada", "attestTime": "2026-06-01T08:00:00Z", "expireTime": "2026-12-01T08:00:00Z"});
    let mut region = attested("region", "DataLocation");
    let mut linked = attested("linked", "IntegrationLinked");
    if let (Some(region), Some(linked)) = (region.as_object_mut(), linked.as_object_mut()) {
        region.insert("region".to_owned(), json!("EU"));
        linked.insert("integrationName".to_owned(), json!("identity-data"));
    }
    let mut spec = json!({
        "tenantId": id,
        "experience": experience,
        "dataSharing": {"consent": {"grantedBy": "CISO", "grantedOn": "2026-06-01"}},
        "dataLocation": {"region": "EU"},
        "expectedServices": ["Endpoint", "Identity"],
        "integrations": [
            {"name": "identity-data", "type": "IdentityCloudApps"},
            {"name": "intune", "type": "EndpointIntune"},
            {"name": "servers", "type": "DefenderForCloudEndpoint", "subscriptionId": SUBSCRIPTION},
            {"name": "apps", "type": "DefenderForCloudCloudApps", "subscriptionId": SUBSCRIPTION, "state": "Unlinked"},
        ],
        "attestations": [region, linked],
    });
    if let Some(fields) = spec.as_object_mut() {
        match number % 10 {
            8 => drop(fields.insert("desiredState".to_owned(), json!("Disabled"))),
            9 => {
                fields.insert("desiredState".to_owned(), json!("Deprovisioned"));
                fields.insert("deprovisionConfirmation".to_owned(), json!(id));
            }
            _ => {}
        }
    }
    spec
}

fn observed(tenant: TenantId, number: usize) -> Observed {
    let is_on = !number.is_multiple_of(4);
    let parameters = InstanceParameters {
        tenant: Some(tenant),
        region: serde_json::from_value(json!("EU")).ok(),
        state: serde_json::from_value(json!("Enabled")).ok(),
        ..InstanceParameters::default()
    };
    let instance = if is_on { Instance::Present { parameters: Some(parameters) } } else { Instance::Absent };
    let microsoft = if number % 5 < 3 { microsoft(tenant, is_on, number) } else { Microsoft::nothing() };
    if number.is_multiple_of(5) {
        return Observed { microsoft, ..Observed::nothing() };
    }
    Observed { instance: Reading::claimed(instance), is_retrievable: true, microsoft, ..Observed::nothing() }
}

fn microsoft(tenant: TenantId, is_on: bool, number: usize) -> Microsoft {
    let answer = if is_on { Answer::Answers } else { Answer::Refuses };
    let tables = Service::ALL.iter().copied().collect();
    let holders =
        || Listed { items: vec![Holder { principal: Principal::User, scope: "/".to_owned() }; 8], is_complete: true };
    let roles =
        [Role::SecurityAdministrator, Role::GlobalAdministrator, Role::ServiceSupportAdministrator].map(|role| {
            (role, RoleHolders { assigned: Reading::observed(holders()), eligible: Reading::observed(holders()) })
        });
    let link = |answer| ObservedLink {
        answer: Reading::observed(answer),
        owner: Reading::observed(tenant),
        requirements: Reading::unknown(Why::NotAsked),
    };
    let links = [
        ("intune", link(LinkAnswer::Partner("enabled".to_owned()))),
        ("servers", link(LinkAnswer::Setting { is_enabled: number.is_multiple_of(2) })),
        ("apps", link(LinkAnswer::Setting { is_enabled: false })),
    ];
    Microsoft {
        organization: Reading::observed(Organization {
            id: tenant,
            display_name: Some("Contoso".to_owned()),
            default_domain: Some("contoso.com".to_owned()),
            country_code: Some("DE".to_owned()),
        }),
        skus: Reading::observed(Listed { items: licences(number), is_complete: true }),
        roles: roles.into_iter().collect(),
        hunting: Reading::observed(if is_on { Hunting::Answers { tables } } else { Hunting::Refuses }),
        incidents: Reading::observed(answer),
        identity: Reading::observed(answer),
        newest_rows: Reading::observed(Service::ALL.iter().map(|service| (*service, noon())).collect()),
        endpoint_location: Reading::observed(EndpointLocation {
            data_center: Some("WestEurope".to_owned()),
            geography: Some("EU".to_owned()),
        }),
        observation_owner: Reading::observed(tenant),
        links: links.into_iter().map(|(name, link)| (name.to_owned(), link)).collect(),
        ..Microsoft::unknown(Access::Granted, Why::NotAsked)
    }
}

/// Licences like those of a large tenant: most of their plans are none that matter here.
fn licences(number: usize) -> Vec<SubscribedSku> {
    let skus = SKUS.iter().cycle().skip(number % SKUS.len()).take(SKUS_OF_A_TENANT);
    let of_sku = |(at, sku): (usize, &threat_protection_operator::tenant::licences::Sku)| {
        let other = |plan: usize| format!("{:08x}-0000-4000-8000-{at:06x}{plan:06x}", number * 7919 + plan * 104_729);
        let known = sku.plans.iter().map(|plan| plan.id.to_owned());
        let ids = known.chain((0..).map(other)).take(PLANS_OF_A_SKU);
        SubscribedSku {
            id: sku.id.to_owned(),
            part_number: sku.part_number.to_owned(),
            capability: CapabilityStatus::Enabled,
            plans: ids.map(|id| SkuPlan { id, provisioning: ProvisioningStatus::Success }).collect(),
        }
    };
    skus.enumerate().map(of_sku).collect()
}

fn capabilities(has_broker: bool) -> Capabilities {
    Capabilities {
        has_broker,
        claim_grace: SignedDuration::from_hours(1),
        operation_deadline: SignedDuration::from_hours(1),
        resync: (SignedDuration::from_secs(300), SignedDuration::from_hours(24)),
        poll: SignedDuration::from_secs(10),
        retry: (SignedDuration::from_secs(1), SignedDuration::from_secs(300)),
        slow_probe: SignedDuration::from_mins(30),
    }
}

fn noon() -> Timestamp {
    "2026-06-15T12:00:00Z".parse().expect("a time")
}
