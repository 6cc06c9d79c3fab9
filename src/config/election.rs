//! The part of the file about leader election, and the name of the host that stands in the Lease.

use std::time::Duration;

use super::file::LeaderElection as File;
use super::problems::{Bounds, Problems, up_to};
use super::{LONGEST_LEASE, LeaderElection, is_dns_label};

/// The name of the Lease, where the file has none. The Role that is shipped is about this one.
const NAME: &str = "threat-protection-operator";
/// Where Linux tells the name of the host.
const HOST_NAME_FILE: &str = "/proc/sys/kernel/hostname";

/// Checks what stands at `leaderElection`; `None`: there is no election. All of it is checked also then.
pub(super) fn election(file: File, problems: &mut Problems) -> Option<LeaderElection> {
    let File { enabled, namespace, name, lease_duration_seconds, renew_deadline_seconds, retry_period_seconds } = file;
    if let Some(namespace) = namespace.as_deref().filter(|namespace| !is_dns_label(namespace)) {
        let what = format!("{namespace:?} cannot be the name of a namespace");
        problems.add("leaderElection.namespace", what, "Name one namespace, or leave it out for that of the operator");
    }
    let name = name.unwrap_or_else(|| NAME.to_owned());
    if name.len() > 253 || !name.split('.').all(is_dns_label) {
        let remedy = format!("Use lower-case letters, digits, hyphens and dots, or leave it out for {NAME}");
        problems.add("leaderElection.name", format!("{name:?} cannot be the name of a Lease"), remedy);
    }
    let longest = i64::try_from(LONGEST_LEASE.as_secs()).unwrap_or(i64::MAX);
    let mut seconds =
        |field, value, least, most, default| problems.number(field, value, &Bounds { least, ..up_to(most, default) });
    let duration = seconds("leaderElection.leaseDurationSeconds", lease_duration_seconds, 3, longest, 15);
    let deadline = seconds("leaderElection.renewDeadlineSeconds", renew_deadline_seconds, 2, longest - 1, 10);
    let retry = seconds("leaderElection.retryPeriodSeconds", retry_period_seconds, 1, (longest - 1) / 2, 2);
    if deadline >= duration {
        let what =
            format!("{deadline} is not less than leaseDurationSeconds, which is {duration}: two could lead at once");
        let remedy = "Lower it, or raise leaderElection.leaseDurationSeconds";
        problems.add("leaderElection.renewDeadlineSeconds", what, remedy);
    }
    if 2 * retry > deadline {
        let what = format!(
            "{retry} is more than half of renewDeadlineSeconds, which is {deadline}: one failed renewal would end the term"
        );
        let remedy = "Lower it, or raise leaderElection.renewDeadlineSeconds";
        problems.add("leaderElection.retryPeriodSeconds", what, remedy);
    }
    let span = |seconds: i64| Duration::from_secs(seconds.unsigned_abs());
    let (duration, renew_deadline, retry_period) = (span(duration), span(deadline), span(retry));
    enabled.unwrap_or(true).then_some(LeaderElection { namespace, name, duration, renew_deadline, retry_period })
}

/// What people know this process by: the name of its pod, else of its host.
#[must_use]
pub fn host_name() -> String {
    let of_environment = ["POD_NAME", "HOSTNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    let of_kernel = std::iter::once_with(|| std::fs::read_to_string(HOST_NAME_FILE).unwrap_or_default());
    let mut known = of_environment.chain(of_kernel).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    known.next().unwrap_or_else(|| "unknown-host".to_owned())
}
