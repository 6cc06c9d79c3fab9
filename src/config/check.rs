//! From the shape of the file to a `Config`. Every check runs, also after one has failed.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::SignedDuration;

use super::file::{File, Grant, Timing};
use super::problems::{Problems, up_to};
use super::{Config, ConfigError, broker, election, is_dns_label, metrics, microsoft};
use crate::plan::ownership::{Grants, Tenancy};
use crate::plan::situation::Capabilities;
use crate::tenant::TenantId;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

pub(super) fn config(file: File, directory: &Path) -> Result<Config, Vec<ConfigError>> {
    let File { tenancy, broker, microsoft, timing, controller, leader_election, probes, metrics } = file;
    let mut problems = Problems::default();
    let tenancy = grants(tenancy, &mut problems);
    let has_broker = broker.is_some();
    let polling = broker.as_ref().and_then(|broker| broker.maximum_polling_seconds);
    let polling = problems.number("broker.maximumPollingSeconds", polling, &up_to(7 * DAY, HOUR));
    let broker = broker.and_then(|broker| broker::broker(broker, directory, &mut problems));
    let microsoft = microsoft::microsoft(microsoft, directory, &mut problems);
    let capabilities = capabilities(&timing, has_broker, polling, &mut problems);
    let concurrency = problems.number("controller.concurrency", controller.concurrency, &up_to(256, 16));
    let watch_namespace = controller.watch_namespace;
    if let Some(namespace) = watch_namespace.as_deref().filter(|namespace| !is_dns_label(namespace)) {
        let what = format!("{namespace:?} cannot be the name of a namespace");
        problems.add("controller.watchNamespace", what, "Name one namespace, or leave it out to look at all of them");
    }
    let leader_election = election::election(leader_election, &mut problems);
    let probes = problems.listen("probes.listen", probes.listen.as_deref().unwrap_or("0.0.0.0:8080"));
    let metrics = metrics::metrics(metrics, probes, directory, &mut problems);
    match (probes, u16::try_from(concurrency)) {
        (Some(probes), Ok(concurrency)) if problems.0.is_empty() => {
            let tenancy = Tenancy::new(tenancy);
            Ok(Config {
                tenancy,
                broker,
                microsoft,
                capabilities,
                concurrency,
                watch_namespace,
                leader_election,
                probes,
                metrics,
            })
        }
        _ => Err(problems.0),
    }
}

fn grants(listed: Vec<Grant>, problems: &mut Problems) -> BTreeMap<String, Grants> {
    let mut grants: BTreeMap<String, Grants> = BTreeMap::new();
    for (index, Grant { namespace, tenant_ids, allow_deprovision }) in listed.into_iter().enumerate() {
        let at = format!("tenancy[{index}]");
        if !is_dns_label(&namespace) {
            let what = format!("{namespace:?} cannot be the name of a namespace");
            let remedy = "Use 1 to 63 lower-case letters, digits and hyphens; there is no wildcard for namespaces";
            problems.add(format!("{at}.namespace"), what, remedy);
        }
        if tenant_ids.is_empty() {
            let remedy = "List tenant ids, or [\"*\"] for any tenant, or remove the entry";
            problems.add(format!("{at}.tenantIds"), "it is empty, so the entry allows nothing", remedy);
        }
        let granted = grants.entry(namespace).or_default();
        for (position, text) in tenant_ids.iter().enumerate() {
            grant(granted, text, allow_deprovision)
                .unwrap_or_else(|(what, remedy)| problems.add(format!("{at}.tenantIds[{position}]"), what, remedy));
        }
    }
    grants
}

fn grant(granted: &mut Grants, text: &str, allow_deprovision: bool) -> Result<(), (String, String)> {
    let repeated = if text == "*" {
        granted.any.replace(allow_deprovision).is_some()
    } else {
        let tenant: TenantId = text.parse().map_err(|error: crate::tenant::InvalidTenantId| {
            (error.to_string(), "Write the id in lower case, or \"*\" for any tenant".to_owned())
        })?;
        granted.tenants.insert(tenant, allow_deprovision).is_some()
    };
    if repeated {
        let what = format!("{text} is listed twice for this namespace, so allowDeprovision could mean two things");
        return Err((what, "Keep one of them".to_owned()));
    }
    Ok(())
}

fn capabilities(timing: &Timing, has_broker: bool, polling: i64, problems: &mut Problems) -> Capabilities {
    let Timing {
        claim_grace_seconds,
        resync_minimum_seconds,
        resync_maximum_seconds,
        operation_poll_seconds,
        retry_initial_seconds,
        retry_maximum_seconds,
        slow_probe_seconds,
    } = *timing;
    let mut seconds = |field: &str, value, most, default| problems.number(field, value, &up_to(most, default));
    let grace = seconds("timing.claimGraceSeconds", claim_grace_seconds, 7 * DAY, HOUR);
    let resync = (
        seconds("timing.resyncMinimumSeconds", resync_minimum_seconds, DAY, 300),
        seconds("timing.resyncMaximumSeconds", resync_maximum_seconds, 7 * DAY, DAY),
    );
    let poll = seconds("timing.operationPollSeconds", operation_poll_seconds, HOUR, 10);
    let retry = (
        seconds("timing.retryInitialSeconds", retry_initial_seconds, HOUR, 1),
        seconds("timing.retryMaximumSeconds", retry_maximum_seconds, DAY, 300),
    );
    let slow_probe = seconds("timing.slowProbeSeconds", slow_probe_seconds, DAY, 1800);
    for (names, (least, most)) in [
        (("resyncMinimumSeconds", "resyncMaximumSeconds"), resync),
        (("retryInitialSeconds", "retryMaximumSeconds"), retry),
    ] {
        if least > most {
            let (low, high) = names;
            let remedy = format!("Lower it, or raise timing.{high}");
            problems.add(format!("timing.{low}"), format!("{least} is more than {high}, which is {most}"), remedy);
        }
    }
    let span = |(least, most)| (SignedDuration::from_secs(least), SignedDuration::from_secs(most));
    Capabilities {
        has_broker,
        claim_grace: SignedDuration::from_secs(grace),
        operation_deadline: SignedDuration::from_secs(polling),
        resync: span(resync),
        poll: SignedDuration::from_secs(poll),
        retry: span(retry),
        slow_probe: SignedDuration::from_secs(slow_probe),
    }
}
