//! `explain`: what a reason of a condition means, and what to do about it.

use std::fmt::Write as _;
use std::io::{self, Write};

use clap::Args as ClapArgs;
use clap::builder::PossibleValuesParser;

use crate::api::Reason;

/// Arguments of `explain`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The reason, in any case; without it all are listed
    #[arg(value_name = "REASON", ignore_case = true, hide_possible_values = true, value_parser = names())]
    reason: Option<String>,
    /// Print all as a page of documentation
    #[arg(long, conflicts_with = "reason")]
    markdown: bool,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(Reason::ALL.iter().map(|reason| reason.name()))
}

/// The explanation cannot be printed.
#[derive(Debug, thiserror::Error)]
#[error("cannot print the explanation")]
pub struct ExplainError(#[from] io::Error);

/// Prints what was asked for.
pub fn print(args: &Args, output: &mut impl Write) -> Result<(), ExplainError> {
    let asked = args.reason.as_deref();
    let found = Reason::ALL.iter().find(|reason| asked.is_some_and(|name| reason.name().eq_ignore_ascii_case(name)));
    let text = match found {
        Some(reason) => format!("{reason}\n  {}\n  What to do: {}\n", reason.meaning(), reason.remedy()),
        None if args.markdown => markdown(),
        None => list(),
    };
    Ok(output.write_all(text.as_bytes())?)
}

fn list() -> String {
    let mut list = String::new();
    for reason in Reason::ALL {
        let _ = writeln!(list, "{:<24}{}", reason.name(), reason.meaning());
    }
    list
}

/// The whole catalogue as a page of documentation.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(
        "# Reasons\n\nEvery `reason` of every condition is one of these, and so is that of every event that tells a verdict; events of a step\nthat was sent say `StepDone`, `StepAccepted` or `StepRefused`. Where several hold, `Ready` and `Stalled` show the one\nthat stands first here. `threat-protection-operator explain REASON` prints one of them.\n\n| Reason | What happened, and why | What to do |\n|---|---|---|\n",
    );
    for reason in Reason::ALL {
        // Writing to a text cannot fail.
        let _ = writeln!(page, "| `{reason}` | {} | {} |", reason.meaning(), reason.remedy());
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        args: Args,
    }

    fn explain(words: &[&str]) -> Result<String, String> {
        let words = ["explain"].iter().chain(words);
        let program = Program::try_parse_from(words).map_err(|error| error.to_string())?;
        let mut output = Vec::new();
        print(&program.args, &mut output).map_err(|error| error.to_string())?;
        String::from_utf8(output).map_err(|error| error.to_string())
    }

    #[test]
    fn a_reason_is_found_in_any_case() {
        let text = explain(&["regionmismatch"]).unwrap();
        assert!(text.starts_with("RegionMismatch\n") && text.contains("What to do: Set dataLocation.region"), "{text}");
    }

    #[test]
    fn an_unknown_reason_names_those_that_are_near() {
        let error = explain(&["RegionMissmatch"]).unwrap_err();
        assert!(error.contains("similar") && error.contains("'RegionMismatch'"), "{error}");
    }

    #[test]
    fn all_are_listed_in_the_order_of_the_catalogue() {
        let names: Vec<String> =
            explain(&[]).unwrap().lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect();
        let expected: Vec<_> = Reason::ALL.iter().map(|reason| reason.name().to_owned()).collect();
        assert_eq!(names, expected);
        assert_eq!(explain(&["--markdown"]).unwrap().matches("\n| `").count(), expected.len());
    }
}
