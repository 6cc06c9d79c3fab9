//! What goes wrong at a point.

/// One disturbance of one effect, or of one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The process ends; the request never left.
    CrashBefore,
    /// The request took effect and the process ends before the answer.
    CrashAfter,
    /// An error comes back and nothing happened.
    Refused,
    /// The connection breaks and nothing happened.
    Cut,
    /// The request took effect and the connection breaks.
    AnswerLost,
    /// The request arrives twice; the first answer comes back.
    Duplicated,
    /// The request arrives twice; the second answer comes back.
    Repeated,
    /// The process ends, and its request arrives after the first pass of the next process.
    Delayed,
    /// The process ends, and its request arrives when the next process believes to be done.
    Late,
    /// Somebody labels the resource just before.
    Labelled,
    /// The other side asks to wait for a second.
    Throttled,
    /// A read is answered with the previous version.
    Stale,
    /// Before this pass, every old version of the resource is delivered once more.
    Replayed,
    /// The same to a new process.
    ReplayedToNew,
}

/// What can happen to a request.
pub(crate) const OF_EFFECTS: [Fault; 11] = [
    Fault::CrashBefore,
    Fault::CrashAfter,
    Fault::Refused,
    Fault::Cut,
    Fault::AnswerLost,
    Fault::Duplicated,
    Fault::Repeated,
    Fault::Delayed,
    Fault::Late,
    Fault::Labelled,
    Fault::Throttled,
];

/// What can happen to a request that only reads. Whether it arrived, and how often or how late, makes no difference.
pub(crate) const OF_READS: [Fault; 5] =
    [Fault::CrashBefore, Fault::Refused, Fault::Cut, Fault::Labelled, Fault::Throttled];

/// What can happen to an event. Nothing ever reads it back, so only the answer and the end of the process matter.
pub(crate) const OF_EVENTS: [Fault; 4] = [Fault::CrashBefore, Fault::CrashAfter, Fault::Refused, Fault::Cut];

/// What can happen before a pass.
pub(crate) const OF_PASSES: [Fault; 2] = [Fault::Replayed, Fault::ReplayedToNew];

impl Fault {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CrashBefore => "crash before",
            Self::CrashAfter => "crash after",
            Self::Refused => "refused",
            Self::Cut => "cut",
            Self::AnswerLost => "answer lost",
            Self::Duplicated => "duplicated",
            Self::Repeated => "repeated",
            Self::Delayed => "delayed",
            Self::Late => "late",
            Self::Labelled => "labelled",
            Self::Throttled => "throttled",
            Self::Stale => "stale",
            Self::Replayed => "replayed",
            Self::ReplayedToNew => "replayed to a new process",
        }
    }
}
