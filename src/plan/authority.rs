//! Whether somebody is known to hold a role that may do the next step.
//!
//! Holders are persons, by themselves or through a group, for the whole tenant, by an active assignment or an eligible one
//! of Privileged Identity Management. Nothing depends on it but what is told: it never holds a step or a hand-off back.

use std::collections::BTreeSet;
use std::ops::AddAssign;

use super::microsoft::{Holder, Listed, Microsoft, Principal, RoleHolders};
use super::reading::{Reading, Why};
use super::verdict::Verdict;
use crate::api::{Reason, TriState};
use crate::tenant::{Permission, Role};

/// The scope of an assignment for the whole tenant (`directoryScopeId`).
const WHOLE_TENANT: &str = "/";

/// Who may do the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authority {
    /// The condition `Authorized`.
    pub(super) verdict: Verdict,
    /// Whether anybody is known to hold one of the roles.
    pub(super) is_anyone_known: TriState,
}

/// What one list of holders shows.
#[derive(Default)]
struct Count {
    persons: usize,
    groups: usize,
    /// Assignments that make nobody a holder: to applications, to empty groups, for a part of the tenant.
    others: usize,
    /// Whether the members of a group could not be read.
    has_unread_groups: bool,
    /// Why more is not known.
    whys: BTreeSet<Why>,
}

impl Count {
    const fn is_empty(&self) -> bool {
        self.persons == 0 && self.groups == 0
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.persons += other.persons;
        self.groups += other.groups;
        self.others += other.others;
        self.has_unread_groups |= other.has_unread_groups;
        self.whys.extend(other.whys);
    }
}

/// Whether anybody is known to hold one of these roles.
pub(super) fn authority(microsoft: &Microsoft, roles: &[Role]) -> Authority {
    let (mut known, mut total, mut is_assigned) = (Vec::new(), Count::default(), false);
    for role in roles {
        let Some(holders) = microsoft.roles.get(role) else {
            total.whys.insert(Why::NotAsked);
            continue;
        };
        let (assigned, eligible) = of_role(holders);
        is_assigned |= !assigned.is_empty();
        known.extend(told(*role, &assigned, &eligible));
        total += assigned;
        total += eligible;
    }
    let names = roles.iter().map(|role| role.display_name()).collect::<Vec<_>>().join(" or ");
    let verdict = if !total.is_empty() {
        let first = if is_assigned { "" } else { "; every one of them must activate it first" };
        Verdict::met(format!("known to hold a role for this step: {}{first}", known.join("; ")))
    } else if let Some(why) = first(&total.whys) {
        unknown(why, &names, total.has_unread_groups)
    } else if roles.is_empty() {
        Verdict::unknown(Reason::NotAsked, "no role was asked for")
    } else {
        let others = match total.others {
            0 => "",
            _ => "; applications, empty groups and assignments for a part of the tenant do not count",
        };
        Verdict::not(
            Reason::NotAuthorized,
            format!("nobody is known to hold {names} for the whole tenant: assign it to a person{others}"),
        )
    };
    Authority { is_anyone_known: verdict.status, verdict }
}

fn of_role(holders: &RoleHolders) -> (Count, Count) {
    (count(&holders.assigned), count(&holders.eligible))
}

fn count(list: &Reading<Listed<Holder>>) -> Count {
    let mut count = Count::default();
    match list {
        Reading::Unknown { why } => {
            count.whys.insert(*why);
        }
        Reading::Known { value, .. } => {
            if !value.is_complete {
                count.whys.insert(Why::ReadFailed);
            }
            for holder in &value.items {
                add(&mut count, holder);
            }
        }
    }
    count
}

fn add(count: &mut Count, holder: &Holder) {
    let is_part = holder.scope != WHOLE_TENANT && holder.scope.starts_with(WHOLE_TENANT);
    if is_part {
        count.others += 1;
        return;
    }
    if holder.scope != WHOLE_TENANT {
        // No scope that is documented: it may be the whole tenant or a part.
        count.whys.insert(Why::Ambiguous);
        return;
    }
    match &holder.principal {
        Principal::User => count.persons += 1,
        Principal::ServicePrincipal | Principal::Group { members: Reading::Known { value: 0, .. } } => {
            count.others += 1;
        }
        Principal::Group { members: Reading::Known { .. } } => count.groups += 1,
        Principal::Group { members: Reading::Unknown { why } } => {
            count.has_unread_groups = true;
            count.whys.insert(*why);
        }
        Principal::Unrecognised => {
            count.whys.insert(Why::Ambiguous);
        }
    }
}

/// Why it is not known: what may pass by itself stands first, then what can be granted.
fn first(whys: &BTreeSet<Why>) -> Option<Why> {
    let order = [Why::ReadFailed, Why::NotPermitted, Why::Ambiguous, Why::NotAsked];
    order.into_iter().find(|why| whys.contains(why))
}

fn unknown(why: Why, names: &str, has_groups: bool) -> Verdict {
    let holds = format!("whether anybody holds {names} for the whole tenant");
    match why {
        Why::NotAsked => Verdict::unknown(Reason::NotAsked, format!("{holds} was not asked")),
        Why::NotPermitted => Verdict::unknown(
            Reason::NotPermitted,
            format!(
                "{holds} may not be read: grant the application permission {}{}",
                Permission::DirectoryRoles.name(),
                if has_groups {
                    format!(", and {} for the members of groups", Permission::GroupMembers.name())
                } else {
                    String::new()
                }
            ),
        ),
        Why::ReadFailed => Verdict::unknown(Reason::ReadFailed, format!("{holds} could not be read")),
        Why::Ambiguous => Verdict::unknown(
            Reason::Ambiguous,
            format!("{holds} is not known: some holders are of a kind or a scope that this version does not know"),
        ),
    }
}

/// How many hold a role, without naming anybody.
fn told(role: Role, assigned: &Count, eligible: &Count) -> Option<String> {
    let parts: Vec<String> = [(assigned, "assigned"), (eligible, "eligible")]
        .into_iter()
        .filter(|(count, _)| !count.is_empty())
        .map(|(count, how)| format!("{how} to {}", numbers(count)))
        .collect();
    (!parts.is_empty()).then(|| format!("{} ({})", role.display_name(), parts.join(", ")))
}

fn numbers(count: &Count) -> String {
    let of = |number: usize, one: &str, many: &str| match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{number} {many}")),
    };
    let parts = [of(count.persons, "person", "persons"), of(count.groups, "group", "groups")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}
