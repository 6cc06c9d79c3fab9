//! Answers for tests: sound ones, broken ones, and the same ones every time.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::answers::Context;
use super::call::{Operation, Reply, Unread};
use super::held::{Grant, Held};
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::microsoft::Listed;
use crate::plan::reading::{Reading, Why};

pub(super) const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";
pub(super) const REQUEST: &str = "0e1f7c52-aaaa-bbbb-cccc-000000000001";
/// The time of every test: 2026-01-10T12:00:00Z.
pub(super) const NOON: &str = "2026-01-10T12:00:00Z";

/// What nobody may see: control characters, a change of direction, an escape sequence.
pub(super) const NASTY: &str = "\u{1b}[31m\u{202e}nasty\u{0}\r\n\u{7}";

pub(super) fn reply(status: u16, body: impl AsRef<[u8]>) -> Reply {
    Reply {
        status,
        retry_after: None,
        request_id: Some(REQUEST.to_owned()),
        www_authenticate: None,
        body: body.as_ref().to_vec(),
    }
}

pub(super) fn ok(body: &Value) -> Reply {
    reply(200, body.to_string())
}

pub(super) fn throttled(seconds: Option<i64>) -> Reply {
    Reply {
        retry_after: seconds.map(SignedDuration::from_secs),
        ..reply(429, r#"{"error":{"code":"TooManyRequests"}}"#)
    }
}

pub(super) fn now() -> Timestamp {
    NOON.parse().unwrap()
}

/// The application's roles could not be read.
pub(super) fn unknown() -> Reading<Held> {
    Reading::unknown(Why::NotAsked)
}

/// The application holds exactly these app roles.
pub(super) fn holding(ids: &[&str]) -> Reading<Held> {
    let items = ids.iter().map(|id| Grant { id: (*id).to_owned(), since: Some(Timestamp::UNIX_EPOCH) }).collect();
    Reading::observed(Held::of(&Listed { items, is_complete: true }, now()))
}

/// The application holds every permission for features.
pub(super) fn holding_all() -> Reading<Held> {
    holding(&[
        "45cc0394-e837-488b-a098-1918f48d186c",
        "472e4a4d-bb4a-4026-98d1-0b0d74cb74a5",
        "dd98c7f5-2d42-42d3-a0e4-633161547251",
        "f8dcd971-5d83-4e1e-aa95-ef44611ad351",
        "06a5fe6d-c49d-46a7-b082-56b1b14103c7",
    ])
}

pub(super) fn context(held: &Reading<Held>) -> Context<'_> {
    Context { held, now: now() }
}

/// Reads an answer while nothing is known of the application's roles.
pub(super) fn blindly<T>(read: impl FnOnce(Context<'_>) -> T) -> T {
    read(context(&unknown()))
}

pub(super) fn failure<T: std::fmt::Debug>(read: Result<T, Unread>) -> Failure {
    match read {
        Err(Unread::Failed(failure)) => failure,
        other => panic!("no failure: {other:?}"),
    }
}

pub(super) fn sentence<T: std::fmt::Debug>(read: Result<T, Unread>) -> String {
    match read {
        Err(Unread::Ambiguous(sentence)) => sentence,
        other => panic!("not ambiguous: {other:?}"),
    }
}

/// That an answer brought nothing in a way that a person can do something with.
pub(super) fn assert_told(operation: Operation, unread: &Unread) {
    let (text, id) = match unread {
        Unread::NotPermitted(_) => return,
        Unread::Failed(failure) => (&failure.message, failure.request_id.as_deref()),
        Unread::Ambiguous(sentence) => (sentence, None),
    };
    assert!(text.contains(operation.name()), "{text}");
    for shown in [text.as_str(), id.unwrap_or_default()] {
        assert!(
            !shown.chars().any(|c| c.is_control()
                || ('\u{200b}'..='\u{200f}').contains(&c)
                || ('\u{202a}'..='\u{202e}').contains(&c)),
            "{shown:?}"
        );
        assert!(shown.chars().count() < 1_200, "{shown}");
    }
    if matches!(unread, Unread::Ambiguous(_)) {
        assert!(text.contains(", or ") && text.contains("either "), "both meanings are named: {text}");
    }
}

/// What every call has in common: the same answers make no value of it, and why not.
pub(super) fn assert_troubles<T: std::fmt::Debug>(
    operation: Operation,
    read: impl Fn(&Reply, Context<'_>) -> Result<T, Unread>,
) {
    let unknown = unknown();
    let class = |reply: &Reply| {
        let unread = read(reply, context(&unknown)).unwrap_err();
        assert_told(operation, &unread);
        failure::<T>(Err(unread)).class
    };
    assert_eq!(class(&throttled(None)), ErrorClass::Throttled { until: None });
    let until = Some("2026-01-10T12:02:00Z".parse().unwrap());
    assert_eq!(class(&throttled(Some(120))), ErrorClass::Throttled { until });
    for status in [500, 502, 503, 504, 408] {
        assert_eq!(class(&reply(status, "")), ErrorClass::Transient, "{status}");
    }
    assert_eq!(class(&reply(503, "<html><h1>busy</h1></html>")), ErrorClass::Transient);
    assert_eq!(class(&reply(401, "")), ErrorClass::Auth);
    for body in ["", " \n", "<html>sign in</html>", "{\"value\":[", "[]", "true", "{}", "\u{feff}", "not json"] {
        assert_eq!(class(&reply(200, body)), ErrorClass::Protocol, "{body}");
    }
}

/// Broken variants of sound bodies: bytes changed, taken away, put in between or cut, and values replaced by others.
pub(super) fn mutations(bodies: &[Value], count: usize) -> Vec<Vec<u8>> {
    let mut dice = Dice(0x5eed_0f8f_a45a_0001);
    (0..count)
        .map(|_| {
            let mut body = bodies[dice.below(bodies.len())].clone();
            if dice.below(3) > 0 {
                for _ in 0..=dice.below(3) {
                    let place = dice.below(size(&body));
                    replace(&mut body, place, &mut dice);
                }
            }
            let mut bytes = body.to_string().into_bytes();
            if dice.below(2) == 0 {
                for _ in 0..dice.below(8) {
                    scratch(&mut bytes, &mut dice);
                }
            }
            bytes
        })
        .collect()
}

/// Numbers that are the same in every run (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }
}

fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum::<usize>(),
        Value::Object(fields) => fields.values().map(size).sum(),
        _ => 0,
    }
}

fn replace(value: &mut Value, place: usize, dice: &mut Dice) {
    if place == 0 {
        *value = odd(value, dice);
        return;
    }
    let mut left = place - 1;
    let children: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => return,
    };
    for child in children {
        let all = size(child);
        if left < all {
            return replace(child, left, dice);
        }
        left -= all;
    }
}

fn odd(value: &Value, dice: &mut Dice) -> Value {
    match dice.below(10) {
        0 => Value::Null,
        1 => Value::from(""),
        2 => Value::from(NASTY),
        3 => Value::from(i64::MIN),
        4 => Value::from(1e308),
        5 => Value::Bool(true),
        6 => Value::Array(vec![value.clone(), Value::Null]),
        7 => serde_json::json!({ "value": value }),
        8 => Value::from(value.to_string()),
        _ => Value::from("x".repeat(5_000)),
    }
}

fn scratch(bytes: &mut Vec<u8>, dice: &mut Dice) {
    if bytes.is_empty() {
        return;
    }
    let at = dice.below(bytes.len());
    let byte = u8::try_from(dice.below(256)).unwrap();
    match dice.below(8) {
        0..=2 => bytes[at] = byte,
        3 | 4 => drop(bytes.remove(at)),
        5 | 6 => bytes.insert(at, byte),
        _ => bytes.truncate(at),
    }
}

/// Reads every mutation under several statuses and states of knowledge: nothing panics, and what is not read is told.
pub(super) fn assert_robust<T>(
    operation: Operation,
    bodies: &[Value],
    read: impl Fn(&Reply, Context<'_>) -> Result<T, Unread>,
) {
    let refusal =
        serde_json::json!({ "error": { "code": "Forbidden", "message": NASTY, "innerError": { "code": NASTY } } });
    let bodies: Vec<Value> = bodies.iter().cloned().chain([refusal]).collect();
    let knowledge = [unknown(), holding(&[]), holding_all()];
    for (index, body) in mutations(&bodies, 1_200).into_iter().enumerate() {
        let other = [201, 206, 302, 400, 401, 403, 404, 409, 412, 424, 429, 500][index % 12];
        for status in [200, other] {
            let mut reply = reply(status, &body);
            reply.request_id = Some(NASTY.to_owned());
            if let Err(unread) = read(&reply, context(&knowledge[index % 3])) {
                assert_told(operation, &unread);
            }
        }
    }
}
