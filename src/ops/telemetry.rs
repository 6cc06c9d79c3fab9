//! Logs: one line an event, on the standard error stream. What is logged can be changed while the process runs.

use std::io;

use std::path::PathBuf;
use std::time::Duration;

use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, ParseError, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, registry, reload};

use super::follow::Follower;

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

/// What is logged, to be changed while the process runs.
#[derive(Clone, Debug)]
pub struct Filter(reload::Handle<EnvFilter, Registry>);

/// Sets logging up, once a process.
pub fn install(format: LogFormat, filter: &str) -> Result<Filter, TelemetryError> {
    let directives =
        EnvFilter::try_new(filter).map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?;
    let (subscriber, filter) = subscriber(format, directives, io::stderr);
    subscriber.try_init().map_err(|_| TelemetryError::Installed)?;
    Ok(filter)
}

impl Filter {
    /// Reads the filter from a file again and again, and takes it over where it has changed. One that cannot be read
    /// leaves everything as it was, and is told once. It never ends.
    ///
    /// The file holds directives, separated by commas or line breaks; lines that begin with `#` are comments.
    pub async fn follow(self, path: PathBuf, every: Duration) {
        let look = move || std::fs::read_to_string(&path).map_err(|error| format!("it cannot be read ({error})"));
        let mut file = Follower::new(every, look);
        loop {
            let read = file.change().await;
            self.take_over(&read);
            file.settle(read);
        }
    }

    fn take_over(&self, read: &Result<String, String>) {
        let changed = read.as_ref().map_err(Clone::clone).and_then(|text| self.change(text));
        match changed {
            Ok(()) => tracing::info!("the log filter is that of the file"),
            // Its text is not repeated: the path may name the wrong file.
            Err(problem) => {
                tracing::warn!(problem, "the file with the log filter is not usable; the filter stays as it was");
            }
        }
    }

    fn change(&self, text: &str) -> Result<(), String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let directives = lines.collect::<Vec<_>>().join(",");
        if directives.is_empty() {
            return Err("it holds no directives".to_owned());
        }
        let filter = EnvFilter::try_new(directives).map_err(|_| "it does not hold directives".to_owned())?;
        self.0.reload(filter).map_err(|error| error.to_string())
    }
}

fn subscriber<W>(format: LogFormat, directives: EnvFilter, writer: W) -> (impl Subscriber + Send + Sync, Filter)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (directives, handle) = reload::Layer::new(directives);
    let lines = fmt::layer().with_writer(writer);
    let lines = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
        LogFormat::Pretty => lines.pretty().boxed(),
    };
    (registry().with(lines.with_filter(directives.and(filter_fn(may_be_logged)))), Filter(handle))
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
            let (subscriber, _) = subscriber(format, EnvFilter::new(filter), move || writer.clone());
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

    fn logged(lines: &Lines) -> String {
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn the_filter_changes_at_run_time_and_never_lets_a_body_through() {
        let lines = Lines::default();
        let writer = lines.clone();
        let (subscriber, filter) = subscriber(LogFormat::Json, EnvFilter::new("info"), move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            let speak = |word: &str| {
                tracing::debug!(word, "spoken");
                tracing::trace!(target: "kube_client::client", "body-of-a-secret");
            };
            speak("first");
            filter.take_over(&Ok("# more of it\n\ndebug\nkube_client::client=trace\n".to_owned()));
            speak("second");
            filter.take_over(&Ok("hyper=,=,\n".to_owned()));
            filter.take_over(&Ok("# nothing\n".to_owned()));
            filter.take_over(&Err("it cannot be read".to_owned()));
            speak("third");
            filter.take_over(&Ok("error".to_owned()));
            speak("fourth");
        });
        let text = logged(&lines);
        assert!(!text.contains("first") && !text.contains("fourth") && !text.contains("body-of-a-secret"), "{text}");
        assert!(text.contains("second") && text.contains("third"), "{text}");
        assert_eq!(text.matches("stays as it was").count(), 3, "{text}");
        assert!(!text.contains("hyper"), "what stands in the file is not repeated: {text}");
    }

    #[tokio::test]
    async fn a_file_is_read_again_and_each_trouble_is_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("filter");
        let lines = Lines::default();
        let writer = lines.clone();
        let (subscriber, filter) = subscriber(LogFormat::Json, EnvFilter::new("info"), move || writer.clone());
        let _guard = tracing::subscriber::set_default(subscriber);
        let every = Duration::from_millis(5);
        let following = tokio::spawn(filter.follow(path.clone(), every));
        let count = |what: &str| logged(&lines).matches(what).count();
        let until = async |what: &str, times: usize| {
            for _ in 0..2000 {
                if count(what) >= times {
                    return;
                }
                tokio::time::sleep(every).await;
            }
            panic!("{what}: {}", logged(&lines));
        };
        until("cannot be read", 1).await;
        std::fs::write(&path, "debug\n").unwrap();
        until("that of the file", 1).await;
        std::fs::write(&path, "info").unwrap();
        until("that of the file", 2).await;
        tokio::time::sleep(20 * every).await;
        assert_eq!((count("cannot be read"), count("that of the file")), (1, 2), "{}", logged(&lines));
        following.abort();
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_quoted() {
        let error = install(LogFormat::Json, "info,=,=").unwrap_err();
        assert!(error.to_string().contains("\"info,=,=\""), "{error}");
    }
}
