//! The catalogue of reasons as pages of documentation: an index, and a page each. Pure.

use std::fmt::Write;

use crate::api::{Look, Outlook, Reason};

/// The folder of the pages beside the index; each page has the name of its reason.
pub const FOLDER: &str = "reasons";

const INDEX: &str = "# Reasons

Every `reason` of every condition is one of these, and so is that of every event that tells a verdict; events of a step
that was sent say `StepDone`, `StepAccepted` or `StepRefused`. Where several hold, `Ready` and `Stalled` show the one
that stands first here. Each has a page of its own, with the commands that help;
`threat-protection-operator explain REASON` prints the same.

| Reason | What happened, and why | What to do |
|---|---|---|
";

const NOTHING_FOLLOWS: &str = "It is a reason of single conditions: what kstatus, Flux, Helm and Argo CD conclude follows from `Ready`, `Reconciling` and
`Stalled`, which have reasons of their own.
";

/// The whole catalogue as an index of pages.
#[must_use]
pub fn markdown() -> String {
    let mut index = INDEX.to_owned();
    for reason in Reason::ALL {
        // Writing to a text cannot fail.
        let _ = writeln!(index, "| [`{reason}`]({FOLDER}/{reason}.md) | {} | {} |", reason.meaning(), reason.remedy());
    }
    index
}

/// The page of one reason.
#[must_use]
pub fn page(reason: Reason) -> String {
    let mut page = format!(
        "# {reason}\n\n**What happened.** {}\n\n**Why.** {}\n\n**Meanwhile.** {}\n\n**What to do.** {}\n",
        reason.meaning(),
        reason.cause(),
        reason.meanwhile(),
        reason.remedy()
    );
    let shown: Vec<String> = reason.shown_by().iter().map(|kind| format!("`{kind}`")).collect();
    let noun = if shown.len() == 1 { "condition" } else { "conditions" };
    let _ = write!(page, "\n## Who says so\n\nThe {noun} {}.\n\n{}", shown.join(", "), conclusions(reason.outlook()));
    let _ = write!(page, "\n## Look\n\n```sh\nthreat-protection-operator explain {reason}\n");
    for look in looks(reason) {
        let _ = writeln!(page, "# {}", look.purpose());
        let _ = writeln!(page, "{}", look.command());
    }
    page.push_str("```\n\n## See also\n\n");
    for near in reason.related() {
        let _ = writeln!(page, "- [`{near}`]({near}.md): {}", near.meaning());
    }
    let _ = writeln!(page, "- [All reasons](../{FOLDER}.md)");
    page
}

fn conclusions(outlook: Outlook) -> String {
    if outlook.conclusions().is_empty() {
        return NOTHING_FOLLOWS.to_owned();
    }
    let mut table = String::from(
        "| When `Ready` shows it | Conditions | kstatus, Flux, Helm `--wait` | Argo CD with our health script |\n|---|---|---|---|\n",
    );
    for one in outlook.conclusions() {
        let _ = writeln!(table, "| {} | {} | {} | {} |", one.when, one.conditions, one.kstatus, one.argo_cd);
    }
    if !matches!(outlook, Outlook::Deleting | Outlook::HeldDeletion) {
        table.push_str("\nWhile the resource is being deleted, they conclude Terminating and Progressing instead.\n");
    }
    table
}

/// The commands that help: those that always do, then those of the reason.
pub(super) fn looks(reason: Reason) -> impl Iterator<Item = Look> {
    [Look::Conditions, Look::Events].into_iter().chain(reason.looks().iter().copied())
}
