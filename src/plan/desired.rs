//! What was asked for: the spec, checked and with every text parsed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use crate::api::{
    Claim, ClientSecretCredentials, Consent, Credentials, CredentialsType, DeletionPolicy, DesiredState, Integration,
    ManagementPolicy, ThreatProtectionTenantSpec,
};
use crate::tenant::{Cloud, Experience, IntegrationType, LinkState, Region, Service, TenantId};

/// The declared state of one tenant, valid in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The tenant.
    pub tenant: TenantId,
    /// Its cloud.
    pub cloud: Cloud,
    /// What it should be.
    pub state: DesiredState,
    /// The rules it lives under.
    pub experience: Experience,
    /// The recorded consent and its day.
    pub consent: Option<(Consent, Date)>,
    /// The wished region.
    pub region: Option<Region>,
    /// The declared links, by name.
    pub integrations: BTreeMap<String, DesiredLink>,
    /// Services that should feed data.
    pub expected_services: BTreeSet<Service>,
    /// What persons attest.
    pub attestations: Vec<Attested>,
    /// What the operator signs in to Microsoft's own APIs with, where that is declared.
    pub credentials: Option<DesiredCredentials>,
    /// The Azure subscription through which the data centre can be read, lower case.
    pub observation: Option<String>,
    /// How far the operator goes.
    pub management: ManagementPolicy,
    /// What a deletion means.
    pub deletion: DeletionPolicy,
    /// Time between two looks.
    pub resync: SignedDuration,
}

/// Declared credentials: an application, and where its proof is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredCredentials {
    /// Application (client) id, lower case.
    pub client_id: String,
    /// Where its proof is.
    pub proof: DesiredProof,
}

/// Where the proof of an application is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DesiredProof {
    /// A client secret in a Secret of the resource's namespace.
    Secret {
        /// Name of the Secret.
        name: String,
        /// Key in it.
        key: String,
    },
    /// The token of a ServiceAccount of the resource's namespace.
    ServiceAccount {
        /// Its name.
        name: String,
    },
    /// The operator's own federated identity, where the administrator allows it.
    OperatorIdentity,
}

/// A declared link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredLink {
    /// What is linked.
    pub kind: IntegrationType,
    /// Whether it should be.
    pub state: LinkState,
    /// Azure subscription or resource id of the workspace, where the type has one.
    pub target: Option<String>,
}

/// One attestation with its times parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    /// Name of the entry.
    pub name: String,
    /// What is attested.
    pub claim: Claim,
    /// The integration that it is about.
    pub integration: Option<String>,
    /// The region that was seen.
    pub region: Option<Region>,
    /// Who attests.
    pub by: String,
    /// When it was seen.
    pub at: Timestamp,
    /// When it lapses.
    pub until: Timestamp,
}

/// The spec cannot be carried out as it is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidSpec {
    /// Path of the field, such as `spec.integrations[1]`.
    pub field: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl InvalidSpec {
    fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

impl Desired {
    /// Checks a spec. The schema refuses most of this already; an object that is older than a rule meets it here.
    pub fn from_spec(spec: &ThreatProtectionTenantSpec) -> Result<Self, InvalidSpec> {
        let tenant =
            spec.tenant_id.parse::<TenantId>().map_err(|error| InvalidSpec::new("spec.tenantId", error.to_string()))?;
        check_confirmation(spec)?;
        let consent = consent(spec)?;
        let region = spec.data_location.as_ref().and_then(|location| location.region);
        check_experience(spec, region)?;
        if spec.management_policy == ManagementPolicy::Observe && spec.deletion_policy == DeletionPolicy::Deprovision {
            return Err(InvalidSpec::new("spec.deletionPolicy", "must be Retain when managementPolicy is Observe"));
        }
        Ok(Self {
            tenant,
            cloud: spec.cloud,
            state: spec.desired_state,
            experience: spec.experience,
            consent,
            region,
            integrations: links(&spec.integrations)?,
            expected_services: spec.expected_services.iter().copied().collect(),
            attestations: attestations(spec)?,
            credentials: spec.credentials.as_ref().map(credentials).transpose()?,
            observation: spec
                .observation
                .as_ref()
                .and_then(|observation| observation.subscription_id.as_deref())
                .map(|id| uuid("spec.observation.subscriptionId", id))
                .transpose()?,
            management: spec.management_policy,
            deletion: spec.deletion_policy,
            resync: SignedDuration::from_secs(i64::from(spec.resync_seconds.clamp(300, 86400))),
        })
    }

    /// What is needed to let go of a deleted resource whose spec does not parse as a whole: the tenant, the policies and
    /// the confirmation. `None` when even those do not parse.
    #[must_use]
    pub fn salvage(spec: &Value) -> Option<Self> {
        let mut minimal = serde_json::Map::new();
        for field in ["tenantId", "deletionPolicy", "desiredState", "deprovisionConfirmation", "managementPolicy"] {
            if let Some(value) = spec.get(field) {
                minimal.insert(field.to_owned(), value.clone());
            }
        }
        let spec: ThreatProtectionTenantSpec = serde_json::from_value(Value::Object(minimal)).ok()?;
        Self::from_spec(&spec).ok()
    }
}

fn check_confirmation(spec: &ThreatProtectionTenantSpec) -> Result<(), InvalidSpec> {
    let field = "spec.deprovisionConfirmation";
    match (spec.desired_state, &spec.deprovision_confirmation) {
        (DesiredState::Deprovisioned, Some(id)) if *id == spec.tenant_id => Ok(()),
        (DesiredState::Deprovisioned, _) => {
            Err(InvalidSpec::new(field, "must equal tenantId when desiredState is Deprovisioned"))
        }
        (_, Some(_)) => Err(InvalidSpec::new(field, "must be absent unless desiredState is Deprovisioned")),
        (_, None) => Ok(()),
    }
}

fn consent(spec: &ThreatProtectionTenantSpec) -> Result<Option<(Consent, Date)>, InvalidSpec> {
    let Some(consent) = spec.data_sharing.as_ref().and_then(|sharing| sharing.consent.clone()) else {
        return Ok(None);
    };
    let field = "spec.dataSharing.consent.grantedOn";
    let day = consent
        .granted_on
        .parse::<Date>()
        .map_err(|error| InvalidSpec::new(field, format!("must be a day such as 2020-03-16: {error}")))?;
    Ok(Some((consent, day)))
}

fn credentials(declared: &Credentials) -> Result<DesiredCredentials, InvalidSpec> {
    let field = "spec.credentials";
    match (declared.type_, &declared.client_secret, &declared.workload_identity) {
        (CredentialsType::ClientSecret, Some(ClientSecretCredentials { client_id, secret_ref }), None) => {
            Ok(DesiredCredentials {
                client_id: uuid("spec.credentials.clientSecret.clientId", client_id)?,
                proof: DesiredProof::Secret { name: secret_ref.name.clone(), key: secret_ref.key.clone() },
            })
        }
        (CredentialsType::WorkloadIdentity, None, Some(identity)) => Ok(DesiredCredentials {
            client_id: uuid("spec.credentials.workloadIdentity.clientId", &identity.client_id)?,
            proof: identity
                .service_account_name
                .clone()
                .map_or(DesiredProof::OperatorIdentity, |name| DesiredProof::ServiceAccount { name }),
        }),
        (CredentialsType::ClientSecret, _, _) => {
            Err(InvalidSpec::new(field, "type ClientSecret needs clientSecret and nothing else"))
        }
        (CredentialsType::WorkloadIdentity, _, _) => {
            Err(InvalidSpec::new(field, "type WorkloadIdentity needs workloadIdentity and nothing else"))
        }
    }
}

/// A UUID in its canonical form, lower case: it becomes part of addresses.
fn uuid(field: &str, text: &str) -> Result<String, InvalidSpec> {
    let parsed = Uuid::try_parse(text).map_err(|_| InvalidSpec::new(field, "must be a UUID"))?;
    Ok(parsed.hyphenated().to_string())
}

fn check_experience(spec: &ThreatProtectionTenantSpec, region: Option<Region>) -> Result<(), InvalidSpec> {
    if spec.experience != Experience::DefenderPortal && spec.cloud != Cloud::Public {
        return Err(InvalidSpec::new("spec.experience", "WelcomePage and SettingsPage exist in cloud Public only"));
    }
    let Some(region) = region else { return Ok(()) };
    let field = "spec.dataLocation.region";
    if !spec.cloud.has_regions() {
        return Err(InvalidSpec::new(field, format!("cloud {} has one location: remove the region", spec.cloud)));
    }
    if !region.exists_under(spec.experience) {
        return Err(InvalidSpec::new(
            field,
            format!("{region} does not exist under {}: EU, UK or US do", spec.experience),
        ));
    }
    Ok(())
}

fn links(integrations: &[Integration]) -> Result<BTreeMap<String, DesiredLink>, InvalidSpec> {
    let mut targets = BTreeMap::new();
    let mut links = BTreeMap::new();
    for (index, entry) in integrations.iter().enumerate() {
        let field = format!("spec.integrations[{index}]");
        let target = (entry.type_, entry.subscription_id.clone(), entry.workspace_resource_id.clone());
        if let Some(first) = targets.insert(target, entry.name.clone()) {
            let problem = format!("{} links the same as {first}: keep one entry a type and target", entry.name);
            return Err(InvalidSpec::new(field, problem));
        }
        let target = entry.subscription_id.clone().or_else(|| entry.workspace_resource_id.clone());
        if links.insert(entry.name.clone(), DesiredLink { kind: entry.type_, state: entry.state, target }).is_some() {
            return Err(InvalidSpec::new(field, format!("the name {} occurs twice", entry.name)));
        }
    }
    Ok(links)
}

fn attestations(spec: &ThreatProtectionTenantSpec) -> Result<Vec<Attested>, InvalidSpec> {
    let mut attested = Vec::with_capacity(spec.attestations.len());
    for (index, entry) in spec.attestations.iter().enumerate() {
        let field = |name: &str| format!("spec.attestations[{index}].{name}");
        let about_link = matches!(entry.claim, Claim::IntegrationLinked | Claim::IntegrationUnlinked);
        if (entry.claim == Claim::DataLocation) != entry.region.is_some() {
            return Err(InvalidSpec::new(field("region"), "belongs to claim DataLocation, and is required there"));
        }
        if about_link != entry.integration_name.is_some() {
            let problem = "belongs to claims IntegrationLinked and IntegrationUnlinked, and is required there";
            return Err(InvalidSpec::new(field("integrationName"), problem));
        }
        if entry.expire_time.0 <= entry.attest_time.0 {
            return Err(InvalidSpec::new(field("expireTime"), "must be after attestTime"));
        }
        attested.push(Attested {
            name: entry.name.clone(),
            claim: entry.claim,
            integration: entry.integration_name.clone(),
            region: entry.region,
            by: entry.attested_by.clone(),
            at: entry.attest_time.0,
            until: entry.expire_time.0,
        });
    }
    Ok(attested)
}
