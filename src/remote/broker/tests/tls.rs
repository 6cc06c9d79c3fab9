//! Whose certificate is trusted, and which one is shown.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use axum_server::tls_rustls::RustlsConfig;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::*;
use crate::api::Reason;
use crate::plan::failure::ErrorClass;
use crate::remote::broker::BrokerHealth;

/// A certificate authority of one test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// Certificate and key for this name.
    fn issues(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

/// A broker over TLS whose clients must show a certificate of `clients`, if that is given.
fn serve(authority: &Authority, name: &str, clients: Option<&Authority>) -> SocketAddr {
    let (certificate, key) = authority.issues(name);
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(clients.pem().as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let config = RustlsConfig::from_config(Arc::new(builder.with_single_cert(chain, key).unwrap()));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/v2/catalog", get(|| async { catalog_body(false).to_string() }));
    let server = axum_server::from_tcp_rustls(listener, config).unwrap();
    tokio::spawn(server.serve(app.into_make_service()));
    address
}

fn trusting(authority: &Authority, address: SocketAddr) -> BrokerSettings {
    BrokerSettings {
        ca_bundle: Some(authority.pem().into_bytes()),
        ..settings(&format!("https://localhost:{}", address.port()))
    }
}

#[tokio::test]
async fn a_certificate_of_the_bundle_is_trusted() {
    let authority = Authority::new();
    let address = serve(&authority, "localhost", None);
    let broker = Broker::new(trusting(&authority, address)).unwrap();
    assert_eq!(broker.observe(&question(None)).await.failure, None);
    assert_eq!(broker.health(), BrokerHealth::Ok);
}

async fn refused(settings: BrokerSettings) -> Failure {
    let broker = Broker::new(settings).unwrap();
    let failure = broker.observe(&question(None)).await.failure.unwrap();
    assert_eq!((failure.class, failure.reason), (ErrorClass::Auth, Reason::ProviderUnavailable), "{failure}");
    assert_eq!(broker.health(), BrokerHealth::Failing(failure.clone()));
    failure
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_not_trusted() {
    let address = serve(&Authority::new(), "localhost", None);
    let failure = refused(trusting(&Authority::new(), address)).await;
    assert!(failure.message.contains("certificate is not trusted"), "{failure}");
    assert!(failure.message.contains("broker.caFile"), "{failure}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() {
    let authority = Authority::new();
    let address = serve(&authority, "broker.example.com", None);
    let failure = refused(trusting(&authority, address)).await;
    assert!(failure.message.contains("certificate is not trusted"), "{failure}");
}

#[tokio::test]
async fn a_client_certificate_signs_in() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let address = serve(&authority, "localhost", Some(&clients));
    let (certificate, key) = clients.issues("operator");
    let identity = format!("{certificate}\n{key}\n").into();
    let auth = BrokerAuth::ClientCertificate { identity };
    let broker = Broker::new(BrokerSettings { auth, ..trusting(&authority, address) }).unwrap();
    assert_eq!(broker.observe(&question(None)).await.failure, None);
}

#[tokio::test]
async fn a_missing_client_certificate_is_named() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let address = serve(&authority, "localhost", Some(&clients));
    let failure = refused(trusting(&authority, address)).await;
    assert!(failure.message.contains("broker.auth.clientCertificate"), "{failure}");
}

#[tokio::test]
async fn clear_text_where_tls_is_expected_is_trouble() {
    let server = MockServer::start().await;
    let address = *server.address();
    let broker = Broker::new(trusting(&Authority::new(), address)).unwrap();
    assert_eq!(broker.observe(&question(None)).await.failure.unwrap().class, ErrorClass::Transient);
}
