//! `GET /v2/catalog`.

use serde_json::{Value, json};

use super::wire::{PLAN_ID, SERVICE_ID};
use crate::simulator::answer::Answer;
use crate::simulator::settings::Settings;

/// The catalog: one offering with one plan.
pub(super) fn catalog(settings: &Settings) -> Answer {
    let mut plan = json!({
        "id": PLAN_ID,
        "name": "standard",
        "description": "The service for one tenant",
        "free": true,
    });
    if let (Some(seconds), Value::Object(plan)) = (settings.maximum_polling_duration, &mut plan) {
        plan.insert("maximum_polling_duration".to_owned(), seconds.into());
    }
    Answer::new(
        200,
        json!({ "services": [{
            "id": SERVICE_ID,
            "name": "microsoft-threat-protection",
            "description": "Turns Microsoft Threat Protection on and off for a tenant (simulated)",
            "bindable": false,
            "instances_retrievable": settings.retrievable,
            "plan_updateable": settings.plan_updateable,
            "plans": [plan],
        }] }),
    )
}
