use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::{Certificate, Client, Identity};
use rstest::rstest;
use tempfile::TempDir;

use super::super::heartbeat::Heartbeat;
use super::super::metrics::Metrics;
use super::*;

/// An authority, with the certificates that it gave.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Certificate and key, PEM.
    fn signed(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn client(&self, identity: Option<(String, String)>) -> Client {
        let ca = Certificate::from_pem(self.pem.as_bytes()).unwrap();
        let builder = Client::builder().no_proxy().tls_certs_only([ca]);
        let identity = identity.map(|(certificate, key)| format!("{certificate}{key}"));
        match identity {
            Some(pem) => builder.identity(Identity::from_pem(pem.as_bytes()).unwrap()),
            None => builder,
        }
        .build()
        .unwrap()
    }
}

/// A server of metrics with files of its own.
struct Stage {
    directory: TempDir,
    address: SocketAddr,
    shutdown: CancellationToken,
}

impl Stage {
    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), text).unwrap();
    }

    fn open(authority: &Authority, with_client_ca: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stage = Self { directory: tempfile::tempdir().unwrap(), address, shutdown: CancellationToken::new() };
        let (certificate, key) = authority.signed();
        stage.put("tls.crt", &certificate);
        stage.put("tls.key", &key);
        stage.put("ca.crt", &authority.pem);
        stage.put("token", "first\n");
        let file = |name: &str| stage.directory.path().join(name);
        let tls = Tls {
            certificate_file: file("tls.crt"),
            key_file: file("tls.key"),
            client_ca_file: with_client_ca.then(|| file("ca.crt")),
        };
        let access = Access { tls: Some(tls), token_file: Some(file("token")) };
        let readiness = Readiness::awaiting([]);
        readiness.measure(Metrics::new(Heartbeat::default(), |_| ()));
        tokio::spawn(serve(listener, access, readiness, stage.shutdown.clone()));
        stage
    }

    async fn ask(&self, client: &Client, token: Option<&str>) -> Result<(u16, String), reqwest::Error> {
        let mut request = client.get(format!("https://{}/metrics", self.address));
        if let Some(token) = token {
            request = request.header("Authorization", token);
        }
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }
}

const NOTHING: (u16, &str) = (401, "");

#[tokio::test]
async fn only_who_shows_the_token_is_told_anything() {
    let authority = Authority::new();
    let stage = Stage::open(&authority, false);
    let client = authority.client(None);
    for token in [None, Some("Bearer"), Some("Bearer "), Some("Bearer second"), Some("Basic first"), Some("first")] {
        let (status, body) = stage.ask(&client, token).await.unwrap();
        assert_eq!((status, body.as_str()), NOTHING, "{token:?}");
    }
    let (status, body) = stage.ask(&client, Some("Bearer first")).await.unwrap();
    assert!(status == 200 && body.contains("threat_protection_build_info"), "{status} {body}");

    stage.put("token", "second");
    assert_eq!(stage.ask(&client, Some("Bearer first")).await.unwrap().0, 401, "it was rotated");
    assert_eq!(stage.ask(&client, Some("bearer second")).await.unwrap().0, 200);
    stage.put("token", "\n");
    assert_eq!(stage.ask(&client, Some("Bearer ")).await.unwrap().0, 401, "an empty file lets nobody in");
    std::fs::remove_file(stage.directory.path().join("token")).unwrap();
    assert_eq!(stage.ask(&client, Some("Bearer second")).await.unwrap().0, 401);
    stage.shutdown.cancel();
}

#[tokio::test]
async fn who_has_no_certificate_of_the_authority_gets_no_answer() {
    let authority = Authority::new();
    let stage = Stage::open(&authority, true);
    let (stranger, known) = (Authority::new().signed(), authority.signed());
    let token = Some("Bearer first");
    assert!(stage.ask(&authority.client(None), token).await.is_err());
    assert!(stage.ask(&authority.client(Some(stranger)), token).await.is_err());
    let client = authority.client(Some(known));
    assert_eq!(stage.ask(&client, token).await.unwrap().0, 200);
    assert_eq!(stage.ask(&client, None).await.unwrap().0, 401, "one proof does not stand for the other");
    stage.shutdown.cancel();
}

#[tokio::test]
async fn a_new_certificate_is_taken_over_and_a_wrong_one_is_not() {
    let (old, new) = (Authority::new(), Authority::new());
    let stage = Stage::open(&old, false);
    let file = |name: &str| stage.directory.path().join(name);
    let tls = Tls { certificate_file: file("tls.crt"), key_file: file("tls.key"), client_ca_file: None };
    let files = Files::read(&tls).unwrap();
    let config = RustlsConfig::from_config(Arc::new(files.config(&tls).unwrap()));
    let before = Arc::as_ptr(&config.get_inner());
    let renewing = tokio::spawn(renew(config.clone(), tls, files, Duration::from_millis(5)));
    stage.put("tls.crt", "not a certificate");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(Arc::as_ptr(&config.get_inner()), before, "the old one stays");
    let (certificate, key) = new.signed();
    stage.put("tls.key", &key);
    stage.put("tls.crt", &certificate);
    let started = std::time::Instant::now();
    while Arc::as_ptr(&config.get_inner()) == before {
        assert!(started.elapsed() < Duration::from_secs(20), "the new one is not taken over");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    renewing.abort();
    stage.shutdown.cancel();
}

#[rstest]
#[case::same("token", "token", true)]
#[case::other("token", "tokem", false)]
#[case::shorter("toke", "token", false)]
#[case::longer("token1", "token", false)]
#[case::empty("", "", true)]
fn tokens_are_compared_whole(#[case] one: &str, #[case] other: &str, #[case] expected: bool) {
    assert_eq!(is_equal(one.as_bytes(), other.as_bytes()), expected);
}
