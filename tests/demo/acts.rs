//! The story, in five acts.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use crate::board::{Board, Row, spoken};
use crate::cast::{Character, old_consent};
use crate::people::{attests, consents};
use crate::screen::Tone;
use crate::stage::Stage;

/// Between two resources that are applied, so that an eye can follow.
const BEAT: Duration = Duration::from_millis(150);

/// Plays all acts.
pub(crate) async fn play(stage: &mut Stage) -> anyhow::Result<()> {
    everybody_is_declared(stage).await?;
    persons_act(stage).await?;
    one_opts_out_and_returns(stage).await?;
    one_is_changed_outside(stage).await?;
    one_is_deprovisioned(stage).await
}

async fn everybody_is_declared(stage: &mut Stage) -> anyhow::Result<()> {
    stage.screen.heading(
        "1  Eight tenants are declared",
        "Each lives by the rules of its time: March 2020, June 2020, or today.",
    );
    stage.screen.blank();
    for Character { name, first, .. } in stage.cast.clone() {
        match (stage.apply(name).await?, first) {
            (Ok(()), Some(_)) => {}
            (Err(message), None) => stage.refuse(name, rule(&message)),
            (Err(message), Some(_)) => bail!("the API server refuses {name}: {message}"),
            (Ok(()), None) => bail!("the API server accepts {name}, which it should refuse"),
        }
        stage.show_for(BEAT).await?;
    }
    let is_settled = |board: &Board| board.rows().all(|row| !matches!(row.face.tone, Tone::Busy | Tone::Quiet));
    stage.table_until("every tenant to settle", is_settled).await?;
    stage.screen.blank();
    for Character { name, first, why, .. } in stage.cast.clone() {
        let row = stage.board.row(name).with_context(|| format!("nothing is known of {name}"))?.clone();
        ensure!(first.is_none_or(|first| row.face.status == first), "{name} settles as {}", row.face.status);
        let what = explained(&row, why);
        stage.screen.paragraph(&format!("  {name:<15} "), 2 + 16, &what);
    }
    Ok(())
}

/// One sentence on what happened, and why.
fn explained(row: &Row, why: &str) -> String {
    let said = row.face.message.trim_end_matches('.');
    match row.face.tone {
        Tone::Good => format!("on in {}: {why}.", row.face.region),
        Tone::Attention => format!("{why}."),
        _ => format!("{why}: “{said}”."),
    }
}

/// The words of the rule in a refusal: `ThreatProtectionTenant.… "x" is invalid: spec: Invalid value: …: <the rule>`.
fn rule(message: &str) -> String {
    message
        .rsplit_once("Invalid value: ")
        .map_or(message, |(_, rule)| rule)
        .trim_start_matches("\"object\": ")
        .to_owned()
}

async fn persons_act(stage: &mut Stage) -> anyhow::Result<()> {
    stage.screen.heading(
        "2  Where there is no broker, people act",
        "The resource says who, where and what. With credentials the operator sees what they did; else they attest it.",
    );
    hand_off(stage, "wingtip");
    did(stage, "a Security Administrator does so in the simulated portal, and tells nobody");
    let tenant = stage.character("wingtip")?.tenant;
    stage.world.simulator.act(tenant, "SecurityAdministrator", "turnOn", json!({})).await?;
    // The link to Cloud Apps follows by itself, through Azure Resource Manager.
    stage.tell_until("wingtip", "Enabled").await?;

    hand_off(stage, "woodgrove");
    did(stage, "Microsoft's support turns it off, and whoever asked for it attests that");
    let tenant = stage.character("woodgrove")?.tenant;
    stage.world.simulator.act(tenant, "support", "supportOptOut", json!({})).await?;
    change(stage, "woodgrove", json!({"attestations": [attests("off", "ServiceOff", None)]})).await?;
    stage.tell_until("woodgrove", "Disabled").await
}

async fn one_opts_out_and_returns(stage: &mut Stage) -> anyhow::Result<()> {
    stage.screen.heading(
        "3  contoso opts out, and comes back",
        "Under the March rules a consent given before the opt-out does not count any more.",
    );
    stage.screen.blank();
    did(stage, "contoso declares desiredState: Disabled");
    change(stage, "contoso", json!({"desiredState": "Disabled"})).await?;
    stage.tell_until("contoso", "Disabled").await?;
    did(stage, &format!("contoso declares Enabled again, with its consent of {}", text(&old_consent()["grantedOn"])));
    change(stage, "contoso", json!({"desiredState": "Enabled"})).await?;
    stage.tell_until("contoso", "ConsentRequired").await?;
    did(stage, "contoso records a consent of today");
    change(stage, "contoso", json!({"dataSharing": {"consent": consents()}})).await?;
    stage.tell_until("contoso", "Enabled").await
}

async fn one_is_changed_outside(stage: &mut Stage) -> anyhow::Result<()> {
    stage.screen.heading(
        "4  Somebody opts fabrikam out in the portal",
        "Nothing new is declared. The operator looks every second here, every hour elsewhere, and sets it back.",
    );
    stage.screen.blank();
    did(stage, "a Security Administrator of fabrikam clears the switch in the simulated portal");
    let tenant = stage.character("fabrikam")?.tenant;
    stage.world.simulator.act(tenant, "SecurityAdministrator", "optOut", json!({})).await?;
    stage.tell_until_busy("fabrikam").await?;
    stage.tell_until("fabrikam", "Enabled").await
}

async fn one_is_deprovisioned(stage: &mut Stage) -> anyhow::Result<()> {
    stage.screen.heading(
        "5  northwind is deprovisioned",
        "This destroys, so it must be declared, and confirmed with the id of the tenant.",
    );
    stage.screen.blank();
    did(stage, "northwind declares Deprovisioned, and forgets the confirmation");
    match stage.edit("northwind", json!({"desiredState": "Deprovisioned"})).await? {
        Ok(()) => bail!("the API server accepts a deprovisioning that nobody confirmed"),
        Err(message) => {
            stage.screen.step(Tone::Bad, "refused", &rule(&message));
        }
    }
    did(stage, "northwind declares Deprovisioned, and confirms it");
    let confirmed = json!({
        "desiredState": "Deprovisioned",
        "deprovisionConfirmation": stage.character("northwind")?.tenant,
    });
    change(stage, "northwind", confirmed).await?;
    stage.tell_until("northwind", "Deprovisioned").await
}

/// Shows what a resource asks of a person.
fn hand_off(stage: &mut Stage, name: &str) {
    let action = stage.board.row(name).map(|row| row.object["status"]["pendingActions"][0].clone()).unwrap_or_default();
    stage.screen.blank();
    let asks = stage.screen.paint(Tone::Strong, name);
    stage.screen.say(&format!("  {asks} asks"));
    for (label, member) in [("who", "role"), ("where", "link"), ("what", "instructions"), ("proof", "verifiedBy")] {
        let label = stage.screen.paint(Tone::Quiet, &format!("{label:<6}"));
        stage.screen.paragraph(&format!("    {label} "), 4 + 7, &spoken(text(&action[member])));
    }
}

/// Somebody does something.
fn did(stage: &mut Stage, what: &str) {
    let sign = stage.screen.sign(Tone::Act);
    let indent = 2 + stage.screen.sign_width() + 1;
    stage.screen.paragraph(&format!("  {sign} "), indent, what);
}

/// A change of the spec that the API server must accept.
async fn change(stage: &mut Stage, name: &str, fields: Value) -> anyhow::Result<()> {
    match stage.edit(name, fields).await? {
        Ok(()) => Ok(()),
        Err(message) => bail!("the API server refuses a change of {name}: {message}"),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
