//! In which Microsoft cloud a tenant lives: its OpenID configuration tells, without any credentials.
//!
//! `GET {login}/{tenant}/v2.0/.well-known/openid-configuration` (Microsoft, *OpenID Connect on the Microsoft identity
//! platform*, 2025). `tenant_region_sub_scope` is not documented and long relied on: absent in the worldwide cloud, `GCC`,
//! `DODCON` (GCC High), `DOD`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::auth::SignInError;
use super::auth::refusal::{self, ErrorBody};
use super::channel::{Channel, Matter, without_answer};
use super::hosts::Hosts;
use super::http::{ExchangeError, GRAIN, Url, clean};
use super::meter::Asked;
use crate::api::Reason;
use crate::plan::failure::{ErrorClass, Failure};
use crate::tenant::{Cloud, TenantId};

/// A tenant hardly ever moves to another cloud.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Entries at most; above it the oldest goes.
const MOST_ENTRIES: usize = 20_000;

/// A refusal that only a person can mend is not asked for again within this time, and what may pass within this one.
const TROUBLE_KEPT: (SignedDuration, SignedDuration) = (SignedDuration::from_mins(10), SignedDuration::from_secs(5));

const NO_SUCH_TENANT: u32 = 90_002;

/// In which cloud a tenant lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloudCheck {
    /// In this one.
    Known(Cloud),
    /// The answer names none of the clouds; one sentence for a person.
    Ambiguous(String),
    /// Only a person can mend it: no such tenant, or an answer of the wrong world.
    Refused(Failure),
    /// It may pass by itself.
    Failed(Failure),
}

/// What was learned. Shared; volatile: losing it costs a request per tenant.
#[derive(Debug, Default)]
pub(super) struct Clouds {
    known: Mutex<HashMap<(String, TenantId), Learnt>>,
}

/// What was learned, and until when it is taken for so.
#[derive(Clone, Debug)]
struct Learnt {
    check: CloudCheck,
    until: Timestamp,
}

impl Clouds {
    /// Asks the sign-in host of the declared cloud, once in 24 hours where it answers.
    pub(super) async fn check(
        &self,
        channel: &Channel,
        hosts: &Hosts,
        (tenant, declared): (TenantId, Cloud),
        now: Timestamp,
    ) -> CloudCheck {
        let key = (hosts.login(declared).to_owned(), tenant);
        if let Some(check) = self.remembered(&key, now) {
            return check;
        }
        let check = match ask(channel, &key.0, tenant, now).await {
            Ok(check) => check,
            Err(failure) => match SignInError::of(failure) {
                SignInError::Refused(failure) => CloudCheck::Refused(failure),
                SignInError::Failed(failure) => CloudCheck::Failed(failure),
            },
        };
        if let Some(until) = kept_until(&check, now) {
            self.remember(key, Learnt { check: check.clone(), until });
        }
        check
    }

    /// Forgets what went wrong with a tenant: somebody says that something has changed.
    pub(super) fn renew(&self, hosts: &Hosts, (tenant, declared): (TenantId, Cloud)) {
        let key = (hosts.login(declared).to_owned(), tenant);
        let mut known = self.locked();
        if known.get(&key).is_some_and(|learnt| !matches!(learnt.check, CloudCheck::Known(_))) {
            known.remove(&key);
        }
    }

    fn remembered(&self, key: &(String, TenantId), now: Timestamp) -> Option<CloudCheck> {
        self.locked().get(key).filter(|learnt| now < learnt.until).map(|learnt| learnt.check.clone())
    }

    fn remember(&self, key: (String, TenantId), learnt: Learnt) {
        let mut known = self.locked();
        if known.len() >= MOST_ENTRIES && !known.contains_key(&key) {
            let oldest = known.iter().min_by_key(|(_, learnt)| learnt.until).map(|(key, _)| key.clone());
            oldest.and_then(|key| known.remove(&key));
        }
        known.insert(key, learnt);
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<(String, TenantId), Learnt>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until when a check is taken for so; the wrong world is no matter of the tenant.
fn kept_until(check: &CloudCheck, now: Timestamp) -> Option<Timestamp> {
    let (refusal, passing) = TROUBLE_KEPT;
    match check {
        CloudCheck::Known(_) => now.checked_add(KEPT).ok(),
        CloudCheck::Refused(failure) if failure.reason == Reason::SimulatorRefused => None,
        CloudCheck::Refused(_) | CloudCheck::Ambiguous(_) => now.checked_add(refusal).ok(),
        CloudCheck::Failed(failure) => match failure.class {
            ErrorClass::Throttled { until: Some(until) } => until.checked_add(GRAIN).ok(),
            _ => now.checked_add(passing).ok(),
        },
    }
}

async fn ask(channel: &Channel, login: &str, tenant: TenantId, now: Timestamp) -> Result<CloudCheck, Failure> {
    let request_id = Uuid::new_v4().to_string();
    let asked = Asked::OPENID;
    let (whom, what) = ("Microsoft Entra", "the tenant's cloud");
    let matter = Matter { whom, what, request_id: &request_id, asked, tenant: Some(tenant) };
    let address = format!("{login}/{tenant}/v2.0/.well-known/openid-configuration");
    let url = Url::parse(&address).map_err(|error| {
        without_answer(&matter, &clean(login), &ExchangeError::Unsendable { cause: error.to_string() })
    })?;
    let request = channel
        .request(Method::GET, url)
        .header(ACCEPT, "application/json")
        .header("client-request-id", &request_id)
        .build()
        .map_err(|error| without_answer(&matter, &clean(login), &ExchangeError::while_sending(&error)))?;
    let answer = channel.send(&matter, request, now).await?;
    match (answer.status, answer.body) {
        (200, Ok(body)) => read(&matter, &body, tenant),
        (200, Err(error)) => Err(without_answer(&matter, &clean(login), &error)),
        (status, body) => {
            let body = body.unwrap_or_default();
            Err(refused(&matter, (status, &body), answer.retry_after, now))
        }
    }
}

/// Nobody signed in here: what is not known to be about the tenant is no fault of the credentials.
fn refused(
    matter: &Matter<'_>,
    (status, body): (u16, &[u8]),
    retry_after: Option<SignedDuration>,
    now: Timestamp,
) -> Failure {
    let failure = refusal::failure(matter, (status, body), retry_after, now);
    let is_about_tenant = ErrorBody::read(body).has_code(NO_SUCH_TENANT) || failure.reason == Reason::UnsupportedCloud;
    if is_about_tenant || matches!(failure.class, ErrorClass::Throttled { .. } | ErrorClass::Transient) {
        return failure;
    }
    let message = format!(
        "Microsoft Entra was asked for {}, and its answer (status {status}) is not understood. Check the hosts in the operator's configuration, and what stands between the operator and Microsoft. The operator tries again by itself.",
        matter.what
    );
    Failure { class: ErrorClass::Protocol, reason: Reason::ProviderUnavailable, message, ..failure }
}

fn read(matter: &Matter<'_>, body: &[u8], tenant: TenantId) -> Result<CloudCheck, Failure> {
    let misshapen = |what: &str| {
        let message = format!(
            "Microsoft Entra was asked for {}, and its answer (status 200) cannot be used: {what}. Check the hosts in the operator's configuration, and what stands between the operator and Microsoft. The operator tries again by itself.",
            matter.what
        );
        matter.failure(ErrorClass::Protocol, Reason::ProviderUnavailable, message)
    };
    let Ok(Value::Object(configuration)) = serde_json::from_slice(body) else {
        return Err(misshapen("it is not a JSON object"));
    };
    // Without it, any object would say "the worldwide cloud".
    let issuer = configuration.get("issuer").and_then(Value::as_str).unwrap_or_default();
    if !issuer.contains(&tenant.to_string()) {
        return Err(misshapen("it is not the OpenID configuration of this tenant"));
    }
    Ok(judged(&configuration))
}

fn judged(configuration: &Map<String, Value>) -> CloudCheck {
    let text = |name: &str| configuration.get(name).and_then(Value::as_str).unwrap_or_default();
    let instance = text("cloud_instance_name");
    let country = instance.rsplit('.').next();
    let (scope, sub_scope) = (text("tenant_region_scope"), text("tenant_region_sub_scope"));
    match (sub_scope, scope) {
        _ if country == Some("cn") => {}
        ("GCC", _) => return CloudCheck::Known(Cloud::GCC),
        ("DODCON", _) => return CloudCheck::Known(Cloud::GCCHigh),
        ("DOD", _) => return CloudCheck::Known(Cloud::DoD),
        ("", "USG" | "USGov") => {}
        ("", _) if country != Some("us") => return CloudCheck::Known(Cloud::Public),
        _ => {}
    }
    CloudCheck::Ambiguous(format!(
        "The tenant's OpenID configuration names no cloud that is known here (cloud_instance_name {:?}, tenant_region_scope {:?}, tenant_region_sub_scope {:?}).",
        clean(instance),
        clean(scope),
        clean(sub_scope)
    ))
}

#[cfg(test)]
mod tests;
