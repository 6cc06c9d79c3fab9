//! The persons of a tenant of [`super::model`]: they do what `status.pendingActions` asks, and write down in the spec what
//! the operator cannot see.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::model::{Licence, Tenant, declared};
use crate::api::{PendingAction, PendingStep};
use crate::tenant::{LinkState, Permission, Region};

impl Tenant {
    /// Whether the application can see that the service is on, or off.
    fn shows_itself(&self, spec: &Value) -> bool {
        let asked = [Permission::ThreatHunting, Permission::SecurityIncidents, Permission::IdentityHealth];
        let may_see = spec.get("credentials").is_some() && asked.iter().all(|permission| self.may(*permission));
        may_see && (self.is_on || !self.identity_is_onboarded)
    }

    /// A person carries out what is asked, and writes down in the spec what nobody else can see.
    pub(super) fn person(&mut self, action: &PendingAction, spec: &mut Value, now: Timestamp) {
        let wished =
            spec.pointer("/dataLocation/region").and_then(|region| serde_json::from_value(region.clone()).ok());
        match action.step {
            PendingStep::Enable if action.link.contains("licenses") => self.licence = Licence::Full,
            PendingStep::Enable | PendingStep::RequestRegion => {
                self.is_on = true;
                self.region = self.region.or(self.endpoint).or(wished).or(Some(Region::US));
                self.tell(spec, (now, "ServiceOn", &["ServiceOff", "Deprovisioned"]));
                self.tell_region(spec, now);
            }
            PendingStep::Disable => {
                self.is_on = false;
                self.tell(spec, (now, "ServiceOff", &["ServiceOn"]));
            }
            PendingStep::Deprovision => {
                (self.is_on, self.region) = (false, None);
                self.tell(spec, (now, "Deprovisioned", &["ServiceOn", "DataLocation"]));
            }
            PendingStep::Link | PendingStep::Unlink => {
                let name = action.instructions.split(':').next().unwrap_or_default().to_owned();
                let state = if action.step == PendingStep::Link { LinkState::Linked } else { LinkState::Unlinked };
                if let Some((_, kind)) = declared(spec).into_iter().find(|(declared, _)| *declared == name) {
                    self.links.insert(kind, state);
                    self.tell_link(spec, &name, now);
                }
            }
            PendingStep::Attest => self.look_and_tell(action, spec, (now, wished)),
        }
    }

    fn look_and_tell(&mut self, action: &PendingAction, spec: &mut Value, (now, wished): (Timestamp, Option<Region>)) {
        let asked = |claim: &str| action.instructions.contains(claim);
        if asked("DataLocation") {
            // Where nothing is yet, support says where it would be.
            self.region = self.region.or(self.endpoint.or(wished));
            self.tell_region(spec, now);
        } else if asked("Integration") {
            for (name, _) in declared(spec) {
                if asked(&name) {
                    self.tell_link(spec, &name, now);
                }
            }
        } else if self.is_on {
            write(spec, (now, "ServiceOn", json!({})), &["ServiceOff", "Deprovisioned"]);
        } else {
            let claim = if asked("Deprovisioned") { "Deprovisioned" } else { "ServiceOff" };
            write(spec, (now, claim, json!({})), &["ServiceOn"]);
        }
    }

    fn tell(&self, spec: &mut Value, (now, claim, contradicted): (Timestamp, &str, &[&str])) {
        if !self.shows_itself(spec) {
            write(spec, (now, claim, json!({})), contradicted);
        }
    }

    fn tell_region(&self, spec: &mut Value, now: Timestamp) {
        let is_public = spec.get("cloud").is_none_or(|cloud| cloud == "Public");
        if let Some(region) = self.endpoint.or(self.region).filter(|_| is_public) {
            write(spec, (now, "DataLocation", json!({"region": region})), &[]);
        }
    }

    fn tell_link(&self, spec: &mut Value, name: &str, now: Timestamp) {
        let Some((_, kind)) = declared(spec).into_iter().find(|(declared, _)| declared == name) else { return };
        let is_linked = self.links.get(&kind) == Some(&LinkState::Linked);
        let claim = if is_linked { "IntegrationLinked" } else { "IntegrationUnlinked" };
        write(spec, (now, claim, json!({"integrationName": name})), &[]);
    }
}

/// Writes an attestation in place of those about the same, and of those that it contradicts.
fn write(spec: &mut Value, (now, claim, extra): (Timestamp, &str, Value), contradicted: &[&str]) {
    let mut entry = json!({
        "name": format!("{}-{}", claim.to_lowercase(), extra.get("integrationName").and_then(Value::as_str).unwrap_or("it")),
        "claim": claim, "attestedBy": "Ada",
        "attestTime": now.to_string(), "expireTime": (now + SignedDuration::from_hours(4000)).to_string(),
    });
    entry.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let about_link = extra.get("integrationName").cloned();
    let fields = spec.as_object_mut().unwrap();
    let entries = fields.entry("attestations").or_insert(json!([])).as_array_mut().unwrap();
    entries.retain(|old| {
        if about_link.is_some() {
            return old.get("integrationName") != about_link.as_ref();
        }
        let claimed = old.get("claim").and_then(Value::as_str).unwrap_or_default();
        claimed != claim && !contradicted.contains(&claimed)
    });
    entries.push(entry);
}
