//! The simulator's own certificate authority and server certificate.
//!
//! The authority is made once and kept beside the state file, so that a client that trusts it goes on trusting it after
//! a restart; the server certificate is made anew at each start.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use axum_server::tls_rustls::RustlsConfig;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::store::{StoreError, beside, replace};

/// The certificates could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A certificate or key is not usable.
    #[error(
        "cannot make the simulator's certificates: {source}; if a .ca-key.pem file exists, remove it to get a new authority"
    )]
    Certificate {
        /// What rcgen said.
        #[from]
        source: rcgen::Error,
    },
    /// rustls refused the server certificate.
    #[error("rustls refuses the simulator's certificate: {source}")]
    Server {
        /// Why.
        source: std::io::Error,
    },
}

/// The names under which the server can be reached without `--san`.
const ALWAYS: [&str; 3] = ["127.0.0.1", "::1", "localhost"];

/// Makes the server's TLS configuration; reads or creates the authority. Returns the path of the authority's certificate (PEM).
///
/// `sans` are further host names and IP addresses.
pub async fn prepare(state: &Path, sans: &[String]) -> Result<(RustlsConfig, PathBuf), TlsError> {
    // Another part of the process may have installed a provider already; any one will do.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let ca_file = beside(state, "ca.pem");
    let key_file = beside(state, "ca-key.pem");
    let params = authority();
    let ca_key = match std::fs::read_to_string(&key_file) {
        Ok(pem) => KeyPair::from_pem(&pem)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = KeyPair::generate()?;
            // The certificate first: with the key alone the next start would have no certificate to show.
            replace(&ca_file, params.self_signed(&key)?.pem().as_bytes())?;
            replace(&key_file, key.serialize_pem().as_bytes())?;
            key
        }
        Err(source) => return Err(StoreError::Io { act: "read", path: key_file, source }.into()),
    };
    let issuer = Issuer::new(params, ca_key);
    let names: BTreeSet<String> = ALWAYS.iter().map(ToString::to_string).chain(sans.iter().cloned()).collect();
    let mut leaf = CertificateParams::new(Vec::from_iter(names))?;
    leaf.distinguished_name = named("threat-protection simulator");
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &issuer)?;
    let config = RustlsConfig::from_pem(certificate.pem().into_bytes(), key.serialize_pem().into_bytes())
        .await
        .map_err(|source| TlsError::Server { source })?;
    Ok((config, ca_file))
}

/// The parameters of the authority; they are the same at each start, so that the kept key belongs to the kept certificate.
fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("threat-protection simulator CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}
