//! Calls through the gate to a stand-in of Microsoft's hosts.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::remote::call::Operation;
use crate::remote::credentials::Proof;
use crate::remote::stand_in::{Canned, Seen, StandIn, TENANT, TOKEN, assert_silent, now, secret, tenant};

/// Tokens with a number each, and everything else as said.
fn server(answer: impl Fn(&Seen) -> Canned + Clone + Send + Sync + 'static) -> StandIn {
    let count = Arc::new(AtomicUsize::new(0));
    StandIn::answering(move |seen| {
        if seen.is_token_request() {
            return Canned::token(&format!("{TOKEN}.{}", count.fetch_add(1, Ordering::SeqCst)));
        }
        answer(seen)
    })
}

fn gate(server: &StandIn) -> Gate {
    Gate::new(server.settings()).unwrap()
}

fn incidents() -> Call {
    Call::get(Operation::Incidents, "/security/incidents?$top=1")
}

async fn ask(gate: &Gate, call: &Call) -> Result<Reply, Failure> {
    let who = secret("1");
    let session = gate.session(&who, tenant(), Cloud::Public, now());
    let result = session.ask(call).await;
    assert_silent(&format!("{result:?} {session:?} {gate:?}"));
    if let Err(failure) = &result {
        assert_silent(&failure.to_string());
    }
    result
}

fn error(status: u16, code: &str) -> Canned {
    Canned::json(status, &json!({ "error": { "code": code, "message": "no" } }))
}

fn asked(server: &StandIn) -> Vec<Seen> {
    server.seen().into_iter().filter(|seen| !seen.is_token_request()).collect()
}

#[tokio::test]
async fn a_call_has_its_headers_and_its_answer_is_handed_on() {
    let server = server(|_| Canned::text(200, "{\"value\":[]}").with("request-id", "abc"));
    let gate = gate(&server);
    let reply = ask(&gate, &incidents()).await.unwrap();
    assert_eq!((reply.status, &*reply.body, reply.request_id.as_deref()), (200, &b"{\"value\":[]}"[..], Some("abc")));
    let [seen] = &asked(&server)[..] else { panic!("not one request") };
    assert_eq!((&*seen.method, &*seen.path), ("GET", "/v1.0/security/incidents?$top=1"));
    assert_eq!(seen.header("authorization"), Some(&*format!("Bearer {TOKEN}.0")));
    assert_eq!(seen.header("accept"), Some("application/json"));
    assert_eq!(seen.header("x-ms-throttle-priority"), Some("low"));
    assert!(Uuid::try_parse(seen.header("client-request-id").unwrap()).is_ok());
    assert!(seen.header("user-agent").unwrap().starts_with("threat-protection-operator/"));
    for absent in ["prefer", "consistencylevel", "if-match", "content-type"] {
        assert_eq!(seen.header(absent), None);
    }

    let mut call = Call {
        method: reqwest::Method::PUT,
        ..Call::post(Operation::PutConnector, "/subscriptions/x", json!({ "a": 1 }))
    };
    call.if_match = Some("\"etag\"".to_owned());
    call.is_eventual = true;
    let reply = ask(&gate, &call).await.unwrap();
    assert_eq!(reply.request_id.as_deref(), Some("abc"));
    let seen = &asked(&server)[1];
    assert_eq!((&*seen.method, &*seen.path, &*seen.body), ("PUT", "/arm/subscriptions/x", "{\"a\":1}"));
    assert_eq!(seen.header("authorization"), Some(&*format!("Bearer {TOKEN}.1")), "a token for each API");
    assert_eq!(seen.header("if-match"), Some("\"etag\""));
    assert_eq!(seen.header("consistencylevel"), Some("eventual"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("x-ms-throttle-priority"), None);
}

#[tokio::test]
async fn without_an_id_of_the_answer_the_own_one_is_told() {
    let server = server(|_| Canned::text(200, ""));
    let reply = ask(&gate(&server), &incidents()).await.unwrap();
    assert_eq!(reply.request_id.as_deref(), asked(&server)[0].header("client-request-id"));
}

#[tokio::test]
async fn a_401_brings_a_new_token_once() {
    let server = server(|seen| match seen.header("authorization") {
        Some(value) if value.ends_with(".0") => error(401, "InvalidAuthenticationToken"),
        _ => Canned::text(200, "{}"),
    });
    let gate = gate(&server);
    let who = secret("1");
    let session = gate.session(&who, tenant(), Cloud::Public, now());
    assert_eq!(session.ask(&incidents()).await.unwrap().status, 200);
    assert_eq!((session.requests(), server.token_requests()), (2, 2));
    let ids: Vec<_> = asked(&server).iter().map(|seen| seen.header("client-request-id").unwrap().to_owned()).collect();
    assert_ne!(ids[0], ids[1], "an id for each attempt");
    assert_eq!(session.ask(&incidents()).await.unwrap().status, 200);
    assert_eq!(server.token_requests(), 2);
}

#[tokio::test]
async fn a_second_401_is_an_answer_and_no_token_is_bought_with_each_call() {
    let server = server(|_| error(401, "InvalidAuthenticationToken").with("www-authenticate", "Bearer realm=\"\""));
    let gate = gate(&server);
    let who = secret("1");
    let session = gate.session(&who, tenant(), Cloud::Public, now());
    let reply = session.ask(&incidents()).await.unwrap();
    assert_eq!((reply.status, reply.www_authenticate.as_deref()), (401, Some("Bearer realm=\"\"")));
    assert_eq!((session.requests(), server.token_requests()), (2, 2));
    assert_eq!(session.ask(&incidents()).await.unwrap().status, 401);
    assert_eq!((session.requests(), server.token_requests()), (3, 2));
}

#[tokio::test]
async fn calls_of_one_moment_share_the_new_token() {
    let server = server(|seen| match seen.header("authorization") {
        Some(value) if value.ends_with(".0") => error(401, "InvalidAuthenticationToken"),
        _ => Canned::text(200, "{}"),
    });
    let gate = gate(&server);
    let who = secret("1");
    let session = gate.session(&who, tenant(), Cloud::Public, now());
    let call = incidents();
    let replies = futures::future::join_all((0..8).map(|_| session.ask(&call))).await;
    assert!(replies.iter().all(|reply| reply.as_ref().is_ok_and(|reply| reply.status == 200)), "{replies:?}");
    assert_eq!(server.token_requests(), 2);
}

#[tokio::test]
async fn where_no_new_token_is_to_be_had_after_a_401_that_is_the_failure() {
    let count = Arc::new(AtomicUsize::new(0));
    let server = StandIn::answering(move |seen| match seen.is_token_request() {
        true if count.fetch_add(1, Ordering::SeqCst) == 0 => Canned::token(TOKEN),
        true => Canned::aadsts(401, "invalid_client", 7_000_222),
        false => error(401, "InvalidAuthenticationToken"),
    });
    let failure = ask(&gate(&server), &incidents()).await.unwrap_err();
    assert_eq!(failure.reason, Reason::CredentialsInvalid);
    assert_eq!((asked(&server).len(), server.token_requests()), (1, 2));
}

#[tokio::test]
async fn the_id_of_azure_resource_manager_is_told() {
    let server = server(|_| Canned::text(200, "{}").with("x-ms-request-id", "arm\u{9}id"));
    let reply = ask(&gate(&server), &Call::get(Operation::Subscription, "/subscriptions/x")).await.unwrap();
    assert_eq!(reply.request_id.as_deref(), Some("arm id"));
}

/// Everything that any library writes into the log, down to the finest level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_has_a_line_a_request_and_no_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    let server = server(|seen| match seen.header("authorization") {
        Some(value) if value.ends_with(".0") => error(401, "pl4nted"),
        _ => Canned::text(200, "{\"pl4nted\":1}").with("request-id", "abc"),
    });
    {
        let _guard = tracing::subscriber::set_default(subscriber);
        let who = secret("1");
        let gate = gate(&server);
        let session = gate.session(&who, tenant(), Cloud::Public, now());
        assert_eq!(session.ask(&incidents()).await.unwrap().status, 200);
    }
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let own: Vec<_> = text.lines().filter(|line| line.contains("threat_protection_operator")).collect();
    assert_eq!(own.len(), 4, "{own:?}");
    assert!(own[3].contains("operation=\"security/incidents\"") && own[3].contains("request_id=\"abc\""), "{own:?}");
    assert!(text.lines().count() > own.len(), "the libraries were listened to");
    assert_silent(&text);
}

#[rstest]
#[case("InvalidAuthenticationTokenTenant")]
#[case("InvalidLicense")]
#[tokio::test]
async fn a_401_that_means_the_tenant_is_an_answer(#[case] code: &'static str) {
    let server = server(move |_| error(401, code));
    assert_eq!(ask(&gate(&server), &incidents()).await.unwrap().status, 401);
    assert_eq!((asked(&server).len(), server.token_requests()), (1, 1));
}

#[tokio::test]
async fn a_429_is_an_answer_and_holds_this_tenant_back_only() {
    let server = server(|_| error(429, "TooManyRequests").with("retry-after", "120"));
    let gate = gate(&server);
    let who = secret("1");
    let now = now();
    let session = gate.session(&who, tenant(), Cloud::Public, now);
    let reply = session.ask(&incidents()).await.unwrap();
    assert_eq!((reply.status, reply.retry_after), (429, Some(SignedDuration::from_secs(120))));

    let failure = session.ask(&incidents()).await.unwrap_err();
    let ErrorClass::Throttled { until: Some(until) } = failure.class else { panic!("{failure:?}") };
    // Passes tell their time in whole seconds: the next one may begin after 119.1 seconds and tell that it is 120.
    assert!((121..=122).contains(&until.duration_since(now).as_secs()), "{until}");
    assert_eq!(failure.reason, Reason::Throttled);
    assert!(failure.message.contains("asked to wait") && failure.message.contains("Microsoft Graph"), "{failure}");
    assert_eq!((session.requests(), asked(&server).len()), (1, 1), "nothing was sent");

    let other = gate.session(&who, "00000000-0000-4000-8000-000000000001".parse().unwrap(), Cloud::Public, now);
    assert_eq!(other.ask(&incidents()).await.unwrap().status, 429, "it was asked");
    let left = gate.left(now);
    assert_eq!(left[&Api::Graph], Left { share: 0.0, held_back: 2 });
    assert_eq!(left[&Api::Arm].held_back, 0);
}

#[tokio::test]
async fn a_429_of_a_batch_and_one_without_a_body_hold_back_too() {
    let server = server(|_| Canned { is_cut: true, ..Canned::text(429, "{") });
    let who = secret("1");
    let gate = gate(&server);
    let session = gate.session(&who, tenant(), Cloud::Public, now());
    let reply = session.ask(&incidents()).await.unwrap();
    assert_eq!((reply.status, reply.body.len()), (429, 0));
    session.ask(&incidents()).await.unwrap_err();
    session.note_throttled(Api::Arm, Some(SignedDuration::from_secs(60)));
    session.ask(&Call::get(Operation::Subscription, "/subscriptions/x")).await.unwrap_err();
    assert_eq!(session.requests(), 1);
}

#[tokio::test]
async fn more_than_thirty_at_once_wait() {
    let server = server(|_| Canned::text(200, "{}").with("x-ms-throttle-limit-percentage", "0.95"));
    let who = secret("1");
    let gate = gate(&server);
    let now = now();
    let session = gate.session(&who, tenant(), Cloud::Public, now);
    let call = incidents();
    let replies = futures::future::join_all((0..40).map(|_| session.ask(&call))).await;
    let sent = u32::try_from(replies.iter().filter(|reply| reply.is_ok()).count()).unwrap();
    // A slow machine gets one back every two seconds.
    assert!((30..=34).contains(&sent), "{sent}");
    assert_eq!(session.requests(), sent);
    let failure = replies.into_iter().find_map(Result::err).unwrap();
    assert!(failure.message.contains("requests a minute"), "{failure}");
    assert!(gate.left(now)[&Api::Graph].share < 0.051);
}

#[rstest]
#[case::cut(Canned { is_cut: true, ..Canned::text(200, "{\"value\"") }, ErrorClass::Transient, "before the answer was complete")]
#[case::cut_refusal(Canned { is_cut: true, ..Canned::text(403, "{") }, ErrorClass::Transient, "before the answer was complete")]
#[case::oversize(Canned::text(200, &"x".repeat(4 * 1024 * 1024 + 1)), ErrorClass::Protocol, "4194304 bytes")]
#[case::redirect(Canned::text(302, "").with("location", "https://me:pl4nted@elsewhere.example/pl4nted?pl4nted"), ErrorClass::Protocol, "to elsewhere.example,")]
#[case::redirect_to_nowhere(Canned::text(307, ""), ErrorClass::Protocol, "does not name")]
#[tokio::test]
async fn an_answer_that_cannot_be_used_is_a_failure(
    #[case] canned: Canned,
    #[case] class: ErrorClass,
    #[case] says: &str,
) {
    let server = server(move |_| canned.clone());
    let failure = ask(&gate(&server), &incidents()).await.unwrap_err();
    assert_eq!((failure.class, failure.reason), (class, Reason::ProviderUnavailable), "{failure}");
    for text in [says, "Microsoft Graph", "security/incidents", "localhost"] {
        assert!(failure.message.contains(text), "{text}: {failure}");
    }
    assert_eq!(failure.request_id.as_deref(), asked(&server)[0].header("client-request-id"));
    assert_eq!(asked(&server).len(), 1);
}

#[tokio::test]
async fn four_mebibytes_are_read() {
    let server = server(|_| Canned::text(200, &"x".repeat(4 * 1024 * 1024)));
    assert_eq!(ask(&gate(&server), &incidents()).await.unwrap().body.len(), 4 * 1024 * 1024);
}

#[tokio::test]
async fn no_answer_in_time_and_no_connection_are_failures_that_pass() {
    let server = server(|_| Canned { delay: Duration::from_secs(10), ..Canned::text(200, "") });
    let slow =
        Gate::new(MicrosoftSettings { request_timeout: Duration::from_millis(300), ..server.settings() }).unwrap();
    let failure = ask(&slow, &incidents()).await.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Transient);
    assert!(failure.message.contains("time limit"), "{failure}");

    let hosts = Hosts::overridden(
        [(
            Cloud::Public,
            crate::remote::hosts::HostOverrides {
                login: Some(server.base().parse().unwrap()),
                // Nobody listens on port 1.
                graph: Some("https://localhost:1/v1.0".parse().unwrap()),
                arm: None,
            },
        )]
        .into(),
    );
    let gate = Gate::new(MicrosoftSettings { hosts: hosts.unwrap(), ..server.settings() }).unwrap();
    let failure = ask(&gate, &incidents()).await.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Transient);
    assert!(failure.message.contains("no connection"), "{failure}");
}

#[tokio::test]
async fn the_two_worlds_never_mix() {
    let simulated = server(|_| Canned::text(200, "{}").with("x-simulator", "true"));
    let failure = ask(&gate(&simulated), &incidents()).await.unwrap_err();
    assert_eq!((failure.class, failure.reason), (ErrorClass::Invalid, Reason::SimulatorRefused));

    let real_token = Gate::new(MicrosoftSettings { allow_simulator: true, ..simulated.settings() }).unwrap();
    let failure = ask(&real_token, &incidents()).await.unwrap_err();
    assert_eq!(failure.reason, Reason::SimulatorRefused, "the token came from elsewhere");

    let whole = StandIn::answering(|seen| {
        let canned = if seen.is_token_request() { Canned::token(TOKEN) } else { Canned::text(200, "{}") };
        canned.with("x-simulator", "true")
    });
    let allowed = Gate::new(MicrosoftSettings { allow_simulator: true, ..whole.settings() }).unwrap();
    assert_eq!(ask(&allowed, &incidents()).await.unwrap().status, 200);
}

#[tokio::test]
async fn without_a_token_nothing_is_asked() {
    let server = StandIn::answering(|_| Canned::aadsts(401, "invalid_client", 7_000_222));
    let gate = gate(&server);
    let failure = ask(&gate, &incidents()).await.unwrap_err();
    assert_eq!(failure.reason, Reason::CredentialsInvalid);
    let who = secret("1");
    let session = gate.session(&who, tenant(), Cloud::Public, now());
    let Err(SignInError::Refused(failure)) = session.sign_in(Api::Graph).await else { panic!("not refused") };
    assert_eq!(failure.reason, Reason::CredentialsInvalid);
    assert_eq!((session.requests(), server.seen().len()), (0, 1));
}

#[tokio::test]
async fn signing_in_buys_the_token_that_calls_use() {
    let server = server(|_| Canned::text(200, "{}"));
    let who = secret("1");
    let gate = gate(&server);
    let session = gate.session(&who, tenant(), Cloud::DoD, now());
    session.sign_in(Api::Graph).await.unwrap();
    assert_eq!(session.requests(), 0, "a token is no call");
    session.ask(&incidents()).await.unwrap();
    assert_eq!(server.token_requests(), 1);
    assert!(server.seen()[0].body.contains("scope=https%3A%2F%2Fdod-graph.microsoft.us%2F.default"));
}

#[tokio::test]
async fn the_cloud_is_asked_without_a_token() {
    let server = StandIn::answering(|_| {
        Canned::json(200, &json!({ "issuer": format!("https://login.microsoftonline.com/{TENANT}/v2.0") }))
    });
    assert_eq!(gate(&server).cloud(tenant(), Cloud::Public, now()).await, CloudCheck::Known(Cloud::Public));
    assert_eq!(server.seen()[0].header("authorization"), None);
}

#[tokio::test]
async fn the_next_page_is_asked_where_the_first_was() {
    let server = server(|_| Canned::text(200, "{}"));
    let who = secret("1");
    let gate = gate(&server);
    let session = gate.session(&who, tenant(), Cloud::Public, now());
    let call = Call { is_eventual: true, ..incidents() };
    let link = format!("{}/v1.0/security/incidents?$skiptoken=a%20b", server.base());
    let next = session.following(&call, &link).unwrap();
    assert_eq!((&*next.path, next.is_eventual, &next.body), ("/security/incidents?$skiptoken=a%20b", true, &None));
    session.ask(&next).await.unwrap();
    assert_eq!(asked(&server)[0].path, "/v1.0/security/incidents?$skiptoken=a%20b");

    let link = "https://me:pl4nted@evil.example.com/v1.0/security/incidents?pl4nted";
    let failure = session.following(&call, link).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Protocol);
    assert!(failure.message.contains("https://evil.example.com,"), "{failure}");
    assert_silent(&failure.to_string());
    let failure = session.following(&call, &format!("{}/arm/x", server.base())).unwrap_err();
    assert!(failure.message.contains(&server.base()), "{failure}");
}

#[tokio::test]
async fn a_call_that_would_leave_its_base_is_not_sent() {
    let server = server(|_| Canned::text(200, "{}"));
    for path in ["/../beta/users", "users", "@evil.example.com/"] {
        let failure = ask(&gate(&server), &Call::get(Operation::Organization, path)).await.unwrap_err();
        assert_eq!(failure.reason, Reason::Internal, "{failure}");
    }
    assert!(asked(&server).is_empty());
}

#[test]
fn a_bundle_that_is_none_is_refused() {
    let settings = MicrosoftSettings {
        hosts: Hosts::default(),
        ca_bundle: Some(b"hello".to_vec()),
        request_timeout: Duration::from_secs(1),
        allow_simulator: false,
        requests_per_minute: crate::remote::budget::REQUESTS_PER_MINUTE,
    };
    assert!(matches!(Gate::new(settings), Err(ClientError::CaBundle { .. })));
}

#[test]
fn credentials_show_no_secret() {
    let who = secret("1");
    assert_silent(&format!("{who:?}"));
    assert!(matches!(&who.proof, Proof::Secret { version, .. } if version == "1"));
}
