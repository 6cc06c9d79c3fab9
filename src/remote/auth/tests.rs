//! Signing in at a stand-in of Microsoft Entra over TLS.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::remote::credentials::AssertionSource;
use crate::remote::stand_in::{CLIENT, Canned, SECRET, StandIn, TENANT, TOKEN, assert_silent, now, secret, tenant};

/// Must never be seen in any text.
const ASSERTION: &str = "pl4nted.assertion.jwt";

fn tokens(server: &StandIn) -> Tokens {
    tokens_within(server, Duration::from_secs(5))
}

fn tokens_within(server: &StandIn, timeout: Duration) -> Tokens {
    Tokens::new(server.hosts(), server.channel(timeout), REFUSAL_TTL)
}

fn key(api: Api) -> TokenKey {
    TokenKey {
        cloud: Cloud::Public,
        tenant: tenant(),
        client_id: CLIENT.to_owned(),
        api,
        origin: "secret/uid/key".to_owned(),
    }
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds)).unwrap()
}

async fn sign_in(tokens: &Tokens, version: &str, now: Timestamp) -> Result<Token, SignInError> {
    let result = tokens.token(&key(Api::Graph), &secret(version).proof, now).await;
    assert_silent(&format!("{result:?} {tokens:?}"));
    if let Err(error) = &result {
        assert_silent(&error.clone().into_failure().to_string());
    }
    result
}

/// Answers with a token whose number tells which one it is.
fn numbered() -> StandIn {
    let count = Arc::new(AtomicUsize::new(0));
    StandIn::answering(move |_| Canned::token(&format!("{TOKEN}.{}", count.fetch_add(1, Ordering::SeqCst))))
}

#[tokio::test]
async fn a_secret_is_sent_as_documented_and_the_token_kept() {
    let server = numbered();
    let tokens = tokens(&server);
    for _ in 0..3 {
        let token = sign_in(&tokens, "1", now()).await.unwrap();
        assert_eq!(token.secret.expose_secret(), format!("{TOKEN}.0"));
    }
    let [request] = &server.seen()[..] else { panic!("{} requests", server.seen().len()) };
    assert_eq!((&*request.method, &*request.path), ("POST", &*format!("/{TENANT}/oauth2/v2.0/token")));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert!(request.header("user-agent").unwrap().starts_with("threat-protection-operator/"));
    assert_eq!(request.header("client-request-id").unwrap().len(), 36);
    for part in [
        "grant_type=client_credentials",
        "scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
        &format!("client_id={CLIENT}"),
        "client_secret=pl4nted-secret%7E8Q",
    ] {
        assert!(request.body.contains(part), "{part}");
    }
    tokens.token(&key(Api::Arm), &secret("1").proof, now()).await.unwrap();
    assert!(server.seen()[1].body.contains("scope=https%3A%2F%2Fmanagement.azure.com%2F.default"));
}

#[tokio::test]
async fn fifty_at_once_ask_once() {
    let server = numbered();
    let tokens = tokens(&server);
    let all = join_all((0..50).map(|_| sign_in(&tokens, "1", now()))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(server.token_requests(), 1);
}

#[tokio::test]
async fn fifty_at_once_share_a_failure() {
    let server = StandIn::answering(|_| Canned { delay: Duration::from_millis(200), ..Canned::text(503, "") });
    let tokens = tokens(&server);
    let all = join_all((0..50).map(|_| sign_in(&tokens, "1", now()))).await;
    assert!(all.iter().all(|result| matches!(result, Err(SignInError::Failed(_)))));
    assert_eq!(server.token_requests(), 1);
}

#[tokio::test]
async fn another_version_of_the_proof_replaces_the_token() {
    let server = numbered();
    let tokens = tokens(&server);
    sign_in(&tokens, "1", now()).await.unwrap();
    assert_eq!(sign_in(&tokens, "2", now()).await.unwrap().secret.expose_secret(), format!("{TOKEN}.1"));
    assert_eq!(tokens.locked().of.len(), 1, "the old one is gone");
    assert_eq!(server.token_requests(), 2);
}

#[tokio::test]
async fn a_refused_proof_is_not_sent_again_for_ten_minutes_but_another_one_at_once() {
    let server = StandIn::answering(|_| Canned::aadsts(401, "invalid_client", 7_000_215));
    let (tokens, now) = (tokens(&server), now());
    let refused = sign_in(&tokens, "1", now).await.unwrap_err();
    let SignInError::Refused(failure) = &refused else { panic!("{refused:?}") };
    assert_eq!(failure.reason, Reason::CredentialsInvalid);
    assert_eq!(failure.request_id.as_deref(), Some("b0f62116-10b6-4a73-bdb2-281524404e00"));
    assert_eq!(sign_in(&tokens, "1", later(now, 599)).await.unwrap_err(), refused);
    assert_eq!(server.token_requests(), 1);
    sign_in(&tokens, "1", later(now, 600)).await.unwrap_err();
    assert_eq!(server.token_requests(), 2);
    sign_in(&tokens, "2", later(now, 600)).await.unwrap_err();
    assert_eq!(server.token_requests(), 3);
}

#[tokio::test]
async fn a_429_is_honoured() {
    let server = StandIn::answering(|_| Canned::text(429, "").with("retry-after", "40"));
    let (tokens, now) = (tokens(&server), now());
    let error = sign_in(&tokens, "1", now).await.unwrap_err();
    let SignInError::Failed(failure) = error else { panic!("{error:?}") };
    assert_eq!(failure.class, ErrorClass::Throttled { until: Some(later(now, 40)) });
    // A pass tells its time in whole seconds: after 39.1 seconds it may tell that it is 40.
    sign_in(&tokens, "1", later(now, 40)).await.unwrap_err();
    assert_eq!(server.token_requests(), 1);
    sign_in(&tokens, "1", later(now, 41)).await.unwrap_err();
    assert_eq!(server.token_requests(), 2, "one request each, nothing is repeated by the library");
}

#[rstest]
#[case::html(Canned::text(403, "<html>pl4nted</html>"), ErrorClass::Protocol)]
#[case::empty(Canned::text(400, ""), ErrorClass::Protocol)]
#[case::unavailable(Canned::text(503, "<html>"), ErrorClass::Transient)]
#[case::cut(Canned { is_cut: true, ..Canned::text(200, "{\"access_") }, ErrorClass::Transient)]
#[case::cut_error(Canned { is_cut: true, ..Canned::text(500, "{") }, ErrorClass::Transient)]
#[case::no_json(Canned::text(200, "<html>pl4nted</html>"), ErrorClass::Protocol)]
#[case::no_token(Canned::json(200, &json!({ "expires_in": 3599 })), ErrorClass::Protocol)]
#[case::empty_token(Canned::token(""), ErrorClass::Protocol)]
#[case::no_header_value(Canned::token("pl4nted\r\nx: y"), ErrorClass::Protocol)]
#[case::no_end(Canned::json(200, &json!({ "access_token": TOKEN })), ErrorClass::Protocol)]
#[case::no_life(Canned::json(200, &json!({ "access_token": TOKEN, "expires_in": 0 })), ErrorClass::Protocol)]
#[case::endless(Canned::json(200, &json!({ "access_token": TOKEN, "expires_in": i64::MAX })), ErrorClass::Protocol)]
#[case::oversize(Canned::text(200, &"x".repeat(4 * 1024 * 1024 + 1)), ErrorClass::Protocol)]
#[case::redirect(Canned::text(302, "").with("location", "https://user:pl4nted@elsewhere.example/pl4nted"), ErrorClass::Protocol)]
#[case::other_success(Canned::text(204, ""), ErrorClass::Protocol)]
#[tokio::test]
async fn an_answer_that_cannot_be_used_fails(#[case] canned: Canned, #[case] class: ErrorClass) {
    let server = StandIn::answering(move |_| canned.clone());
    let error = sign_in(&tokens(&server), "1", now()).await.unwrap_err();
    let SignInError::Failed(failure) = error else { panic!("{error:?}") };
    assert_eq!((failure.class, failure.reason), (class, Reason::ProviderUnavailable), "{failure}");
    assert!(failure.request_id.is_some());
    assert_eq!(server.token_requests(), 1);
}

#[tokio::test]
async fn escaped_error_bodies_keep_their_code() {
    let server = StandIn::answering(|_| Canned::aadsts(400, "unauthorized_client", 90_002));
    let error = sign_in(&tokens(&server), "1", now()).await.unwrap_err();
    let SignInError::Refused(failure) = error else { panic!("{error:?}") };
    assert_eq!(failure.reason, Reason::TenantMismatch);
}

#[tokio::test]
async fn no_answer_in_time_and_no_trust_are_told_apart() {
    let server = StandIn::answering(|_| Canned { delay: Duration::from_secs(10), ..Canned::token(TOKEN) });
    let error = sign_in(&tokens_within(&server, Duration::from_millis(200)), "1", now()).await.unwrap_err();
    assert_eq!(error.into_failure().class, ErrorClass::Transient);

    let other = StandIn::answering(|_| Canned::token(TOKEN));
    let tokens = Tokens::new(server.hosts(), other.channel(Duration::from_secs(5)), REFUSAL_TTL);
    let failure = sign_in(&tokens, "1", now()).await.unwrap_err().into_failure();
    assert_eq!(failure.class, ErrorClass::Auth);
    assert!(failure.message.contains("not trusted"), "{failure}");
    assert_eq!(server.token_requests(), 1, "nothing was sent to whom is not trusted");
}

#[tokio::test]
async fn a_simulator_is_refused_and_only_a_simulator_where_one_is_allowed() {
    let server = StandIn::answering(|_| Canned::token(TOKEN).with("x-simulator", "true"));
    let error = sign_in(&tokens(&server), "1", now()).await.unwrap_err();
    assert!(matches!(error, SignInError::Refused(failure) if failure.reason == Reason::SimulatorRefused));

    let allowed = |server: &StandIn| {
        let channel = Channel::new(Some(server.ca.as_bytes()), Duration::from_secs(5), true).unwrap();
        Tokens::new(server.hosts(), channel, REFUSAL_TTL)
    };
    assert!(sign_in(&allowed(&server), "1", now()).await.is_ok());
    let real = numbered();
    let error = sign_in(&allowed(&real), "1", now()).await.unwrap_err();
    assert!(matches!(error, SignInError::Refused(failure) if failure.reason == Reason::SimulatorRefused));
}

#[tokio::test]
async fn a_dropped_token_is_bought_anew_once() {
    let server = numbered();
    let tokens = tokens(&server);
    let first = sign_in(&tokens, "1", now()).await.unwrap();
    assert!(tokens.drop_token(&key(Api::Graph), &first));
    let second = sign_in(&tokens, "1", now()).await.unwrap();
    assert!(!tokens.drop_token(&key(Api::Graph), &first), "another call dropped it before");
    assert_eq!(sign_in(&tokens, "1", now()).await.unwrap().secret.expose_secret(), second.secret.expose_secret());
    assert_eq!(server.token_requests(), 2);
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end_and_serves_on_while_that_fails() {
    let count = Arc::new(AtomicUsize::new(0));
    let server = StandIn::answering(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Canned::json(200, &json!({ "access_token": TOKEN, "expires_in": 200 })),
        1 => Canned::text(503, ""),
        2 => Canned::aadsts(401, "invalid_client", 7_000_222),
        _ => Canned::token("renewed"),
    });
    let (tokens, now) = (tokens(&server), now());
    assert!(sign_in(&tokens, "1", now).await.is_ok());
    let kept = sign_in(&tokens, "1", now).await.unwrap();
    assert_eq!(kept.secret.expose_secret(), TOKEN, "Microsoft Entra is down, and the token lives");
    assert!(sign_in(&tokens, "1", later(now, 1)).await.is_ok());
    assert_eq!(server.token_requests(), 2, "not asked with each call");
    let error = sign_in(&tokens, "1", later(now, 6)).await.unwrap_err();
    assert!(matches!(error, SignInError::Refused(_)), "a refusal counts at once");
    assert_eq!(sign_in(&tokens, "1", later(now, 700)).await.unwrap().secret.expose_secret(), "renewed");
}

#[tokio::test]
async fn a_dead_token_does_not_serve_on() {
    let count = Arc::new(AtomicUsize::new(0));
    let server = StandIn::answering(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Canned::json(200, &json!({ "access_token": TOKEN, "expires_in": 200 })),
        _ => Canned::text(503, ""),
    });
    let (tokens, now) = (tokens(&server), now());
    assert!(sign_in(&tokens, "1", now).await.is_ok());
    assert!(matches!(sign_in(&tokens, "1", later(now, 180)).await, Err(SignInError::Failed(_))));
}

/// A ServiceAccount's tokens, or why there is none.
struct Source(Result<&'static str, Reason>);

impl AssertionSource for Source {
    fn assertion(&self) -> BoxFuture<'_, Result<SecretString, Failure>> {
        let result = self.0.map(SecretString::from).map_err(|reason| Failure {
            class: ErrorClass::Invalid,
            reason,
            message: "The ServiceAccount is missing.".to_owned(),
            request_id: None,
        });
        Box::pin(async { result })
    }
}

fn federated(result: Result<&'static str, Reason>) -> Proof {
    Proof::Federated { source: Arc::new(Source(result)), origin: "operator".to_owned() }
}

#[tokio::test]
async fn the_token_of_a_service_account_is_exchanged() {
    let server = numbered();
    let proof = federated(Ok(ASSERTION));
    let token = tokens(&server).token(&key(Api::Graph), &proof, now()).await.unwrap();
    assert_eq!(token.secret.expose_secret(), format!("{TOKEN}.0"));
    let body = &server.seen()[0].body;
    assert!(body.contains(&format!("client_assertion={ASSERTION}")), "{body}");
    assert!(body.contains("client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"));
    assert!(!body.contains("client_secret"));
    assert_silent(&format!("{proof:?} {:?}", Assertions(Arc::new(Source(Ok(ASSERTION))))));
}

#[rstest]
#[case::missing(Reason::CredentialsMissing, true)]
#[case::api_server(Reason::Internal, false)]
#[tokio::test]
async fn without_a_token_of_the_service_account_nothing_is_sent(#[case] reason: Reason, #[case] is_refused: bool) {
    let server = numbered();
    let tokens = tokens(&server);
    let error = tokens.token(&key(Api::Graph), &federated(Err(reason)), now()).await.unwrap_err();
    assert_eq!(matches!(error, SignInError::Refused(_)), is_refused);
    let failure = error.into_failure();
    assert_eq!((failure.reason, &*failure.message), (reason, "The ServiceAccount is missing."));
    assert_eq!(server.token_requests(), 0);
}

#[tokio::test]
async fn a_service_account_that_appears_is_used_at_once() {
    let server = numbered();
    let tokens = tokens(&server);
    tokens.token(&key(Api::Graph), &federated(Err(Reason::CredentialsMissing)), now()).await.unwrap_err();
    // The same version, as the source is the same.
    let entry = tokens.entry(&key(Api::Graph), &federated(Ok(ASSERTION)), now()).unwrap();
    assert_eq!(entry.state.lock().await.held_until, None);
}

/// Whoever names the tenant and the application of somebody else has a place of his own in the cache.
#[tokio::test]
async fn a_proof_of_another_origin_neither_uses_nor_drives_out_a_token() {
    let server = numbered();
    let (tokens, now) = (tokens(&server), now());
    let first = sign_in(&tokens, "1", now).await.unwrap();
    let other = TokenKey { origin: "secret/other/key".to_owned(), ..key(Api::Graph) };
    let foreign = tokens.token(&other, &secret("9").proof, now).await.unwrap();
    assert_ne!(first.secret.expose_secret(), foreign.secret.expose_secret());
    let again = sign_in(&tokens, "1", now).await.unwrap();
    assert_eq!(first.secret.expose_secret(), again.secret.expose_secret());
    assert_eq!(server.token_requests(), 2);
}

#[tokio::test]
async fn an_empty_secret_is_refused_without_a_request() {
    let server = numbered();
    let proof = Proof::Secret { value: "".into(), origin: "o".to_owned(), version: "1".to_owned() };
    let error = tokens(&server).token(&key(Api::Graph), &proof, now()).await.unwrap_err();
    assert!(matches!(error, SignInError::Refused(failure) if failure.message.contains("secret")));
    assert_eq!(server.token_requests(), 0);
}

#[tokio::test]
async fn the_least_recently_used_entry_goes_first() {
    let server = numbered();
    let tokens = tokens(&server);
    let now = now();
    let numbered = |number: usize| TokenKey { client_id: format!("{number}"), ..key(Api::Graph) };
    let proof = secret("1").proof;
    for number in 0..MOST_ENTRIES {
        tokens.entry(&numbered(number), &proof, now).unwrap();
    }
    tokens.entry(&numbered(0), &proof, now).unwrap();
    tokens.entry(&numbered(MOST_ENTRIES), &proof, now).unwrap();
    let entries = tokens.locked();
    assert_eq!(entries.of.len(), MOST_ENTRIES);
    assert!(entries.of.contains_key(&numbered(0)) && !entries.of.contains_key(&numbered(1)));
}

#[tokio::test]
async fn the_secret_of_whom_nobody_asks_for_any_more_is_forgotten() {
    let server = numbered();
    let (tokens, now) = (tokens(&server), now());
    sign_in(&tokens, "1", now).await.unwrap();
    tokens.token(&key(Api::Arm), &secret("1").proof, later(now, 7_000)).await.unwrap();
    assert_eq!(tokens.locked().of.len(), 2);
    tokens.token(&key(Api::Arm), &secret("1").proof, later(now, 7_700)).await.unwrap();
    assert_eq!(tokens.locked().of.keys().map(|key| key.api).collect::<Vec<_>>(), [Api::Arm]);
}

#[test]
fn the_secret_is_planted_in_the_bodies() {
    let canned = Canned::aadsts(400, "invalid_client", 1);
    assert!(String::from_utf8(canned.body).unwrap().contains(SECRET), "else the other tests prove nothing");
}
