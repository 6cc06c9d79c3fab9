//! What can end a pass early. Troubles of the outside world never do: they are values in the plan's situation.

use std::time::Duration;

/// A pass could not be finished. Nothing is lost: the next one starts from what is stored.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The resource changed while the pass was under way; it is planned again from the new state.
    #[error("the resource changed while this pass was under way; planning again")]
    Changed,
    /// The resource is gone.
    #[error("the resource is gone")]
    Gone,
    /// A request to the API server failed.
    #[error("cannot {act}: {}", problem(source))]
    Cluster {
        /// What was tried.
        act: &'static str,
        /// Why it failed.
        source: kube::Error,
    },
    /// A status could not be written as JSON.
    #[error("cannot encode the status")]
    Encode(#[from] serde_json::Error),
    /// The resource has no namespace, uid or resource version, so it was not read from an API server.
    #[error("the resource lacks metadata.{field}")]
    Incomplete {
        /// The missing field.
        field: &'static str,
    },
    /// The pass ended by a fault of the program, which is told on the standard error stream.
    #[error("the pass ended by a fault of the operator itself; report it with the operator's log")]
    Panicked(#[source] tokio::task::JoinError),
    /// The administrator changed what the resource may do with its tenant; nothing more is sent by the old word.
    #[error("the configuration changed what the resource may do while this pass was under way; planning again")]
    Reconfigured,
    /// Another replica may lead by now; nothing more is sent.
    #[error("this replica leads no more: nothing was sent")]
    NotLeading,
    /// The pass took too long.
    #[error("the pass did not end within {} s", limit.as_secs())]
    TimedOut {
        /// The limit of a pass.
        limit: Duration,
    },
}

impl ReconcileError {
    /// Sorts a failed request. A refused precondition is no failure, and neither is an object that is gone.
    pub(super) fn cluster(act: &'static str, source: kube::Error) -> Self {
        match &source {
            kube::Error::Api(status) if status.is_conflict() => Self::Changed,
            kube::Error::Api(status) if status.is_not_found() => Self::Gone,
            _ => Self::Cluster { act, source },
        }
    }

    /// Like [`ReconcileError::cluster`], for a JSON patch, whose failed `test` is answered with 422.
    pub(super) fn patch(act: &'static str, source: kube::Error) -> Self {
        match &source {
            kube::Error::Api(status) if status.code == 422 => Self::Changed,
            _ => Self::cluster(act, source),
        }
    }

    /// Every class there is.
    pub const CLASSES: [&str; 10] = [
        "changed",
        "gone",
        "forbidden",
        "refused",
        "cluster",
        "internal",
        "not-leading",
        "panicked",
        "reconfigured",
        "timed-out",
    ];

    /// Short name for logs and metrics; one of `CLASSES`.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::Cluster { source: kube::Error::Api(status), .. } if status.is_forbidden() => "forbidden",
            Self::Cluster { source: kube::Error::Api(status), .. } if status.code == 422 => "refused",
            Self::Cluster { .. } => "cluster",
            Self::Encode(_) | Self::Incomplete { .. } => "internal",
            Self::NotLeading => "not-leading",
            Self::Reconfigured => "reconfigured",
            Self::Panicked(_) => "panicked",
            Self::TimedOut { .. } => "timed-out",
        }
    }

    /// Whether it belongs to ordinary life and needs no attention.
    #[must_use]
    pub const fn is_ordinary(&self) -> bool {
        matches!(self, Self::Changed | Self::Gone | Self::NotLeading | Self::Reconfigured)
    }
}

/// kube prints every field of the API server's answer; its message and code say it.
pub(super) fn problem(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({})", status.message, status.code),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;
    use rstest::rstest;

    fn answer(code: u16, reason: &str) -> kube::Error {
        kube::Error::Api(Box::new(Status { code, ..Status::failure("so it is", reason) }))
    }

    #[rstest]
    #[case::stale(409, "Conflict", "changed", "changed")]
    #[case::failed_test(422, "Invalid", "refused", "changed")]
    #[case::deleted(404, "NotFound", "gone", "gone")]
    #[case::not_permitted(403, "Forbidden", "forbidden", "forbidden")]
    #[case::down(503, "ServiceUnavailable", "cluster", "cluster")]
    fn a_refused_precondition_is_told_from_a_failure(
        #[case] code: u16,
        #[case] reason: &str,
        #[case] of_write: &str,
        #[case] of_patch: &str,
    ) {
        assert!(ReconcileError::CLASSES.contains(&of_write));
        assert_eq!(ReconcileError::cluster("write", answer(code, reason)).class(), of_write);
        assert_eq!(ReconcileError::patch("write", answer(code, reason)).class(), of_patch);
    }

    #[test]
    fn the_message_is_that_of_the_server() {
        let error = ReconcileError::cluster("write the status", answer(500, "InternalError"));
        assert_eq!(error.to_string(), "cannot write the status: so it is (500)");
    }
}
