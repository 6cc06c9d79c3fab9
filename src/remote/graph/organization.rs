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

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::remote::samples::{TENANT, assert_troubles, blindly, failure, ok, reply};

    fn of_entry(entry: &Value) -> Result<Organization, Unread> {
        blindly(|context| read(&ok(&json!({ "value": [entry] })), context))
    }

    #[test]
    fn the_call_asks_for_what_is_used() {
        assert_eq!(call().path, "/organization?$select=id,displayName,countryLetterCode,tenantType,verifiedDomains");
    }

    #[test]
    fn a_documented_answer_is_read() {
        let entry = json!({
            "id": TENANT, "displayName": "Contoso", "countryLetterCode": "NL", "tenantType": "AAD", "later": {},
            "verifiedDomains": [
                {"name": "contoso.onmicrosoft.com", "isDefault": false, "isInitial": true, "type": "Managed"},
                {"name": "contoso.com", "isDefault": true, "isInitial": false, "type": "Managed"}
            ]
        });
        let expected = Organization {
            id: TENANT.parse().unwrap(),
            display_name: Some("Contoso".to_owned()),
            default_domain: Some("contoso.com".to_owned()),
            country_code: Some("NL".to_owned()),
        };
        assert_eq!(of_entry(&entry), Ok(expected.clone()));
        let mut upper = entry;
        upper["id"] = json!("8D3F2F3E-5A53-4C8E-9C3E-0D6F3A1C7B11");
        assert_eq!(of_entry(&upper), Ok(expected), "a UUID means the same in upper case");
    }

    #[test]
    fn nulls_stand_for_a_missing_permission() {
        let bare = json!({ "id": TENANT, "displayName": null, "countryLetterCode": null, "verifiedDomains": null });
        let read = of_entry(&bare).unwrap();
        assert_eq!((read.display_name, read.default_domain, read.country_code), (None, None, None));
        let nothing = json!({ "id": null, "displayName": null, "verifiedDomains": [] });
        assert_eq!(of_entry(&nothing), Err(Unread::NotPermitted(Permission::Organization)));
    }

    #[rstest]
    #[case::no_entry(r#"{"value":[]}"#)]
    #[case::no_list(r#"{"value":null}"#)]
    #[case::no_uuid(r#"{"value":[{"id":"contoso"}]}"#)]
    fn another_shape_is_no_answer(#[case] body: &str) {
        let failure = failure(blindly(|context| read(&reply(200, body), context)));
        assert_eq!(failure.class.name(), "protocol");
        assert!(!failure.message.contains("contoso"), "{failure}");
    }

    #[test]
    fn trouble_is_told() {
        assert_troubles(OPERATION, read);
        let refused = blindly(|context| read(&reply(403, ""), context));
        assert_eq!(refused, Err(Unread::NotPermitted(Permission::Organization)));
    }
}
