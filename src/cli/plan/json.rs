//! The plan as a program reads it. Pure.
//!
//! ```json
//! { "exit": 2,
//!   "plans": [
//!     { "resource": { "namespace": "security", "name": "contoso", "generation": 1 },
//!       "tenant": "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11",
//!       "exit": 2,
//!       "verdict": { "status": "False", "reason": "Enabling", "message": "…" },
//!       "summary": "1 step by the operator.",
//!       "steps": [ { "step": "Enable", "actor": "Broker", "risk": "Irreversible", "change": "…", "why": "…" } ],
//!       "handOffs": [ { "step": "Attest", "role": "…", "link": "…", "instructions": "…", "verifiedBy": "…" } ],
//!       "waiting": [ { "reason": "ActionRequired", "until": "Person", "message": "…" } ],
//!       "drift": [ "…" ],
//!       "irreversible": [ "…" ],
//!       "finalizer": null,
//!       "notes": [ "…" ],
//!       "status": { } } ] }
//! ```
//!
//! Every field is always there; `tenant`, `verdict` and `finalizer` may be `null`. `exit` is 0, 1 or 2, above all the
//! worst of them. `until` is `Later` or `Person`. `status` is that of the resource as it would be reported. Fields may be
//! added, and are not renamed or taken away.

use serde::Serialize;

use super::forecast::Forecast;
use crate::api::{Actor, PendingStep, Risk, StepName, ThreatProtectionTenantStatus};
use crate::plan::planned::Until;

#[derive(Serialize)]
struct Document<'a> {
    exit: u8,
    plans: Vec<One<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One<'a> {
    resource: Resource<'a>,
    tenant: Option<String>,
    exit: u8,
    verdict: Option<Verdict<'a>>,
    summary: String,
    steps: Vec<Act<'a>>,
    hand_offs: Vec<HandOff<'a>>,
    waiting: Vec<Waiting<'a>>,
    drift: &'a [String],
    irreversible: Vec<String>,
    finalizer: Option<String>,
    notes: &'a [String],
    status: &'a ThreatProtectionTenantStatus,
}

#[derive(Serialize)]
struct Resource<'a> {
    namespace: &'a str,
    name: &'a str,
    generation: i64,
}

#[derive(Serialize)]
struct Verdict<'a> {
    status: &'a str,
    reason: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct Act<'a> {
    step: StepName,
    actor: Actor,
    risk: Risk,
    change: String,
    why: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HandOff<'a> {
    step: PendingStep,
    role: String,
    link: &'a str,
    instructions: &'a str,
    verified_by: &'a str,
}

#[derive(Serialize)]
struct Waiting<'a> {
    reason: &'static str,
    until: &'static str,
    message: &'a str,
}

/// All forecasts as one document.
pub fn json(forecasts: &[Forecast]) -> Result<String, serde_json::Error> {
    let exit = forecasts.iter().map(Forecast::exit).max().unwrap_or_default().code();
    let document = Document { exit, plans: forecasts.iter().map(one).collect() };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn one(forecast: &Forecast) -> One<'_> {
    let Forecast { tenant, situation, plan, status, notes, .. } = forecast;
    let subject = &situation.subject;
    let steps = plan.steps.iter().map(|step| Act {
        step: step.change.name(),
        actor: step.by.actor(),
        risk: step.change.risk(),
        change: step.to_string(),
        why: &step.why,
    });
    let hand_offs = plan.hand_offs().map(|hand_off| HandOff {
        step: hand_off.step,
        role: hand_off.who(),
        link: &hand_off.link,
        instructions: &hand_off.instructions,
        verified_by: &hand_off.verified_by,
    });
    let waiting = plan.waiting.iter().map(|waiting| Waiting {
        reason: waiting.reason.name(),
        until: match waiting.until {
            Until::Later | Until::NextLook => "Later",
            Until::Person => "Person",
        },
        message: &waiting.message,
    });
    One {
        resource: Resource { namespace: &subject.namespace, name: &subject.name, generation: subject.generation },
        tenant: tenant.map(|tenant| tenant.to_string()),
        exit: forecast.exit().code(),
        verdict: forecast.condition("Ready").map(|(status, reason, message)| Verdict { status, reason, message }),
        summary: forecast.summary(),
        steps: steps.collect(),
        hand_offs: hand_offs.collect(),
        waiting: waiting.collect(),
        drift: &plan.drift,
        irreversible: forecast.irreversible(),
        finalizer: forecast.finalizer(),
        notes,
        status,
    }
}
