//! `GET /subscriptions/{id}`: which tenant a subscription belongs to.

use std::collections::BTreeSet;

use super::target::SubscriptionId;
use crate::remote::answers::{Context, Meaning, Verdict, error_body, judge, misshapen};
use crate::remote::call::{Call, Operation, Reply, Unread};
use crate::remote::shape::{field, fields, id};
use crate::tenant::TenantId;

const OPERATION: Operation = Operation::Subscription;

/// The call.
#[must_use]
pub fn call(subscription: SubscriptionId) -> Call {
    Call::get(OPERATION, format!("/subscriptions/{subscription}?api-version=2022-12-01"))
}

/// Reads its answer: the tenant that the subscription belongs to.
///
/// A token of another tenant is refused with 401, and the refusal names the right one (see `owner_in_refusal`).
pub fn read(reply: &Reply, context: Context<'_>) -> Result<TenantId, Unread> {
    match judge(OPERATION, reply, context) {
        Verdict::Answers => {
            let fields = fields(OPERATION, reply)?;
            let owner = id(field(&fields, "tenantId")).and_then(|text| text.parse().ok());
            owner.ok_or_else(|| misshapen(OPERATION, reply, "it names no tenant"))
        }
        Verdict::Says { meaning: Meaning::ForeignSubscription, otherwise } => owner_in_refusal(reply).ok_or(otherwise),
        Verdict::Says { otherwise, .. } | Verdict::Unread(otherwise) => Err(otherwise),
    }
}

/// The tenant that a refusal (401 `InvalidAuthenticationTokenTenant`) of any call about a subscription names.
///
/// `WWW-Authenticate: Bearer authorization_uri="https://login.windows.net/{tenant}", …`, else the message: `The access token
/// is from the wrong issuer '…'. It must match the tenant 'https://sts.windows.net/{tenant}/' associated with this
/// subscription.` (Azure Resource Manager, as many public texts quote it). Where the message names several, none is taken.
#[must_use]
pub fn owner_in_refusal(reply: &Reply) -> Option<TenantId> {
    let header = reply.www_authenticate.as_deref().unwrap_or_default();
    let in_header = after(header, "authorization_uri").and_then(|rest| tenants(rest.split(',').next()?).pop_first());
    in_header.or_else(|| {
        let error = error_body(&reply.body);
        let wanted = error.messages().iter().find_map(|message| after(message, "it must match"))?;
        let mut named = tenants(wanted);
        if named.len() == 1 { named.pop_first() } else { None }
    })
}

/// What comes after the first occurrence of these ASCII words, without regard to case.
fn after<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    let at = text.to_ascii_lowercase().find(words)?;
    text.get(at + words.len()..)
}

/// Every tenant id in a text.
fn tenants(text: &str) -> BTreeSet<TenantId> {
    text.split(|character: char| !character.is_ascii_hexdigit() && character != '-')
        .filter_map(|part| part.to_ascii_lowercase().parse().ok())
        .collect()
}
