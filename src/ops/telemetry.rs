//! Logs: one line an event, on the standard error stream.

use std::io;

use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, ParseError, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

/// What is logged unless said otherwise. kube logs each failed request before its caller can judge it.
pub const DEFAULT_FILTER: &str = "info,kube_client::client::builder=off";

/// What is never logged, whatever the filter says: kube writes down the whole body of an answer that it cannot read, and
/// the body may be a Secret or the token of a ServiceAccount. The error itself comes back to its caller.
const NEVER: &str = "kube_client::client";

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    #[default]
    Json,
    /// Several lines an event, for people.
    Pretty,
}

/// Logging cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("the log filter {filter:?} cannot be read: use directives such as {DEFAULT_FILTER:?}")]
    Filter {
        /// The filter.
        filter: String,
        /// Why not.
        source: ParseError,
    },
    /// Somebody else has set it up.
    #[error("logging is set up already")]
    Installed,
}

/// Sets logging up, once a process.
pub fn install(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let directives =
        EnvFilter::try_new(filter).map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?;
    subscriber(format, directives, io::stderr).try_init().map_err(|_| TelemetryError::Installed)
}

fn subscriber<W>(format: LogFormat, directives: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer);
    let lines = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
        LogFormat::Pretty => lines.pretty().boxed(),
    };
    registry().with(lines.with_filter(directives.and(filter_fn(may_be_logged))))
}

fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    metadata.target() != NEVER
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    use rstest::rstest;

    #[test]
    fn the_default_filter_can_be_read() {
        assert!(EnvFilter::try_new(DEFAULT_FILTER).is_ok());
    }

    /// A log in memory.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[rstest]
    #[case::default(DEFAULT_FILTER)]
    #[case::everything("trace")]
    #[case::insisting("trace,kube_client::client=trace,kube_client=trace")]
    #[case::within_a_span("off,[reconcile]=trace,kube_client::client[reconcile]=trace")]
    fn a_body_that_kube_cannot_read_is_never_logged(#[case] filter: &str) {
        for format in [LogFormat::Json, LogFormat::Pretty] {
            let lines = Lines::default();
            let writer = lines.clone();
            let subscriber = subscriber(format, EnvFilter::new(filter), move || writer.clone());
            tracing::subscriber::with_default(subscriber, || {
                tracing::info_span!("reconcile").in_scope(|| {
                    tracing::warn!(target: "kube_client::client", "body-of-a-secret");
                    tracing::warn!("still here");
                });
            });
            let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            assert!(!text.contains("body-of-a-secret") && text.contains("still here"), "{text}");
        }
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_quoted() {
        let error = install(LogFormat::Json, "info,=,=").unwrap_err();
        assert!(error.to_string().contains("\"info,=,=\""), "{error}");
    }
}
