//! What goes wrong on the way: connections, limits, pages, redirects, foreign text, secrets.

use std::io::Write;
use std::sync::{Arc, Mutex};

use rstest::rstest;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::api::Reason;
use crate::plan::failure::ErrorClass;
use crate::remote::broker::BrokerHealth;

/// A server that answers the catalog, and everything else with these bytes before it closes the connection.
async fn raw(answer: Vec<u8>) -> Broker {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let broker = Broker::new(settings(&format!("http://{}", listener.local_addr().unwrap()))).unwrap();
    let catalog = catalog_body(true).to_string();
    let catalog = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{catalog}", catalog.len());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut seen = Vec::new();
            while !seen.windows(4).any(|end| end == b"\r\n\r\n") {
                let mut buffer = [0; 4096];
                let count = stream.read(&mut buffer).await.unwrap_or(0);
                seen.extend_from_slice(&buffer[..count]);
                if count == 0 {
                    break;
                }
            }
            let bytes = if seen.starts_with(b"GET /v2/catalog") { catalog.as_bytes() } else { &answer };
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
        }
    });
    broker
}

async fn refused(broker: &Broker, call: BrokerCall) -> Failure {
    match broker.execute(&order(call)).await {
        Outcome::Refused(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case::without_an_answer("", "connection ended")]
#[case::in_the_head("HTTP/1.1 200 OK\r\ncontent-le", "connection ended")]
#[case::in_the_body("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"x\":", "connection ended")]
#[case::in_a_chunk("HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"o", "connection ended")]
#[tokio::test]
async fn an_answer_that_is_cut_leaves_the_outcome_open(#[case] bytes: &str, #[case] says: &str) {
    let broker = raw(bytes.as_bytes().to_vec()).await;
    for call in [BrokerCall::Provision, BrokerCall::Update, BrokerCall::Deprovision] {
        let failure = refused(&broker, call).await;
        assert_eq!((failure.class, failure.reason), (ErrorClass::Transient, Reason::ProviderUnavailable), "{failure}");
        assert!(failure.class.leaves_outcome_unknown());
        assert!(failure.message.contains(says), "{failure}");
        assert!(matches!(broker.health(), BrokerHealth::Failing(_)));
    }
}

#[rstest]
#[case::declared(format!("HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n{}", "x".repeat(3_000_000)))]
#[case::undeclared(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(3_000_000)))]
#[tokio::test]
async fn a_body_is_capped(#[case] answer: String) {
    let failure = refused(&raw(answer.into_bytes()).await, BrokerCall::Update).await;
    assert_eq!(failure.class, ErrorClass::Protocol);
    assert!(failure.message.contains("larger than 1048576 bytes"), "{failure}");
}

#[tokio::test]
async fn a_body_of_a_mebibyte_is_read() {
    let stage = Stage::new(true).await;
    let filler = "x".repeat(1024 * 1024 - 20);
    stage.answers("PATCH", INSTANCE_PATH, json_answer(200, &json!({ "filler": filler }))).await;
    assert_eq!(stage.execute(BrokerCall::Update).await, Outcome::Done);
}

#[tokio::test]
async fn the_status_of_an_error_counts_whatever_its_body() {
    let stage = Stage::new(true).await;
    let huge = ResponseTemplate::new(429).set_body_string("x".repeat(2_000_000)).insert_header("Retry-After", "5");
    stage.answers("PATCH", INSTANCE_PATH, huge).await;
    let failure = stage.refused(BrokerCall::Update).await;
    assert_eq!(failure.class, ErrorClass::Throttled { until: Some(now() + SignedDuration::from_secs(5)) });
}

#[rstest]
#[case::page(html(200), "web page")]
#[case::page_after_acceptance(html(202), "web page")]
#[case::empty(ResponseTemplate::new(200), "the body is empty")]
#[case::empty_acceptance(ResponseTemplate::new(202), "the body is empty")]
#[case::text(ResponseTemplate::new(200).set_body_string("ok"), "not JSON")]
#[case::list(json_answer(200, &json!([])), "not an object")]
#[case::operation_of_another_type(json_answer(202, &json!({ "operation": 5 })), "operation is not a string")]
#[case::operation_too_long(json_answer(202, &json!({ "operation": "x".repeat(10_001) })), "10,000 characters")]
#[case::page_refuses(html(400), "web page")]
#[case::page_not_found(html(404), "web page")]
#[case::text_not_found(ResponseTemplate::new(404).set_body_string("404 page not found"), "not JSON")]
#[case::page_gone(html(410), "web page")]
#[tokio::test]
async fn answers_of_another_shape_prove_nothing(#[case] answer: ResponseTemplate, #[case] says: &str) {
    for (verb, call) in [("PATCH", BrokerCall::Update), ("DELETE", BrokerCall::Deprovision)] {
        let stage = Stage::new(true).await;
        stage.answers(verb, INSTANCE_PATH, answer.clone()).await;
        let failure = stage.refused(call).await;
        assert_eq!((failure.class, failure.reason), (ErrorClass::Protocol, Reason::ProviderUnavailable), "{failure}");
        assert!(failure.message.contains(says), "{failure}");
        assert!(failure.message.contains("broker.url"), "{failure}");
    }
}

#[tokio::test]
async fn a_plain_sentence_is_a_refusal_and_is_shown() {
    let stage = Stage::new(true).await;
    stage.answers("PATCH", INSTANCE_PATH, ResponseTemplate::new(400).set_body_string("no such\u{200b} state\n")).await;
    let failure = stage.refused(BrokerCall::Update).await;
    assert_eq!(failure.class, ErrorClass::Invalid);
    assert!(failure.message.contains("it says \"no such state\""), "{failure}");
}

#[rstest]
#[case::found(302)]
#[case::moved(301)]
#[case::see_other(303)]
#[case::temporary(307)]
#[case::permanent(308)]
#[tokio::test]
async fn redirects_are_not_followed(#[case] status: u16) {
    let elsewhere = MockServer::start().await;
    let stage = Stage::new(true).await;
    let away = ResponseTemplate::new(status).insert_header("Location", elsewhere.uri());
    stage.answers("PUT", INSTANCE_PATH, away).await;
    let failure = stage.refused(BrokerCall::Provision).await;
    assert_eq!(failure.class, ErrorClass::Protocol);
    assert!(failure.message.contains("redirect"), "{failure}");
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn an_answer_that_does_not_come_ends_at_the_time_limit() {
    let stage = Stage::new(true).await;
    let slow = json_answer(200, &json!({})).set_delay(Duration::from_secs(30));
    stage.answers("PATCH", INSTANCE_PATH, slow).await;
    let failure = stage.refused(BrokerCall::Update).await;
    assert_eq!(failure.class, ErrorClass::Transient);
    assert!(failure.message.contains("time limit"), "{failure}");
}

#[tokio::test]
async fn nobody_is_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let broker = Broker::new(settings(&format!("http://{address}"))).unwrap();
    assert_eq!(broker.health(), BrokerHealth::Unknown);
    let failure = refused(&broker, BrokerCall::Provision).await;
    assert_eq!((failure.class, failure.reason), (ErrorClass::Transient, Reason::ProviderUnavailable));
    assert!(failure.message.contains("no connection"), "{failure}");
    assert_eq!(broker.health(), BrokerHealth::Failing(failure));
}

#[tokio::test]
async fn foreign_text_is_shortened() {
    let stage = Stage::new(true).await;
    let long = json!({ "description": "ж".repeat(5_000) });
    stage.answers("PATCH", INSTANCE_PATH, json_answer(400, &long)).await;
    let failure = stage.refused(BrokerCall::Update).await;
    assert!(failure.message.contains(&format!("{}…\"", "ж".repeat(200))), "{failure}");
    assert!(failure.message.chars().count() < 600, "{failure}");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn secrets_bodies_and_handles_are_never_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let stage = Stage::new(true).await;
    stage.answers("PUT", INSTANCE_PATH, json_answer(202, &json!({ "operation": "h4ndle" }))).await;
    stage.answers("GET", LAST_OPERATION_PATH, json_answer(401, &json!({}))).await;
    stage.execute(BrokerCall::Provision).await;
    let observed = stage.observe(Some(accepted(StepName::Enable, Some("h4ndle")))).await;
    drop(guard);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let ours: Vec<_> = text.lines().filter(|line| line.contains("called the service broker")).collect();
    assert_eq!(ours.len(), 3, "{text}");
    let put = ours.iter().find(|line| line.contains("PUT")).unwrap();
    for part in ["INFO", INSTANCE_PATH, "status=202", "request_id=", "milliseconds="] {
        assert!(put.contains(part), "{part} is missing in {put}");
    }
    assert!(ours.iter().filter(|line| line.contains("DEBUG")).count() == 2, "{ours:?}");
    assert!(!ours.iter().any(|line| line.contains("h4ndle") || line.contains(TENANT)), "{ours:?}");
    let shown = format!("{:?} {:?} {:?} {observed:?}", settings("https://x"), stage.broker, stage.broker.health());
    for secret in [MARKER, "b3BlcmF0b3I6cGw0bnRlZC1tYXJrZXI"] {
        assert!(!text.contains(secret), "the log shows a secret");
        assert!(!shown.contains(secret), "Debug shows a secret");
    }
}
