//! The part of a look that asks Azure Resource Manager: where Defender for Endpoint keeps its data, and the links that are
//! settings of Azure. What does not fit into this look waits for its turn.

mod glance;

use std::collections::BTreeMap;

use super::round::{Round, optional, read_one};
use super::turns::Turns;
use crate::plan::inquiry::Inquiry;
use crate::plan::microsoft::{LinkAnswer, Listed, Microsoft, ObservedLink, Requirements};
use crate::plan::reading::{Reading, Why};
use crate::remote::arm::sentinel::{self, Connector};
use crate::remote::arm::settings::{self, Setting, ShownSetting};
use crate::remote::arm::target::{SubscriptionId, Workspace};
use crate::remote::arm::{location, subscription};
use crate::remote::call::Unread;
use crate::tenant::{IntegrationType, TenantId};

/// The questions to Azure Resource Manager in one look.
pub(super) struct Azure<'r, 's> {
    pub round: &'r mut Round<'s>,
    pub turns: &'r Turns,
    pub inquiry: &'r Inquiry,
}

/// What is read together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    /// The settings of a subscription.
    Subscription(SubscriptionId),
    /// The connectors of a workspace.
    Workspace(Workspace),
}

impl Target {
    const fn subscription(&self) -> SubscriptionId {
        match self {
            Self::Subscription(subscription) => *subscription,
            Self::Workspace(workspace) => workspace.subscription(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Subscription(subscription) => subscription.to_string(),
            Self::Workspace(workspace) => format!("{workspace:?}"),
        }
    }

    /// The requests that reading it takes, the tenant of its subscription apart; what Microsoft Sentinel would accept is
    /// asked only where something is to be changed.
    const fn cost(&self, is_pending: bool) -> u32 {
        match self {
            Self::Workspace(_) if is_pending => 2,
            Self::Subscription(_) | Self::Workspace(_) => 1,
        }
    }
}

/// Requests for the place of the data: the tenant of the subscription, its settings, the onboarding package.
const PLACE: u32 = 3;
/// With those for the costliest target, which finds the tenant of the former known on the second look.
const ALL: u32 = 5;

/// How many requests the rest of a look must leave for Azure Resource Manager, so that everything gets its turn.
pub(super) fn needed(inquiry: &Inquiry) -> u32 {
    let has_target = inquiry.links.values().any(|wish| wish.target.is_some());
    match (has_target, inquiry.observation.is_some()) {
        (true, _) => ALL,
        (false, true) => PLACE,
        (false, false) => 0,
    }
}

type Settings = Result<Listed<ShownSetting>, Unread>;

impl Azure<'_, '_> {
    /// Reads what fits: the place of the data first, then links that are not as declared, then the others, oldest first.
    pub(super) async fn read(mut self, seen: &mut Microsoft) {
        let targets = self.targets();
        let observation = self.inquiry.observation.as_deref().and_then(|id| id.parse::<SubscriptionId>().ok());
        if targets.is_empty() && observation.is_none() {
            return;
        }
        if let Err(unread) = self.round.sign_in_to_arm().await {
            return self.no_access(&unread, &targets, seen);
        }
        let mut settings = BTreeMap::new();
        if let Some(subscription) = observation.filter(|_| self.round.left() >= PLACE) {
            self.observe(subscription, &mut settings, seen).await;
        }
        for (target, names) in self.in_turn(targets) {
            let owner = self.turns.owner(self.inquiry.tenant, target.subscription(), self.round.now());
            let is_read = matches!(&target, Target::Subscription(id) if settings.contains_key(id));
            let cost = if is_read { 0 } else { target.cost(self.is_pending(&names)) } + u32::from(owner.is_none());
            if cost > self.round.left() {
                continue;
            }
            self.turns.read(self.inquiry.tenant, &target.name(), self.round.now());
            match target {
                Target::Subscription(subscription) => {
                    self.subscription(subscription, &names, &mut settings, seen).await;
                }
                Target::Workspace(workspace) => self.workspace(&workspace, &names, seen).await,
            }
        }
    }

    fn is_ours(&self, owner: &Reading<TenantId>) -> bool {
        owner.value().is_some_and(|owner| *owner == self.inquiry.tenant)
    }

    /// The declared links that are settings of Azure, by what is read for them. One whose target is not of the documented
    /// form is not read.
    fn targets(&self) -> BTreeMap<Target, Vec<String>> {
        let mut targets: BTreeMap<Target, Vec<String>> = BTreeMap::new();
        for (name, wish) in &self.inquiry.links {
            let text = wish.target.as_deref().unwrap_or_default();
            let target = match wish.kind {
                IntegrationType::DefenderForCloudEndpoint | IntegrationType::DefenderForCloudCloudApps => {
                    text.parse().ok().map(Target::Subscription)
                }
                IntegrationType::SentinelIncidents => text.parse().ok().map(Target::Workspace),
                IntegrationType::IdentityCloudApps | IntegrationType::EndpointIntune => None,
            };
            if let Some(target) = target {
                targets.entry(target).or_default().push(name.clone());
            }
        }
        targets
    }

    fn in_turn(&self, targets: BTreeMap<Target, Vec<String>>) -> Vec<(Target, Vec<String>)> {
        let tenant = self.inquiry.tenant;
        let mut targets: Vec<_> = targets.into_iter().collect();
        targets.sort_by_cached_key(|(target, names)| {
            let name = target.name();
            let may_wait = !self.is_pending(names) && !self.turns.is_overdue(tenant, &name);
            (may_wait, self.turns.last(tenant, &name))
        });
        targets
    }

    fn is_pending(&self, names: &[String]) -> bool {
        names.iter().any(|name| self.inquiry.pending.contains(name))
    }

    /// Without a token for Azure Resource Manager nothing of it is known.
    fn no_access(&mut self, unread: &Unread, targets: &BTreeMap<Target, Vec<String>>, seen: &mut Microsoft) {
        let answer: Reading<LinkAnswer> = self.round.reading(Err(unread.clone()));
        for names in targets.values() {
            put(names, &answer, (&unread.reading(), &Reading::unknown(Why::NotAsked)), seen);
        }
        if self.inquiry.observation.is_some() {
            seen.endpoint_location = unread.reading();
            seen.security_center = unread.reading();
            seen.observation_owner = unread.reading();
        }
    }

    /// Where Defender for Endpoint keeps its data, where the setting says that it was turned on from here.
    async fn observe(
        &mut self,
        subscription: SubscriptionId,
        settings: &mut BTreeMap<SubscriptionId, Settings>,
        seen: &mut Microsoft,
    ) {
        let owner = self.owner(subscription).await;
        seen.observation_owner = self.round.reading(owner);
        if !self.is_ours(&seen.observation_owner) {
            // What is read there would say nothing of this tenant.
            let why = seen.observation_owner.why().unwrap_or(Why::NotAsked);
            seen.endpoint_location = Reading::unknown(why);
            seen.security_center = Reading::unknown(why);
            return;
        }
        let listed = self.settings(subscription).await;
        let is_on = listed.clone().and_then(|list| settings::is_enabled(&list, Setting::Endpoint));
        settings.insert(subscription, listed);
        seen.security_center = self.round.reading(is_on);
        seen.endpoint_location = match &seen.security_center {
            // Asking for the package where the setting is off might have an effect that nobody has declared.
            Reading::Known { value: false, .. } => Reading::unknown(Why::NotAsked),
            Reading::Unknown { why } => Reading::unknown(*why),
            Reading::Known { value: true, .. } => {
                let location = self.location(subscription).await;
                self.round.reading(location)
            }
        };
    }

    async fn subscription(
        &mut self,
        subscription: SubscriptionId,
        names: &[String],
        settings: &mut BTreeMap<SubscriptionId, Settings>,
        seen: &mut Microsoft,
    ) {
        let owner = self.owner(subscription).await;
        let owner = self.round.reading(owner);
        if !self.is_ours(&owner) {
            return put_unread(names, &owner, seen);
        }
        let listed = match settings.remove(&subscription) {
            Some(listed) => listed,
            None => self.settings(subscription).await,
        };
        self.set_settings(names, (&listed, &owner), seen);
        settings.insert(subscription, listed);
    }

    fn set_settings(
        &mut self,
        names: &[String],
        (listed, owner): (&Settings, &Reading<TenantId>),
        seen: &mut Microsoft,
    ) {
        for name in names {
            let setting = self.inquiry.links.get(name).and_then(|wish| Setting::of(wish.kind));
            let Some(setting) = setting else { continue };
            let is_enabled = listed.clone().and_then(|list| settings::is_enabled(&list, setting));
            let answer = self.round.reading(is_enabled.map(|is_enabled| LinkAnswer::Setting { is_enabled }));
            put(std::slice::from_ref(name), &answer, (owner, &Reading::unknown(Why::NotAsked)), seen);
        }
    }

    async fn workspace(&mut self, workspace: &Workspace, names: &[String], seen: &mut Microsoft) {
        let owner = self.owner(workspace.subscription()).await;
        let owner = self.round.reading(owner);
        if !self.is_ours(&owner) {
            return put_unread(names, &owner, seen);
        }
        let answer = self.connector(workspace).await;
        let requirements =
            if self.is_pending(names) { self.requirements(workspace).await } else { Reading::unknown(Why::NotAsked) };
        put(names, &answer, (&owner, &requirements), seen);
    }

    async fn owner(&self, subscription: SubscriptionId) -> Result<TenantId, Unread> {
        let (tenant, now) = (self.inquiry.tenant, self.round.now());
        if let Some(owner) = self.turns.owner(tenant, subscription, now) {
            return Ok(owner);
        }
        let answer = self.round.ask(&subscription::call(subscription)).await;
        let owner = read_one(answer, self.round.context(), subscription::read)?;
        self.turns.set_owner(tenant, subscription, owner, now);
        Ok(owner)
    }

    async fn settings(&self, subscription: SubscriptionId) -> Settings {
        let call = settings::list(subscription);
        let first = self.round.ask(&call).await;
        self.round.list(&call, first, settings::read_list).await
    }

    async fn location(&self, subscription: SubscriptionId) -> Result<crate::plan::microsoft::EndpointLocation, Unread> {
        let answer = self.round.ask(&location::call(subscription)).await;
        read_one(answer, self.round.context(), location::read)
    }

    async fn connector(&mut self, workspace: &Workspace) -> Reading<LinkAnswer> {
        let call = sentinel::list(workspace);
        let first = self.round.ask(&call).await;
        let tenant = self.inquiry.tenant;
        let listed = self.round.list(&call, first, |reply, context| sentinel::read_list(reply, context, tenant)).await;
        let answer = listed.and_then(shown);
        self.round.reading(answer)
    }

    async fn requirements(&mut self, workspace: &Workspace) -> Reading<Requirements> {
        let answer = self.round.ask(&sentinel::check_requirements(workspace, self.inquiry.tenant)).await;
        optional(read_one(answer, self.round.context(), sentinel::read_requirements))
    }
}

/// The connector of the tenant. That there is none needs the whole list.
fn shown(listed: Listed<Option<Connector>>) -> Result<LinkAnswer, Unread> {
    let is_complete = listed.is_complete;
    match sentinel::choose(listed.items) {
        // A connector without a word on incidents does not take them.
        Some(connector) => {
            let incidents = connector.incidents.unwrap_or_else(|| "Disabled".to_owned());
            Ok(LinkAnswer::Connector { incidents: Some(incidents) })
        }
        None if is_complete => Ok(LinkAnswer::Connector { incidents: None }),
        None => Err(Unread::Ambiguous(
            "the list of data connectors is not complete: the connector may be on a page that was not read".to_owned(),
        )),
    }
}

/// What is in a subscription that is not known to be the tenant's own says nothing of it, and is not read.
fn put_unread(names: &[String], owner: &Reading<TenantId>, seen: &mut Microsoft) {
    let answer = Reading::unknown(owner.why().unwrap_or(Why::NotAsked));
    put(names, &answer, (owner, &Reading::unknown(Why::NotAsked)), seen);
}

fn put(
    names: &[String],
    answer: &Reading<LinkAnswer>,
    (owner, requirements): (&Reading<TenantId>, &Reading<Requirements>),
    seen: &mut Microsoft,
) {
    for name in names {
        let link = ObservedLink { answer: answer.clone(), owner: owner.clone(), requirements: requirements.clone() };
        seen.links.insert(name.clone(), link);
    }
}
