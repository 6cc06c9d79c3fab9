//! `…/providers/Microsoft.Security/settings`: what Defender for Cloud exports to other products.

use serde_json::{Value, json};

use super::{Done, Scene, no_such_resource};
use crate::simulator::answer::Answer;
use crate::simulator::azure::{Setting, Subscription};
use crate::simulator::azure_acts;
use crate::simulator::microsoft::problem::Problem;
use crate::simulator::tenant::Tenant;

/// Who may read the settings.
pub(super) const READERS: [&str; 5] = ["Security Reader", "Security Admin", "Reader", "Contributor", "Owner"];
const WRITERS: [&str; 3] = ["Security Admin", "Contributor", "Owner"];

/// The subscription that the path names.
pub(super) fn subscription<'t>(scene: &Scene, tenant: &'t Tenant) -> Result<&'t Subscription, Problem> {
    let id = scene.request.segment(1);
    let known = tenant.subscriptions.iter().find(|known| known.id.eq_ignore_ascii_case(id));
    known.ok_or_else(|| no_such_resource(scene.request))
}

/// Lists the settings, shows one, or writes one.
pub(super) fn settings(scene: &Scene, tenant: &mut Tenant) -> Result<Done, Problem> {
    if scene.request.method == "PUT" {
        return put(scene, tenant);
    }
    scene.require(&READERS, "Microsoft.Security/settings/read")?;
    let known = subscription(scene, tenant)?;
    let name = scene.request.segment(5);
    if name.is_empty() {
        return Ok(scene.page(Setting::ALL.into_iter().map(|setting| view(known, setting)).collect()).into());
    }
    let setting = Setting::named(name).ok_or_else(|| no_such_resource(scene.request))?;
    Ok(Answer::new(200, view(known, setting)).into())
}

fn put(scene: &Scene, tenant: &mut Tenant) -> Result<Done, Problem> {
    scene.require(&WRITERS, "Microsoft.Security/settings/write")?;
    let id = subscription(scene, tenant)?.id.clone();
    let setting = Setting::named(scene.request.segment(5)).ok_or_else(|| no_such_resource(scene.request))?;
    let body = scene.body()?;
    let invalid = |what: &str| Problem::new(400, "BadRequest", format!("The request body is invalid: {what}."));
    if body.get("kind").and_then(Value::as_str) != Some(setting.kind()) {
        return Err(invalid(&format!("kind must be {}", setting.kind())));
    }
    let enabled = body.pointer("/properties/enabled").and_then(Value::as_bool);
    let enabled = enabled.ok_or_else(|| invalid("properties.enabled is missing"))?;
    let changes = azure_acts::set_setting(tenant, &id, (setting, enabled), scene.now);
    Ok(Done { answer: Answer::new(200, view(subscription(scene, tenant)?, setting)), changes })
}

fn view(subscription: &Subscription, setting: Setting) -> Value {
    let name = setting.name();
    json!({
        "id": format!("/subscriptions/{}/providers/Microsoft.Security/settings/{name}", subscription.id),
        "name": name,
        "type": "Microsoft.Security/settings",
        "kind": setting.kind(),
        "properties": { "enabled": subscription.settings.get(setting) },
    })
}
