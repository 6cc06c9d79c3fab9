//! The outcome of a check as a person reads it. Pure.

use std::fmt::Write;

use crate::api::TriState;
use crate::cli::plan::Exit;
use crate::cli::plan::text::visible;
use crate::plan::desired::{Desired, DesiredProof};
use crate::plan::microsoft::{Access, Microsoft};
use crate::plan::permissions::{Need, needs};
use crate::plan::reading::Reading;
use crate::tenant::Permission;

/// What was found about one resource.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Namespace and name.
    pub name: String,
    /// What it declares.
    pub desired: Desired,
    /// What Microsoft's own APIs answered.
    pub microsoft: Microsoft,
}

impl Checked {
    /// How it ended.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let proved = self.microsoft.organization.value().is_some_and(|seen| seen.id == self.desired.tenant);
        if !self.microsoft.is_asked() || !proved {
            return Exit::Failed;
        }
        let needs = needs(&self.desired, &self.microsoft);
        if needs.iter().any(|need| need.is_required && need.is_granted == TriState::False) {
            Exit::Failed
        } else if needs
            .iter()
            .all(|need| need.is_granted == TriState::True || need.permission == Permission::SecurityAdmin)
        {
            // Only a write shows whether settings may be changed.
            Exit::Settled
        } else {
            Exit::Pending
        }
    }

    fn sign_in(&self) -> String {
        let declared = self.desired.cloud;
        match &self.microsoft.access {
            Access::Granted => "a token was obtained".to_owned(),
            Access::Refused(failure) => format!("refused ({}): {failure}", failure.reason),
            Access::Failed(failure) => format!("not possible just now: {failure}"),
            Access::NotTried => match self.microsoft.cloud.value() {
                Some(cloud) if *cloud != declared => {
                    format!("not tried: the tenant lives in cloud {cloud}, set spec.cloud to {cloud}")
                }
                _ => "not tried".to_owned(),
            },
        }
    }

    fn tenant(&self) -> String {
        let Reading::Known { value: seen, .. } = &self.microsoft.organization else {
            return "not known".to_owned();
        };
        if seen.id != self.desired.tenant {
            return format!(
                "the credentials reach tenant {} instead: correct spec.tenantId or the credentials",
                seen.id
            );
        }
        let beside = [&seen.default_domain, &seen.country_code].into_iter().flatten().cloned().collect::<Vec<_>>();
        let name = seen.display_name.as_deref().unwrap_or("its name may not be read");
        if beside.is_empty() { name.to_owned() } else { format!("{name} ({})", beside.join(", ")) }
    }

    fn credentials(&self) -> String {
        let Some(declared) = &self.desired.credentials else { return "none".to_owned() };
        let proof = match &declared.proof {
            DesiredProof::Secret { name, key } => format!("Secret {name}, key {key}"),
            DesiredProof::ServiceAccount { name } => format!("ServiceAccount {name}"),
            DesiredProof::OperatorIdentity => "the operator's own identity".to_owned(),
        };
        format!("client {}, {proof}", declared.client_id)
    }
}

/// All of them. The last lines of each say what to grant.
#[must_use]
pub fn text(checked: &[Checked]) -> String {
    let mut text = String::new();
    for (index, one) in checked.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        of_one(one, &mut text);
    }
    text.lines().map(|line| visible(line).trim_end().to_owned() + "\n").collect()
}

fn of_one(checked: &Checked, text: &mut String) {
    let Checked { name, desired, microsoft } = checked;
    let needs = needs(desired, microsoft);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{name}: tenant {}, cloud {}\n", desired.tenant, desired.cloud);
    for (title, value) in
        [("credentials", checked.credentials()), ("sign-in", checked.sign_in()), ("tenant", checked.tenant())]
    {
        let _ = writeln!(text, "  {title:<12} {}", value.replace('\n', " "));
    }
    let _ = writeln!(text);
    for Need { permission, purpose, is_required, is_granted } in &needs {
        let state = match is_granted {
            TriState::True => "granted",
            TriState::False => "missing",
            TriState::Unknown => "not known",
        };
        let weight = if *is_required { "required" } else { "optional" };
        let _ = writeln!(text, "  {:<40} {state:<10} {weight:<9} {purpose}", permission.name());
    }
    let _ = writeln!(text, "\n{}", advice(checked, &needs));
}

fn advice(checked: &Checked, needs: &[Need]) -> String {
    let missing: Vec<String> = needs
        .iter()
        .filter(|need| need.is_granted == TriState::False)
        .map(|need| need.permission.to_string())
        .collect();
    let code = checked.exit().code();
    if !checked.microsoft.is_asked() {
        return format!("Nothing could be asked: mend the sign-in first. Exit {code}.");
    }
    if checked.microsoft.organization.value().is_some_and(|seen| seen.id != checked.desired.tenant) {
        return format!("Nothing else was asked: correct spec.tenantId or the credentials first. Exit {code}.");
    }
    let is_untold = |need: &&Need| need.is_granted == TriState::Unknown && need.permission != Permission::SecurityAdmin;
    let untold: Vec<&str> = needs.iter().filter(is_untold).map(|need| need.permission.name()).collect();
    let mut advice = Vec::new();
    if !missing.is_empty() {
        advice.push(format!("Grant {}.", missing.join(", ")));
    }
    if !untold.is_empty() {
        advice.push(format!(
            "Whether {} can be used is not known yet.{}",
            untold.join(", "),
            why_untold(checked, needs)
        ));
    }
    if advice.is_empty() {
        advice.push("Everything that this declaration makes use of is granted.".to_owned());
    }
    advice.push(format!("Exit {code}."));
    advice.join(" ").replace('\n', " ")
}

/// What stood in the way of an answer.
fn why_untold(checked: &Checked, needs: &[Need]) -> String {
    let is_blind =
        needs.iter().any(|need| need.permission == Permission::Applications && need.is_granted == TriState::False);
    match &checked.microsoft.failure {
        Some(failure) => format!(" The first trouble was: {failure}"),
        None if is_blind => format!(
            " Without {} a permission that is missing cannot be told from a feature that is not there: grant it and check again.",
            Permission::Applications.name()
        ),
        None => String::new(),
    }
}
