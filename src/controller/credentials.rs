//! What a resource signs in to Microsoft with: a Secret or a ServiceAccount of its own namespace, or the operator's own
//! federated identity where the administrator allows exactly that.
//!
//! Secrets are read one by one by name, in the resource's namespace and nowhere else; they are neither listed nor watched
//! nor kept. Every refusal says what to create or to grant.

use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};
use secrecy::SecretString;

use crate::api::Reason;
use crate::plan::desired::{Desired, DesiredCredentials, DesiredProof};
use crate::plan::failure::{ErrorClass, Failure};
use crate::remote::credentials::{AssertionSource, Credentials, OwnIdentity, Proof};
use crate::remote::{Signer, Unusable};
use crate::tenant::TenantId;

/// The audience that Microsoft Entra expects of a federated token (Microsoft, *Workload identity federation*, 2025).
const AUDIENCE: &str = "api://AzureADTokenExchange";
/// How long a minted token is good for, in seconds: it is exchanged at once, and ten minutes are the least.
const TOKEN_SECONDS: i64 = 600;
/// The annotation by which a ServiceAccount says which application it may be (azure-workload-identity).
const CLIENT_ID: &str = "azure.workload.identity/client-id";
/// The annotation by which it may also say of which tenant.
const TENANT_ID: &str = "azure.workload.identity/tenant-id";

/// What a resource that declares credentials signs in with.
pub(super) async fn signer(
    client: &Client,
    own: &OwnIdentity,
    namespace: &str,
    (desired, declared): (&Desired, &DesiredCredentials),
    (is_renewed, now): (bool, Timestamp),
) -> Signer {
    let proof = match &declared.proof {
        DesiredProof::Secret { name, key } => secret(client, namespace, (name, key)).await,
        DesiredProof::ServiceAccount { name } => {
            account(client, namespace, name, (&declared.client_id, desired.tenant)).await
        }
        DesiredProof::OperatorIdentity => own_token(own, namespace, (&declared.client_id, desired.tenant)),
    };
    let credentials = proof.map(|proof| Credentials { client_id: declared.client_id.clone(), proof });
    Signer { credentials, tenant: desired.tenant, cloud: desired.cloud, is_renewed, now }
}

async fn secret(client: &Client, namespace: &str, (name, key): (&str, &str)) -> Result<Proof, Unusable> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let found = match secrets.get(name).await {
        Ok(found) => found,
        Err(kube::Error::Api(status)) if status.is_not_found() => {
            return Err(missing(format!(
                "Secret {name} does not exist in namespace {namespace}: create it with key {key}, or correct spec.credentials.clientSecret.secretRef"
            )));
        }
        Err(error) => return Err(unread("Secret", name, namespace, (&error, "secrets, verb get"))),
    };
    let origin = format!("secret/{}/{key}", found.uid().unwrap_or_default());
    let version = found.resource_version().unwrap_or_default();
    let Some(value) = found.data.unwrap_or_default().remove(key) else {
        return Err(missing(format!(
            "Secret {name} in namespace {namespace} has no key {key}: add it, or correct spec.credentials.clientSecret.secretRef.key"
        )));
    };
    let text = String::from_utf8(value.0).ok().map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
    match text.filter(|text| !text.is_empty()) {
        Some(text) => Ok(Proof::Secret { value: SecretString::from(text), origin, version }),
        None => Err(missing(format!(
            "key {key} of Secret {name} in namespace {namespace} holds no text: put the value of the client secret there, not its id"
        ))),
    }
}

async fn account(
    client: &Client,
    namespace: &str,
    name: &str,
    (client_id, tenant): (&str, TenantId),
) -> Result<Proof, Unusable> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let found = match accounts.get(name).await {
        Ok(found) => found,
        Err(kube::Error::Api(status)) if status.is_not_found() => {
            return Err(missing(format!(
                "ServiceAccount {name} does not exist in namespace {namespace}: create it, annotated {CLIENT_ID}: {client_id}"
            )));
        }
        Err(error) => return Err(unread("ServiceAccount", name, namespace, (&error, "serviceaccounts, verb get"))),
    };
    let annotation = |name: &str| found.annotations().get(name).map(|value| value.trim().to_ascii_lowercase());
    let is_its = annotation(CLIENT_ID).is_some_and(|named| named == client_id);
    let is_there = annotation(TENANT_ID).is_none_or(|named| named == tenant.to_string());
    if !is_its || !is_there {
        let (annotation, value) =
            if is_its { (TENANT_ID, tenant.to_string()) } else { (CLIENT_ID, client_id.to_owned()) };
        return Err(invalid(format!(
            "ServiceAccount {name} in namespace {namespace} does not say that it is for this: annotate it {annotation}: {value}"
        )));
    }
    let origin = format!("serviceaccount/{}", found.uid().unwrap_or_default());
    let source = AccountToken { client: client.clone(), namespace: namespace.to_owned(), name: name.to_owned() };
    Ok(Proof::Federated { source: Arc::new(source), origin })
}

fn own_token(own: &OwnIdentity, namespace: &str, (client_id, tenant): (&str, TenantId)) -> Result<Proof, Unusable> {
    let entry = (namespace.to_owned(), client_id.to_owned(), tenant);
    let Some(path) = own.token_file.clone().filter(|_| own.allowed.contains(&entry)) else {
        return Err(invalid(format!(
            "the administrator's configuration does not let namespace {namespace} use the operator's own identity for client {client_id} and tenant {tenant}: name a serviceAccountName of this namespace, or have the entry added to microsoft.workloadIdentity.allow"
        )));
    };
    Ok(Proof::Federated { source: Arc::new(FileToken { path }), origin: "operator".to_owned() })
}

/// Mints tokens for a ServiceAccount.
struct AccountToken {
    client: Client,
    namespace: String,
    name: String,
}

impl AssertionSource for AccountToken {
    fn assertion(&self) -> BoxFuture<'_, Result<SecretString, Failure>> {
        async move {
            let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), &self.namespace);
            let request = TokenRequest {
                spec: TokenRequestSpec {
                    audiences: vec![AUDIENCE.to_owned()],
                    expiration_seconds: Some(TOKEN_SECONDS),
                    bound_object_ref: None,
                },
                ..TokenRequest::default()
            };
            let minted = accounts.create_token_request(&self.name, &PostParams::default(), &request).await;
            let right = "serviceaccounts/token, verb create";
            let minted = minted.map_err(|error| {
                unread("token of ServiceAccount", &self.name, &self.namespace, (&error, right)).failure
            })?;
            Ok(SecretString::from(minted.status.map(|status| status.token).unwrap_or_default()))
        }
        .boxed()
    }
}

/// Reads the operator's projected token.
struct FileToken {
    path: PathBuf,
}

impl AssertionSource for FileToken {
    fn assertion(&self) -> BoxFuture<'_, Result<SecretString, Failure>> {
        let read = match std::fs::read_to_string(&self.path) {
            Ok(token) if !token.trim().is_empty() => Ok(SecretString::from(token.trim())),
            Ok(_) => Err("is empty".to_owned()),
            Err(error) => Err(format!("cannot be read ({})", error.kind())),
        };
        let read = read.map_err(|problem| Failure {
            class: ErrorClass::Transient,
            reason: Reason::CredentialsInvalid,
            message: format!(
                "the operator's own token {} {problem}: mount a projected token with audience {AUDIENCE} there",
                self.path.display()
            ),
            request_id: None,
        });
        std::future::ready(read).boxed()
    }
}

const fn missing(message: String) -> Unusable {
    person(Reason::CredentialsMissing, message)
}

const fn invalid(message: String) -> Unusable {
    person(Reason::CredentialsInvalid, message)
}

const fn person(reason: Reason, message: String) -> Unusable {
    Unusable { failure: Failure { class: ErrorClass::Auth, reason, message, request_id: None }, is_final: true }
}

/// What the API server did not hand out: a right that is missing is a person's, the rest passes.
fn unread(kind: &str, name: &str, namespace: &str, (error, right): (&kube::Error, &str)) -> Unusable {
    match error {
        kube::Error::Api(status) if status.is_forbidden() => missing(format!(
            "the operator may not read the {kind} {name} in namespace {namespace}: grant its ServiceAccount a Role there with {right}, resourceNames: [{name}]"
        )),
        kube::Error::Api(status) if status.is_not_found() => {
            missing(format!("the {kind} {name} does not exist in namespace {namespace}: create it"))
        }
        other => Unusable {
            failure: Failure {
                class: ErrorClass::Transient,
                reason: Reason::ProviderUnavailable,
                message: format!(
                    "the {kind} {name} could not be read from the cluster ({}): it is tried again",
                    problem(other)
                ),
                request_id: None,
            },
            is_final: false,
        },
    }
}

/// What the API server says, without the words of a body that could not be read: a Secret may be in them.
fn problem(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} {}", status.code, status.reason),
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => "its answer is not of the documented shape".to_owned(),
        _ => "it does not answer".to_owned(),
    }
}
