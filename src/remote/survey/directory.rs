//! The part of a look that asks Microsoft Graph: the organisation, its licences and roles, and the security features.

use std::collections::BTreeMap;

use super::round::{Answered, Round, optional, read_one};
use crate::plan::inquiry::{Awaited, Inquiry};
use crate::plan::microsoft::{Answer, Listed, Microsoft, ObservedLink};
use crate::plan::reading::{Reading, Why};
use crate::remote::answers::Context;
use crate::remote::call::{Call, Operation, Reply, Unread};
use crate::remote::graph::{batch, features, hunting, intune, licences, organization, own_roles, roles};
use crate::tenant::{IntegrationType, Role};

/// Questions that are sent together, each with its answer once it is there.
struct Sheet {
    calls: Vec<Call>,
    answers: Vec<Option<Answered>>,
}

impl Sheet {
    const fn new() -> Self {
        Self { calls: Vec::new(), answers: Vec::new() }
    }

    /// Adds a question and returns its place.
    fn add(&mut self, call: Call) -> usize {
        self.calls.push(call);
        self.calls.len() - 1
    }

    async fn send(&mut self, round: &mut Round<'_>) {
        self.answers = round.ask_all(&self.calls).await.into_iter().map(Some).collect();
    }

    /// The question at a place and its answer, which can be taken once.
    fn take(&mut self, place: usize) -> Option<(&Call, Answered)> {
        let answer = self.answers.get_mut(place).and_then(Option::take)?;
        Some((self.calls.get(place)?, answer))
    }

    fn read<T>(
        &mut self,
        place: usize,
        context: Context<'_>,
        read: impl FnOnce(&Reply, Context<'_>) -> Result<T, Unread>,
    ) -> Result<T, Unread> {
        match self.take(place) {
            Some((_, answer)) => read_one(answer, context, read),
            None => Err(unasked()),
        }
    }

    async fn list<T>(
        &mut self,
        place: usize,
        round: &Round<'_>,
        read: impl Fn(&Reply, Context<'_>) -> Result<crate::remote::shape::Page<T>, Unread>,
    ) -> Result<Listed<T>, Unread> {
        match self.take(place) {
            Some((call, answer)) => round.list(call, answer, read).await,
            None => Err(unasked()),
        }
    }
}

fn unasked() -> Unread {
    Unread::Ambiguous("nothing was asked".to_owned())
}

/// The places of the security features.
struct Features {
    incidents: usize,
    alerts: usize,
    identity: usize,
}

impl Features {
    fn add(sheet: &mut Sheet) -> Self {
        Self {
            incidents: sheet.add(features::incidents()),
            alerts: sheet.add(features::alerts()),
            identity: sheet.add(features::identity()),
        }
    }

    fn read(&self, sheet: &mut Sheet, round: &mut Round<'_>, seen: &mut Microsoft) {
        let mut read = |place, operation| {
            sheet.read(place, round.context(), |reply, context| features::read(operation, reply, context))
        };
        let incidents = read(self.incidents, Operation::Incidents);
        let alerts = read(self.alerts, Operation::Alerts);
        let identity = read(self.identity, Operation::IdentityHealth);
        doubt(seen, &incidents);
        doubt(seen, &identity);
        seen.incidents = round.reading(incidents);
        // Nothing rests on the alerts alone.
        seen.alerts = optional(alerts);
        // It only tells that the service is off, which it is not where the incidents answer.
        let is_on = seen.incidents.value() == Some(&Answer::Answers);
        seen.identity = if is_on { optional(identity) } else { round.reading(identity) };
    }
}

/// Keeps both meanings of an answer that can mean two things.
fn doubt<T>(seen: &mut Microsoft, read: &Result<T, Unread>) {
    if let Err(Unread::Ambiguous(doubt)) = read {
        seen.doubts.push(doubt.trim_end_matches('.').to_owned());
    }
}

/// Whether the credentials reach another tenant than the declared one: what lives there is none of our business.
pub(super) fn is_elsewhere(seen: &Microsoft, inquiry: &Inquiry) -> bool {
    seen.organization.value().is_some_and(|organization| organization.id != inquiry.tenant)
}

/// Asks for everything but hunting; of another tenant than the declared one nothing but its name is kept.
pub(super) async fn read(round: &mut Round<'_>, inquiry: &Inquiry, client_id: &str, seen: &mut Microsoft) {
    let mut sheet = Sheet::new();
    let organization = sheet.add(organization::call());
    let own = sheet.add(own_roles::call(client_id));
    // Where there is no batch, the first of these are all that is asked.
    let skus = sheet.add(licences::skus());
    let features = Features::add(&mut sheet);
    let subscriptions = sheet.add(licences::subscriptions());
    let intune = intune_links(inquiry).next().is_some().then(|| sheet.add(intune::call()));
    let holders: Vec<(Role, usize, usize)> = inquiry
        .roles
        .iter()
        .map(|role| (*role, sheet.add(roles::assigned(*role)), sheet.add(roles::eligible(*role))))
        .collect();
    sheet.send(round).await;

    let read = sheet.read(organization, round.context(), organization::read);
    seen.organization = round.reading(read);
    if is_elsewhere(seen, inquiry) {
        return;
    }
    read_own_roles(&mut sheet, own, round).await;
    seen.permissions = round.permissions();
    features.read(&mut sheet, round, seen);
    if let Some(place) = intune {
        read_intune(&mut sheet, place, round, (inquiry, seen));
    }
    let read = sheet.list(skus, round, licences::read_skus).await;
    seen.skus = round.reading(read);
    seen.subscriptions = optional(sheet.list(subscriptions, round, licences::read_subscriptions).await);
    read_roles(&mut sheet, &holders, round, seen).await;
}

async fn read_own_roles(sheet: &mut Sheet, place: usize, round: &mut Round<'_>) {
    let grants = sheet.list(place, round, own_roles::read).await;
    round.judge_by(grants).await;
}

/// The declared connections to Intune, by name.
fn intune_links(inquiry: &Inquiry) -> impl Iterator<Item = &String> {
    let links = inquiry.links.iter();
    links.filter(|(_, wish)| wish.kind == IntegrationType::EndpointIntune).map(|(name, _)| name)
}

fn read_intune(sheet: &mut Sheet, place: usize, round: &mut Round<'_>, (inquiry, seen): (&Inquiry, &mut Microsoft)) {
    let read = sheet.read(place, round.context(), intune::read);
    let answer = round.reading(read);
    for name in intune_links(inquiry) {
        let link = ObservedLink {
            answer: answer.clone(),
            owner: Reading::unknown(Why::NotAsked),
            requirements: Reading::unknown(Why::NotAsked),
        };
        seen.links.insert(name.clone(), link);
    }
}

/// Who holds the roles, the persons in groups counted.
async fn read_roles(sheet: &mut Sheet, places: &[(Role, usize, usize)], round: &mut Round<'_>, seen: &mut Microsoft) {
    let mut lists = Vec::with_capacity(places.len());
    for (role, assigned, eligible) in places {
        let assigned = sheet.list(*assigned, round, roles::read_assigned).await;
        let eligible = sheet.list(*eligible, round, roles::read_eligible).await;
        lists.push((*role, assigned, eligible));
    }
    let assignments = lists.iter().flat_map(|(_, assigned, eligible)| [assigned, eligible]).flatten();
    let groups = roles::groups(assignments.flat_map(|list| &list.items));
    let most = usize::try_from(round.spare()).unwrap_or(usize::MAX).saturating_mul(batch::LIMIT);
    let calls: Vec<Call> = groups.iter().take(most).map(|group| roles::members(group)).collect();
    let counts = round.ask_all(&calls).await;
    let members: BTreeMap<String, Reading<u32>> = groups
        .into_iter()
        .zip(counts)
        .map(|(group, count)| (group, optional(read_one(count, round.context(), roles::read_members))))
        .collect();
    seen.roles =
        lists.iter().map(|(role, assigned, eligible)| (*role, roles::holders(assigned, eligible, &members))).collect();
}

/// Asks for hunting.
pub(super) async fn read_hunting(round: &mut Round<'_>, seen: &mut Microsoft) {
    let answers = round.ask_all(&hunting::calls()).await;
    hunted(&answers, round, seen);
}

fn hunted(answers: &[Answered], round: &mut Round<'_>, seen: &mut Microsoft) {
    let hunting::HuntingRead { hunting, newest_rows } = hunting::read(answers, round.context());
    doubt(seen, &hunting);
    seen.hunting = round.reading(hunting);
    seen.newest_rows = optional(newest_rows);
}

/// Asks again whether the service is on, and for connections to Intune, as far as that is awaited: one request.
pub(super) async fn glance(
    round: &mut Round<'_>,
    (inquiry, awaited): (&Inquiry, &Awaited),
    client_id: &str,
    seen: &mut Microsoft,
) {
    let is_intune_awaited = intune_links(inquiry).any(|name| awaited.links.contains(name));
    if !awaited.service && !is_intune_awaited {
        return;
    }
    let mut sheet = Sheet::new();
    let own = sheet.add(own_roles::call(client_id));
    let intune = is_intune_awaited.then(|| sheet.add(intune::call()));
    let service = awaited.service.then(|| {
        let features = Features::add(&mut sheet);
        (features, hunting::calls().map(|call| sheet.add(call)))
    });
    sheet.send(round).await;
    read_own_roles(&mut sheet, own, round).await;
    seen.permissions = round.permissions();
    if let Some(place) = intune {
        read_intune(&mut sheet, place, round, (inquiry, seen));
    }
    if let Some((features, places)) = service {
        features.read(&mut sheet, round, seen);
        let answers: Vec<Answered> = places.iter().filter_map(|place| Some(sheet.take(*place)?.1)).collect();
        hunted(&answers, round, seen);
    }
}
