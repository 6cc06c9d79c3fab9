//! Where the data lives: wished, known, pinned, and what contradicts.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::attestation;
use super::desired::Desired;
use super::evidence;
use super::microsoft::Microsoft;
use super::observed::Instance;
use super::planned::Waiting;
use super::reading::{Reading, Source, Why};
use super::situation::Situation;
use super::step::Place;
use super::verdict::Verdict;
use crate::api::{DataLocationStatus, DesiredState, LocationSource, Reason, StepName, TriState};
use crate::tenant::{Permission, Region};

/// Where the data lives, by what was read in this pass: where Defender for Endpoint is seen to have its data, which the
/// service follows; the broker's word about a service whose state it tells; else an attestation (which also tells where
/// Defender for Endpoint has its data before the service is on).
pub(super) fn known(situation: &Situation) -> Reading<Region> {
    let Ok(desired) = &situation.desired else { return Reading::unknown(Why::NotAsked) };
    if !desired.cloud.has_regions() {
        return Reading::unknown(Why::NotAsked);
    }
    let observed = of_endpoint(&situation.observed.microsoft, desired);
    if observed.value().is_some() {
        return observed;
    }
    match said(situation, desired) {
        Reading::Unknown { why: Why::NotAsked } => observed,
        // What could not be read just now may contradict anybody's word, unless that is pinned already.
        said if observed.why() == Some(Why::ReadFailed) => {
            let pinned = situation.memory.pin().map(|pin| pin.region);
            if said.value() == pinned.as_ref() && pinned.is_some() { said } else { observed }
        }
        said => said,
    }
}

/// Where Defender for Endpoint has its data. The data centre decides, and the geography serves only where there is none;
/// a data centre that is not known says nothing, and two regions contradict each other.
pub(super) fn of_endpoint(microsoft: &Microsoft, desired: &Desired) -> Reading<Region> {
    if let Some(why) = not_ours(microsoft, desired) {
        return Reading::unknown(why);
    }
    let place = match &microsoft.endpoint_location {
        Reading::Known { value, .. } => value,
        Reading::Unknown { why } => return Reading::unknown(*why),
    };
    let by_geography = place.geography.as_deref().and_then(Region::of_geography);
    let region = match place.data_center.as_deref() {
        None => by_geography,
        Some(name) => {
            Region::of_data_center(name).filter(|region| by_geography.is_none_or(|geography| geography == *region))
        }
    };
    region.map_or(Reading::unknown(Why::Ambiguous), Reading::observed)
}

/// Why what was read through the Azure subscription for observation says nothing of this tenant, where it does not.
fn not_ours(microsoft: &Microsoft, desired: &Desired) -> Option<Why> {
    match &microsoft.observation_owner {
        Reading::Known { value, .. } => (*value != desired.tenant).then_some(Why::NotAsked),
        Reading::Unknown { why } => Some(*why),
    }
}

/// What the broker or a person says.
fn said(situation: &Situation, desired: &Desired) -> Reading<Region> {
    match &situation.observed.instance {
        Reading::Known { value: Instance::Present { parameters: Some(parameters) }, .. }
            if parameters.region.is_some() && evidence::service(situation).value().is_some() =>
        {
            parameters.region.map_or(Reading::unknown(Why::NotAsked), Reading::claimed)
        }
        _ => attestation::region(desired, situation.now),
    }
}

/// Why the region forbids to go on, if it does.
pub(super) fn gate(situation: &Situation, desired: &Desired) -> Option<Waiting> {
    mismatch(situation, desired).or_else(|| {
        let attested = attestation::region(desired, situation.now);
        let is_open = known(situation).value().is_none() && desired.cloud.has_regions();
        (is_open && attested.why() == Some(Why::Ambiguous)).then(|| {
            let message = "live attestations of DataLocation name different regions: keep the one that is true";
            Waiting::for_person(Reason::RegionMismatch, message.to_owned())
        })
    })
}

/// What keeps the service from being turned on in a region that is not the wished one, for ever.
pub(super) enum Unsettled {
    /// It would be another region, or one must be chosen.
    Forbidden(Waiting),
    /// Somebody has to look where Defender for Endpoint has its data.
    LookFirst(String),
}

/// Why the region forbids to turn the service on. `has_endpoint` tells whether a licence brings Defender for Endpoint.
pub(super) fn gate_to_on(situation: &Situation, desired: &Desired, has_endpoint: &Reading<bool>) -> Option<Unsettled> {
    if let Some(waiting) = gate(situation, desired) {
        return Some(Unsettled::Forbidden(waiting));
    }
    if !desired.cloud.has_regions() || known(situation).value().is_some() || situation.memory.pin().is_some() {
        return None;
    }
    let Some(wished) = desired.region else {
        let must_choose = desired.experience.administrator_chooses_region() && situation.observed.microsoft.is_asked();
        return must_choose.then(|| {
            let message = "under these rules the region is chosen where Defender ATP has none, it is not known to have one, and the choice never moves: set dataLocation.region, or tell where Defender ATP is (observation.subscriptionId, or attest DataLocation)";
            Unsettled::Forbidden(Waiting::for_person(Reason::RegionRequired, message.to_owned()))
        });
    };
    if let Some(elsewhere) = of_security_center(situation, desired).filter(|region| *region != wished) {
        let message = format!(
            "the spec declares {wished}, and Azure Security Center turned Defender ATP on in this tenant: under these rules its data is always in {elsewhere}, and the service follows it. Set dataLocation.region to {elsewhere} or remove it; if Defender ATP was there before, attest DataLocation"
        );
        return Some(Unsettled::Forbidden(Waiting::for_person(Reason::RegionMismatch, message)));
    }
    let may_be_elsewhere = situation.observed.microsoft.is_asked()
        && !has_endpoint.is_false()
        && of_security_center(situation, desired).is_none();
    if may_be_elsewhere && known(situation).why() == Some(Why::ReadFailed) {
        return Some(Unsettled::Forbidden(Waiting::for_provider(situation)));
    }
    may_be_elsewhere.then(|| {
        Unsettled::LookFirst(format!(
            "the spec declares {wished}, a licence brings Defender for Endpoint, and where that has its data could not be read: the service would follow it for ever. Name observation.subscriptionId, or attest DataLocation"
        ))
    })
}

/// Why it is not known where the data is, where it was asked.
pub(super) fn unread(situation: &Situation, desired: &Desired) -> Option<Verdict> {
    let microsoft = &situation.observed.microsoft;
    if let Some(owner) = microsoft.observation_owner.value().filter(|owner| **owner != desired.tenant) {
        let message = format!(
            "observation.subscriptionId belongs to tenant {owner} and not to the declared one: name a subscription of this tenant"
        );
        return Some(Verdict::unknown(Reason::TenantMismatch, message));
    }
    let why = of_endpoint(microsoft, desired).why()?;
    let message = match why {
        Why::NotAsked => return None,
        Why::NotPermitted => {
            format!("where Defender for Endpoint has its data could not be read: grant {}", Permission::SecurityReader)
        }
        Why::ReadFailed => "where Defender for Endpoint has its data could not be read".to_owned(),
        Why::Ambiguous => {
            let place = microsoft.endpoint_location.value().cloned().unwrap_or_default();
            format!(
                "the data centre {} and the geography {} of Defender for Endpoint name no one region that is known: attest DataLocation",
                place.data_center.as_deref().map_or("(none)".to_owned(), cleaned),
                place.geography.as_deref().map_or("(none)".to_owned(), cleaned),
            )
        }
    };
    Some(Verdict::new(TriState::Unknown, why.reason(), message))
}

fn cleaned(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect()
}

/// Where Defender ATP is by rule, because Azure Security Center is seen to have turned it on.
pub(super) fn of_security_center(situation: &Situation, desired: &Desired) -> Option<Region> {
    let microsoft = &situation.observed.microsoft;
    let is_on = microsoft.security_center.is_true() && not_ours(microsoft, desired).is_none();
    Region::of_security_center(desired.experience).filter(|_| is_on)
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
    let is_in = if evidence::service(situation).is_true() { "is in" } else { "would be in" };
    Some(Waiting::for_person(
        Reason::RegionMismatch,
        format!(
            "the spec declares {wished} and the data {is_in} {region} ({word}); it never moves. Set dataLocation.region to {region} or remove it; {wished} needs a deprovisioning by support first"
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

/// Whether that is so only because it could not be read.
pub(super) fn unread_though_declared(situation: &Situation, desired: &Desired) -> bool {
    unknown_though_declared(situation, desired) && known(situation).why() == Some(Why::ReadFailed)
}

/// Whether somebody's word stands behind the pin, as it is now; an attested one lapses with its attestation.
pub(super) fn pin_is_known(situation: &Situation) -> bool {
    pin(situation, None, false)
        .is_some_and(|pin| matches!(pin.source, LocationSource::Claimed | LocationSource::Observed))
}

/// Whether somebody's word stands behind a pin at this moment: the broker's, an observation, or what is read or attested now.
pub(super) fn is_vouched_for(situation: &Situation, pin: &DataLocationStatus) -> bool {
    matches!(pin.source, LocationSource::Claimed | LocationSource::Observed)
        || known(situation).value() == Some(&pin.region)
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

/// Where the data will be once the service is on, and whether that is decided by turning it on.
pub(super) fn to_place(situation: &Situation, desired: &Desired) -> Place {
    if !desired.cloud.has_regions() {
        return Place::OneLocation(desired.cloud);
    }
    let is_there = evidence::instance(situation).is_true() && situation.memory.pin().is_some();
    match to_pin(situation, desired) {
        Some(region) if is_there => Place::AsBefore(region),
        Some(region) => Place::Pinned(region),
        None if desired.experience.administrator_chooses_region() => Place::AdministratorChooses,
        None => Place::MicrosoftChooses,
    }
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
            if *region == pin.region && pin.source == LocationSource::Observed {
                pin.data_center = data_center(situation).or(pin.data_center);
            }
        }
        return Some(pin);
    }
    let pinned = |region, source| {
        let data_center = data_center(situation).filter(|_| source == LocationSource::Observed);
        DataLocationStatus { region, data_center, source, pin_time: Time(situation.now) }
    };
    match (known.value(), known.source(), intends) {
        (Some(region), Some(source), _) if is_on || intends.is_some() => Some(pinned(*region, location_source(source))),
        (_, _, Some(region)) => Some(pinned(region, LocationSource::Declared)),
        _ => None,
    }
}

/// The data centre as it was read, cleaned and shortened.
fn data_center(situation: &Situation) -> Option<String> {
    let place = situation.observed.microsoft.endpoint_location.value()?;
    let name = cleaned(place.data_center.as_ref()?);
    (!name.is_empty()).then_some(name)
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
