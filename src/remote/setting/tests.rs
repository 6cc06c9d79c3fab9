//! Changes of settings through the gate at a stand-in of Azure Resource Manager, which keeps what is written to it.

mod connector;
mod switch;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::remote::stand_in::microsoft::{Played, SUBSCRIPTION, workspace};
use crate::remote::stand_in::{assert_silent, now, secret, tenant};
use crate::tenant::Cloud;

/// The operator's side: one link, changed whenever a test says so.
struct Hand {
    gate: Gate,
    start: Timestamp,
    request: ArmRequest,
}

impl Hand {
    fn new(played: &Played, kind: IntegrationType, state: LinkState) -> Self {
        let target = match kind {
            IntegrationType::SentinelIncidents => workspace(SUBSCRIPTION, "soc-prod"),
            _ => SUBSCRIPTION.to_owned(),
        };
        let request = ArmRequest { tenant: tenant(), name: "the-link".to_owned(), kind, target, state };
        Self { gate: played.gate(), start: now(), request }
    }

    fn setting(&self, minutes: i64) -> Setting {
        let now = self.start + SignedDuration::from_mins(minutes);
        let signer =
            Signer { credentials: Ok(secret("1")), tenant: tenant(), cloud: Cloud::Public, is_renewed: false, now };
        Setting { signer, request: self.request.clone() }
    }

    /// One change, so many minutes after the first.
    async fn set_after(&self, minutes: i64) -> Outcome {
        let outcome = Box::pin(set(&self.gate, &self.setting(minutes))).await;
        assert_silent(&format!("{outcome:?}"));
        outcome
    }

    async fn set(&self) -> Outcome {
        self.set_after(0).await
    }

    /// A change that does not take place.
    async fn refused(&self) -> Failure {
        match self.set().await {
            Outcome::Refused(failure) => failure,
            other => panic!("{other:?}"),
        }
    }
}

/// What was asked of Azure Resource Manager, without the addresses.
fn story(played: &Played) -> Vec<String> {
    let last = |request: &str| {
        let path = request.split('?').next().unwrap_or_default();
        let method = path.split(' ').next().unwrap_or_default();
        format!("{method} {}", path.rsplit('/').next().unwrap_or_default())
    };
    played.requests().iter().map(|request| last(request)).collect()
}

fn writes(played: &Played) -> usize {
    played.requests().iter().filter(|request| !request.starts_with("GET ")).count()
}
