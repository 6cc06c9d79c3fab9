//! Probes: `/livez` proves that the loop turns, `/readyz` names what is pending. `/metrics` stands beside them.
//!
//! What does not belong to this process, such as a broker's health, is shown as a detail and never fails a probe:
//! restarting this process would not cure it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::metrics::{self, Metrics};

pub use super::heartbeat::Heartbeat;

type Details = Box<dyn Fn() -> Vec<String> + Send + Sync>;

/// What must happen before the process is ready.
#[derive(Clone)]
pub struct Readiness {
    pending: Arc<Mutex<BTreeSet<&'static str>>>,
    details: Arc<OnceLock<Details>>,
    metrics: Arc<OnceLock<Metrics>>,
    has_metrics: bool,
}

impl Readiness {
    /// Ready once all of `pending` is done.
    #[must_use]
    pub fn awaiting(pending: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            pending: Arc::new(Mutex::new(pending.into_iter().collect())),
            details: Arc::default(),
            metrics: Arc::default(),
            has_metrics: true,
        }
    }

    /// The same, whose metrics are served elsewhere and not beside the probes.
    #[must_use]
    pub fn without_metrics(self) -> Self {
        Self { has_metrics: false, ..self }
    }

    /// `what` is done.
    pub fn done(&self, what: &'static str) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(what);
    }

    /// Lines that are shown beside; they never change the verdict. Only the first call counts.
    pub fn show(&self, details: impl Fn() -> Vec<String> + Send + Sync + 'static) {
        let _is_first = self.details.set(Box::new(details)).is_ok();
    }

    /// What `/metrics` serves. Only the first call counts.
    pub fn measure(&self, metrics: Metrics) {
        let _is_first = self.metrics.set(metrics).is_ok();
    }

    /// The metrics as they are served.
    pub(super) fn measured(&self) -> (StatusCode, String) {
        match self.metrics.get().map(Metrics::text) {
            Some(Ok(text)) => (StatusCode::OK, text),
            Some(Err(_)) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written\n".to_owned()),
            None => (StatusCode::SERVICE_UNAVAILABLE, "nothing is measured yet\n".to_owned()),
        }
    }

    fn answer(&self) -> (StatusCode, String) {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut body = String::new();
        for what in &pending {
            let _infallible = writeln!(body, "pending: {what}");
        }
        for line in self.details.get().map(|details| details()).unwrap_or_default() {
            let _infallible = writeln!(body, "{line}");
        }
        if pending.is_empty() {
            (StatusCode::OK, format!("ready\n{body}"))
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, format!("not ready\n{body}"))
        }
    }
}

/// Answers probes on `listener` until `shutdown`.
pub async fn serve(
    listener: TcpListener,
    heartbeat: Heartbeat,
    readiness: Readiness,
    shutdown: CancellationToken,
) -> io::Result<()> {
    axum::serve(listener, router(heartbeat, readiness)).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

fn router(heartbeat: Heartbeat, readiness: Readiness) -> Router {
    let livez = get(|State((heartbeat, _)): State<(Heartbeat, Readiness)>| async move {
        if heartbeat.is_alive() {
            (StatusCode::OK, "alive\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "the loop does not turn\n")
        }
    });
    let readyz = get(|State((_, readiness)): State<(Heartbeat, Readiness)>| async move { readiness.answer() });
    let measured = get(|State((_, readiness)): State<(Heartbeat, Readiness)>| async move {
        ([(CONTENT_TYPE, metrics::CONTENT)], readiness.measured())
    });
    let routes = Router::new().route("/livez", livez).route("/readyz", readyz);
    let routes = if readiness.has_metrics { routes.route("/metrics", measured) } else { routes };
    routes.with_state((heartbeat, readiness))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn readiness_names_what_is_pending_and_details_never_fail_it() {
        let readiness = Readiness::awaiting(["watch", "definition"]);
        readiness.done("definition");
        assert_eq!(readiness.answer(), (StatusCode::SERVICE_UNAVAILABLE, "not ready\npending: watch\n".to_owned()));
        readiness.done("watch");
        readiness.show(|| vec!["broker: failing".to_owned()]);
        assert_eq!(readiness.answer(), (StatusCode::OK, "ready\nbroker: failing\n".to_owned()));
    }

    #[tokio::test]
    async fn probes_are_served_until_shutdown() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(serve(listener, Heartbeat::default(), Readiness::awaiting([]), shutdown.clone()));
        for (path, expected) in [("/livez", "alive\n"), ("/readyz", "ready\n")] {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(expected), "{answer}");
        }
        shutdown.cancel();
        server.await.unwrap().unwrap();
    }
}
