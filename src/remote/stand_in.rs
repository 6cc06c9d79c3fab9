//! A stand-in for Microsoft's hosts in tests: a server over TLS that answers as a test says, and remembers what it saw.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use axum_server::tls_rustls::RustlsConfig;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

pub(super) mod microsoft;

use super::channel::Channel;
use super::credentials::{Credentials, Proof};
use super::hosts::{HostOverrides, Hosts};
use super::session::MicrosoftSettings;
use crate::tenant::{Cloud, TenantId};

pub(super) const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";
pub(super) const CLIENT: &str = "0b1e6a5c-7d8e-4f3a-9b2c-1d0e5f6a7b8c";
/// Must never be seen in any text.
pub(super) const SECRET: &str = "pl4nted-secret~8Q";
/// Must never be seen in any text.
pub(super) const TOKEN: &str = "pl4nted.token.value";

/// A request that came in.
#[derive(Clone)]
pub(super) struct Seen {
    pub method: String,
    /// Path and query.
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(super) fn is_token_request(&self) -> bool {
        self.path.ends_with("/oauth2/v2.0/token")
    }
}

/// What is answered.
#[derive(Clone, Default)]
pub(super) struct Canned {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub delay: Duration,
    /// Whether the connection ends after the body, although more was promised.
    pub is_cut: bool,
}

impl Canned {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self { status, body: body.to_string().into_bytes(), ..Self::default() }
    }

    pub(super) fn text(status: u16, body: &str) -> Self {
        Self { status, body: body.as_bytes().to_vec(), ..Self::default() }
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// A token that lives an hour.
    pub(super) fn token(token: &str) -> Self {
        Self::json(200, &json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": token }))
    }

    /// An error of Microsoft Entra, its description with an escaped end of line as the real ones have it.
    pub(super) fn aadsts(status: u16, error: &str, code: u32) -> Self {
        Self::json(
            status,
            &json!({
                "error": error,
                "error_description": format!("AADSTS{code}: It isn't \"right\": '{SECRET}'.\r\nTrace ID: x"),
                "error_codes": [code],
                "trace_id": "b0f62116-10b6-4a73-bdb2-281524404e00",
                "correlation_id": "4a42e576-85bc-46ae-b7e3-b52cb8958917",
            }),
        )
    }
}

/// The server.
pub(super) struct StandIn {
    pub address: SocketAddr,
    pub ca: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl StandIn {
    pub(super) fn answering(answer: impl Fn(&Seen) -> Canned + Clone + Send + Sync + 'static) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(certificate.pem().as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let app = router(answer, Arc::clone(&seen));
        let server = axum_server::from_tcp_rustls(listener, RustlsConfig::from_config(Arc::new(config))).unwrap();
        tokio::spawn(server.serve(app.into_make_service()));
        Self { address, ca: authority.pem(), seen }
    }

    /// Everything that came in so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn token_requests(&self) -> usize {
        self.seen().iter().filter(|seen| seen.is_token_request()).count()
    }

    pub(super) fn base(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// All hosts of all clouds are this server.
    pub(super) fn hosts(&self) -> Hosts {
        let url = |path: &str| Some(format!("{}{path}", self.base()).parse().unwrap());
        let all = HostOverrides { login: url(""), graph: url("/v1.0"), arm: url("/arm") };
        let clouds = [Cloud::Public, Cloud::GCCHigh, Cloud::DoD];
        Hosts::overridden(clouds.into_iter().map(|cloud| (cloud, all.clone())).collect()).unwrap()
    }

    pub(super) fn settings(&self) -> MicrosoftSettings {
        MicrosoftSettings {
            hosts: self.hosts(),
            ca_bundle: Some(self.ca.clone().into_bytes()),
            request_timeout: Duration::from_secs(5),
            allow_simulator: false,
            requests_per_minute: crate::remote::budget::REQUESTS_PER_MINUTE,
        }
    }

    pub(super) fn channel(&self, timeout: Duration) -> Channel {
        Channel::new(Some(self.ca.as_bytes()), timeout, false).unwrap()
    }
}

fn router(answer: impl Fn(&Seen) -> Canned + Clone + Send + Sync + 'static, log: Arc<Mutex<Vec<Seen>>>) -> Router {
    Router::new().fallback(move |request: Request| async move {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let seen = Seen {
            method: head.method.to_string(),
            path: head.uri.path_and_query().unwrap().to_string(),
            headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        log.lock().unwrap().push(seen.clone());
        let Canned { status, headers, body, delay, is_cut } = answer(&seen);
        tokio::time::sleep(delay).await;
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        response.body(if is_cut { cut(body) } else { Body::from(body) }).unwrap()
    })
}

fn cut(body: Vec<u8>) -> Body {
    let first: Result<Bytes, std::io::Error> = Ok(Bytes::from(body));
    let end = async {
        // What came before is on its way by then.
        tokio::time::sleep(Duration::from_millis(100)).await;
        Err(std::io::Error::other("cut"))
    };
    Body::from_stream(stream::iter([first]).chain(stream::once(end)))
}

pub(super) fn tenant() -> TenantId {
    TENANT.parse().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the sign-in library reads the clock of the machine")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

pub(super) fn secret(version: &str) -> Credentials {
    secret_from("secret/uid/key", version)
}

pub(super) fn secret_from(origin: &str, version: &str) -> Credentials {
    let proof = Proof::Secret { value: SECRET.into(), origin: origin.to_owned(), version: version.to_owned() };
    Credentials { client_id: CLIENT.to_owned(), proof }
}

/// Fails where a text shows what it must not.
#[track_caller]
pub(super) fn assert_silent(text: &str) {
    assert!(!text.contains("pl4nted"), "{text}");
}
