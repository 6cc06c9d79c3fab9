//! The one HTTPS client for all of Microsoft's hosts, and what holds for each of their answers: it comes from where it
//! was asked (no redirect), and from the right one of the two worlds (a simulator, or Microsoft).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::{Client, Request};

use super::http::{self, Answer, BodyLimit, Circuits, ClientError, ClientOptions, ExchangeError, Url};
use super::meter::{Asked, Meter};
use crate::api::Reason;
use crate::plan::failure::{ErrorClass, Failure};
use crate::tenant::TenantId;

/// What is asked, for messages and the log: "Microsoft Graph could not be asked for {what}".
#[derive(Clone, Copy, Debug)]
pub(super) struct Matter<'a> {
    /// "Microsoft Graph", "Microsoft Entra".
    pub whom: &'a str,
    /// The name of the call.
    pub what: &'a str,
    /// The `client-request-id` that is sent.
    pub request_id: &'a str,
    /// The same for metrics.
    pub asked: Asked,
    /// The tenant that is asked; none where the address says it.
    pub tenant: Option<TenantId>,
}

impl Matter<'_> {
    /// A failure of this matter.
    pub(super) fn failure(&self, class: ErrorClass, reason: Reason, message: String) -> Failure {
        Failure { class, reason, message, request_id: Some(self.request_id.to_owned()) }
    }
}

/// A way to Microsoft's hosts.
#[derive(Clone)]
pub(super) struct Channel {
    client: Client,
    allow_simulator: bool,
    meter: Meter,
    circuits: Arc<Circuits>,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("allow_simulator", &self.allow_simulator).finish_non_exhaustive()
    }
}

impl Channel {
    /// Nothing is read from the network.
    pub(super) fn new(ca_bundle: Option<&[u8]>, timeout: Duration, allow_simulator: bool) -> Result<Self, ClientError> {
        // Any address of the kind that is asked: it only says that TLS is insisted on.
        let base = Url::parse("https://login.microsoftonline.com")
            .map_err(|error| ClientError::Build { cause: error.to_string() })?;
        let client = http::client(&ClientOptions { base: &base, timeout, ca_bundle, identity: None })?;
        Ok(Self { client, allow_simulator, meter: Meter::default(), circuits: Arc::default() })
    }

    /// The same, counting together with others.
    pub(super) fn counting(self, meter: Meter) -> Self {
        Self { meter, ..self }
    }

    /// What is counted of the requests.
    pub(super) const fn meter(&self) -> &Meter {
        &self.meter
    }

    /// A request to be filled in.
    pub(super) fn request(&self, method: reqwest::Method, url: Url) -> reqwest::RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request and reads its answer. `Err` where there is none, or it is not one of whom was asked; then its
    /// body was not looked at. One line goes to the log, without header and body. A host that does not answer anybody is
    /// not asked each time: then what it last said is said again.
    pub(super) async fn send(&self, matter: &Matter<'_>, request: Request, now: Timestamp) -> Result<Answer, Failure> {
        let host = request.url().host_str().map(http::clean).unwrap_or_default();
        let whom = matter.tenant.map_or_else(|| request.url().path().to_owned(), |tenant| tenant.to_string());
        let (started, peer) = (Instant::now(), http::host(&request));
        if let Err(error) = self.circuits.admit(&request, started) {
            return Err(Failure { request_id: None, ..without_answer(matter, &host, &error) });
        }
        let result = http::exchange(&self.client, request, BodyLimit::Microsoft, now).await;
        self.circuits.ended((&peer, &whom), result.as_ref().err(), Instant::now());
        self.meter.ended(matter.asked, &result, started.elapsed());
        log(matter, &host, &result, started);
        let answer = result.map_err(|error| without_answer(matter, &host, &error))?;
        self.check_world(matter, &host, &answer)?;
        if (300..400).contains(&answer.status) {
            return Err(redirected(matter, &host, &answer));
        }
        Ok(answer)
    }

    fn check_world(&self, matter: &Matter<'_>, host: &str, answer: &Answer) -> Result<(), Failure> {
        let Matter { whom, what, .. } = matter;
        let message = match (answer.is_simulated, self.allow_simulator) {
            (true, true) | (false, false) => return Ok(()),
            (true, false) => format!(
                "{whom} was asked for {what}, and {host} answered as a simulator, which this operator was not started for. Check the hosts in the operator's configuration, or start it with --allow-simulator."
            ),
            (false, true) => format!(
                "{whom} was asked for {what}, and {host} did not answer as a simulator, although this operator was started with --allow-simulator and then asks simulators only. Check the hosts in the operator's configuration, or start it without --allow-simulator."
            ),
        };
        Err(matter.failure(ErrorClass::Invalid, Reason::SimulatorRefused, message))
    }
}

/// No answer, or none whose body can be read.
pub(super) fn without_answer(matter: &Matter<'_>, host: &str, error: &ExchangeError) -> Failure {
    const RETRIED: &str = "The operator tries again by itself.";
    let Matter { whom, what, .. } = matter;
    let (class, advice) = match error {
        ExchangeError::Untrusted { .. } | ExchangeError::ClientCertificateRefused { .. } => (
            ErrorClass::Auth,
            "Something between the operator and Microsoft shows its own certificate: let the operator through to this host, or set microsoft.caFile in the operator's configuration to the certificate authority that is to be trusted.",
        ),
        ExchangeError::TooLarge { .. } | ExchangeError::Unsendable { .. } => (
            ErrorClass::Protocol,
            "Check what answers under this host, and report this with the request id if it is Microsoft.",
        ),
        ExchangeError::Unreachable { .. } => (
            ErrorClass::Transient,
            "Check that the operator can reach this host on its port. The operator tries again by itself.",
        ),
        ExchangeError::Timeout | ExchangeError::Cut { .. } => (ErrorClass::Transient, RETRIED),
    };
    let message = format!("{whom} could not be asked for {what} at {host}: {error}. {advice}");
    matter.failure(class, Reason::ProviderUnavailable, message)
}

fn redirected(matter: &Matter<'_>, host: &str, answer: &Answer) -> Failure {
    let Matter { whom, what, .. } = matter;
    let target = answer.redirect_host.as_deref().unwrap_or("a place that it does not name");
    let message = format!(
        "{whom} was asked for {what}, and {host} answered with a redirect (status {}) to {target}, which is never followed. Check the hosts in the operator's configuration, and what stands between the operator and Microsoft.",
        answer.status
    );
    matter.failure(ErrorClass::Protocol, Reason::ProviderUnavailable, message)
}

fn log(matter: &Matter<'_>, host: &str, result: &Result<Answer, ExchangeError>, started: Instant) {
    let (status, request_id, error) = match result {
        Ok(answer) => (Some(answer.status), answer.request_id.as_deref(), None),
        Err(error) => (None, None, Some(error.to_string())),
    };
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let Matter { whom, what, request_id: client_request_id, asked: _, tenant: _ } = matter;
    tracing::debug!(operation = what, host, status, client_request_id, request_id, error, milliseconds, "asked {whom}");
}
