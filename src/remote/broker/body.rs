//! What the bodies of the specification mean. Pure; unknown fields are ignored everywhere.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::api::DesiredState;
use crate::plan::observed::InstanceParameters;
use crate::remote::http::{clean, clean_code};
use crate::tenant::{IntegrationType, LinkState, Region, TenantId};

/// The body is not what the specification says; the text says how.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{how}")]
pub(super) struct WrongShape {
    how: String,
}

fn wrong(how: &str) -> WrongShape {
    WrongShape { how: how.to_owned() }
}

/// The longest `operation` that the specification allows, in characters.
const HANDLE_LIMIT: usize = 10_000;

/// Reads a body that must be a JSON object, as every body of the specification must.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, WrongShape> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(wrong("the body is JSON, but not an object")),
        Err(_) if body.iter().all(u8::is_ascii_whitespace) => Err(wrong("the body is empty")),
        Err(_) if is_markup(body) => Err(wrong("the body is a web page, so something else than the broker answered")),
        Err(error) => Err(WrongShape { how: format!("the body is not JSON ({})", clean(&error.to_string())) }),
    }
}

fn typed<T: DeserializeOwned>(body: &[u8]) -> Result<T, WrongShape> {
    serde_json::from_value(Value::Object(object(body)?)).map_err(|error| WrongShape { how: clean(&error.to_string()) })
}

/// A web page or XML, as proxies and sign-in pages answer.
pub(super) fn is_markup(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| *byte == b'<')
}

/// Whether a 404 or 410 can come from the broker itself: a JSON object, or nothing. A page or a bare sentence comes
/// from a proxy or from a server that does not know the path, and proves nothing about the instance.
pub(super) fn may_mean_absent(body: &[u8]) -> bool {
    body.iter().all(u8::is_ascii_whitespace) || object(body).is_ok()
}

/// The body of an error. Everything in it is optional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ErrorBody {
    /// `error`: a code of the specification, or the broker's own; cleaned.
    pub code: Option<String>,
    /// `description`, or the text of a body that is not JSON; cleaned.
    pub description: Option<String>,
    /// `instance_usable`: whether the instance can still be used.
    pub is_usable: bool,
    /// `update_repeatable`: whether the same request may succeed later.
    pub is_repeatable: bool,
}

/// Reads the body of an error; never fails.
pub(super) fn error(body: &[u8]) -> ErrorBody {
    let shown = |text: &str| Some(clean(text)).filter(|text| !text.is_empty());
    let Ok(fields) = object(body) else {
        let text = if is_markup(body) { None } else { std::str::from_utf8(body).ok() };
        return ErrorBody { code: None, description: text.and_then(shown), is_usable: true, is_repeatable: true };
    };
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    // Both flags are optional, and absent means true.
    let flag = |name: &str| fields.get(name).and_then(Value::as_bool).unwrap_or(true);
    ErrorBody {
        code: text("error").map(clean_code).filter(|code| !code.is_empty()),
        description: text("description").and_then(shown),
        is_usable: flag("instance_usable"),
        is_repeatable: flag("update_repeatable"),
    }
}

/// Reads the body of a 202: the handle, or `None` where the broker gives none.
pub(super) fn accepted(body: &[u8]) -> Result<Option<String>, WrongShape> {
    match object(body)?.remove("operation") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(handle)) if handle.is_empty() => Ok(None),
        Some(Value::String(handle)) if handle.chars().count() > HANDLE_LIMIT => {
            Err(wrong("operation is longer than 10,000 characters"))
        }
        Some(Value::String(handle)) => Ok(Some(handle)),
        Some(_) => Err(wrong("operation is not a string")),
    }
}

/// State of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// `in progress`
    InProgress,
    /// `succeeded`
    Succeeded,
    /// `failed`, and what the broker says about it.
    Failed(ErrorBody),
}

/// Reads the body of a `last_operation`.
pub(super) fn last_operation(body: &[u8]) -> Result<State, WrongShape> {
    match object(body)?.get("state").and_then(Value::as_str) {
        Some("in progress") => Ok(State::InProgress),
        Some("succeeded") => Ok(State::Succeeded),
        Some("failed") => Ok(State::Failed(error(body))),
        Some(other) => Err(WrongShape { how: format!("its state is \"{}\", which does not exist", clean(other)) }),
        None => Err(wrong("it has no state")),
    }
}

/// An instance as the broker shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// `tenantId` as it stands there, for the check that the instance is for our tenant.
    pub tenant: Option<String>,
    /// Its parameters; `None` where the broker withholds them.
    pub parameters: Option<InstanceParameters>,
}

/// Reads the body of an instance. Parts of the parameters that are not understood are left out.
pub(super) fn instance(body: &[u8]) -> Result<Shown, WrongShape> {
    let fields = match object(body)?.remove("parameters") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err(wrong("parameters is not an object")),
    };
    if fields.is_empty() {
        return Ok(Shown { tenant: None, parameters: None });
    }
    // A UUID means the same in upper case.
    let tenant = fields.get("tenantId").and_then(Value::as_str).map(str::to_ascii_lowercase);
    let parameters = InstanceParameters {
        tenant: tenant.as_deref().and_then(|text| text.parse::<TenantId>().ok()),
        region: known::<Region>(fields.get("region")),
        state: known::<DesiredState>(fields.get("state")),
        integrations: fields.get("integrations").and_then(Value::as_object).map_or_else(Default::default, |links| {
            links
                .iter()
                .filter_map(|(kind, state)| Some((link_kind(kind)?, known::<LinkState>(Some(state))?)))
                .collect()
        }),
    };
    Ok(Shown { tenant, parameters: Some(parameters) })
}

fn known<T: DeserializeOwned>(value: Option<&Value>) -> Option<T> {
    serde_json::from_value(value?.clone()).ok()
}

fn link_kind(name: &str) -> Option<IntegrationType> {
    IntegrationType::ALL.iter().copied().find(|kind| kind.name() == name)
}

/// The catalog, as far as it matters here. Entries of another shape are left out.
pub(super) fn catalog(body: &[u8]) -> Result<Vec<Offering>, WrongShape> {
    #[derive(Deserialize)]
    struct Services {
        services: Vec<Value>,
    }
    let Services { services } = typed(body)?;
    Ok(services.into_iter().filter_map(|entry| serde_json::from_value(entry).ok()).collect())
}

/// A service offering of the catalog.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Offering {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub instances_retrievable: Option<bool>,
    #[serde(default)]
    pub plans: Vec<Value>,
}

/// A service plan of an offering.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Plan {
    pub id: String,
    pub name: String,
    /// In seconds.
    #[serde(default)]
    pub maximum_polling_duration: Value,
}

impl Offering {
    /// Its plans; entries of another shape are left out.
    pub(super) fn plans(&self) -> Vec<Plan> {
        self.plans.iter().filter_map(|entry| serde_json::from_value(entry.clone()).ok()).collect()
    }
}
