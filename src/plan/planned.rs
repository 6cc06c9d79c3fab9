//! A plan as a value: the steps, what they wait for and why, and what differs without being touched.

use std::fmt;

use super::failure::ErrorClass;
use super::handoff::HandOff;
use super::signals;
use super::situation::Situation;
use super::step::{Change, Step, StepActor};
use crate::api::Reason;
use crate::tenant::Region;

/// What follows from a situation.
#[must_use]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Changes of the tenant, in order. Steps of a person stand among them.
    pub steps: Vec<Step>,
    /// What a person is asked for that changes nothing by itself: to look, and to write down what is seen.
    pub asks: Vec<HandOff>,
    /// Why nothing more is done now.
    pub waiting: Vec<Waiting>,
    /// What differs from the spec and is not touched.
    pub drift: Vec<String>,
    /// Nothing could be learnt and nothing is pending: the stored verdict stands as it is.
    pub verdict_stands: bool,
}

/// A typed reason for not acting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The reason that conditions show.
    pub reason: Reason,
    /// What happened, why, and what to do next.
    pub message: String,
    /// What ends the waiting.
    pub until: Until,
}

/// What ends a waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Time: the other side is at work, or the next try follows by itself.
    Later,
    /// The next look, in its usual time: something else has to come first, and nothing is at work.
    NextLook,
    /// A person.
    Person,
}

impl Waiting {
    pub(super) const fn later(reason: Reason, message: String) -> Self {
        Self { reason, message, until: Until::Later }
    }

    pub(super) const fn at_next_look(reason: Reason, message: String) -> Self {
        Self { reason, message, until: Until::NextLook }
    }

    pub(super) const fn for_person(reason: Reason, message: String) -> Self {
        Self { reason, message, until: Until::Person }
    }

    /// The broker or API did not answer usefully, or a permission is missing.
    pub(super) fn for_provider(situation: &Situation) -> Self {
        let microsoft = &situation.observed.microsoft;
        if let Some(failure) = situation.observed.failure.as_ref().or(microsoft.failure.as_ref()) {
            let is_of_credentials = matches!(
                failure.reason,
                Reason::PermissionDenied
                    | Reason::CredentialsMissing
                    | Reason::CredentialsInvalid
                    | Reason::TenantMismatch
                    | Reason::UnsupportedCloud
                    | Reason::SimulatorRefused
            );
            let needs_person = failure.class == ErrorClass::Invalid || is_of_credentials;
            let wait = if needs_person { Self::for_person } else { Self::later };
            return wait(failure.reason, failure.to_string());
        }
        let lacking = signals::lacking(microsoft);
        if lacking.is_empty() {
            return Self::later(Reason::ProviderUnavailable, "the state of the tenant could not be read".to_owned());
        }
        let lacking: Vec<_> = lacking.iter().map(ToString::to_string).collect();
        let message = format!("the state of the tenant could not be read: grant {}", lacking.join(" and "));
        Self::for_person(Reason::PermissionDenied, message)
    }
}

impl Plan {
    /// The step that the operator itself would do next, if there is one and nothing failed or forbids it.
    #[must_use]
    pub fn next(&self) -> Option<&Step> {
        if !self.waiting.iter().all(|waiting| waiting.reason == Reason::ActionRequired) {
            return None;
        }
        self.steps.iter().find(|step| matches!(step.by, StepActor::Broker(_) | StepActor::Arm(_)))
    }

    /// The region that the next step pins.
    #[must_use]
    pub(super) fn pins(&self) -> Option<Region> {
        self.next().and_then(|step| match &step.change {
            Change::Enable { place, .. } => place.region(),
            _ => None,
        })
    }

    /// Everything that a person is asked to do.
    pub fn hand_offs(&self) -> impl Iterator<Item = &HandOff> {
        let steps = self.steps.iter().filter_map(|step| match &step.by {
            StepActor::Person(hand_off) => Some(hand_off),
            _ => None,
        });
        steps.chain(&self.asks)
    }

    /// Whether the declared state is reached.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.steps.is_empty() && self.waiting.is_empty() && !self.verdict_stands
    }

    pub(super) fn wait(&mut self, waiting: Waiting) {
        self.waiting.push(waiting);
    }

    /// Adds a step that a person must do.
    pub(super) fn hand_over(&mut self, step: Step) {
        if let StepActor::Person(hand_off) = &step.by {
            let message = format!("{}: {} ({})", hand_off.who(), hand_off.instructions, hand_off.link);
            self.wait(Waiting::for_person(Reason::ActionRequired, message));
        }
        self.steps.push(step);
    }

    /// Asks a person to look.
    pub(super) fn ask(&mut self, hand_off: HandOff, because: &str) {
        let message = format!("{because}: {}", hand_off.instructions);
        self.wait(Waiting::for_person(Reason::ActionRequired, message));
        self.asks.push(hand_off);
    }

    /// Why a person is asked to look.
    fn because(&self, ask: &HandOff) -> Option<&str> {
        self.waiting.iter().find_map(|waiting| waiting.message.strip_suffix(&ask.instructions)?.strip_suffix(": "))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_settled() && self.drift.is_empty() {
            return writeln!(f, "nothing to do");
        }
        for (index, step) in self.steps.iter().enumerate() {
            writeln!(f, "{}. {}: {}", index + 1, step.change.name(), step.change)?;
            write_step(f, step)?;
        }
        for ask in &self.asks {
            writeln!(f, "?. {}: a person is asked to look", ask.step)?;
            write_hand_off(f, ask)?;
            if let Some(because) = self.because(ask) {
                writeln!(f, "   why: {because}")?;
            }
        }
        // What a hand-off waits for stands with it.
        for waiting in self.waiting.iter().filter(|waiting| waiting.reason != Reason::ActionRequired) {
            let until = match waiting.until {
                Until::Later | Until::NextLook => "goes on by itself",
                Until::Person => "until a person acts",
            };
            writeln!(f, "waits, {until} ({}): {}", waiting.reason, waiting.message)?;
        }
        for drift in &self.drift {
            writeln!(f, "differs, and is not touched: {drift}")?;
        }
        if self.verdict_stands {
            writeln!(f, "nothing new could be read; the last verdict stands")?;
        }
        Ok(())
    }
}

fn write_step(f: &mut fmt::Formatter<'_>, step: &Step) -> fmt::Result {
    let is_done = !matches!(step.by, StepActor::Nobody);
    if let Some(warning) = step.change.cannot_be_undone().filter(|_| is_done) {
        writeln!(f, "   !! CANNOT BE UNDONE: {warning}")?;
    }
    match &step.by {
        StepActor::Broker(_) => writeln!(f, "   who: the operator, through the service broker")?,
        StepActor::Arm(request) => {
            writeln!(f, "   who: the operator, through Azure Resource Manager ({})", request.target)?;
        }
        StepActor::Person(hand_off) => write_hand_off(f, hand_off)?,
        StepActor::Nobody => writeln!(f, "   who: nobody, because managementPolicy is Observe")?,
    }
    writeln!(f, "   risk: {}", step.change.risk())?;
    writeln!(f, "   why: {}", step.why)
}

fn write_hand_off(f: &mut fmt::Formatter<'_>, hand_off: &HandOff) -> fmt::Result {
    writeln!(f, "   who: {}", hand_off.who())?;
    writeln!(f, "   where: {}", hand_off.link)?;
    writeln!(f, "   what: {}", hand_off.instructions)?;
    writeln!(f, "   done when: {}", hand_off.verified_by)
}
