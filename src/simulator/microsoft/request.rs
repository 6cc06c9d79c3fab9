//! A request to one of Microsoft's APIs, read whole: one that came over the wire, or a part of a batch. Pure.

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::http::{HeaderMap, Method, Uri};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The request. It cannot be printed: tokens and secrets are in it.
#[derive(Clone)]
pub(super) struct Request {
    /// The id that the answer gives it.
    pub(super) id: Uuid,
    /// HTTP method.
    pub(super) method: String,
    /// Path and query as sent.
    pub(super) path_and_query: String,
    /// The segments of the path, decoded.
    pub(super) segments: Vec<String>,
    /// Query parameters, decoded.
    pub(super) query: BTreeMap<String, String>,
    /// The token that it carries.
    pub(super) bearer: Option<String>,
    /// `client-request-id`.
    pub(super) client_request_id: Option<String>,
    /// `ConsistencyLevel`.
    pub(super) consistency_level: Option<String>,
    /// `If-Match`.
    pub(super) if_match: Option<String>,
    /// The host that was asked, port included.
    pub(super) host: String,
    /// The body, if it was JSON.
    pub(super) body: Option<Value>,
    /// The fields of the body, if it was a form.
    pub(super) form: BTreeMap<String, String>,
}

impl Request {
    /// Gathers a request that came over the wire.
    #[must_use]
    pub(super) fn read(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let is_form = text("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let form = std::str::from_utf8(body).ok().filter(|_| is_form).map(fields).unwrap_or_default();
        Self {
            id: Uuid::new_v4(),
            method: method.to_string(),
            path_and_query: uri.to_string(),
            segments: segments(uri.path()),
            query: uri.query().map(fields).unwrap_or_default(),
            bearer: text("authorization").as_deref().and_then(bearer),
            client_request_id: text("client-request-id").or_else(|| text("x-ms-client-request-id")),
            consistency_level: text("consistencylevel"),
            if_match: text("if-match"),
            host: text("host").or_else(|| uri.authority().map(ToString::to_string)).unwrap_or_default(),
            body: serde_json::from_slice(body).ok(),
            form,
        }
    }

    /// A part of the batch that this request is; `url` is relative to the version.
    #[must_use]
    pub(super) fn part(&self, method: &str, url: &str, (headers, body): (&Map<String, Value>, Option<Value>)) -> Self {
        let header = |name: &str| {
            let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.and_then(|(_, value)| value.as_str()).map(str::to_owned)
        };
        let path_and_query = format!("/v1.0/{}", url.trim_start_matches('/'));
        let (path, query) = path_and_query.split_once('?').unwrap_or((&path_and_query, ""));
        Self {
            id: Uuid::new_v4(),
            method: method.to_ascii_uppercase(),
            segments: segments(path),
            query: fields(query),
            bearer: self.bearer.clone(),
            client_request_id: header("client-request-id").or_else(|| self.client_request_id.clone()),
            consistency_level: header("consistencylevel"),
            if_match: header("if-match"),
            host: self.host.clone(),
            body,
            form: BTreeMap::new(),
            path_and_query,
        }
    }

    /// The path without its query.
    #[must_use]
    pub(super) fn path(&self) -> &str {
        self.path_and_query.split('?').next().unwrap_or_default()
    }

    /// The segments of the path in lower case.
    #[must_use]
    pub(super) fn lower_segments(&self) -> Vec<String> {
        self.segments.iter().map(|segment| segment.to_lowercase()).collect()
    }

    /// A segment of the path; empty where there is none.
    #[must_use]
    pub(super) fn segment(&self, place: usize) -> &str {
        self.segments.get(place).map_or("", String::as_str)
    }
}

fn bearer(header: &str) -> Option<String> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// The fields of a query or a form.
fn fields(text: &str) -> BTreeMap<String, String> {
    // A blank is no character of a URI, but parts of a batch have some.
    let uri = format!("/?{}", text.replace(' ', "%20")).parse::<Uri>().unwrap_or_default();
    Query::try_from_uri(&uri).map(|Query(fields)| fields).unwrap_or_default()
}

/// The segments of a path, decoded one by one.
fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|segment| !segment.is_empty()).map(decoded).collect()
}

fn decoded(segment: &str) -> String {
    // In a query a plus is a blank, in a path it is not.
    let as_query = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    fields(&format!("x={as_query}")).remove("x").unwrap_or_else(|| segment.to_owned())
}
