//! `GET /servicePrincipals(appId='…')/appRoleAssignments`: what the application may do, so that a refusal can be told from
//! an absence.

use crate::remote::answers::Context;
use crate::remote::call::{Call, Operation, Reply, Unread};
use crate::remote::http::percent_encode;
use crate::remote::shape::{Page, id, of, page};

/// The call, for the application with this client id.
#[must_use]
pub fn call(client_id: &str) -> Call {
    let client = percent_encode(&client_id.to_ascii_lowercase());
    let path = format!("/servicePrincipals(appId='{client}')/appRoleAssignments?$select=appRoleId,resourceId");
    Call::get(Operation::OwnRoles, path)
}

/// Reads its answer: the ids of app roles, lower case, for `Held::of`. They are the same in every tenant, so that those of
/// other APIs are no trouble.
pub fn read(reply: &Reply, context: Context<'_>) -> Result<Page<String>, Unread> {
    page(Operation::OwnRoles, reply, context, |entry| id(of(entry, "appRoleId")))
}
