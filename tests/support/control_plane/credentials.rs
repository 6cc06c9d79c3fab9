//! Keys, certificates, tokens and kubeconfigs of one control plane, made anew for each.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::ControlPlaneError;
use super::launch::AUTHORITY;

/// As whom a kubeconfig speaks, and to whom.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    /// As whom.
    pub(crate) credential: Credential,
    /// Another address than the API server's own, for a proxy in front of it. The certificate is accepted there too,
    /// as it names the host and not the port.
    pub(crate) server: Option<SocketAddr>,
    /// The default namespace.
    pub(crate) namespace: Option<String>,
}

/// As whom to speak.
#[derive(Debug, Clone, Default)]
pub(crate) enum Credential {
    /// `admin` in `system:masters`, who may do everything.
    #[default]
    Admin,
    /// Whoever the token says, as from [`super::ControlPlane::service_account_token`].
    Token(String),
    /// The administrator pretending to be this user; its permissions apply, the audit log names both.
    As(String),
}

/// The secrets of one control plane.
#[derive(Debug)]
pub(super) struct Credentials {
    certificate_authority: String,
    admin: String,
    controllers: String,
}

impl Credentials {
    /// Makes them and puts the files that the API server reads into `directory`.
    pub(super) fn write(directory: &Path) -> Result<Self, ControlPlaneError> {
        let issuer = CertifiedIssuer::self_signed(authority_params(), KeyPair::generate()?)?;
        let server_key = KeyPair::generate()?;
        let server = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()])?
            .signed_by(&server_key, &issuer)?;
        let signer = KeyPair::generate()?;
        let credentials = Self {
            certificate_authority: issuer.as_ref().pem(),
            admin: format!("admin-{}", Uuid::new_v4().simple()),
            controllers: format!("controllers-{}", Uuid::new_v4().simple()),
        };
        write(directory, AUTHORITY, &credentials.certificate_authority)?;
        write(directory, "server.crt", &server.pem())?;
        write(directory, "server.key", &server_key.serialize_pem())?;
        write(directory, "service-account.key", &signer.serialize_pem())?;
        write(directory, "service-account.pub", &signer.public_key_pem())?;
        write(directory, "tokens.csv", &credentials.tokens())?;
        Ok(credentials)
    }

    /// The controllers have a name of their own, so that the audit log tells them from a test.
    fn tokens(&self) -> String {
        let Self { admin, controllers, .. } = self;
        format!(
            "{admin},admin,1,\"system:masters\"\n{controllers},system:kube-controller-manager,2,\"system:masters\"\n"
        )
    }

    /// A kubeconfig for `access` to the API server at `server`.
    pub(super) fn kubeconfig(&self, server: SocketAddr, access: &Access) -> Value {
        let authority = base64::engine::general_purpose::STANDARD.encode(&self.certificate_authority);
        let user = match &access.credential {
            Credential::Admin => json!({ "token": self.admin }),
            Credential::Token(token) => json!({ "token": token }),
            Credential::As(user) => json!({ "token": self.admin, "as": user }),
        };
        let mut context = json!({ "cluster": "test", "user": "test" });
        if let (Some(namespace), Some(context)) = (&access.namespace, context.as_object_mut()) {
            context.insert("namespace".to_owned(), json!(namespace));
        }
        let server = format!("https://{}", access.server.unwrap_or(server));
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": "test", "cluster": { "server": server, "certificate-authority-data": authority } }],
            "users": [{ "name": "test", "user": user }],
            "contexts": [{ "name": "test", "context": context }],
            "current-context": "test",
        })
    }

    /// Access for kube-controller-manager.
    pub(super) fn controllers(&self) -> Access {
        Access { credential: Credential::Token(self.controllers.clone()), ..Access::default() }
    }
}

/// Writes `text` to the file `name` in `directory` and says where it is.
pub(super) fn write(directory: &Path, name: &str, text: &str) -> Result<PathBuf, ControlPlaneError> {
    let path = directory.join(name);
    std::fs::write(&path, text).map_err(ControlPlaneError::io(format!("write {}", path.display())))?;
    Ok(path)
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "control plane of a test");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}
