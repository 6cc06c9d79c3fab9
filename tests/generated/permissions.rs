//! Are the grants that `deploy/docs/permissions.md` lists exactly those that are shipped and those that the code asks for?

use std::collections::BTreeSet;

use serde::Deserialize as _;
use serde_json::Value;
use threat_protection_operator::cli::plan;
use threat_protection_operator::plan::permissions::{Need, needs};

use crate::read;

/// Everything that a resource can make use of.
const EVERYTHING: &str = "
apiVersion: threatprotection.dev/v1alpha1
kind: ThreatProtectionTenant
metadata: { name: contoso, namespace: security }
spec:
  tenantId: 8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11
  credentials:
    type: WorkloadIdentity
    workloadIdentity: { clientId: 4f0c2a51-9b7e-4d53-8a6f-2c1e5d7b9a30 }
  observation: { subscriptionId: 2c5e8f10-3b7d-4a96-8e21-5d0f7a9b4c63 }
  integrations:
    - { name: identity, type: IdentityCloudApps }
    - { name: intune, type: EndpointIntune }
    - { name: endpoint, type: DefenderForCloudEndpoint, subscriptionId: 2c5e8f10-3b7d-4a96-8e21-5d0f7a9b4c63 }
    - { name: cloud-apps, type: DefenderForCloudCloudApps, subscriptionId: 2c5e8f10-3b7d-4a96-8e21-5d0f7a9b4c63 }
    - name: sentinel
      type: SentinelIncidents
      workspaceResourceId: /subscriptions/2c5e8f10-3b7d-4a96-8e21-5d0f7a9b4c63/resourceGroups/security/providers/Microsoft.OperationalInsights/workspaces/sentinel
";

/// The cells of the table under a heading, without its head, marks of code taken away.
fn table(heading: &str) -> Vec<Vec<String>> {
    let page = read("deploy/docs/permissions.md");
    let section = page.split("\n## ").find(|section| section.lines().next() == Some(heading));
    let section = section.unwrap_or_default();
    assert!(!section.is_empty(), "{heading} is a section of the page");
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells = |row: &str| -> Vec<String> {
        row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()
    };
    rows.map(cells).collect()
}

/// The rules of a file, one row each: kind, group, resources, names, verbs.
fn rules(path: &str) -> BTreeSet<Vec<String>> {
    let text = read(path);
    let words = |value: &Value| -> String {
        let words = value.as_array().into_iter().flatten().map(|word| word.as_str().unwrap());
        words.map(|word| if word.is_empty() { "core" } else { word }).collect::<Vec<_>>().join(", ")
    };
    let mut rules = BTreeSet::new();
    for document in serde_yaml::Deserializer::from_str(&text) {
        let document = Value::deserialize(document).unwrap();
        for rule in document["rules"].as_array().into_iter().flatten() {
            let kind = document["kind"].as_str().unwrap().to_owned();
            let fields = ["apiGroups", "resources", "resourceNames", "verbs"].map(|field| words(&rule[field]));
            assert!(!fields[0].contains('*') && !fields[1].contains('*') && !fields[3].contains('*'), "{rule}");
            rules.insert([kind].into_iter().chain(fields).collect());
        }
    }
    assert!(!rules.is_empty(), "{path}");
    rules
}

/// The rows of a table without its last column, which says why.
fn told(heading: &str) -> BTreeSet<Vec<String>> {
    let rows = table(heading);
    let told: BTreeSet<Vec<String>> = rows.iter().map(|row| row[..row.len() - 1].to_vec()).collect();
    assert_eq!(told.len(), rows.len(), "{heading}: no row stands twice");
    assert!(
        rows.iter().all(|row| row.last().is_some_and(|why| !why.is_empty())),
        "{heading}: every grant has a reason"
    );
    told
}

#[test]
fn the_rights_in_the_cluster_are_those_that_are_shipped() {
    assert_eq!(told("The operator in the cluster"), rules("deploy/base/rbac.yaml"));
}

#[test]
fn the_rights_in_a_namespace_are_those_of_the_samples() {
    let mut samples = rules("deploy/samples/credentials/secret.yaml");
    samples.extend(rules("deploy/samples/credentials/workload-identity.yaml"));
    assert_eq!(told("The operator in the namespace of a resource"), samples);
}

#[test]
fn the_permissions_at_microsoft_are_those_that_the_code_makes_use_of() {
    let now = "2026-06-15T09:00:00Z".parse().unwrap();
    let forecasts = plan::offline(EVERYTHING, "broker: {}", None, now).unwrap();
    let situation = &forecasts[0].situation;
    let needs = needs(situation.desired.as_ref().unwrap(), &situation.observed.microsoft);
    let (azure, graph): (Vec<&Need>, Vec<&Need>) =
        needs.iter().partition(|need| need.permission.to_string().starts_with("the Azure role"));
    let row = |need: &&Need| {
        let weight = if need.is_required { "required" } else { "optional" };
        vec![need.permission.name().to_owned(), weight.to_owned(), need.purpose.to_owned()]
    };
    assert_eq!(told("Microsoft Graph"), graph.iter().map(row).collect());
    let of_azure = |need: &&Need| {
        let place = need.permission.to_string().rsplit(' ').next().unwrap_or_default().to_owned();
        vec![need.permission.name().to_owned(), place, need.purpose.to_owned()]
    };
    assert_eq!(told("Azure"), azure.iter().map(of_azure).collect());
    // One that writes would be a sensation.
    for need in graph {
        let name = need.permission.name();
        assert!(name.contains(".Read.") && !name.contains("Write"), "{name}");
    }
}
