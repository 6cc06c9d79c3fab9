//! The verdict, from what is stored and from what happened in the simulated world; the operator's own view counts for
//! nothing in it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::screen::{Tone, fitted};
use crate::stage::Stage;
use crate::support::kstatus::{KStatus, kstatus};

/// Methods of the requests that change something.
const CHANGES: [&str; 3] = ["PUT", "PATCH", "DELETE"];
/// The widths of name, kstatus and requests.
const COLUMNS: [usize; 3] = [15, 10, 12];

/// What must have become of a tenant.
struct Promise {
    name: &'static str,
    /// `None`: the resource is not stored.
    kstatus: Option<KStatus>,
    /// The journal after the seed.
    journal: &'static [&'static str],
    /// How many requests to create, to change, to delete.
    requests: [u64; 3],
}

/// What the story promises.
const PROMISES: [Promise; 8] = [
    Promise {
        name: "contoso",
        kstatus: Some(KStatus::Current),
        journal: &["instance", "consent", "on in EU", "off", "consent", "on in EU"],
        requests: [1, 2, 0],
    },
    Promise {
        name: "fabrikam",
        kstatus: Some(KStatus::Current),
        journal: &["instance", "on in US", "off by a person", "on in US"],
        requests: [1, 1, 0],
    },
    Promise {
        name: "northwind",
        kstatus: Some(KStatus::Current),
        journal: &["instance", "on in UK", "deprovisioned", "instance gone"],
        requests: [1, 0, 1],
    },
    Promise {
        name: "litware",
        kstatus: Some(KStatus::Current),
        journal: &["instance", "on in AU", "IdentityCloudApps linked"],
        requests: [1, 1, 0],
    },
    Promise { name: "tailspin", kstatus: Some(KStatus::Failed), journal: &[], requests: [0, 0, 0] },
    Promise { name: "adventure-works", kstatus: None, journal: &[], requests: [0, 0, 0] },
    Promise {
        name: "wingtip",
        kstatus: Some(KStatus::Current),
        journal: &["on in EU by a person", "DefenderForCloudCloudApps linked by Azure"],
        requests: [0, 0, 0],
    },
    Promise { name: "woodgrove", kstatus: Some(KStatus::Current), journal: &["off by support"], requests: [0, 0, 0] },
];

/// Judges, prints, and returns whether every promise was kept.
pub(crate) async fn judge(stage: &mut Stage) -> anyhow::Result<bool> {
    stage.screen.heading(
        "Verdict",
        "What kubectl, Flux and Helm conclude from the stored objects, and what the simulator's journal says was done.",
    );
    stage.screen.blank();
    let [name, verdict, requests] = COLUMNS;
    let heads = format!(
        "  {} {} {} {} JOURNAL OF THE TENANT",
        " ".repeat(stage.screen.sign_width()),
        fitted("TENANT", name),
        fitted("KSTATUS", verdict),
        fitted("ASKED", requests),
    );
    let heads = stage.screen.paint(Tone::Quiet, &heads);
    stage.screen.say(&heads);
    let mut broken = Vec::new();
    for promise in &PROMISES {
        if !keeps(stage, promise).await? {
            broken.push(promise.name);
        }
    }
    let (entries, requests) = totals(stage).await?;
    let promised = PROMISES.iter().map(|promise| promise.journal.len()).sum::<usize>();
    let asked = PROMISES.iter().flat_map(|promise| promise.requests).sum::<u64>();
    let all = [
        check(stage, entries == promised, &format!("nothing else happened in any tenant: {promised} effects in all")),
        check(stage, requests == asked, &format!("nothing else was asked of the broker: {asked} changes in all")),
        regions(stage).await?,
    ];
    let holds = broken.is_empty() && all.into_iter().all(|holds| holds);
    if !holds {
        stage.account_for(&broken).await;
    }
    Ok(holds)
}

async fn keeps(stage: &mut Stage, promise: &Promise) -> anyhow::Result<bool> {
    let tenant = stage.character(promise.name)?.tenant;
    let stored = stage.stored(promise.name).await?;
    let verdict = (!stored.is_null()).then(|| kstatus(&stored));
    let journal: Vec<_> = effects(stage, Some(tenant)).await?;
    let mut requests = [0; 3];
    for (count, method) in requests.iter_mut().zip(CHANGES) {
        *count = stage.world.simulator.count(tenant, method).await?;
    }
    let holds = verdict == promise.kstatus && journal == promise.journal && requests == promise.requests;
    let tone = if holds { Tone::Good } else { Tone::Bad };
    let [name, wide, wider] = COLUMNS;
    let label = format!(
        "  {} {} {} {} ",
        stage.screen.sign(tone),
        fitted(promise.name, name),
        fitted(&named(verdict), wide),
        fitted(&asked(requests), wider),
    );
    let indent = 2 + stage.screen.sign_width() + COLUMNS.iter().sum::<usize>() + COLUMNS.len() + 1;
    stage.screen.paragraph(&label, indent, &said(&journal));
    if !holds {
        let journal: Vec<_> = promise.journal.iter().map(|effect| (*effect).to_owned()).collect();
        let wanted = [named(promise.kstatus), asked(promise.requests), said(&journal)].join("; ");
        stage.screen.paragraph("      promised: ", 16, &wanted);
    }
    Ok(holds)
}

fn named(verdict: Option<KStatus>) -> String {
    verdict.map_or_else(|| "not stored".to_owned(), |verdict| format!("{verdict:?}"))
}

/// Requests to create, to change, to delete, in words.
fn asked(requests: [u64; 3]) -> String {
    let named = requests.iter().zip(CHANGES).filter(|(count, _)| **count > 0);
    let named: Vec<_> = named
        .map(|(count, method)| if *count == 1 { method.to_owned() } else { format!("{count} {method}") })
        .collect();
    if named.is_empty() { "nothing".to_owned() } else { named.join(", ") }
}

fn said(journal: &[String]) -> String {
    if journal.is_empty() { "nothing".to_owned() } else { journal.join(", ") }
}

/// The journal after the seeds, in words.
async fn effects(stage: &Stage, tenant: Option<&str>) -> anyhow::Result<Vec<String>> {
    let entries = stage.world.simulator.journal(tenant).await?;
    Ok(entries.iter().filter(|entry| entry["effect"] != "seeded").map(effect).collect())
}

fn effect(entry: &Value) -> String {
    let detail = |name: &str| entry["detail"][name].as_str().unwrap_or_default();
    let what = match entry["effect"].as_str().unwrap_or_default() {
        "instanceCreated" => "instance".to_owned(),
        "instanceDeleted" => "instance gone".to_owned(),
        "consented" => "consent".to_owned(),
        "turnedOn" => format!("on in {}", detail("region")),
        "turnedOff" => "off".to_owned(),
        "linked" => format!("{} linked", detail("type")),
        other => other.to_owned(),
    };
    match entry["actor"].as_str().unwrap_or_default() {
        "broker" => what,
        "application" => format!("{what} by Azure"),
        person if person.starts_with("person:") => format!("{what} by a person"),
        other => format!("{what} by {other}"),
    }
}

/// All effects, and all requests that change something, whoever they are about.
async fn totals(stage: &Stage) -> anyhow::Result<(usize, u64)> {
    let counts = stage.world.simulator.counts(None).await?;
    let changes = counts.iter().filter(|count| CHANGES.iter().any(|method| count["method"] == *method));
    Ok((effects(stage, None).await?.len(), changes.filter_map(|count| count["count"].as_u64()).sum()))
}

/// Whether every region in status is the one in which the tenant really is.
async fn regions(stage: &mut Stage) -> anyhow::Result<bool> {
    let mut places = BTreeMap::new();
    for Promise { name, .. } in &PROMISES {
        let stored = stage.stored(name).await?["status"]["dataLocation"]["region"].clone();
        let real = stage.world.simulator.tenant(stage.character(name)?.tenant).await?["region"].clone();
        places.insert(*name, (stored, real));
    }
    let pinned: Vec<_> = places.values().filter(|(stored, _)| !stored.is_null()).collect();
    let holds = !pinned.is_empty() && pinned.iter().all(|(stored, real)| stored == real);
    let what = format!("each of the {} regions in status is where the simulated tenant's data is", pinned.len());
    Ok(check(stage, holds, &what))
}

fn check(stage: &mut Stage, holds: bool, what: &str) -> bool {
    let sign = stage.screen.sign(if holds { Tone::Good } else { Tone::Bad });
    stage.screen.say(&format!("  {sign} {what}"));
    holds
}
