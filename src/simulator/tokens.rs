//! The tokens that were handed out. They are not part of the state file: a restarted simulator knows none of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::matching::Api;
use crate::tenant::TenantId;

/// How every token begins, so that tests find one wherever it leaks.
pub const PREFIX: &str = "simtoken-";

/// What a token stands for. It carries the permissions of Microsoft Graph that its application had when it was bought; one
/// that was taken away since is refused at once, which Microsoft does only with the next token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The tenant that it was asked for.
    pub tenant_id: TenantId,
    /// The application.
    pub client_id: String,
    /// The API that accepts it.
    pub audience: Api,
    /// When it was bought.
    pub since: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// All tokens of this run.
#[derive(Debug, Default)]
pub struct Tokens {
    granted: BTreeMap<String, Grant>,
}

impl Tokens {
    /// A new token.
    pub fn grant(&mut self, grant: Grant) -> String {
        let token = format!("{PREFIX}{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        self.granted.insert(token.clone(), grant);
        token
    }

    /// What a token stands for, also when it has ended.
    #[must_use]
    pub fn look_up(&self, token: &str) -> Option<&Grant> {
        self.granted.get(token)
    }

    /// Forgets all tokens.
    pub fn revoke(&mut self) {
        self.granted.clear();
    }
}
