//! What would happen, before anything is applied: the stories of `tests/plans`, each planned without a cluster.

use anyhow::{Context as _, bail};

use crate::screen::{Screen, Tone};
use crate::stories::{Story, folders};

/// The story that is told in full.
const IN_FULL: &str = "broker-turns-on";
/// Where the plan of a story begins and ends in its text.
const PLAN: (&str, &str) = ("Plan\n", "\nStatus that would be reported");

/// Tells every story in a line, one of them in full; and whether all came out as is written down by hand.
pub(crate) fn tell(screen: &mut Screen) -> anyhow::Result<bool> {
    let stories = folders()
        .iter()
        .map(|folder| Story::tell(folder).map_err(|problem| anyhow::anyhow!("{}: {problem}", folder.display())))
        .collect::<anyhow::Result<Vec<_>>>()?;
    screen.heading(
        "0  What would happen, before anything is applied",
        "`plan` judges a resource and writes nothing, with a cluster or, as here, without one: 0 nothing to do, 2 something is pending, 1 it cannot be carried out.",
    );
    let example = stories.iter().find(|story| name(story) == IN_FULL).context("the story to tell in full is gone")?;
    screen.blank();
    let (_, plan) = example.text.split_once(PLAN.0).context("a story without a plan")?;
    let (plan, _) = plan.split_once(PLAN.1).context("a story without a status")?;
    let command =
        format!("  $ threat-protection-operator plan -f {IN_FULL}/resource.yaml --world {IN_FULL}/world.yaml");
    let command = screen.paint(Tone::Act, &command);
    screen.say(&command);
    for line in plan.lines().filter(|line| !line.is_empty()) {
        let line = if line.contains("!!") { screen.paint(Tone::Attention, line) } else { line.to_owned() };
        screen.say(&format!("  {line}"));
    }
    screen.blank();
    let mut holds = true;
    for story in &stories {
        let faults = story.faults();
        holds &= faults.is_empty();
        line(screen, story, faults.is_empty());
        for fault in faults {
            screen.paragraph("      ", 6, &fault);
        }
    }
    if stories.is_empty() {
        bail!("there are no stories in tests/plans");
    }
    screen.blank();
    screen.say(&format!("  {} tenants judged; each verdict was written down by hand beforehand.", stories.len()));
    Ok(holds)
}

fn line(screen: &mut Screen, story: &Story, is_right: bool) {
    let sign = screen.sign(if is_right { Tone::Good } else { Tone::Bad });
    let tone = match story.exit {
        0 => Tone::Good,
        1 => Tone::Bad,
        _ => Tone::Attention,
    };
    let reason = story.expected.ready.split_whitespace().next_back().unwrap_or_default();
    let verdict = screen.paint(tone, &format!("{} {reason:<22}", story.exit));
    let indent = 2 + screen.sign_width() + 1 + 24 + 1;
    screen.paragraph(&format!("  {sign} {verdict} "), indent, &story.expected.story);
}

fn name(story: &Story) -> String {
    story.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
