//! Who holds a directory role: `roleAssignments`, `roleEligibilityScheduleInstances`, and how many persons are in a group.
//! No name of a person is asked for.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::plan::microsoft::{Holder, Listed, Principal, RoleHolders};
use crate::plan::reading::{Reading, Why};
use crate::remote::answers::{Context, Meaning, Verdict, judge, misshapen};
use crate::remote::call::{Call, Operation, Reply, Unread};
use crate::remote::http::percent_encode;
use crate::remote::shape::{Page, cleaned, id, of, page, text};
use crate::tenant::Role;

/// One assignment, before the members of groups are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// To whom.
    pub assignee: Assignee,
    /// Where it holds, as it stands there: `/` is the whole tenant. Empty where it is missing.
    pub scope: String,
}

/// What kind of principal an assignment is for (`@odata.type`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assignee {
    /// A person's account.
    User,
    /// An application.
    ServicePrincipal,
    /// A group, by its id, lower case.
    Group(String),
    /// None of these, or not said.
    Unrecognised,
}

/// Active assignments of a role (Microsoft Graph, *List unifiedRoleAssignments*, 2025).
#[must_use]
pub fn assigned(role: Role) -> Call {
    Call::get(Operation::RoleAssignments, path("roleAssignments", role))
}

/// Eligible assignments of a role (Microsoft Graph, *List roleEligibilityScheduleInstances*, 2025).
#[must_use]
pub fn eligible(role: Role) -> Call {
    Call::get(Operation::EligibleAssignments, path("roleEligibilityScheduleInstances", role))
}

fn path(list: &str, role: Role) -> String {
    let id = role.template_id();
    format!("/roleManagement/directory/{list}?$filter=roleDefinitionId%20eq%20'{id}'&$expand=principal($select=id)")
}

/// Reads an answer to `assigned`.
pub fn read_assigned(reply: &Reply, context: Context<'_>) -> Result<Page<Assignment>, Unread> {
    page(Operation::RoleAssignments, reply, context, assignment)
}

/// Reads an answer to `eligible`. A tenant without the licence for Privileged Identity Management has nobody.
pub fn read_eligible(reply: &Reply, context: Context<'_>) -> Result<Page<Assignment>, Unread> {
    let verdict = judge(Operation::EligibleAssignments, reply, context);
    if verdict.meaning() == Some(Meaning::NoPremium) {
        return Ok(Page::empty());
    }
    page(Operation::EligibleAssignments, reply, context, assignment)
}

fn assignment(entry: &Value) -> Option<Assignment> {
    entry.is_object().then(|| Assignment {
        assignee: of(entry, "principal").map_or(Assignee::Unrecognised, assignee),
        scope: cleaned(of(entry, "directoryScopeId")).unwrap_or_default(),
    })
}

fn assignee(principal: &Value) -> Assignee {
    let kind = text(of(principal, "@odata.type")).unwrap_or_default().to_ascii_lowercase();
    match kind.trim_start_matches('#') {
        "microsoft.graph.user" => Assignee::User,
        "microsoft.graph.serviceprincipal" => Assignee::ServicePrincipal,
        "microsoft.graph.group" => id(of(principal, "id")).map_or(Assignee::Unrecognised, Assignee::Group),
        _ => Assignee::Unrecognised,
    }
}

/// The groups whose members are to be counted.
#[must_use]
pub fn groups<'a>(assignments: impl IntoIterator<Item = &'a Assignment>) -> BTreeSet<String> {
    let group = |assignment: &'a Assignment| match &assignment.assignee {
        Assignee::Group(id) => Some(id.clone()),
        _ => None,
    };
    assignments.into_iter().filter_map(group).collect()
}

/// How many persons are in a group, directly or through other groups (Microsoft Graph, *List group transitive members*,
/// 2025).
#[must_use]
pub fn members(group: &str) -> Call {
    let path = format!("/groups/{}/transitiveMembers/microsoft.graph.user/$count", percent_encode(group));
    Call { is_eventual: true, ..Call::get(Operation::GroupMembers, path) }
}

/// Reads its answer, which is plain text. In a batch it may also be a JSON number, a quoted text or base64.
pub fn read_members(reply: &Reply, context: Context<'_>) -> Result<u32, Unread> {
    match judge(Operation::GroupMembers, reply, context) {
        Verdict::Answers => {
            let count = std::str::from_utf8(&reply.body).ok().and_then(number);
            count.ok_or_else(|| misshapen(Operation::GroupMembers, reply, "the body is not a number"))
        }
        Verdict::Says { otherwise, .. } | Verdict::Unread(otherwise) => Err(otherwise),
    }
}

fn number(body: &str) -> Option<u32> {
    let body = body.trim_start_matches('\u{feff}').trim().trim_matches('"').trim();
    body.parse().ok().or_else(|| {
        let decoded = String::from_utf8(STANDARD.decode(body).ok()?).ok()?;
        decoded.trim_start_matches('\u{feff}').trim().parse().ok()
    })
}

/// Who holds a role, from what the calls brought. A group whose members were not counted is `NotAsked`.
#[must_use]
pub fn holders(
    assigned: &Result<Listed<Assignment>, Unread>,
    eligible: &Result<Listed<Assignment>, Unread>,
    members: &BTreeMap<String, Reading<u32>>,
) -> RoleHolders {
    let list = |read: &Result<Listed<Assignment>, Unread>| match read {
        Err(unread) => unread.reading(),
        Ok(list) => Reading::observed(Listed {
            items: list.items.iter().map(|assignment| holder(assignment, members)).collect(),
            is_complete: list.is_complete,
        }),
    };
    RoleHolders { assigned: list(assigned), eligible: list(eligible) }
}

fn holder(assignment: &Assignment, members: &BTreeMap<String, Reading<u32>>) -> Holder {
    let principal = match &assignment.assignee {
        Assignee::User => Principal::User,
        Assignee::ServicePrincipal => Principal::ServicePrincipal,
        Assignee::Group(id) => {
            Principal::Group { members: members.get(id).cloned().unwrap_or(Reading::unknown(Why::NotAsked)) }
        }
        Assignee::Unrecognised => Principal::Unrecognised,
    };
    Holder { principal, scope: assignment.scope.clone() }
}

#[cfg(test)]
mod tests;
