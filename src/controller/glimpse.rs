//! What is needed of every status that is delivered, read without the rest. Whatever has another shape is left out.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::object::Text;
use crate::api::{ConditionType, PendingStep, Reason, TriState};

/// The few facts of a status that the queue, the claims and the numbers need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Glimpse {
    /// The generation that the report is about.
    pub observed_generation: Option<i64>,
    /// The reconcile request that was last answered.
    pub handled: Option<String>,
    /// The conditions that are known here; no reason where it is not of the catalogue.
    pub conditions: Box<[(ConditionType, TriState, Option<Reason>)]>,
    /// What persons are asked to do, and since when.
    pub hand_offs: Box<[(PendingStep, Timestamp)]>,
}

impl Glimpse {
    /// Reads a status as far as it goes.
    pub(super) fn of(status: &Text) -> Self {
        let parts: Parts<'_> = serde_json::from_str(status.get()).unwrap_or_default();
        Self {
            observed_generation: read(parts.observed_generation),
            handled: read(parts.last_handled_reconcile_at),
            conditions: list(parts.conditions).filter_map(condition).collect(),
            hand_offs: list(parts.pending_actions).filter_map(hand_off).collect(),
        }
    }

    /// What the first condition of this type says.
    pub(super) fn verdict(&self, kind: ConditionType) -> Option<TriState> {
        self.conditions.iter().find(|(known, ..)| *known == kind).map(|(_, verdict, _)| *verdict)
    }
}

/// The parts of a status, each of any shape.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Parts<'a> {
    #[serde(borrow)]
    observed_generation: Option<&'a RawValue>,
    #[serde(borrow)]
    last_handled_reconcile_at: Option<&'a RawValue>,
    #[serde(borrow)]
    conditions: Option<&'a RawValue>,
    #[serde(borrow)]
    pending_actions: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Condition<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HandOff<'a> {
    #[serde(borrow)]
    step: Cow<'a, str>,
    #[serde(borrow)]
    since_time: Cow<'a, str>,
}

fn read<'a, T: Deserialize<'a>>(part: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(part?.get()).ok()
}

fn list(part: Option<&RawValue>) -> impl Iterator<Item = &RawValue> {
    read::<Vec<&RawValue>>(part).unwrap_or_default().into_iter()
}

fn condition(text: &RawValue) -> Option<(ConditionType, TriState, Option<Reason>)> {
    let Condition { kind, status, reason } = read(Some(text))?;
    let kind = ConditionType::ALL.iter().copied().find(|known| known.name() == kind)?;
    let verdict = TriState::ALL.iter().copied().find(|known| known.name() == status)?;
    let reason = reason.and_then(|reason| Reason::ALL.iter().copied().find(|known| known.name() == reason));
    Some((kind, verdict, reason))
}

fn hand_off(text: &RawValue) -> Option<(PendingStep, Timestamp)> {
    let HandOff { step, since_time } = read(Some(text))?;
    Some((PendingStep::ALL.iter().copied().find(|known| known.name() == step)?, since_time.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn ready() -> Value {
        json!({"type": "Ready", "status": "True", "reason": "Enabled", "message": "\"on\"", "observedGeneration": 3})
    }

    #[test]
    fn the_facts_are_read() {
        let glimpse = Glimpse::of(&Text::from(&json!({
            "observedGeneration": 3, "lastHandledReconcileAt": "a \"token\"", "unheard": {"of": [1]},
            "conditions": [ready(), {"type": "Stalled", "status": "False", "reason": "OfAnotherRelease"}],
            "pendingActions": [{"step": "Link", "who": "somebody", "sinceTime": "2026-01-01T00:00:00Z"}],
        })));
        let conditions = [
            (ConditionType::Ready, TriState::True, Some(Reason::Enabled)),
            (ConditionType::Stalled, TriState::False, None),
        ];
        let expected = Glimpse {
            observed_generation: Some(3),
            handled: Some("a \"token\"".to_owned()),
            conditions: Box::new(conditions),
            hand_offs: Box::new([(PendingStep::Link, "2026-01-01T00:00:00Z".parse().unwrap())]),
        };
        assert_eq!(glimpse, expected);
        assert_eq!(glimpse.verdict(ConditionType::Ready), Some(TriState::True));
        assert_eq!(glimpse.verdict(ConditionType::Eligible), None);
    }

    #[rstest]
    #[case::nothing(json!(null))]
    #[case::number(json!(7))]
    #[case::list(json!([ready()]))]
    #[case::parts_of_other_shapes(json!({"conditions": 7, "pendingActions": {"step": "Link"}, "observedGeneration": "3"}))]
    #[case::entries_of_other_shapes(json!({
        "conditions": [7, {}, {"type": "Ready"}, {"type": "Unheard", "status": "True"}, {"type": "Ready", "status": "Maybe"}],
        "pendingActions": [null, {"step": "Link"}, {"step": "Link", "sinceTime": "yesterday"}],
    }))]
    fn what_has_another_shape_is_left_out(#[case] status: Value) {
        assert_eq!(Glimpse::of(&Text::from(&status)), Glimpse::default());
    }

    #[test]
    fn an_odd_part_does_not_hide_the_others() {
        let glimpse = Glimpse::of(&Text::from(&json!({"conditions": ["odd", ready()], "observedGeneration": []})));
        assert_eq!(glimpse.verdict(ConditionType::Ready), Some(TriState::True));
    }
}
