//! The applications that a simulated tenant knows: how they prove who they are, and what they may do. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::tenant::Cloud;

/// An application in a tenant. Everything but `clientId` has a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Application {
    /// Its application (client) id.
    pub client_id: String,
    /// Its client secrets.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// Its federated credentials.
    #[serde(default)]
    pub federated: Vec<Federated>,
    /// Application permissions of Microsoft Graph, by name; those that only read what matters here when absent.
    #[serde(default = "reading_roles")]
    pub roles: BTreeSet<String>,
    /// Roles of Azure Resource Manager on everything of the tenant, by name.
    #[serde(default = "default_azure_roles")]
    pub azure_roles: BTreeSet<String>,
    /// When a permission was granted; long ago when absent. The simulator keeps it itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub granted: BTreeMap<String, Timestamp>,
    /// Whether an administrator of the tenant has consented.
    #[serde(default = "yes")]
    pub consented: bool,
}

const fn yes() -> bool {
    true
}

/// A client secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Secret {
    /// The secret itself; it is an invention and protects nothing.
    pub value: String,
    /// When it ends; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// Trust in tokens of another issuer, such as a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Federated {
    /// The issuer; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The subject, such as `system:serviceaccount:<namespace>:<name>`.
    pub subject: String,
    /// The audience.
    #[serde(default = "exchange")]
    pub audience: String,
}

fn exchange() -> String {
    "api://AzureADTokenExchange".to_owned()
}

/// Application permissions of Microsoft Graph and their ids (Microsoft Graph permissions reference, worldwide cloud, 2025).
const PERMISSIONS: [(&str, &str); 10] = [
    ("Application.Read.All", "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30"),
    ("DeviceManagementServiceConfig.Read.All", "06a5fe6d-c49d-46a7-b082-56b1b14103c7"),
    ("GroupMember.Read.All", "98830695-27a2-44f7-8c18-0c3ebc9698f6"),
    ("Organization.Read.All", "498476ce-e0fe-48b0-b801-37ba7e2685c6"),
    ("RoleManagement.Read.Directory", "483bed4a-2ad3-4361-a73b-c83ccdbdc53c"),
    ("SecurityAlert.Read.All", "472e4a4d-bb4a-4026-98d1-0b0d74cb74a5"),
    ("SecurityIdentitiesHealth.Read.All", "f8dcd971-5d83-4e1e-aa95-ef44611ad351"),
    ("SecurityIncident.Read.All", "45cc0394-e837-488b-a098-1918f48d186c"),
    ("ThreatHunting.Read.All", "dd98c7f5-2d42-42d3-a0e4-633161547251"),
    ("DeviceManagementServiceConfig.ReadWrite.All", "5ac13192-7ace-4fcf-b828-1a26f28068ee"),
];

/// Permissions that have another id in the clouds of the US government (Microsoft, script *Security Optimization
/// Assessment*, 2025; the permissions reference lists the worldwide ids only).
const GOVERNMENT_PERMISSIONS: [(&str, &str); 2] = [
    ("SecurityAlert.Read.All", "64c33fcb-e6aa-490d-bed5-6016a9ef8f6d"),
    ("ThreatHunting.Read.All", "5f804853-e3b1-447b-9a8b-6d3e1257c72a"),
];

/// The id of a permission that is known here, in this cloud.
#[must_use]
pub fn permission_id(name: &str, cloud: Cloud) -> Option<&'static str> {
    let is_government = matches!(cloud, Cloud::GCCHigh | Cloud::DoD);
    let own = GOVERNMENT_PERMISSIONS.iter().filter(|_| is_government);
    own.chain(&PERMISSIONS).find(|(known, _)| *known == name).map(|(_, id)| *id)
}

fn reading_roles() -> BTreeSet<String> {
    let names = PERMISSIONS.iter().map(|(name, _)| *name);
    names.filter(|name| !name.contains("ReadWrite")).map(str::to_owned).collect()
}

fn default_azure_roles() -> BTreeSet<String> {
    ["Security Reader", "Security Admin", "Microsoft Sentinel Contributor"].map(str::to_owned).into()
}

impl Application {
    /// Notes when its permissions were granted, in the light of how it was before.
    pub fn note_grants(&mut self, before: &Self, now: Timestamp) {
        let since = |role: &String| {
            if before.roles.contains(role) { before.granted.get(role).copied() } else { Some(now) }
        };
        self.granted = self.roles.iter().filter_map(|role| Some((role.clone(), since(role)?))).collect();
    }

    /// The application as far as a token of that time carries its permissions.
    #[must_use]
    pub fn carried_since(&self, bought: Timestamp) -> Self {
        let mut carried = self.clone();
        carried.roles.retain(|role| self.granted.get(role).is_none_or(|granted| *granted <= bought));
        carried
    }

    /// Whether it has one of these permissions of Microsoft Graph.
    #[must_use]
    pub fn has_role(&self, any: &[&str]) -> bool {
        self.consented && any.iter().any(|name| self.roles.contains(*name))
    }

    /// Whether it has one of these roles of Azure Resource Manager.
    #[must_use]
    pub fn has_azure_role(&self, any: &[&str]) -> bool {
        any.iter().any(|name| self.azure_roles.contains(*name))
    }
}
