//! `explain`: what a reason of a condition means, and what to do about it.

use std::fmt::Write as _;
use std::io::{self, Write};

use clap::Args as ClapArgs;
use clap::builder::PossibleValuesParser;

use crate::api::Reason;

mod page;

pub use page::{FOLDER, markdown, page};

use page::looks;

/// Arguments of `explain`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The reason, in any case; without it all are listed
    #[arg(value_name = "REASON", ignore_case = true, hide_possible_values = true, value_parser = names())]
    reason: Option<String>,
    /// Print it, or all, as a page of documentation
    #[arg(long)]
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
        Some(reason) if args.markdown => page(*reason),
        Some(reason) => text(*reason),
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

/// One reason for whoever stands at a terminal.
fn text(reason: Reason) -> String {
    let mut text = format!(
        "{reason}\n  {}\n  {}\n  Meanwhile: {}\n  What to do: {}\n",
        reason.meaning(),
        plain(reason.cause()),
        plain(reason.meanwhile()),
        reason.remedy()
    );
    for look in looks(reason) {
        // Writing to a text cannot fail.
        let _ = write!(text, "\n  # {}\n  {}\n", look.purpose(), look.command());
    }
    let _ = writeln!(text, "\n  See also: {}", names_of(reason.related()));
    text
}

/// Marks of code are for pages.
fn plain(text: &str) -> String {
    text.replace('`', "")
}

fn names_of(reasons: &[Reason]) -> String {
    reasons.iter().map(|reason| reason.name()).collect::<Vec<_>>().join(", ")
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
        assert_eq!(explain(&["--markdown"]).unwrap().matches("\n| [`").count(), expected.len());
    }

    #[test]
    fn one_comes_with_its_commands_and_its_neighbours_and_as_a_page() {
        let text = explain(&["DuplicateTenant"]).unwrap();
        assert!(
            text.contains("--field-selector spec.tenantId=") && text.contains("See also: TenantNotAllowed"),
            "{text}"
        );
        let page = explain(&["duplicatetenant", "--markdown"]).unwrap();
        assert!(page.starts_with("# DuplicateTenant\n") && page.contains("[`Contended`](Contended.md)"), "{page}");
    }
}
