//! `GET /organization`: who the tenant says it is.

use serde_json::Value;

use crate::plan::microsoft::Organization;
use crate::remote::answers::{Context, misshapen};
use crate::remote::call::{Call, Operation, Reply, Unread};
use crate::remote::shape::{cleaned, field, id, object, of, truth};
use crate::tenant::{Permission, TenantId};

const OPERATION: Operation = Operation::Organization;

/// The call.
#[must_use]
pub fn call() -> Call {
    Call::get(OPERATION, "/organization?$select=id,displayName,countryLetterCode,tenantType,verifiedDomains")
}

/// Reads its answer.
///
/// Without `Organization.Read.All` the API answers 200 and leaves fields null (Microsoft Graph, *Get organization*, 2025):
/// such facts are `None`, and only an answer without an id is `NotPermitted`.
pub fn read(reply: &Reply, context: Context<'_>) -> Result<Organization, Unread> {
    let fields = object(OPERATION, reply, context)?;
    let Some(Value::Array(entries)) = field(&fields, "value") else {
        return Err(misshapen(OPERATION, reply, "it has no list named value"));
    };
    let [entry, ..] = entries.as_slice() else {
        return Err(misshapen(OPERATION, reply, "it names no organization"));
    };
    let Some(text) = id(of(entry, "id")) else { return Err(Unread::NotPermitted(Permission::Organization)) };
    let Ok(tenant) = text.parse::<TenantId>() else {
        return Err(misshapen(OPERATION, reply, "the id of the organization is no tenant id"));
    };
    Ok(Organization {
        id: tenant,
        display_name: cleaned(of(entry, "displayName")),
        default_domain: default_domain(entry),
        country_code: cleaned(of(entry, "countryLetterCode")),
    })
}

fn default_domain(entry: &Value) -> Option<String> {
    let domains = of(entry, "verifiedDomains")?.as_array()?;
    let default = domains.iter().find(|domain| truth(of(domain, "isDefault")) == Some(true))?;
    cleaned(of(default, "name"))
}
