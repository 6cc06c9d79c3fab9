//! An answer over HTTP, before faults and the wire have their say. Pure.

use serde_json::{Value, json};

/// An answer of one of the APIs.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body, JSON unless a header says otherwise; `null` is no body at all.
    pub body: Value,
    /// Headers besides those that every answer has; names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Answer {
    /// An answer with a body.
    #[must_use]
    pub const fn new(status: u16, body: Value) -> Self {
        Self { status, body, headers: Vec::new() }
    }

    /// An answer whose body is `{}`.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self::new(status, json!({}))
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same with `Retry-After` where there is one.
    #[must_use]
    pub fn with_retry_after(self, retry_after: Option<impl ToString>) -> Self {
        match retry_after {
            Some(value) => self.with("retry-after", value.to_string()),
            None => self,
        }
    }
}
