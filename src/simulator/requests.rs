//! The log of requests: a bounded ring of whole requests, and counts that are never lost.
//!
//! It is not part of the state file: it judges one run.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::matching::{Api, Subject};
use crate::tenant::TenantId;

/// How many requests are remembered whole.
const KEPT: usize = 200_000;

/// One request.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Logged {
    /// Position among all requests, from 1, in the order of arrival.
    pub seq: u64,
    /// When it arrived.
    pub time: Timestamp,
    /// Who was asked.
    pub api: Api,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The service instance, where the path names one.
    pub instance_id: Option<String>,
    /// The tenant, where it can be told.
    pub tenant_id: Option<TenantId>,
    /// The status of the answer; none while it is being worked on, and for a connection that was cut.
    pub status: Option<u16>,
    /// When its answer was ready; none while it is being worked on.
    pub answered: Option<Timestamp>,
    /// `Retry-After` of the answer, as sent; of the parts of a batch, too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retry_after: Vec<String>,
    /// `X-Broker-API-Request-Identity`.
    pub request_identity: Option<String>,
    /// `X-Broker-API-Originating-Identity`, as sent.
    pub originating_identity: Option<String>,
    /// `client-request-id`, which callers of Microsoft's APIs send.
    pub client_request_id: Option<String>,
    /// The body, if it was JSON; never that of a request for a token.
    pub body: Option<Value>,
    /// The paths of the parts of a batch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
}

/// How a request ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// When.
    pub time: Timestamp,
    /// The status of the answer; none for a connection that was cut.
    pub status: Option<u16>,
    /// `Retry-After`, of the answer and of the parts of a batch.
    pub retry_after: Vec<String>,
}

/// How often a tenant's requests with this method were answered with this status.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Count {
    /// Who was asked.
    pub api: Api,
    /// The tenant; none for requests that name none.
    pub tenant_id: Option<TenantId>,
    /// HTTP method.
    pub method: String,
    /// The status; none for connections that were cut.
    pub status: Option<u16>,
    /// How often.
    pub count: u64,
}

/// The log.
#[derive(Debug, Default)]
pub struct RequestLog {
    ring: VecDeque<Logged>,
    last_seq: u64,
    counts: BTreeMap<(Option<TenantId>, Api, String, Option<u16>), u64>,
}

impl RequestLog {
    /// Writes down a request that arrived and returns its position; `seq` and what tells of its end are ignored.
    pub fn arrive(&mut self, mut request: Logged) -> u64 {
        self.last_seq += 1;
        request.seq = self.last_seq;
        request.status = None;
        request.answered = None;
        request.retry_after.clear();
        if self.ring.len() == KEPT {
            self.ring.pop_front();
        }
        self.ring.push_back(request);
        self.last_seq
    }

    /// Writes down how a request ended.
    pub fn end(&mut self, seq: u64, ending: Ending, subject: &Subject) {
        let Ending { time, status, retry_after } = ending;
        let Subject { api, method, tenant_id, .. } = *subject;
        *self.counts.entry((tenant_id, api, method.to_owned(), status)).or_default() += 1;
        let first = self.ring.front().map_or(seq, |oldest| oldest.seq);
        let place = usize::try_from(seq.saturating_sub(first)).unwrap_or(usize::MAX);
        if let Some(logged) = self.ring.get_mut(place).filter(|logged| logged.seq == seq) {
            logged.status = status;
            logged.answered = Some(time);
            logged.retry_after = retry_after;
        }
    }

    /// The remembered requests after position `since` that the filter lets through.
    #[must_use]
    pub fn list(&self, filter: Filter, since: u64) -> Vec<Logged> {
        let fits = |logged: &&Logged| logged.seq > since && filter.fits(logged.tenant_id, logged.api);
        self.ring.iter().filter(fits).cloned().collect()
    }

    /// The counts of ended requests that the filter lets through.
    #[must_use]
    pub fn counts(&self, filter: Filter) -> Vec<Count> {
        self.counts
            .iter()
            .filter(|((tenant, api, _, _), _)| filter.fits(*tenant, *api))
            .map(|((tenant_id, api, method, status), count)| Count {
                api: *api,
                tenant_id: *tenant_id,
                method: method.clone(),
                status: *status,
                count: *count,
            })
            .collect()
    }
}

/// Whose requests, and to whom; an absent member lets all through.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// The tenant.
    pub tenant: Option<TenantId>,
    /// Who was asked.
    pub api: Option<Api>,
}

impl Filter {
    fn fits(self, tenant: Option<TenantId>, api: Api) -> bool {
        self.tenant.is_none_or(|id| tenant == Some(id)) && self.api.is_none_or(|wanted| api == wanted)
    }
}
