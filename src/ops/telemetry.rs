//! Logs: one line an event, on the standard error stream.

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// What is logged unless said otherwise. kube logs each failed request before its caller can judge it.
pub const DEFAULT_FILTER: &str = "info,kube_client::client::builder=off";

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
    let lines = tracing_subscriber::fmt().with_env_filter(directives).with_writer(io::stderr);
    let installed = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).try_init(),
        LogFormat::Pretty => lines.pretty().try_init(),
    };
    installed.map_err(|_| TelemetryError::Installed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_filter_can_be_read() {
        assert!(EnvFilter::try_new(DEFAULT_FILTER).is_ok());
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_quoted() {
        let error = install(LogFormat::Json, "info,=,=").unwrap_err();
        assert!(error.to_string().contains("\"info,=,=\""), "{error}");
    }
}
