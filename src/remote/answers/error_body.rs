//! The body of an error, in each of the shapes that Microsoft's APIs have for it. Pure, and it never fails.
//!
//! Microsoft Graph: `{error: {code, message, innerError: {code, …}}}`, also spelt `innererror`, nested to any depth. Azure
//! Resource Manager adds `target` and `details[]`; Defender XDR has `target`. Some gateways answer `{code, message}` or
//! `{error: "code", error_description: "…"}`, a page, or nothing.

use serde_json::{Map, Value};

use crate::remote::http::{clean, clean_code};

/// How deep codes are looked for; nothing documented nests deeper.
const DEPTH: usize = 8;

/// What the body of an error says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorBody {
    /// Every code, the outermost first.
    codes: Vec<String>,
    /// Every message, as it stands there, the outermost first.
    messages: Vec<String>,
    /// Whether the message is the body itself, which is no JSON object.
    is_bare: bool,
}

/// Reads the body of an error.
#[must_use]
pub fn error_body(body: &[u8]) -> ErrorBody {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut error = ErrorBody::default();
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => error.take(&fields, DEPTH),
        Ok(Value::String(text)) => {
            error.messages.push(text);
            error.is_bare = true;
        }
        Ok(_) => {}
        Err(_) => {
            // A page of a proxy says nothing about the API.
            let is_page = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
            let text = if is_page { None } else { std::str::from_utf8(body).ok() };
            error.messages.extend(text.filter(|text| !text.trim().is_empty()).map(str::to_owned));
            error.is_bare = true;
        }
    }
    error
}

impl ErrorBody {
    /// Whether it has this code at any depth, without regard to case.
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        self.codes.iter().any(|held| held.trim().eq_ignore_ascii_case(code))
    }

    /// Whether it has any code: then it is an answer of the API, and not of something before it.
    #[must_use]
    pub fn has_codes(&self) -> bool {
        self.codes.iter().any(|code| !code.trim().is_empty())
    }

    /// Whether a message has these words, without regard to case.
    #[must_use]
    pub fn says(&self, words: &str) -> bool {
        let words = words.to_lowercase();
        self.messages.iter().any(|message| message.to_lowercase().contains(&words))
    }

    /// Whether there is no message, or only empty ones.
    #[must_use]
    pub fn says_nothing(&self) -> bool {
        self.messages.iter().all(|message| message.trim().is_empty())
    }

    /// The messages as they stand there: for comparing, never for showing.
    #[must_use]
    pub fn messages(&self) -> &[String] {
        &self.messages
    }

    /// The same without a message that is the body itself: an answer that may hold a secret must not be shown.
    pub(super) fn without_bare_text(&self) -> Self {
        if self.is_bare { Self::default() } else { self.clone() }
    }

    /// Code and message for a person, cleaned and shortened; nothing where there are none. Starts with `; it says `.
    #[must_use]
    pub fn shown(&self) -> String {
        let first = |texts: &[String], clean: fn(&str) -> String| {
            texts.iter().map(|text| steady(&clean(text))).find(|text| !text.is_empty())
        };
        match (first(&self.codes, clean_code), first(&self.messages, clean)) {
            (Some(code), Some(message)) => format!("; it says {code}: \"{message}\""),
            (Some(code), None) => format!("; it says {code}"),
            (None, Some(message)) => format!("; it says \"{message}\""),
            (None, None) => String::new(),
        }
    }

    fn take(&mut self, fields: &Map<String, Value>, depth: usize) {
        if depth == 0 {
            return;
        }
        for (name, value) in in_order(fields) {
            match (name, value) {
                ("code", Value::Number(code)) => self.codes.push(code.to_string()),
                ("message" | "error_description", Value::String(message)) => self.messages.push(message.clone()),
                // Token end points have the code in the place of the object.
                ("code" | "error", Value::String(code)) => self.codes.push(code.clone()),
                ("error" | "innererror", Value::Object(inner)) => self.take(inner, depth - 1),
                ("details", Value::Array(details)) => {
                    for inner in details.iter().filter_map(Value::as_object) {
                        self.take(inner, depth - 1);
                    }
                }
                _ => {}
            }
        }
    }
}

/// A cleaned text for a person, without what differs from one answer to the next (ids of requests, times, addresses): what is
/// written down must not change while the trouble stays the same.
fn steady(cleaned: &str) -> String {
    let is_code = |word: &str| word.to_ascii_uppercase().contains("AADSTS");
    let varies =
        |word: &str| word.contains("://") || word.bytes().filter(u8::is_ascii_digit).count() >= 6 || is_uuid(word);
    let words = cleaned.split(' ').map(|word| if varies(word) && !is_code(word) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

fn is_uuid(word: &str) -> bool {
    let core = word.trim_matches(|character: char| !character.is_ascii_hexdigit());
    core.len() == 36 && core.bytes().filter(|byte| *byte == b'-').count() == 4
}

/// The fields that matter, by their names without regard to case, the nearest ones first.
fn in_order(fields: &Map<String, Value>) -> impl Iterator<Item = (&'static str, &Value)> {
    const NAMES: [&str; 6] = ["error", "code", "message", "error_description", "details", "innererror"];
    NAMES.into_iter().filter_map(|known| {
        let found = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(known));
        found.map(|(_, value)| (known, value))
    })
}
