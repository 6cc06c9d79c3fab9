//! What the administrator configures about the broker, and never the resource.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::remote::http::{BaseUrlError, ClientError, Url};

/// Everything that a `Broker` needs to know. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct BrokerSettings {
    /// The address before `/v2/…`: https, or http on loopback.
    pub url: Url,
    /// How we sign in.
    pub auth: BrokerAuth,
    /// Certificates (PEM) that are trusted instead of those of the system.
    pub ca_bundle: Option<Vec<u8>>,
    /// Name of the service offering in the catalog.
    pub offering: String,
    /// Name of the service plan of that offering.
    pub plan: String,
    /// Names this cluster: usually the uid of the namespace `kube-system`.
    pub cluster_id: String,
    /// Who the operator is.
    pub operator: OperatorIdentity,
    /// Limit of one request, from first byte to last.
    pub request_timeout: Duration,
}

/// How we sign in to the broker.
#[derive(Clone, Debug)]
pub enum BrokerAuth {
    /// HTTP basic authentication, which every broker knows.
    Basic {
        /// User name, without a colon (RFC 7617).
        username: String,
        /// Password.
        password: SecretString,
    },
    /// A bearer token.
    Bearer {
        /// The token.
        token: SecretString,
    },
    /// A client certificate.
    ClientCertificate {
        /// Certificate chain and private key, in one PEM text.
        identity: SecretString,
    },
}

/// Tells whether a rotation has changed anything; never compares with what a stranger says.
impl PartialEq for BrokerAuth {
    fn eq(&self, other: &Self) -> bool {
        let is_same = |one: &SecretString, other: &SecretString| one.expose_secret() == other.expose_secret();
        match (self, other) {
            (
                Self::Basic { username, password },
                Self::Basic { username: other_username, password: other_password },
            ) => username == other_username && is_same(password, other_password),
            (Self::Bearer { token }, Self::Bearer { token: other }) => is_same(token, other),
            (Self::ClientCertificate { identity }, Self::ClientCertificate { identity: other }) => {
                is_same(identity, other)
            }
            (Self::Basic { .. } | Self::Bearer { .. } | Self::ClientCertificate { .. }, _) => false,
        }
    }
}

/// The operator's own `ServiceAccount`, as `user.info` of Kubernetes shows it (`profile.md`, originating identity).
///
/// The broker sees this identity on every call, whichever resource asked; the namespace and the name of the resource
/// are in `context`. The operator does not know which person changed the resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OperatorIdentity {
    /// `system:serviceaccount:<namespace>:<name>`
    pub username: String,
    /// Uid of the `ServiceAccount`.
    pub uid: String,
    /// Its groups.
    pub groups: Vec<String>,
    /// Further facts about it.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// The settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerSetupError {
    /// The address may not be asked.
    #[error("reading broker.url: {cause}")]
    Url {
        /// Why.
        #[source]
        cause: BaseUrlError,
    },
    /// A certificate or key cannot be used.
    #[error("preparing the client of the broker: {cause}")]
    Client {
        /// Why.
        #[source]
        cause: ClientError,
    },
    /// A value does not fit into a header.
    #[error("writing the header {header} of the broker's requests: {why}")]
    Header {
        /// Which header.
        header: &'static str,
        /// Why not; the value is not shown.
        why: &'static str,
    },
}
