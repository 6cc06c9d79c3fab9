//! `GET /servicePrincipals(appId='…')/appRoleAssignments`: what the application may do, so that a refusal can be told from
//! an absence.

use crate::remote::answers::Context;
use crate::remote::call::{Call, Operation, Reply, Unread};
use crate::remote::held::Grant;
use crate::remote::http::percent_encode;
use crate::remote::shape::{Page, id, of, page, time};

/// The call, for the application with this client id.
#[must_use]
pub fn call(client_id: &str) -> Call {
    let client = percent_encode(&client_id.to_ascii_lowercase());
    let path =
        format!("/servicePrincipals(appId='{client}')/appRoleAssignments?$select=appRoleId,resourceId,createdDateTime");
    Call::get(Operation::OwnRoles, path)
}

/// Reads its answer: the app roles that are granted, for `Held::of`. They are the same in every tenant, so that those of
/// other APIs are no trouble.
pub fn read(reply: &Reply, context: Context<'_>) -> Result<Page<Grant>, Unread> {
    page(Operation::OwnRoles, reply, context, |entry| {
        Some(Grant { id: id(of(entry, "appRoleId"))?, since: time(of(entry, "createdDateTime")) })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::remote::held::Held;
    use crate::remote::samples::{assert_troubles, blindly, now, ok, reply, sentence};
    use crate::tenant::Permission;

    #[test]
    fn the_call_names_the_application_and_nothing_else() {
        assert_eq!(
            call("20FF7FC3-e762-44dd-bd96-b71116dcdc23").path,
            "/servicePrincipals(appId='20ff7fc3-e762-44dd-bd96-b71116dcdc23')/appRoleAssignments?$select=appRoleId,resourceId,createdDateTime"
        );
        assert!(call("x')/owners?y=").path.contains("(appId='x%27%29%2Fowners%3Fy%3D')"), "{}", call("x')").path);
    }

    #[test]
    fn roles_become_permissions() {
        let body = json!({ "value": [
            {"appRoleId": "45CC0394-E837-488B-A098-1918F48D186C", "createdDateTime": "2020-01-01T00:00:00Z", "later": 1},
            {"appRoleId": "ea8291d3-4b9a-44b5-bc3a-6cea3026dc79", "resourceId": "y"}
        ]});
        let page = blindly(|context| read(&ok(&body), context)).unwrap();
        let held = Held::of(&Page::list(vec![page]), now());
        assert_eq!(held.holds(Permission::SecurityIncidents), Some(true));
        assert_eq!(held.holds(Permission::ThreatHunting), Some(false));
        let odd = json!({ "value": [{"appRoleId": null}] });
        let held = Held::of(&Page::list(vec![blindly(|context| read(&ok(&odd), context)).unwrap()]), now());
        assert_eq!(held.holds(Permission::ThreatHunting), None, "it may be the one that could not be read");
    }

    #[test]
    fn trouble_is_told() {
        assert_troubles(Operation::OwnRoles, read);
        let refused = blindly(|context| read(&reply(403, ""), context));
        assert_eq!(refused, Err(Unread::NotPermitted(Permission::Applications)));
        assert!(sentence(blindly(|context| read(&reply(404, ""), context))).contains("never consented"));
    }
}
