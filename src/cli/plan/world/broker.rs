//! What the service broker would answer.

use super::wire::{
    Broker, Either, Failure as FailureFile, FailureClass, Instance as InstanceFile, Operation, OperationState, Told,
};
use super::{WorldError, in_range, seconds};
use crate::api::Reason;
use crate::plan::desired::Desired;
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::microsoft::Microsoft;
use crate::plan::observed::{Instance, InstanceParameters, Observed, Progress};
use crate::plan::reading::{Reading, Why};

pub(super) fn observed(file: &Broker, desired: &Desired) -> Result<Observed, WorldError> {
    let instance = match &file.instance {
        Some(Told::Known(Either::Full(shown))) => Reading::claimed(present(shown, desired)?),
        Some(Told::Unknown(why)) => Reading::unknown(*why),
        None if !file.retrievable => Reading::unknown(Why::NotAsked),
        None if file.failure.is_some() => Reading::unknown(Why::ReadFailed),
        None | Some(Told::Known(Either::Word(_))) => Reading::claimed(Instance::Absent),
    };
    if !file.retrievable && instance.value().is_some() {
        let problem = "a broker that is not retrievable shows no instance: remove instance, or retrievable: false";
        return Err(WorldError::value("broker.instance", problem));
    }
    let polling =
        file.maximum_polling_seconds.map(|value| seconds("broker.maximumPollingSeconds", value)).transpose()?;
    Ok(Observed {
        instance,
        is_retrievable: file.retrievable,
        progress: file.operation.as_ref().map(progress).transpose()?,
        maximum_polling: polling,
        failure: file.failure.as_ref().map(|file| failure("broker.failure", file)).transpose()?,
        microsoft: Microsoft::nothing(),
    })
}

fn present(file: &InstanceFile, desired: &Desired) -> Result<Instance, WorldError> {
    if file.parameters.is_none() {
        let parameters = InstanceParameters {
            tenant: file.tenant_id.or(Some(desired.tenant)),
            region: file.region,
            state: file.state,
            integrations: file.integrations.clone(),
        };
        return Ok(Instance::Present { parameters: Some(parameters) });
    }
    if file.state.is_some() || file.region.is_some() || file.tenant_id.is_some() || !file.integrations.is_empty() {
        return Err(WorldError::value("broker.instance", "parameters: Withheld stands alone: remove the other fields"));
    }
    Ok(Instance::Present { parameters: None })
}

fn progress(file: &Operation) -> Result<Progress, WorldError> {
    Ok(match file.state {
        OperationState::InProgress => {
            let wait = file.retry_after_seconds.map(|value| seconds("broker.operation.retryAfterSeconds", value));
            Progress::InProgress { retry_after: wait.transpose()? }
        }
        OperationState::Succeeded => Progress::Succeeded,
        OperationState::Failed => Progress::Failed {
            description: file.description.clone().unwrap_or_else(|| "the broker gives no description".to_owned()),
            is_repeatable: file.update_repeatable,
            is_usable: file.instance_usable,
        },
        OperationState::Gone => Progress::Gone,
    })
}

/// A failed call; what is left out is what such a failure usually says.
pub(super) fn failure(field: &str, file: &FailureFile) -> Result<Failure, WorldError> {
    let is_microsoft = field.starts_with("microsoft");
    in_range(&format!("{field}.until"), file.until)?;
    if file.until.is_some() && file.class != FailureClass::Throttled {
        return Err(WorldError::value(format!("{field}.until"), "belongs to class Throttled"));
    }
    let (class, usual, message) = match file.class {
        FailureClass::Throttled => (ErrorClass::Throttled { until: file.until }, Reason::Throttled, "it asks to wait"),
        FailureClass::Transient => (ErrorClass::Transient, Reason::ProviderUnavailable, "it does not answer"),
        FailureClass::Waiting => (ErrorClass::Waiting, Reason::Throttled, "it is busy with this tenant"),
        FailureClass::Auth => (ErrorClass::Auth, Reason::ProviderUnavailable, "it refuses the credentials"),
        FailureClass::Permission if is_microsoft => {
            (ErrorClass::Permission, Reason::PermissionDenied, "it refuses the call for want of a permission")
        }
        FailureClass::Permission => (ErrorClass::Permission, Reason::ProviderUnavailable, "it refuses the call"),
        FailureClass::Invalid => (ErrorClass::Invalid, Reason::ProviderRejected, "it refuses the request for good"),
        FailureClass::Protocol => {
            (ErrorClass::Protocol, Reason::ProviderUnavailable, "its answer is not of the documented shape")
        }
    };
    let reason = match &file.reason {
        Some(name) => reason(&format!("{field}.reason"), name)?,
        None => usual,
    };
    let who = if is_microsoft { "Microsoft's API" } else { "the service broker" };
    let message = file.message.clone().unwrap_or_else(|| format!("{who}: {message}"));
    Ok(Failure { class, reason, message, request_id: file.request_id.clone() })
}

/// A reason of the catalogue by its name.
pub(super) fn reason(field: &str, name: &str) -> Result<Reason, WorldError> {
    Reason::ALL.iter().copied().find(|reason| reason.name() == name).ok_or_else(|| {
        let names: Vec<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        WorldError::value(field, format!("{name:?} is no reason of the catalogue: {}", names.join(", ")))
    })
}
