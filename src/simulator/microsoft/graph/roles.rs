//! Who holds a directory role, who is eligible for one, and how many users a group has.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Scene;
use super::paging::page;
use crate::simulator::answer::Answer;
use crate::simulator::holders::{Held, Principal};
use crate::simulator::microsoft::problem::Problem;

const DIRECTORY: [&str; 2] = ["RoleManagement.Read.Directory", "RoleManagement.Read.All"];
const GROUPS: [&str; 2] = ["GroupMember.Read.All", "Group.Read.All"];

/// `GET /roleManagement/directory/roleAssignments`.
pub(super) fn assignments(scene: &Scene) -> Result<Answer, Problem> {
    scene.require(&DIRECTORY)?;
    let entries = entries(scene, false)?;
    page(scene, "roleManagement/directory/roleAssignments", entries)
}

/// `GET /roleManagement/directory/roleEligibilityScheduleInstances`.
pub(super) fn eligible(scene: &Scene) -> Result<Answer, Problem> {
    scene.require(&["RoleManagement.Read.Directory", "RoleEligibilitySchedule.Read.Directory"])?;
    if !scene.tenant.premium_p2 {
        let message = "The tenant needs to have Microsoft Entra ID P2 or Microsoft Entra ID Governance license.";
        return Err(Problem::new(400, "AadPremiumLicenseRequired", message));
    }
    let entries = entries(scene, true)?;
    page(scene, "roleManagement/directory/roleEligibilityScheduleInstances", entries)
}

fn entries(scene: &Scene, eligible: bool) -> Result<Vec<Value>, Problem> {
    let wanted = scene.request.query.get("$filter").map(|filter| definitions(filter)).transpose()?;
    let expands = scene
        .request
        .query
        .get("$expand")
        .is_some_and(|names| names.split(',').any(|name| name.split('(').next() == Some("principal")));
    let fits = |held: &&Held| {
        let definition = held.assignment.role.0.template_id();
        held.assignment.eligible == eligible && wanted.as_ref().is_none_or(|wanted| wanted.contains(definition))
    };
    Ok(scene.tenant.held_roles().iter().filter(fits).map(|held| entry(held, expands)).collect())
}

/// The role definitions that a filter names: `roleDefinitionId eq '…'`, several of them joined by `or`.
fn definitions(filter: &str) -> Result<BTreeSet<String>, Problem> {
    let one = |clause: &str| {
        let mut words = clause.split_whitespace();
        let is_equality = (words.next(), words.next()) == (Some("roleDefinitionId"), Some("eq"));
        let id = words.next()?.strip_prefix('\'')?.strip_suffix('\'')?.to_lowercase();
        (is_equality && words.next().is_none()).then_some(id)
    };
    let all: Option<BTreeSet<String>> =
        filter.split(" or ").map(|clause| one(clause.trim().trim_matches(['(', ')']))).collect();
    all.ok_or_else(|| Problem::new(400, "Request_UnsupportedQuery", "Unsupported Query."))
}

fn entry(held: &Held, expands: bool) -> Value {
    let assignment = &held.assignment;
    let mut entry = json!({
        "id": held.id,
        "principalId": held.principal_id,
        "directoryScopeId": assignment.scope,
        "roleDefinitionId": assignment.role.0.template_id(),
    });
    if let Some(members) = entry.as_object_mut().filter(|_| expands) {
        let kind = assignment.principal.type_name();
        let principal = json!({
            "@odata.type": format!("#microsoft.graph.{kind}"),
            "id": held.principal_id,
            "displayName": format!("{} ({kind})", assignment.role),
        });
        members.insert("principal".to_owned(), principal);
    }
    entry
}

/// `GET /groups/{id}/transitiveMembers/microsoft.graph.user/$count`: a bare number.
pub(super) fn members(scene: &Scene) -> Result<Answer, Problem> {
    scene.require(&GROUPS)?;
    let is_eventual =
        scene.request.consistency_level.as_deref().is_some_and(|level| level.eq_ignore_ascii_case("eventual"));
    if !is_eventual {
        let message = "Request with $count in the path requires the header 'ConsistencyLevel: eventual'.";
        return Err(Problem::new(400, "Request_BadRequest", message));
    }
    let id = scene.request.segment(2);
    let roles = scene.tenant.held_roles();
    let is_it = |held: &&Held| {
        held.assignment.principal == Principal::Group && held.principal_id.to_string().eq_ignore_ascii_case(id)
    };
    let group = roles.iter().find(is_it).ok_or_else(|| {
        let message =
            format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.");
        Problem::new(404, "Request_ResourceNotFound", message)
    })?;
    Ok(Answer::new(200, group.assignment.members.into()).with("content-type", "text/plain"))
}
