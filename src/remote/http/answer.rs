//! An answer: its status, the few headers that matter, its body up to a limit.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use reqwest::Response;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};

use super::{ExchangeError, RETRY_AFTER_LIMIT, Url, clean};

/// The largest body that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLimit {
    /// Of a service broker: 1 MiB. A catalog is its largest answer.
    Broker,
    /// Of Microsoft's APIs: 4 MiB. A page of incidents or the package of an onboarding can be large.
    Microsoft,
}

impl BodyLimit {
    /// The limit in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        const MIB: usize = 1024 * 1024;
        match self {
            Self::Broker => MIB,
            Self::Microsoft => 4 * MIB,
        }
    }
}

/// An answer, read to its end. `Debug` shows no body: it can hold a token.
#[derive(Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, as a duration from `now`, capped; `None` where it is absent, past or unreadable.
    pub retry_after: Option<SignedDuration>,
    /// `request-id` (Microsoft Graph) or `x-ms-request-id` (Azure Resource Manager, Microsoft Entra), cleaned.
    pub request_id: Option<String>,
    /// `WWW-Authenticate`, cleaned.
    pub www_authenticate: Option<String>,
    /// `x-ms-throttle-limit-percentage`: the used share of a limit, 0.8 to 1.8, sent from 0.8 on only (Microsoft,
    /// *Microsoft Graph service-specific throttling limits*, 2024).
    pub used_share: Option<f64>,
    /// Whether it carries `x-simulator`: no service of Microsoft sends it.
    pub is_simulated: bool,
    /// The host that `Location` names, cleaned.
    pub redirect_host: Option<String>,
    /// The body, or why it could not be read: the status counts even then.
    pub body: Result<Vec<u8>, ExchangeError>,
}

impl Answer {
    pub(super) async fn read(response: Response, limit: BodyLimit, now: Timestamp) -> Self {
        let headers = response.headers();
        Self {
            status: response.status().as_u16(),
            retry_after: text(headers, RETRY_AFTER.as_str()).and_then(|value| retry_after(value, now)),
            request_id: shown(headers, "request-id").or_else(|| shown(headers, "x-ms-request-id")),
            www_authenticate: shown(headers, WWW_AUTHENTICATE.as_str()),
            used_share: text(headers, "x-ms-throttle-limit-percentage").and_then(share),
            is_simulated: headers.contains_key("x-simulator"),
            redirect_host: text(headers, LOCATION.as_str()).and_then(|value| host(response.url(), value)),
            body: read_capped(response, limit).await,
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .field("request_id", &self.request_id)
            .field("bytes", &self.body.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn shown(headers: &HeaderMap, name: &str) -> Option<String> {
    text(headers, name).map(clean).filter(|value| !value.is_empty())
}

fn share(value: &str) -> Option<f64> {
    value.trim().parse::<f64>().ok().filter(|share| share.is_finite() && *share >= 0.0)
}

fn host(base: &Url, location: &str) -> Option<String> {
    base.join(location).ok()?.host_str().map(clean)
}

async fn read_capped(mut response: Response, limit: BodyLimit) -> Result<Vec<u8>, ExchangeError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| ExchangeError::while_reading(&error))? {
        if body.len() + chunk.len() > limit.bytes() {
            return Err(ExchangeError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Reads a `Retry-After`: whole seconds, or a date (RFC 9110, section 10.2.3). Longer than `RETRY_AFTER_LIMIT` is cut
/// to it; what is past, negative or unreadable is `None`.
#[must_use]
pub fn retry_after(value: &str, now: Timestamp) -> Option<SignedDuration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // So many digits that they do not fit are a very long time.
        let seconds = value.parse::<i64>().unwrap_or(i64::MAX);
        return Some(SignedDuration::from_secs(seconds).min(RETRY_AFTER_LIMIT));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(value).ok()?;
    let wait = date.duration_since(now);
    (!wait.is_negative()).then(|| wait.min(RETRY_AFTER_LIMIT))
}
