//! Whether the licences of the tenant qualify under the declared rules.
//!
//! Matched are ids of service plans, never names or part numbers: names clash, and products are repackaged. March 2020
//! asked for all four services in full; June 2020 for any one of them, except by a trial of Office 365; today any one
//! suffices, some smaller editions included (Microsoft, *Prerequisites*, 2020 and 3 April 2025).

mod standing;
mod wording;

use std::collections::{BTreeMap, BTreeSet};

use self::standing::{Doubt, Holding, Standing, Subscriptions};
use super::microsoft::{Listed, Microsoft, SubscribedSku};
use super::reading::{Reading, Why};
use super::verdict::Verdict;
use crate::api::{Reason, TriState};
use crate::tenant::licences::Brings;
use crate::tenant::{Experience, Service};

/// As many ids as `status.eligibility.plans` holds.
const MOST_PLANS: usize = 32;

/// What the licences bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Eligibility {
    /// The condition `Eligible`.
    pub(super) verdict: Verdict,
    /// Why it is not known, exactly where the verdict is `Unknown`.
    pub(super) why: Option<Why>,
    /// Ids of the plans that count under the declared rules, sorted, each once.
    pub(super) plans: Vec<String>,
    /// Whether each service is licensed under the declared rules. A trial is a licence.
    pub(super) licensed: BTreeMap<Service, TriState>,
}

/// The tenant's licences under one set of rules.
struct Licences<'a> {
    experience: Experience,
    holdings: Vec<Holding<'a>>,
    is_complete: bool,
    subscriptions: &'a Subscriptions,
}

/// Whether the licences qualify under the rules of an experience.
pub(super) fn eligibility(microsoft: &Microsoft, experience: Experience) -> Eligibility {
    match &microsoft.skus {
        Reading::Unknown { why } => Eligibility {
            verdict: wording::unread(*why),
            why: Some(*why),
            plans: Vec::new(),
            licensed: Service::ALL.iter().map(|service| (*service, TriState::Unknown)).collect(),
        },
        Reading::Known { value, .. } => {
            let licences = Licences::new(value, &microsoft.subscriptions, experience);
            let (verdict, why) = licences.judge();
            Eligibility { verdict, why, plans: licences.plans(), licensed: licences.licensed() }
        }
    }
}

/// Whether the licences qualify, without the words; and why it is not known, where it is not.
pub(super) fn standing(microsoft: &Microsoft, experience: Experience) -> (TriState, Option<Why>) {
    match &microsoft.skus {
        Reading::Unknown { why } => (TriState::Unknown, Some(*why)),
        Reading::Known { value, .. } => {
            let licences = Licences::new(value, &microsoft.subscriptions, experience);
            let (status, _) = licences.status(licences.overall());
            (status, (status == TriState::Unknown).then(|| licences.why()))
        }
    }
}

/// Whether any licence brings Defender for Endpoint, in whatever edition, so that it may have data of the tenant. A licence
/// that is suspended or switched off does not take the data away: it is kept for 180 days (Microsoft, *Data storage and
/// privacy*, 2020).
pub(super) fn brings_endpoint(microsoft: &Microsoft) -> Reading<bool> {
    let (list, source) = match &microsoft.skus {
        Reading::Unknown { why } => return Reading::unknown(*why),
        Reading::Known { value, source } => (value, *source),
    };
    let brings = |brings| matches!(brings, Brings::Service(Service::Endpoint) | Brings::Lesser(Service::Endpoint));
    let holdings = standing::holdings(&list.items, None);
    let standings: Vec<_> = holdings.iter().filter(|held| brings(held.plan.brings)).map(|held| held.licence).collect();
    let is_there = |standing: Standing| standing.counts() || matches!(standing, Standing::Suspended | Standing::Off);
    if standings.iter().copied().any(is_there) {
        Reading::Known { value: true, source }
    } else if !standings.is_empty() {
        // Deleted, or of a state that is not known.
        Reading::unknown(Why::Ambiguous)
    } else if list.is_complete {
        Reading::Known { value: false, source }
    } else {
        Reading::unknown(Why::ReadFailed)
    }
}

impl<'a> Licences<'a> {
    fn new(list: &'a Listed<SubscribedSku>, subscriptions: &'a Subscriptions, experience: Experience) -> Self {
        let trials = (experience == Experience::SettingsPage).then_some(subscriptions);
        let holdings = standing::holdings(&list.items, trials);
        Self { experience, holdings, is_complete: list.is_complete, subscriptions }
    }

    /// Whether what a plan brings qualifies, or is a part of what qualifies.
    const fn is_asked_for(&self, brings: Brings) -> bool {
        match (self.experience, brings) {
            (_, Brings::Service(_))
            | (Experience::SettingsPage | Experience::DefenderPortal, Brings::Unified)
            | (Experience::DefenderPortal, Brings::Lesser(_)) => true,
            (Experience::WelcomePage, Brings::Unified)
            | (Experience::WelcomePage | Experience::SettingsPage, Brings::Lesser(_))
            | (_, Brings::Nothing) => false,
        }
    }

    fn asked_for(&self) -> impl Iterator<Item = &Holding<'a>> {
        self.holdings.iter().filter(|holding| self.is_asked_for(holding.plan.brings))
    }

    /// How a service stands at best.
    fn best(&self, service: Service) -> Standing {
        let bring = self.asked_for().filter(|holding| holding.plan.brings == Brings::Service(service));
        bring.map(|holding| holding.access).max().unwrap_or(Standing::Absent)
    }

    /// How the tenant stands: by the worst of the four services in March 2020, later by its best licence.
    fn overall(&self) -> Standing {
        let standing = match self.experience {
            Experience::WelcomePage => Service::ALL.iter().map(|service| self.best(*service)).min(),
            Experience::SettingsPage | Experience::DefenderPortal => {
                self.asked_for().map(|holding| holding.access).max()
            }
        };
        standing.unwrap_or(Standing::Absent)
    }

    fn judge(&self) -> (Verdict, Option<Why>) {
        let overall = self.overall();
        let (status, reason) = self.status(overall);
        let why = (status == TriState::Unknown).then(|| self.why());
        (Verdict::new(status, reason, wording::message(self, overall)), why)
    }

    fn status(&self, overall: Standing) -> (TriState, Reason) {
        match overall {
            Standing::InForce | Standing::Pending => (TriState::True, Reason::Met),
            Standing::Grace => (TriState::True, Reason::LicenceInGrace),
            _ if !self.is_complete => (TriState::Unknown, Reason::ReadFailed),
            Standing::Doubtful(_) => (TriState::Unknown, self.why().reason()),
            Standing::Suspended => (TriState::False, Reason::LicenceInGrace),
            Standing::Absent | Standing::Trial | Standing::Off => (TriState::False, Reason::NotEligible),
        }
    }

    /// Why it is not known: what may pass by itself stands first, then what can be granted.
    fn why(&self) -> Why {
        let mut whys: BTreeSet<Why> = self.doubtful().map(|(_, doubt)| doubt.why()).collect();
        if !self.is_complete {
            whys.insert(Why::ReadFailed);
        }
        let order = [Why::ReadFailed, Why::NotPermitted, Why::Ambiguous, Why::NotAsked];
        order.into_iter().find(|why| whys.contains(why)).unwrap_or(Why::Ambiguous)
    }

    /// The licences whose doubt decides.
    fn doubtful(&self) -> impl Iterator<Item = (&Holding<'a>, Doubt)> {
        let decides = |holding: &&Holding<'a>| self.of_its_service(holding).is_none_or(|best| best.doubt().is_some());
        self.asked_for().filter(decides).filter_map(|holding| Some((holding, holding.access.doubt()?)))
    }

    /// The licences that stand so and decide: in March 2020 each service counts by its best.
    fn deciding(&self, standing: Standing) -> impl Iterator<Item = &Holding<'a>> {
        let decides = move |holding: &&Holding<'a>| {
            holding.access == standing && self.of_its_service(holding).is_none_or(|best| best == standing)
        };
        self.asked_for().filter(decides)
    }

    /// How the service of a licence stands at best, where each service counts.
    fn of_its_service(&self, holding: &Holding<'a>) -> Option<Standing> {
        match (self.experience, holding.plan.brings) {
            (Experience::WelcomePage, Brings::Service(service)) => Some(self.best(service)),
            _ => None,
        }
    }

    fn plans(&self) -> Vec<String> {
        let counting = self.asked_for().filter(|holding| holding.access.counts());
        let ids: BTreeSet<&str> = counting.map(|holding| holding.plan.id).collect();
        ids.into_iter().take(MOST_PLANS).map(str::to_owned).collect()
    }

    fn licensed(&self) -> BTreeMap<Service, TriState> {
        Service::ALL.iter().map(|service| (*service, self.is_licensed(*service))).collect()
    }

    fn is_licensed(&self, service: Service) -> TriState {
        let brings = |holding: &&Holding<'a>| matches!(holding.plan.brings, Brings::Service(brought) | Brings::Lesser(brought) if brought == service);
        let best = self.asked_for().filter(brings).map(|holding| holding.licence).max().unwrap_or(Standing::Absent);
        if best.counts() {
            TriState::True
        } else if best.doubt().is_some() || !self.is_complete {
            TriState::Unknown
        } else {
            TriState::False
        }
    }
}
