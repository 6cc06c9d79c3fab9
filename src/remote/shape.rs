//! The bodies of successful answers: what is looked for is taken out of them, and everything else is let be. Pure.
//!
//! Field names are compared without regard to case, unknown fields are ignored, and the content type plays no part. A
//! body that lacks what it must have is `Unread::Failed`; an entry of a list that lacks it is left out and counted.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::answers::{Context, judge, misshapen};
use super::call::{Operation, Reply, Unread};
use super::http::clean;
use crate::plan::microsoft::Listed;

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries that could be read.
    pub items: Vec<T>,
    /// The address of the next part as the API gave it, never yet checked: whoever follows it compares the host.
    pub next: Option<String>,
    /// How many entries could not be read.
    pub skipped: usize,
}

impl<T> Page<T> {
    /// The last page of an empty list.
    #[must_use]
    pub const fn empty() -> Self {
        Self { items: Vec::new(), next: None, skipped: 0 }
    }

    /// The list that pages amount to, in their order: complete where the last one is there and every entry was read.
    #[must_use]
    pub fn list(pages: Vec<Self>) -> Listed<T> {
        let is_complete =
            pages.last().is_some_and(|page| page.next.is_none()) && pages.iter().all(|page| page.skipped == 0);
        Listed { items: pages.into_iter().flat_map(|page| page.items).collect(), is_complete }
    }
}

/// The longest address of a next page that is taken.
const ADDRESS_LIMIT: usize = 8 * 1024;

/// The object that a successful answer must be; `Unread` for every other answer.
pub(super) fn object(operation: Operation, reply: &Reply, context: Context<'_>) -> Result<Map<String, Value>, Unread> {
    match judge(operation, reply, context).into_unread() {
        Some(unread) => Err(unread),
        None => fields(operation, reply),
    }
}

/// The same for an answer that is known to be a success.
pub(super) fn fields(operation: Operation, reply: &Reply) -> Result<Map<String, Value>, Unread> {
    let body = reply.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&reply.body);
    let wrong = |how: &str| misshapen(operation, reply, how);
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(wrong("the body is JSON, but not an object")),
        Err(_) if body.iter().all(u8::is_ascii_whitespace) => Err(wrong("the body is empty")),
        Err(_) if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<') => {
            Err(wrong("the body is a web page, so something else answered"))
        }
        Err(error) => Err(wrong(&format!("the body is not JSON ({})", clean(&error.to_string())))),
    }
}

/// The page that a successful answer must be. `read` takes an entry, or `None` where it lacks something.
pub(super) fn page<T>(
    operation: Operation,
    reply: &Reply,
    context: Context<'_>,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Page<T>, Unread> {
    let fields = object(operation, reply, context)?;
    let Some(Value::Array(entries)) = field(&fields, "value") else {
        return Err(misshapen(operation, reply, "it has no list named value"));
    };
    let next = ["@odata.nextLink", "nextLink"].iter().find_map(|name| text(field(&fields, name)));
    if next.is_some_and(|address| address.len() > ADDRESS_LIMIT) {
        return Err(misshapen(operation, reply, "the address of the next page is longer than any that is documented"));
    }
    let items: Vec<T> = entries.iter().filter_map(read).collect();
    let skipped = entries.len() - items.len();
    Ok(Page { items, next: next.map(str::to_owned), skipped })
}

/// The field of this name, without regard to case.
pub(super) fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).or_else(|| fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// The field of this name of what must be an object.
pub(super) fn of<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    field(value.as_object()?, name)
}

/// A text that is there and not empty.
pub(super) fn text(value: Option<&Value>) -> Option<&str> {
    value?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// A text for a person or a comparison, cleaned.
pub(super) fn cleaned(value: Option<&Value>) -> Option<String> {
    text(value).map(clean).filter(|text| !text.is_empty())
}

/// An identifier, in lower case.
pub(super) fn id(value: Option<&Value>) -> Option<String> {
    cleaned(value).map(|id| id.to_ascii_lowercase())
}

/// A truth value, also one that is written as a text.
pub(super) fn truth(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Bool(is_so) => Some(*is_so),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A point in time; without an offset it is UTC, as everywhere in these APIs.
pub(super) fn time(value: Option<&Value>) -> Option<Timestamp> {
    let text = text(value)?;
    let without_offset = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse().ok().or_else(without_offset)
}
