//! Metrics on a listener of their own, with TLS and with proof of who asks, where the administrator wants it.
//!
//! Certificates are read again when they change, and the token at each request: a rotation needs no restart. Who may not
//! look is told nothing, not even why.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_util::sync::CancellationToken;

use super::metrics;
use super::probes::Readiness;

/// The time between two looks at the certificates.
const LOOK: Duration = Duration::from_secs(30);
/// The time for answers that are under way when the process ends.
const DRAIN: Duration = Duration::from_secs(1);

/// Who may look, and how the way is protected. `Debug` shows names of files only.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// TLS, where it is wanted.
    pub tls: Option<Tls>,
    /// A file with the token that must be shown as `Authorization: Bearer`, where one is wanted.
    pub token_file: Option<PathBuf>,
}

/// Files for TLS, all in PEM form.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate of the server, and those between it and its authority.
    pub certificate_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
    /// The authorities of client certificates; where it is named, a client must show one.
    pub client_ca_file: Option<PathBuf>,
}

/// The listener cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ExpositionError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file holds nothing of the kind that is needed.
    #[error("{} holds no usable {what} in PEM form", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// "certificate", "private key".
        what: &'static str,
    },
    /// The files do not belong together.
    #[error("the certificate and its key cannot be used: {problem}")]
    Tls {
        /// What the TLS library says.
        problem: String,
    },
    /// The listener failed.
    #[error("cannot serve the metrics")]
    Serve(#[from] io::Error),
}

/// What a request is judged by.
#[derive(Clone)]
struct Gate {
    readiness: Readiness,
    token_file: Option<PathBuf>,
}

/// Serves `/metrics` on `listener` until `shutdown`.
pub async fn serve(
    listener: TcpListener,
    access: Access,
    readiness: Readiness,
    shutdown: CancellationToken,
) -> Result<(), ExpositionError> {
    let Access { tls, token_file } = access;
    listener.set_nonblocking(true)?;
    let handle: Handle<SocketAddr> = Handle::new();
    let stopping = handle.clone();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        stopping.graceful_shutdown(Some(DRAIN));
    });
    let routes = Router::new().route("/metrics", get(answer)).with_state(Gate { readiness, token_file });
    let routes = routes.into_make_service();
    let Some(tls) = tls else {
        return Ok(axum_server::from_tcp(listener)?.handle(handle).serve(routes).await?);
    };
    let files = Files::read(&tls)?;
    let config = RustlsConfig::from_config(Arc::new(files.config(&tls)?));
    tokio::spawn(shutdown.run_until_cancelled_owned(renew(config.clone(), tls, files, LOOK)));
    Ok(axum_server::from_tcp_rustls(listener, config)?.handle(handle).serve(routes).await?)
}

async fn answer(State(gate): State<Gate>, headers: HeaderMap) -> Response {
    let is_allowed = match gate.token_file {
        None => true,
        Some(path) => {
            let shown = headers.get(AUTHORIZATION).map(|value| value.as_bytes().to_vec());
            let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await;
            match (read, shown) {
                (Ok(Ok(token)), Some(shown)) => is_token(&shown, token.trim_end()),
                (Ok(Err(error)), _) => {
                    tracing::debug!(%error, "the file with the token for the metrics cannot be read");
                    false
                }
                _ => false,
            }
        }
    };
    if is_allowed {
        ([(CONTENT_TYPE, metrics::CONTENT)], gate.readiness.measured()).into_response()
    } else {
        (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")]).into_response()
    }
}

/// Whether a header shows this token. An empty token is nobody's.
fn is_token(header: &[u8], token: &str) -> bool {
    let (scheme, shown) = header.split_at(header.len().min("Bearer ".len()));
    !token.is_empty() && scheme.eq_ignore_ascii_case(b"Bearer ") && is_equal(shown, token.as_bytes())
}

/// Compares in a time that depends on the lengths only.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    let difference = one.iter().zip(other).fold(0, |sum, (a, b)| std::hint::black_box(sum | (a ^ b)));
    one.len() == other.len() && difference == 0
}

/// What the files hold, to see whether they changed.
#[derive(PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Files {
    fn read(tls: &Tls) -> Result<Self, ExpositionError> {
        let read =
            |path: &Path| std::fs::read(path).map_err(|source| ExpositionError::File { path: path.to_owned(), source });
        Ok(Self {
            certificate: read(&tls.certificate_file)?,
            key: read(&tls.key_file)?,
            client_ca: tls.client_ca_file.as_deref().map(read).transpose()?,
        })
    }

    fn config(&self, tls: &Tls) -> Result<ServerConfig, ExpositionError> {
        let unusable = |problem: &dyn ToString| ExpositionError::Tls { problem: problem.to_string() };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&error))?;
        let builder = match (&self.client_ca, &tls.client_ca_file) {
            (Some(bundle), Some(path)) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(certificates(bundle, path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| unusable(&error))?)
            }
            _ => builder.with_no_client_auth(),
        };
        let chain = certificates(&self.certificate, &tls.certificate_file)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key);
        let key = key.map_err(|_| ExpositionError::Pem { path: tls.key_file.clone(), what: "private key" })?;
        let mut config = builder.with_single_cert(chain, key).map_err(|error| unusable(&error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn certificates(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, ExpositionError> {
    let unusable = || ExpositionError::Pem { path: path.to_owned(), what: "certificate" };
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.ok().filter(|all| !all.is_empty()).ok_or_else(unusable)
}

/// Takes over certificates that have changed. Files that are being replaced, or do not fit, leave the old ones in use.
async fn renew(config: RustlsConfig, tls: Tls, mut known: Files, every: Duration) {
    let mut told = String::new();
    loop {
        tokio::time::sleep(every).await;
        let files = tls.clone();
        let read = tokio::task::spawn_blocking(move || {
            let read = Files::read(&files)?;
            let config = read.config(&files)?;
            Ok::<_, ExpositionError>((read, config))
        });
        match read.await {
            Ok(Ok((read, fresh))) if read != known => {
                config.reload_from_config(Arc::new(fresh));
                known = read;
                told.clear();
                tracing::info!("the certificate of the metrics is a new one");
            }
            Ok(Err(error)) if error.to_string() != told => {
                tracing::warn!(%error, "the certificate of the metrics stays the old one");
                told = error.to_string();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
#[path = "exposition/tests.rs"]
mod tests;
