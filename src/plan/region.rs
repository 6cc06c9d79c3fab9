//! Where the data lives: wished, known, pinned, and what contradicts.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::attestation;
use super::desired::Desired;
use super::evidence;
use super::observed::Instance;
use super::planned::Waiting;
use super::reading::{Reading, Source, Why};
use super::situation::Situation;
use crate::api::{DataLocationStatus, DesiredState, LocationSource, Reason, StepName};
use crate::tenant::Region;

/// Where the data lives, by what was read in this pass: the broker's word about a service whose state it tells, else an attestation
/// (which also tells where Defender for Endpoint has its data before that).
pub(super) fn known(situation: &Situation) -> Reading<Region> {
    let Ok(desired) = &situation.desired else { return Reading::unknown(Why::NotAsked) };
    if !desired.cloud.has_regions() {
        return Reading::unknown(Why::NotAsked);
    }
    match &situation.observed.instance {
        Reading::Known { value: Instance::Present { parameters: Some(parameters) }, .. }
            if parameters.region.is_some() && evidence::service(situation).value().is_some() =>
        {
            parameters.region.map_or(Reading::unknown(Why::NotAsked), Reading::claimed)
        }
        _ => attestation::region(desired, situation.now),
    }
}

/// Why the region forbids to turn the service on, if it does.
pub(super) fn gate(situation: &Situation, desired: &Desired) -> Option<Waiting> {
    mismatch(situation, desired).or_else(|| {
        (known(situation).why() == Some(Why::Ambiguous)).then(|| {
            let message = "live attestations of DataLocation name different regions: keep the one that is true";
            Waiting::for_person(Reason::RegionMismatch, message.to_owned())
        })
    })
}

/// The declared region against the known and the pinned one.
pub(super) fn mismatch(situation: &Situation, desired: &Desired) -> Option<Waiting> {
    let wished = desired.region?;
    let known = known(situation);
    let (region, word) = match (&known, situation.memory.pin()) {
        (Reading::Known { value, source }, _) if *value != wished => (*value, word(*source)),
        (_, Some(pin)) if pin.region != wished => (pin.region, "as pinned in status.dataLocation"),
        _ => return None,
    };
    Some(Waiting::for_person(
        Reason::RegionMismatch,
        format!(
            "the spec declares {wished} and the data is in {region} ({word}); it never moves. Set dataLocation.region to {region} or remove it; {wished} needs a deprovisioning by support first"
        ),
    ))
}

const fn word(source: Source) -> &'static str {
    match source {
        Source::Observed => "as observed",
        Source::Claimed => "as the broker says",
        Source::Attested => "as attested",
    }
}

/// A region is declared and nobody knows where the data of the running service is.
pub(super) fn unknown_though_declared(situation: &Situation, desired: &Desired) -> bool {
    desired.region.is_some() && known(situation).value().is_none() && !pin_is_known(situation)
}

/// Whether somebody's word stands behind the pin, as it is now; an attested one lapses with its attestation.
pub(super) fn pin_is_known(situation: &Situation) -> bool {
    pin(situation, None, false)
        .is_some_and(|pin| matches!(pin.source, LocationSource::Claimed | LocationSource::Observed))
}

/// The region that is pinned before the request to turn on leaves; `None`: Microsoft chooses.
pub(super) fn to_pin(situation: &Situation, desired: &Desired) -> Option<Region> {
    if !desired.cloud.has_regions() {
        return None;
    }
    let pinned = situation.memory.pin().map(|pin| pin.region);
    // An instance that exists has its region already: a wish cannot go with an update.
    let wished = desired.region.filter(|_| !evidence::instance(situation).is_true());
    pinned.or_else(|| known(situation).value().copied()).or(wished)
}

/// The pin as it should be written: it is set once, its source only grows, and proven deprovisioning clears it.
///
/// `intends` is the region of an `Enable` that is about to be sent.
pub(super) fn pin(situation: &Situation, intends: Option<Region>, is_gone: bool) -> Option<DataLocationStatus> {
    if is_gone {
        return None;
    }
    let known = known(situation);
    let is_on = evidence::service(situation).is_true();
    if let Some(pin) = situation.memory.pin() {
        let mut pin = pin.clone();
        if is_on && pin.source == LocationSource::Declared && was_asked_for(situation, pin.region) {
            pin.source = LocationSource::Claimed;
        }
        if let (Some(region), Some(source)) = (known.value(), known.source()) {
            let source = location_source(source);
            if *region == pin.region && is_on && source > pin.source {
                pin.source = source;
            }
        }
        return Some(pin);
    }
    let pinned =
        |region, source| DataLocationStatus { region, data_center: None, source, pin_time: Time(situation.now) };
    match (known.value(), known.source(), intends) {
        (Some(region), Some(source), _) if is_on || intends.is_some() => Some(pinned(*region, location_source(source))),
        (_, _, Some(region)) => Some(pinned(region, LocationSource::Declared)),
        _ => None,
    }
}

/// Whether the `Enable` that is just ending asked the broker for this region.
fn was_asked_for(situation: &Situation, region: Region) -> bool {
    situation
        .memory
        .operation()
        .is_some_and(|operation| operation.step == StepName::Enable && operation.parameters.region == Some(region))
}

const fn location_source(source: Source) -> LocationSource {
    match source {
        Source::Observed => LocationSource::Observed,
        Source::Claimed => LocationSource::Claimed,
        Source::Attested => LocationSource::Attested,
    }
}

/// A pin that what is known contradicts, while no region is declared.
pub(super) fn contradicted_pin(situation: &Situation, desired: &Desired) -> Option<String> {
    if desired.state != DesiredState::Enabled {
        return None;
    }
    let pin = situation.memory.pin()?;
    let known = known(situation);
    let region = known.value().filter(|region| **region != pin.region)?;
    Some(format!(
        "the region was pinned as {} and is said to be {region}: ask Microsoft support where the data of this tenant is",
        pin.region
    ))
}
