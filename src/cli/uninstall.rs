//! `uninstall --check`: says what would be left or hurt if the operator were uninstalled now. Nothing is written.
//!
//! Input: the resources, the custom resource definition and the Leases of the cluster. Output: what is in the way and how
//! each of it is released, and what stays by design. What is in the way is decided in `left`, without a cluster.

use std::io::{self, Write};

use clap::Args as ClapArgs;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, Client};

use super::plan::{Exit, Output};
use crate::api::{CRD_NAME, ThreatProtectionTenant};
use crate::controller::{self, ClusterError};

mod left;
mod text;

pub use left::{Found, Hindrance, KeptDefinition, KeptLease, KeptTenant, Kind, Left};
pub use text::text;

/// Resources that are asked for at once.
const PAGE: u32 = 500;

/// Arguments of `uninstall`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Exit codes: 0 nothing is in the way; 2 something is in the way; 1 an error, or the resources could not be seen."
)]
pub struct Args {
    /// Look, and change nothing; there is no other way: uninstalling is your package manager's
    #[arg(long, required = true)]
    check: bool,
    /// Look at the resources of one namespace only, as an operator with controller.watchNamespace does
    #[arg(short, long)]
    namespace: Option<String>,
    /// Name of the operator's Lease, where leaderElection.name says another one
    #[arg(long, value_name = "NAME", default_value = "threat-protection-operator")]
    lease: String,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// It cannot be told what is in the way.
#[derive(Debug, thiserror::Error)]
pub enum UninstallError {
    /// There is no way into the cluster.
    #[error("the cluster cannot be asked. Set KUBECONFIG, or choose its context")]
    Cluster(#[from] ClusterError),
    /// The API server refused, or did not answer.
    #[error("cannot look at {what}: {problem}. {remedy}")]
    Unread {
        /// What was asked for.
        what: &'static str,
        /// Why not.
        problem: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// It cannot be written as JSON.
    #[error("cannot write the outcome as JSON")]
    Encode(#[from] serde_json::Error),
    /// The output is closed.
    #[error("cannot print the outcome")]
    Print(#[source] io::Error),
}

/// Looks, prints, and tells how it ended.
pub async fn run(args: Args, output: &mut impl Write) -> Result<Exit, UninstallError> {
    let Args { check: _, namespace, lease, output: form } = args;
    let client = controller::connect().await?;
    let found = found(&client, namespace.as_deref(), &lease).await?;
    let left = Left::of(&found);
    let printed = match form {
        Output::Text => text(&left),
        Output::Json => serde_json::to_string_pretty(&left)? + "\n",
    };
    output.write_all(printed.as_bytes()).map_err(UninstallError::Print)?;
    Ok(if left.is_clear() { Exit::Settled } else { Exit::Pending })
}

async fn found(client: &Client, namespace: Option<&str>, lease: &str) -> Result<Found, UninstallError> {
    // Whoever looks after one namespace may see neither definitions nor the Leases of others, and neither is in the way.
    let mut unseen = Vec::new();
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition = seen("the definition", definitions.get_opt(CRD_NAME).await, &mut unseen)?.flatten();
    let leases: Api<Lease> = Api::all(client.clone());
    let named = ListParams::default().fields(&format!("metadata.name={lease}"));
    let leases = seen("Leases", leases.list(&named).await, &mut unseen)?.map(|list| list.items).unwrap_or_default();
    let resources = resources(client, namespace).await?;
    Ok(Found { resources, definition, leases, namespace: namespace.map(str::to_owned), unseen })
}

/// What was answered; nothing where it may not be seen, which is noted.
fn seen<T>(
    what: &'static str,
    answer: Result<T, kube::Error>,
    unseen: &mut Vec<&'static str>,
) -> Result<Option<T>, UninstallError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(kube::Error::Api(status)) if status.is_forbidden() => {
            unseen.push(what);
            Ok(None)
        }
        Err(error) => Err(unread(what, &error)),
    }
}

/// All of them, page by page; none where the definition is not applied.
async fn resources(client: &Client, namespace: Option<&str>) -> Result<Vec<DynamicObject>, UninstallError> {
    let kind = ApiResource::erase::<ThreatProtectionTenant>(&());
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &kind),
        None => Api::all_with(client.clone(), &kind),
    };
    let mut all = Vec::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let listed = match api.list(&page).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(all),
            listed => listed.map_err(|error| unread("the resources", &error))?,
        };
        all.extend(listed.items);
        match listed.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = ListParams::default().limit(PAGE).continue_token(&token),
            None => return Ok(all),
        }
    }
}

fn unread(what: &'static str, error: &kube::Error) -> UninstallError {
    let (problem, remedy) = match error {
        kube::Error::Api(status) => {
            let remedy = match status.code {
                401 => "Sign in again, or choose another context of your kubeconfig",
                403 => "Have the permission granted that is named, or choose another context of your kubeconfig",
                410 => "The list went stale while it was read: try again",
                _ => "Try again later, or ask who runs the API server",
            };
            (format!("{} ({})", status.message.trim_end_matches('.'), status.code), remedy)
        }
        other => (other.to_string(), "Check the server and the current context of your kubeconfig (KUBECONFIG)"),
    };
    UninstallError::Unread { what, problem, remedy }
}
