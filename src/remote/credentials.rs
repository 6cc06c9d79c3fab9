//! What a resource signs in with. No `Debug` of it shows a secret.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use secrecy::SecretString;

use crate::plan::failure::Failure;
use crate::tenant::TenantId;

/// The operator's own federated identity, and for whom the administrator allows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnIdentity {
    /// The file with the projected token; it is read anew each time, because the kubelet rotates it.
    pub token_file: Option<PathBuf>,
    /// Who may use it: namespace, client id in lower case, tenant.
    pub allowed: BTreeSet<(String, String, TenantId)>,
}

/// An application of Microsoft Entra, and how it proves itself.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Application (client) id, lower case.
    pub client_id: String,
    /// The proof.
    pub proof: Proof,
}

/// How an application proves itself.
#[derive(Clone)]
pub enum Proof {
    /// With a client secret.
    Secret {
        /// The secret.
        value: SecretString,
        /// Where it is kept: uid of the Kubernetes Secret, and the key. Who keeps another one gets tokens of its own.
        origin: String,
        /// Changes whenever the secret may have changed: resource version of the Kubernetes Secret.
        version: String,
    },
    /// With a token of a Kubernetes ServiceAccount (workload identity federation).
    Federated {
        /// Where such tokens come from. It is asked only when a token of Microsoft Entra has to be bought.
        source: Arc<dyn AssertionSource>,
        /// Names the source: tokens bought with one source are never used for another.
        origin: String,
    },
}

/// Hands out tokens of a Kubernetes ServiceAccount for the audience `api://AzureADTokenExchange`.
pub trait AssertionSource: Send + Sync {
    /// A token that is valid for a while yet. A failure says what to do, and its reason is one of the catalogue's of
    /// credentials where only a person can mend it.
    fn assertion(&self) -> BoxFuture<'_, Result<SecretString, Failure>>;
}

impl Proof {
    /// Where the proof comes from. Tokens are kept under it, so that a resource that only names the tenant and the
    /// application of another one neither uses nor drives out what that one has.
    #[must_use]
    pub fn origin(&self) -> &str {
        match self {
            Self::Secret { origin, .. } | Self::Federated { origin, .. } => origin,
        }
    }

    /// Changes whenever the proof may have changed.
    #[must_use]
    pub fn version(&self) -> &str {
        match self {
            Self::Secret { version, .. } => version,
            // A source hands out fresh tokens by itself.
            Self::Federated { .. } => "",
        }
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Secret { .. } => "Secret",
            Self::Federated { .. } => "Federated",
        };
        f.debug_struct(kind).field("origin", &self.origin()).field("version", &self.version()).finish_non_exhaustive()
    }
}
