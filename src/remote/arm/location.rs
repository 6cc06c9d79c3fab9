//! `Microsoft.Security/mdeOnboardings/default`: where Defender for Endpoint keeps its data, as its onboarding package says.
//!
//! The package is a secret: it enrols machines. It is looked through here and dropped here, and no word of it is in an
//! error. Only names of places leave this file, and only such as are short and plain.

use std::collections::BTreeSet;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::target::SubscriptionId;
use crate::plan::microsoft::EndpointLocation;
use crate::remote::answers::{Context, misshapen};
use crate::remote::call::{Call, Operation, Reply, Unread};
use crate::remote::shape::{field, object, of};
use crate::tenant::Region;

const OPERATION: Operation = Operation::MdeOnboarding;

/// The largest package that is looked through, in characters of base64; the documented ones have some 20,000.
const PACKAGE_LIMIT: usize = 2 * 1024 * 1024;

/// The longest name of a place, in bytes.
const NAME_LIMIT: usize = 40;

/// How many characters may stand between a name and its value: escaped quotes, a colon, blanks.
const GAP_LIMIT: usize = 64;

/// Padding is optional, and bits that are left over do no harm.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The call.
#[must_use]
pub fn call(subscription: SubscriptionId) -> Call {
    let path = format!(
        "/subscriptions/{subscription}/providers/Microsoft.Security/mdeOnboardings/default?api-version=2021-10-01-preview"
    );
    Call::get(OPERATION, path)
}

/// Reads its answer: `datacenter`, and `vortexGeoLocation` or else `partnerGeoLocation`, of the package for Windows or
/// Linux. Two that contradict each other are `Ambiguous`.
pub fn read(reply: &Reply, context: Context<'_>) -> Result<EndpointLocation, Unread> {
    let fields = object(OPERATION, reply, context)?;
    let Some(properties @ Value::Object(_)) = field(&fields, "properties") else {
        return Err(misshapen(OPERATION, reply, "it has no properties"));
    };
    let packages: Vec<Vec<u8>> = ["onboardingPackageWindows", "onboardingPackageLinux"]
        .iter()
        .filter_map(|name| decode(of(properties, name)?.as_str()?))
        .collect();
    if packages.is_empty() {
        return Err(misshapen(OPERATION, reply, "it holds no onboarding package that can be read"));
    }
    let places = |key: &str| packages.iter().flat_map(|package| values(package, key)).collect::<BTreeSet<String>>();
    let location = EndpointLocation {
        data_center: only(&places("datacenter"), "data centres")?,
        geography: geography(&places("vortexGeoLocation"), &places("partnerGeoLocation"))?,
    };
    if location == EndpointLocation::default() {
        return Err(misshapen(OPERATION, reply, "its onboarding package names no place"));
    }
    Ok(location)
}

fn geography(vortex: &BTreeSet<String>, partner: &BTreeSet<String>) -> Result<Option<String>, Unread> {
    let (vortex, partner) = (only(vortex, "geographies")?, only(partner, "geographies")?);
    let region = |name: &Option<String>| name.as_deref().and_then(Region::of_geography);
    match (region(&vortex), region(&partner)) {
        (Some(one), Some(other)) if one != other => Err(contradiction("geographies")),
        // One that is known says more than one that is not.
        (None, Some(_)) => Ok(partner),
        _ => Ok(vortex.or(partner)),
    }
}

/// The one name among these; spellings that differ in the case of letters are one.
fn only(names: &BTreeSet<String>, what: &str) -> Result<Option<String>, Unread> {
    let Some(first) = names.first() else { return Ok(None) };
    if names.iter().all(|name| name.eq_ignore_ascii_case(first)) {
        return Ok(Some(first.clone()));
    }
    Err(contradiction(what))
}

fn contradiction(what: &str) -> Unread {
    Unread::Ambiguous(format!(
        "Azure Resource Manager answered {OPERATION} with an onboarding package that names two {what}: either Defender for Endpoint was moved, or one of them is out of date"
    ))
}

/// Decodes base64 of either alphabet, with or without padding and line breaks. Text in UTF-16 loses its zero bytes.
fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() > PACKAGE_LIMIT {
        return None;
    }
    let plain: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        })
        .collect();
    let mut package = BASE64.decode(plain).ok()?;
    package.retain(|byte| *byte != 0);
    (!package.is_empty()).then_some(package)
}

/// Every value of a key in a text in which JSON was quoted once or several times: `"key":"value"`, `\"key\":\"value\"`,
/// `\\\"key\\\":\\\"value\\\"`. Linear in the length of the text.
fn values(text: &[u8], key: &str) -> Vec<String> {
    let key = key.as_bytes();
    let starts = text.windows(key.len()).enumerate().filter(|(_, window)| *window == key).map(|(at, _)| at);
    starts
        .filter(|at| at.checked_sub(1).and_then(|before| text.get(before)).is_some_and(|byte| is_quote(*byte)))
        .filter_map(|at| value(text.get(at + key.len()..)?))
        .collect()
}

/// The value at the beginning of what follows a key.
fn value(text: &[u8]) -> Option<String> {
    let rest = skip(text)?;
    let rest = rest.strip_prefix(b":")?;
    let start = skip(rest)?;
    // A value is quoted; null and numbers are no names.
    if start.len() == rest.len() {
        return None;
    }
    let length = start.iter().take(NAME_LIMIT + 1).take_while(|byte| is_plain(**byte)).count();
    let is_ended = start.get(length).is_some_and(|byte| is_quote(*byte));
    if !is_ended || length == 0 {
        return None;
    }
    String::from_utf8(start.get(..length)?.to_vec()).ok()
}

/// What comes after quotes, backslashes and blanks.
fn skip(text: &[u8]) -> Option<&[u8]> {
    let gap = text.iter().take(GAP_LIMIT + 1).take_while(|byte| is_quote(**byte) || byte.is_ascii_whitespace()).count();
    if gap > GAP_LIMIT { None } else { text.get(gap..) }
}

/// A quotation mark or a part of one that is escaped.
const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | b'\'')
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests;
