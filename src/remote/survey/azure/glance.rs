//! What is asked of Azure Resource Manager between two looks: only what is awaited, and what was read longest ago first.

use super::{Azure, Target, put};
use crate::plan::inquiry::Awaited;
use crate::plan::microsoft::Microsoft;
use crate::plan::reading::{Reading, Why};
use crate::remote::arm::settings::{self, Setting};
use crate::remote::arm::target::SubscriptionId;
use crate::remote::survey::round::optional;

impl Azure<'_, '_> {
    /// Reads again what is awaited, as far as it fits, oldest first. A subscription that is not known to be the tenant's
    /// own is left to the full look.
    pub(in crate::remote::survey) async fn glance(
        mut self,
        awaited: &Awaited,
        known: &Microsoft,
        seen: &mut Microsoft,
    ) {
        let observation = self.inquiry.observation.as_deref().and_then(|id| id.parse::<SubscriptionId>().ok());
        let observation = observation.filter(|_| awaited.location && self.is_ours(&known.observation_owner));
        let mut targets = self.targets();
        for names in targets.values_mut() {
            names.retain(|name| {
                awaited.links.contains(name) && known.links.get(name).is_some_and(|link| self.is_ours(&link.owner))
            });
        }
        targets.retain(|_, names| !names.is_empty());
        let is_nothing = observation.is_none() && targets.is_empty();
        if is_nothing || self.round.left() == 0 || self.round.sign_in_to_arm().await.is_err() {
            return;
        }
        let mut targets: Vec<_> = targets.into_iter().collect();
        targets.sort_by_cached_key(|(target, _)| self.turns.last(self.inquiry.tenant, &target.name()));
        let place = observation.map(|id| (id, self.turns.last(self.inquiry.tenant, &place(id))));
        let oldest = targets.first().map(|(target, _)| self.turns.last(self.inquiry.tenant, &target.name()));
        let is_place_last = place.zip(oldest).is_some_and(|((_, place), oldest)| oldest < place);
        let place = place.map(|(id, _)| id);
        if let Some(subscription) = place.filter(|_| !is_place_last) {
            self.glance_at_place(subscription, known, seen).await;
        }
        for (target, names) in targets {
            self.glance_at(&target, &names, seen).await;
        }
        if let Some(subscription) = place.filter(|_| is_place_last) {
            self.glance_at_place(subscription, known, seen).await;
        }
    }

    async fn glance_at_place(&mut self, subscription: SubscriptionId, known: &Microsoft, seen: &mut Microsoft) {
        if self.round.left() == 0 {
            return;
        }
        self.turns.read(self.inquiry.tenant, &place(subscription), self.round.now());
        // Where the setting was on there is a package; where it was off there was none.
        if known.security_center.is_true() {
            seen.endpoint_location = optional(self.location(subscription).await);
        } else {
            let listed = self.settings(subscription).await;
            seen.security_center = optional(listed.and_then(|list| settings::is_enabled(&list, Setting::Endpoint)));
        }
    }

    async fn glance_at(&mut self, target: &Target, names: &[String], seen: &mut Microsoft) {
        if self.round.left() == 0 {
            return;
        }
        self.turns.read(self.inquiry.tenant, &target.name(), self.round.now());
        // Whose it is was read in full before.
        let owner = Reading::unknown(Why::NotAsked);
        match target {
            Target::Subscription(subscription) => {
                let listed = self.settings(*subscription).await;
                self.set_settings(names, (&listed, &owner), seen);
            }
            Target::Workspace(workspace) => {
                let answer = self.connector(workspace).await;
                put(names, &answer, (&owner, &Reading::unknown(Why::NotAsked)), seen);
            }
        }
    }
}

/// The name under which the place of the data takes its turn.
fn place(subscription: SubscriptionId) -> String {
    format!("place of the data in {subscription}")
}
