//! What the shipped permissions are for: each verb is taken away by itself; what that does is seen and told, in words that
//! name the verb and the resource; and everything heals once it is back.
//!
//! The rights are read from the files that are shipped: one that is added there without a trial here fails, and so does one
//! whose loss nobody notices. Both variants are tried, with the operator in one namespace and its resources in another.

use std::collections::BTreeSet;

use futures::future::join_all;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use rstest::rstest;
use serde_json::{Value, json};

use crate::TENANT;
use crate::broker_access::{probe, probes, until_ready};
use crate::deletion::{DEPROVISIONED, ENABLED, confirmed, delete};
use crate::judges::{FINALIZER, events, gone, looks, seed, until, verdict};
use crate::release::home;
use crate::support::control_plane::{AuditEntry, shared};
use crate::support::microsoft::{SECRET, SECRET_NAME, by_secret, tenant};
use crate::support::stage::{ACCOUNT, Configuration, Operator, Stage};

mod shipped;

use shipped::{Right, Shipped, Variant, documents};

/// What the second one cannot have.
const DEFINITION: &str = "get customresourcedefinitions";

/// An operator that may do all but one thing, with its resources in another namespace.
struct Trial {
    /// In the namespace of the resources.
    stage: Stage,
    office: String,
    configuration: Configuration,
    variant: Variant,
}

impl Trial {
    /// Everything that is shipped is granted, and nothing else.
    async fn open(variant: Variant) -> Self {
        let mut stage = Stage::open("rights").await;
        seed(&stage, TENANT).await;
        let (watched, mut configuration) = home(&stage).await;
        if variant == Variant::OneNamespace {
            configuration.cluster_id = Some("a-cluster");
        }
        let bindings: Api<ClusterRoleBinding> = Api::all(stage.client.clone());
        bindings.delete(&stage.namespace, &DeleteParams::default()).await.unwrap();
        let office = std::mem::replace(&mut stage.namespace, watched);
        let trial = Self { stage, office, configuration, variant };
        trial.grant(&variant.shipped()).await;
        trial
    }

    async fn operator(&mut self) -> Operator {
        let watched = std::mem::replace(&mut self.stage.namespace, self.office.clone());
        let operator = self.stage.operator(&self.configuration).await;
        self.stage.namespace = watched;
        operator
    }

    async fn apply(&self, fields: Value) {
        let mut spec = json!({"tenantId": TENANT});
        json_patch::merge(&mut spec, &fields);
        self.stage.apply("contoso", spec).await.unwrap();
    }

    async fn assert_effects(&self, expected: &[&str]) {
        assert_eq!(self.stage.simulator.effects(TENANT).await.unwrap(), expected);
    }

    /// Grants exactly this, and waits until the API server goes by it.
    async fn grant(&self, granted: &Shipped) {
        for (namespace, documents) in [(&self.office, &granted.office), (&self.stage.namespace, &granted.watched)] {
            for document in documents.iter().filter(|document| document["kind"] != "ServiceAccount") {
                self.put(namespace, document.clone()).await;
            }
        }
        let granted = granted.rights();
        for right in self.variant.shipped().rights() {
            let is_granted = granted.contains(&right);
            let what = format!("{right} is {}", if is_granted { "granted" } else { "refused" });
            until(&what, async || self.may(&right).await == is_granted).await;
        }
    }

    async fn put(&self, namespace: &str, mut document: Value) {
        let kind = document["kind"].as_str().unwrap().to_owned();
        if kind.starts_with("Cluster") {
            document["metadata"]["name"] = self.office.as_str().into();
        }
        if kind.ends_with("Binding") {
            document["subjects"][0]["namespace"] = self.office.as_str().into();
        }
        if kind == "ClusterRoleBinding" {
            document["roleRef"]["name"] = self.office.as_str().into();
        }
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("rbac.authorization.k8s.io", "v1", &kind));
        let client = self.stage.client.clone();
        let api: Api<DynamicObject> = if kind.starts_with("Cluster") {
            Api::all_with(client, &resource)
        } else {
            Api::namespaced_with(client, namespace, &resource)
        };
        let name = document["metadata"]["name"].as_str().unwrap().to_owned();
        api.patch(&name, &PatchParams::apply("rights").force(), &Patch::Apply(&document)).await.unwrap();
    }

    /// Whether the operator has the right, by the API server's own word.
    async fn may(&self, right: &Right) -> bool {
        let (resource, subresource) = right.resource.split_once('/').unwrap_or((&right.resource, ""));
        let namespace = if resource == "leases" { &self.office } else { &self.stage.namespace };
        let review = serde_json::from_value(json!({"metadata": {}, "spec": {
            "user": format!("system:serviceaccount:{}:{ACCOUNT}", self.office),
            "groups": ["system:serviceaccounts", "system:authenticated"],
            "resourceAttributes": {
                "group": right.group, "resource": resource, "subresource": subresource, "verb": right.verb,
                "namespace": namespace, "name": right.name.as_deref().unwrap_or_default(),
            },
        }}));
        let reviews: Api<SubjectAccessReview> = Api::all(self.stage.client.clone());
        let answer = reviews.create(&PostParams::default(), &review.unwrap()).await.unwrap();
        answer.status.is_some_and(|status| status.allowed)
    }

    async fn take(&self, right: &Right) {
        self.grant(&self.variant.shipped().without(right)).await;
    }

    async fn give_back(&self) {
        self.grant(&self.variant.shipped()).await;
    }

    /// How often the log warns that the right is missing.
    fn warnings(operator: &Operator, right: &Right) -> usize {
        let log = operator.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let is_warning = |line: &Value| line["level"] == "WARN" || line["level"] == "ERROR";
        let says = |text: &Value| text.as_str().is_some_and(|text| text.contains(&right.refusal()));
        lines.filter(is_warning).filter(|line| line.as_object().unwrap().values().any(says)).count()
    }

    async fn until_told(&self, operator: &Operator, right: &Right) {
        let what = format!("a warning that the operator {}", right.refusal());
        until(&what, async || Self::warnings(operator, right) > 0).await;
    }

    /// An event about the resource says so too, because its status cannot.
    async fn until_event(&self) {
        let is_told = async || events(&self.stage, "contoso").await.iter().any(|(reason, _)| reason == "Internal");
        until("an event", is_told).await;
    }

    async fn until_seen(&self, reason: &str, times: i32) {
        let what = format!("{times} times {reason}");
        until(&what, async || events(&self.stage, "contoso").await.contains(&(reason.to_owned(), times))).await;
    }
}

/// Takes the right away, sees what that does, and gives it back.
async fn trial(variant: Variant, right: Right) {
    let mut trial = Trial::open(variant).await;
    trial.take(&right).await;
    match right.to_string().as_str() {
        "get threatprotectiontenants" => nothing_is_taken_away(&mut trial, &right).await,
        "list threatprotectiontenants" => nothing_is_known(&mut trial, &right).await,
        "watch threatprotectiontenants" => no_change_is_seen(&mut trial, &right).await,
        "patch threatprotectiontenants" => nothing_is_held(&mut trial, &right).await,
        "patch threatprotectiontenants/status" => nothing_is_reported(&mut trial, &right).await,
        "create events" => no_event_is_published(&mut trial, &right).await,
        "patch events" => no_event_is_counted(&mut trial, &right).await,
        "get namespaces" => {
            if variant == Variant::ClusterWide {
                the_cluster_has_no_name(&mut trial, &right).await;
            }
            no_home_is_seen_to_go(&mut trial, &right).await;
        }
        DEFINITION => the_definition_is_not_seen_to_go(&mut trial, &right).await,
        "create leases" | "get leases" => nobody_leads(&mut trial, &right).await,
        "update leases" => {
            let lease = serde_json::from_value(json!({"metadata": {"name": ACCOUNT}, "spec": {}})).unwrap();
            let leases: Api<Lease> = Api::namespaced(trial.stage.client.clone(), &trial.office);
            leases.create(&PostParams::default(), &lease).await.unwrap();
            nobody_leads(&mut trial, &right).await;
        }
        unheard => unreachable!("{unheard} is shipped, and nobody has tried what happens without it"),
    }
}

async fn nothing_is_taken_away(trial: &mut Trial, right: &Right) {
    let operator = trial.operator().await;
    trial.apply(json!({})).await;
    trial.stage.until_current("contoso").await;
    trial.stage.edit("contoso", json!({"desiredState": "Disabled"})).await.unwrap();
    trial.until_told(&operator, right).await;
    trial.until_event().await;
    trial.assert_effects(ENABLED).await;
    trial.give_back().await;
    trial.stage.until_ready("contoso", "True", "Disabled").await;
}

async fn nothing_is_known(trial: &mut Trial, right: &Right) {
    let operator = trial.operator().await;
    trial.apply(json!({})).await;
    trial.until_told(&operator, right).await;
    let (status, body) = probe(&probes(&operator).await, "/readyz").await;
    assert!(status == 503 && body.contains("pending: custom resource definition"), "{body}");
    trial.assert_effects(&["seeded"]).await;
    trial.give_back().await;
    trial.stage.until_current("contoso").await;
}

async fn no_change_is_seen(trial: &mut Trial, right: &Right) {
    let operator = trial.operator().await;
    trial.until_told(&operator, right).await;
    let before = Trial::warnings(&operator, right);
    trial.apply(json!({})).await;
    until("it is tried again", async || Trial::warnings(&operator, right) > before).await;
    trial.assert_effects(&["seeded"]).await;
    trial.give_back().await;
    trial.stage.until_current("contoso").await;
}

async fn nothing_is_held(trial: &mut Trial, right: &Right) {
    let operator = trial.operator().await;
    trial.apply(json!({"deletionPolicy": "Deprovision"})).await;
    trial.until_told(&operator, right).await;
    trial.until_event().await;
    trial.assert_effects(&["seeded"]).await;
    trial.give_back().await;
    let held = trial.stage.until_current("contoso").await;
    assert_eq!(held["metadata"]["finalizers"], json!([FINALIZER]));
}

async fn nothing_is_reported(trial: &mut Trial, right: &Right) {
    let operator = trial.operator().await;
    trial.apply(json!({})).await;
    trial.until_told(&operator, right).await;
    trial.until_event().await;
    trial.assert_effects(&["seeded"]).await;
    trial.give_back().await;
    trial.stage.until_current("contoso").await;
}

async fn no_event_is_published(trial: &mut Trial, right: &Right) {
    let operator = trial.operator().await;
    trial.apply(json!({})).await;
    trial.stage.until_current("contoso").await;
    trial.until_told(&operator, right).await;
    assert!(events(&trial.stage, "contoso").await.is_empty());
    trial.give_back().await;
    trial.stage.edit("contoso", json!({"desiredState": "Disabled"})).await.unwrap();
    trial.until_seen("Disabled", 1).await;
}

async fn no_event_is_counted(trial: &mut Trial, right: &Right) {
    let operator = trial.operator().await;
    trial.apply(json!({})).await;
    trial.until_seen("Enabled", 1).await;
    for state in ["Disabled", "Enabled"] {
        trial.stage.edit("contoso", json!({"desiredState": state})).await.unwrap();
        trial.stage.until_ready("contoso", "True", state).await;
    }
    trial.until_told(&operator, right).await;
    trial.until_seen("Enabled", 1).await;
    trial.give_back().await;
    trial.stage.edit("contoso", json!({"desiredState": "Disabled"})).await.unwrap();
    trial.until_seen("Disabled", 2).await;
}

async fn the_cluster_has_no_name(trial: &mut Trial, right: &Right) {
    let operator = trial.operator().await;
    trial.until_told(&operator, right).await;
    assert!(operator.log().contains("broker.clusterId"), "{}", operator.log());
    let address = probes(&operator).await;
    let (status, body) = probe(&address, "/readyz").await;
    assert!(status == 503 && body.contains("pending: cluster id"), "{body}");
    trial.give_back().await;
    until_ready(&address).await;
    drop(operator);
    trial.take(right).await;
    trial.configuration.cluster_id = Some("a-cluster");
}

async fn deleted_and_held(trial: &mut Trial) -> Operator {
    let operator = trial.operator().await;
    trial.apply(json!({"deletionPolicy": "Deprovision"})).await;
    trial.stage.until_current("contoso").await;
    delete(&trial.stage).await;
    trial.stage.until_ready("contoso", "False", "DeprovisionNotDeclared").await;
    operator
}

/// What the log says once a home can be seen again.
const SEEN_AGAIN: &str = "it can be told again whether it is being deleted";

async fn no_home_is_seen_to_go(trial: &mut Trial, right: &Right) {
    let operator = deleted_and_held(trial).await;
    trial.until_told(&operator, right).await;
    if trial.variant == Variant::OneNamespace {
        // A namespace takes the rights in it along, in no order that could be relied on.
        trial.give_back().await;
        until("it is seen again", async || operator.log().contains(SEEN_AGAIN)).await;
        return trial.assert_effects(ENABLED).await;
    }
    shared().start_controllers().unwrap();
    let namespaces: Api<Namespace> = Api::all(trial.stage.client.clone());
    namespaces.delete(&trial.stage.namespace, &DeleteParams::default()).await.unwrap();
    looks(&trial.stage, TENANT, 2).await;
    assert!(!trial.stage.read("contoso").await.is_null(), "nobody knows that its namespace goes");
    trial.give_back().await;
    gone(&trial.stage, "contoso").await;
    trial.assert_effects(ENABLED).await;
}

async fn the_definition_is_not_seen_to_go(trial: &mut Trial, right: &Right) {
    let operator = deleted_and_held(trial).await;
    trial.until_told(&operator, right).await;
    assert!(operator.log().contains("set deletionPolicy: Retain"), "{}", operator.log());
    looks(&trial.stage, TENANT, 2).await;
    assert_eq!(Trial::warnings(&operator, right), 1, "it is told once");
    trial.give_back().await;
    until("it is seen again", async || operator.log().contains(SEEN_AGAIN)).await;
    trial.assert_effects(ENABLED).await;
}

async fn nobody_leads(trial: &mut Trial, right: &Right) {
    trial.configuration.election = None;
    let operator = trial.operator().await;
    trial.apply(json!({})).await;
    trial.until_told(&operator, right).await;
    let body = until_ready(&probes(&operator).await).await;
    assert!(body.contains("leader: nobody yet"), "{body}");
    trial.assert_effects(&["seeded"]).await;
    trial.give_back().await;
    trial.stage.until_current("contoso").await;
}

#[rstest]
#[case::cluster_wide(Variant::ClusterWide)]
#[case::one_namespace(Variant::OneNamespace)]
#[tokio::test(flavor = "multi_thread")]
async fn every_right_is_needed_and_its_loss_is_told_and_healed(#[case] variant: Variant) {
    let rights = variant.shipped().rights();
    assert!(rights.len() >= 11, "{rights:?}");
    join_all(rights.into_iter().map(|right| Box::pin(trial(variant, right)))).await;
}

/// With all of them, and nothing else, a whole life takes its course and nothing is refused.
#[rstest]
#[case::cluster_wide(Variant::ClusterWide, &[])]
#[case::one_namespace(Variant::OneNamespace, &["customresourcedefinitions"])]
#[tokio::test]
async fn the_shipped_rights_suffice(#[case] variant: Variant, #[case] refused: &[&str]) {
    let mut trial = Trial::open(variant).await;
    trial.configuration.election = None;
    let _operator = trial.operator().await;
    trial.apply(json!({"deletionPolicy": "Deprovision"})).await;
    trial.stage.until_current("contoso").await;
    delete(&trial.stage).await;
    trial.stage.until_ready("contoso", "False", "DeprovisionNotDeclared").await;
    trial.stage.edit("contoso", confirmed()).await.unwrap();
    gone(&trial.stage, "contoso").await;
    trial.assert_effects(DEPROVISIONED).await;
    let asked = asked(&trial.stage, &trial.office).await;
    let codes = asked.iter().filter(|entry| entry.response_code == Some(403));
    let codes: BTreeSet<&str> = codes.map(|entry| entry.resource.as_str()).collect();
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), refused);
}

/// Everything that the operator of this namespace has asked of the API server so far.
async fn asked(stage: &Stage, office: &str) -> Vec<AuditEntry> {
    let marker = format!("marker-{}", uuid::Uuid::new_v4().simple());
    assert!(stage.read(&marker).await.is_null());
    let audit = || stage.plane.audit().unwrap();
    until("the marker is in the audit log", async || audit().iter().any(|entry| entry.name == marker)).await;
    let user = format!("system:serviceaccount:{office}:{ACCOUNT}");
    audit().into_iter().filter(|entry| entry.user == user).collect()
}

#[test]
fn one_namespace_needs_the_same_but_the_definition() {
    let set = |variant: Variant| variant.shipped().rights().into_iter().collect::<BTreeSet<_>>();
    let (all, few) = (set(Variant::ClusterWide), set(Variant::OneNamespace));
    let missing: Vec<String> = all.difference(&few).map(ToString::to_string).collect();
    assert_eq!(missing, [DEFINITION]);
    assert!(few.is_subset(&all));
}

/// Nothing is granted by a star, and nothing secret in general: whoever declares credentials grants exactly those.
#[test]
fn no_secret_is_granted_but_by_its_name() {
    for variant in [Variant::ClusterWide, Variant::OneNamespace] {
        for right in variant.shipped().rights() {
            assert!(![&right.group, &right.resource, &right.verb].iter().any(|part| part.contains('*')), "{right}");
            assert!(
                !right.resource.starts_with("secrets") && !right.resource.starts_with("serviceaccounts"),
                "{right}"
            );
        }
    }
    let samples = [
        include_str!("../../deploy/samples/credentials/secret.yaml"),
        include_str!("../../deploy/samples/credentials/workload-identity.yaml"),
    ];
    let samples = Shipped { office: samples.into_iter().flat_map(documents).collect(), watched: Vec::new() };
    let rights = samples.rights();
    assert!(rights.iter().all(|right| right.name.as_deref() == Some("contoso-reader")), "{rights:?}");
    let mut rights: Vec<String> = rights.iter().map(ToString::to_string).collect();
    rights.sort();
    assert_eq!(rights, ["create serviceaccounts/token", "get secrets", "get serviceaccounts"]);
}

/// By the API server's own record, of this stage and of every other that has run by now.
#[tokio::test]
async fn secrets_are_read_by_name_and_neither_listed_nor_watched() {
    let stage = Stage::open("secrets").await;
    let members = json!({"service": {"state": "on", "region": "EU"}, "region": "EU"});
    stage.simulator.seed(TENANT, tenant(members)).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    stage.give_secret("another", "nobody needs it").await;
    let _operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "credentials": by_secret()})).await.unwrap();
    stage.until_current("contoso").await;
    stage.take_secret(SECRET_NAME).await;
    let is_missed = |resource: &Value| verdict(resource, "CredentialsReady").1 == "CredentialsMissing";
    stage.until("contoso", "without its Secret", is_missed).await;
    let own = asked(&stage, &stage.namespace).await;
    let names: BTreeSet<_> = own.iter().filter(|it| it.resource == "secrets").map(|it| it.name.as_str()).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), [SECRET_NAME]);
    let all = stage.plane.audit().unwrap();
    let operators = all.iter().filter(|it| it.user.ends_with(&format!(":{ACCOUNT}")) && it.resource == "secrets");
    for entry in operators {
        assert!(entry.verb == "get" && !entry.name.is_empty() && entry.subresource.is_empty(), "{entry:?}");
    }
}

#[rstest]
#[case("deploy/base")]
#[case("deploy/base-namespaced")]
#[case("deploy/base-namespaced/watched")]
#[case("deploy/overlays/default")]
#[tokio::test]
async fn kustomize_builds_what_is_shipped(#[case] folder: &str) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let built = shared().kubectl(&["kustomize", folder.to_str().unwrap()]).await.unwrap();
    let told = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{told}");
    assert!(String::from_utf8_lossy(&built.stdout).contains("kind: Role"), "{told}");
}
