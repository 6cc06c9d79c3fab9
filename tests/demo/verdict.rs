//! The verdict, from what is stored and from what happened in the simulated world; the operator's own view counts for
//! nothing in it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::screen::{Tone, clipped, fitted};
use crate::stage::Stage;
use crate::support::kstatus::{KStatus, kstatus};

/// Methods of the requests that change something.
const CHANGES: [&str; 3] = ["PUT", "PATCH", "DELETE"];
/// The widths of name, kstatus and journal.
const COLUMNS: [usize; 3] = [16, 11, 52];

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
        journal: &["made", "consent", "on in EU", "off", "consent", "on in EU"],
        requests: [1, 2, 0],
    },
    Promise {
        name: "fabrikam",
        kstatus: Some(KStatus::Current),
        journal: &["made", "on in US", "off by a person", "on in US"],
        requests: [1, 1, 0],
    },
    Promise {
        name: "northwind",
        kstatus: Some(KStatus::Current),
        journal: &["made", "on in UK", "deprovisioned", "removed"],
        requests: [1, 0, 1],
    },
    Promise {
        name: "litware",
        kstatus: Some(KStatus::Current),
        journal: &["made", "on in AU", "IdentityCloudApps linked"],
        requests: [1, 1, 0],
    },
    Promise { name: "tailspin", kstatus: Some(KStatus::Failed), journal: &[], requests: [0, 0, 0] },
    Promise { name: "adventure-works", kstatus: None, journal: &[], requests: [0, 0, 0] },
    Promise {
        name: "wingtip",
        kstatus: Some(KStatus::Current),
        journal: &["on in EU by a person"],
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
    let [name, verdict, journal] = COLUMNS;
    let heads = format!(
        "    {} {} {} PUT PATCH DELETE",
        fitted("TENANT", name),
        fitted("KSTATUS", verdict),
        fitted("JOURNAL OF THE TENANT", journal)
    );
    let heads = stage.screen.paint(Tone::Quiet, &clipped(&heads, stage.screen.width()));
    stage.screen.say(&heads);
    let mut holds = true;
    for promise in &PROMISES {
        holds &= keeps(stage, promise).await?;
    }
    let (entries, requests) = totals(stage).await?;
    let promised = PROMISES.iter().map(|promise| promise.journal.len()).sum::<usize>();
    let asked = PROMISES.iter().flat_map(|promise| promise.requests).sum::<u64>();
    let all = [
        check(stage, entries == promised, &format!("nothing else happened in any tenant: {promised} effects in all")),
        check(stage, requests == asked, &format!("nothing else was asked of the broker: {asked} changes in all")),
        regions(stage).await?,
    ];
    Ok(holds && all.into_iter().all(|holds| holds))
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
    let [width, wide, wider] = COLUMNS;
    let [put, patch, delete] = requests.map(|count| if count == 0 { "·".to_owned() } else { count.to_string() });
    let line = format!(
        "  {} {} {} {} {put:>3} {patch:>5} {delete:>6}",
        stage.screen.sign(tone),
        fitted(promise.name, width),
        fitted(&named(verdict), wide),
        fitted(&said(&journal), wider),
    );
    stage.screen.say(&line);
    if !holds {
        let [put, patch, delete] = promise.requests;
        let journal: Vec<_> = promise.journal.iter().map(|effect| (*effect).to_owned()).collect();
        let line = format!(
            "promised: {}; {}; PUT {put} PATCH {patch} DELETE {delete}",
            named(promise.kstatus),
            said(&journal)
        );
        stage.screen.paragraph("      ", 6, &line);
    }
    Ok(holds)
}

fn named(verdict: Option<KStatus>) -> String {
    verdict.map_or_else(|| "not stored".to_owned(), |verdict| format!("{verdict:?}"))
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
        "instanceCreated" => "made".to_owned(),
        "instanceDeleted" => "removed".to_owned(),
        "consented" => "consent".to_owned(),
        "turnedOn" => format!("on in {}", detail("region")),
        "turnedOff" => "off".to_owned(),
        "linked" => format!("{} linked", detail("type")),
        other => other.to_owned(),
    };
    match entry["actor"].as_str().unwrap_or_default() {
        "broker" => what,
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
