//! Which application permissions of Microsoft Graph the application holds, by the ids of its app roles. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::plan::microsoft::Listed;
use crate::tenant::Permission;

/// How long a grant takes, at most, until tokens that are bought then carry it.
const IN_FORCE_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// An app role that is assigned to the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// `appRoleId`, lower case.
    pub id: String,
    /// `createdDateTime`: tokens from before do not carry it.
    pub since: Option<Timestamp>,
}

/// The permissions that the application is known to hold, and whether that is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    granted: BTreeSet<Permission>,
    /// Granted, and perhaps not to the token that was used.
    fresh: BTreeSet<Permission>,
    is_complete: bool,
}

impl Held {
    /// What a list of grants amounts to for a token that was bought at `bought`: a token carries the roles that were
    /// granted when it was bought, for as long as it lives.
    #[must_use]
    pub fn of(grants: &Listed<Grant>, bought: Timestamp) -> Self {
        let is_in_force = |grant: &&Grant| {
            grant.since.and_then(|since| since.checked_add(IN_FORCE_AFTER).ok()).is_some_and(|since| since <= bought)
        };
        let (old, new): (Vec<&Grant>, Vec<&Grant>) = grants.items.iter().partition(is_in_force);
        let granted = permissions(&old);
        let fresh = permissions(&new).difference(&granted).copied().collect();
        Self { granted, fresh, is_complete: grants.is_complete }
    }

    /// Whether something was granted that the token may not carry yet.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Whether it holds this permission or one that includes it; `None` where that is not known: the list is not complete,
    /// the grant is newer than the token, or not every id that could grant it is known here.
    #[must_use]
    pub fn holds(&self, permission: Permission) -> Option<bool> {
        if self.granted.contains(&permission) {
            return Some(true);
        }
        if self.fresh.contains(&permission) {
            return None;
        }
        (self.is_complete && PROVABLE.contains(&permission)).then_some(false)
    }
}

impl Held {
    /// All that is known of it.
    #[must_use]
    pub fn known(&self) -> BTreeMap<Permission, bool> {
        let provable = PROVABLE.into_iter().chain(self.granted.iter().copied());
        provable.filter_map(|permission| Some((permission, self.holds(permission)?))).collect()
    }
}

fn permissions(grants: &[&Grant]) -> BTreeSet<Permission> {
    let is_held = |id: &str| grants.iter().any(|grant| grant.id.trim().eq_ignore_ascii_case(id));
    GRANTS.iter().filter(|(id, _)| is_held(id)).flat_map(|(_, permissions)| permissions.iter().copied()).collect()
}

/// The permissions whose grantors are all in `GRANTS`, by the permission tables of the calls that ask for them (Microsoft
/// Graph v1.0, 2025). The others (licences, directory roles, groups, applications) are also granted by wider permissions
/// that come and go, so that their absence is never claimed.
const PROVABLE: [Permission; 5] = [
    Permission::SecurityIncidents,
    Permission::SecurityAlerts,
    Permission::ThreatHunting,
    Permission::IdentityHealth,
    Permission::IntuneConnector,
];

/// App role ids of Microsoft Graph, the same in every tenant, and what each allows here.
///
/// Source: Microsoft, *Microsoft Graph permissions reference* (2025), application permissions.
const GRANTS: [(&str, &[Permission]); 25] = [
    // Organization.Read.All
    ("498476ce-e0fe-48b0-b801-37ba7e2685c6", &[Permission::Organization]),
    // Organization.ReadWrite.All
    ("292d869f-3427-49a8-9dab-8c70152b74e9", &[Permission::Organization]),
    // Directory.Read.All
    ("7ab1d382-f21e-4acd-a863-ba3e13f7da61", DIRECTORY),
    // Directory.ReadWrite.All
    ("19dbc75e-c2e2-444c-a770-ec69d8559fc7", DIRECTORY),
    // SecurityIncident.Read.All
    ("45cc0394-e837-488b-a098-1918f48d186c", INCIDENTS),
    // SecurityIncident.ReadWrite.All
    ("34bf0e97-1971-4929-b999-9e2442d941d7", INCIDENTS),
    // SecurityAlert.Read.All
    ("472e4a4d-bb4a-4026-98d1-0b0d74cb74a5", &[Permission::SecurityAlerts]),
    // SecurityAlert.ReadWrite.All
    ("ed4fca05-be46-441f-9803-1873825f8fdb", &[Permission::SecurityAlerts]),
    // ThreatHunting.Read.All
    ("dd98c7f5-2d42-42d3-a0e4-633161547251", &[Permission::ThreatHunting]),
    // ThreatHunting.Read.All and SecurityAlert.Read.All of the US government clouds (Microsoft, *Security Optimization
    // Assessment*, a public script; no page lists the ids of those clouds)
    ("5f804853-e3b1-447b-9a8b-6d3e1257c72a", &[Permission::ThreatHunting]),
    ("64c33fcb-e6aa-490d-bed5-6016a9ef8f6d", &[Permission::SecurityAlerts]),
    // SecurityIdentitiesHealth.Read.All
    ("f8dcd971-5d83-4e1e-aa95-ef44611ad351", &[Permission::IdentityHealth]),
    // SecurityIdentitiesHealth.ReadWrite.All
    ("ab03ddd5-7ae4-4f2e-8af8-86654f7e0a27", &[Permission::IdentityHealth]),
    // RoleManagement.Read.Directory
    ("483bed4a-2ad3-4361-a73b-c83ccdbdc53c", &[Permission::DirectoryRoles]),
    // RoleManagement.Read.All
    ("c7fbd983-d9aa-4fa7-84b8-17382c103bc4", &[Permission::DirectoryRoles]),
    // RoleManagement.ReadWrite.Directory
    ("9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8", &[Permission::DirectoryRoles]),
    // GroupMember.Read.All
    ("98830695-27a2-44f7-8c18-0c3ebc9698f6", &[Permission::GroupMembers]),
    // GroupMember.ReadWrite.All
    ("dbaae8cf-10b5-4b86-a4a1-f871c94c6695", &[Permission::GroupMembers]),
    // Group.Read.All
    ("5b567255-7703-4780-807c-7be8301ae99b", &[Permission::GroupMembers]),
    // DeviceManagementServiceConfig.Read.All
    ("06a5fe6d-c49d-46a7-b082-56b1b14103c7", &[Permission::IntuneConnector]),
    // DeviceManagementServiceConfig.ReadWrite.All
    ("5ac13192-7ace-4fcf-b828-1a26f28068ee", &[Permission::IntuneConnector]),
    // DeviceManagementConfiguration.Read.All
    ("dc377aa6-52d8-4e23-b271-2a7ae04cedf3", &[Permission::IntuneConnector]),
    // DeviceManagementConfiguration.ReadWrite.All
    ("9241abd9-d0e6-425a-bd4f-47ba86e767a4", &[Permission::IntuneConnector]),
    // Application.Read.All
    ("9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30", &[Permission::Applications]),
    // Application.ReadWrite.All
    ("1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9", &[Permission::Applications]),
];

/// What incidents are read with reads alerts too: `alerts_v2` itself names both when it refuses.
const INCIDENTS: &[Permission] = &[Permission::SecurityIncidents, Permission::SecurityAlerts];

/// What the permissions for the whole directory include of ours; directory roles are not among it for every call.
const DIRECTORY: &[Permission] = &[Permission::Organization, Permission::Applications, Permission::GroupMembers];

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn held(ids: &[&str], is_complete: bool) -> Held {
        let items = ids.iter().map(|id| Grant { id: (*id).to_owned(), since: Some(Timestamp::UNIX_EPOCH) }).collect();
        Held::of(&Listed { items, is_complete }, "2026-06-15T12:00:00Z".parse().unwrap())
    }

    #[rstest]
    #[case::read("45cc0394-e837-488b-a098-1918f48d186c", Permission::SecurityIncidents)]
    #[case::write("34bf0e97-1971-4929-b999-9e2442d941d7", Permission::SecurityIncidents)]
    #[case::upper_case("472E4A4D-BB4A-4026-98D1-0B0D74CB74A5", Permission::SecurityAlerts)]
    #[case::blanks(" dd98c7f5-2d42-42d3-a0e4-633161547251 ", Permission::ThreatHunting)]
    #[case::identity("f8dcd971-5d83-4e1e-aa95-ef44611ad351", Permission::IdentityHealth)]
    #[case::organization("498476ce-e0fe-48b0-b801-37ba7e2685c6", Permission::Organization)]
    #[case::directory("7ab1d382-f21e-4acd-a863-ba3e13f7da61", Permission::Organization)]
    #[case::roles("483bed4a-2ad3-4361-a73b-c83ccdbdc53c", Permission::DirectoryRoles)]
    #[case::intune("06a5fe6d-c49d-46a7-b082-56b1b14103c7", Permission::IntuneConnector)]
    fn an_id_grants_what_the_reference_says(#[case] id: &str, #[case] permission: Permission) {
        assert_eq!(held(&[id], true).holds(permission), Some(true));
        assert_eq!(held(&[id], false).holds(permission), Some(true), "an incomplete list shows what it shows");
    }

    #[rstest]
    #[case::long_before("2026-06-15T11:00:00Z", Some(true))]
    #[case::just_before("2026-06-15T11:55:00Z", Some(true))]
    #[case::too_fresh("2026-06-15T11:55:01Z", None)]
    #[case::afterwards("2026-06-15T12:10:00Z", None)]
    fn a_grant_counts_for_tokens_that_were_bought_after_it(#[case] since: &str, #[case] holds: Option<bool>) {
        let id = "dd98c7f5-2d42-42d3-a0e4-633161547251".to_owned();
        let grants = Listed { items: vec![Grant { id, since: since.parse().ok() }], is_complete: true };
        let held = Held::of(&grants, "2026-06-15T12:00:00Z".parse().unwrap());
        assert_eq!((held.holds(Permission::ThreatHunting), held.has_news()), (holds, holds.is_none()));
        assert_eq!(held.holds(Permission::SecurityIncidents), Some(false));
    }

    #[test]
    fn absence_needs_the_whole_list_and_all_ids() {
        let other = "df021288-bdef-4463-88db-98f22de89214";
        assert_eq!(held(&[other], true).holds(Permission::ThreatHunting), Some(false));
        assert_eq!(held(&[], true).holds(Permission::SecurityIncidents), Some(false));
        assert_eq!(held(&[other], false).holds(Permission::ThreatHunting), None);
        assert_eq!(held(&[other], true).holds(Permission::Organization), None, "wider permissions grant it as well");
        assert_eq!(held(&[other], true).holds(Permission::SecurityReader), None, "no permission of Microsoft Graph");
    }

    #[test]
    fn no_id_is_there_twice_and_each_is_canonical() {
        let ids: BTreeSet<&str> = GRANTS.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids.len(), GRANTS.len());
        for id in ids {
            assert_eq!(uuid::Uuid::parse_str(id).unwrap().hyphenated().to_string(), id);
        }
    }
}
