//! Who asks: the token of a request, and the application and tenant behind it.

use jiff::Timestamp;

use super::request::Request;
use crate::simulator::matching::Api;
use crate::simulator::tokens::{Grant, Tokens};
use crate::simulator::world::World;
use crate::tenant::TenantId;

/// What is wrong with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// There is none.
    Missing,
    /// Nobody knows it.
    Unknown,
    /// It has ended.
    Expired(Timestamp),
    /// It is for another API.
    Audience,
}

/// The grant of a request to this API.
///
/// # Errors
/// Whatever is wrong with its token.
pub(super) fn admit(tokens: &Tokens, request: &Request, api: Api, now: Timestamp) -> Result<Grant, Denied> {
    let token = request.bearer.as_deref().filter(|token| !token.is_empty()).ok_or(Denied::Missing)?;
    let grant = tokens.look_up(token).ok_or(Denied::Unknown)?;
    if grant.expires <= now {
        return Err(Denied::Expired(grant.expires));
    }
    if grant.audience != api {
        return Err(Denied::Audience);
    }
    Ok(grant.clone())
}

/// The tenant that the token of a request was asked for.
pub(super) fn tenant_of(world: &World, request: &Request) -> Option<TenantId> {
    Some(world.look().tokens.look_up(request.bearer.as_deref()?)?.tenant_id)
}
