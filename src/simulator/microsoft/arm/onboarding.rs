//! `GET …/providers/Microsoft.Security/mdeOnboardings/default`: the package that onboards machines to Defender for
//! Endpoint, inside which the data centre is written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use super::security::{READERS, subscription};
use super::{Scene, no_such_resource};
use crate::simulator::answer::Answer;
use crate::simulator::azure::Subscription;
use crate::simulator::microsoft::problem::Problem;
use crate::simulator::tenant::Tenant;
use crate::tenant::Region;

/// Stands where the real package has its secret; it must not be found anywhere else.
const MARKER: &str = "onboarding-secret-marker";

/// Answers with the package, where the setting `WDATP` is on.
pub(super) fn package(scene: &Scene, tenant: &Tenant) -> Result<Answer, Problem> {
    scene.require(&READERS, "Microsoft.Security/mdeOnboardings/read")?;
    let known = subscription(scene, tenant)?;
    if !known.settings.wdatp {
        return Err(no_such_resource(scene.request));
    }
    let info = info(tenant, known);
    let body = json!({
        "id": format!("/subscriptions/{}/providers/Microsoft.Security/mdeOnboardings/default", known.id),
        "name": "default",
        "type": "Microsoft.Security/mdeOnboardings",
        "properties": {
            "onboardingPackageWindows": BASE64.encode(windows(&info)),
            "onboardingPackageLinux": BASE64.encode(linux(&info)),
        },
    });
    Ok(Answer::new(200, body))
}

/// JSON within JSON, as the product has it: the inner one is signed as text.
fn info(tenant: &Tenant, known: &Subscription) -> String {
    let region = tenant.endpoint_region.or(tenant.region).unwrap_or(tenant.automatic_region);
    let (center, short, geography) = if tenant.cloud.has_regions() { place(region) } else { GOVERNMENT };
    let center = known.data_center.as_deref().unwrap_or(center);
    let geography = known.geography.as_deref().unwrap_or(geography);
    let body = json!({
        "previousOrgIds": [],
        "orgId": tenant.tenant_id,
        "geoLocationUrl": format!("https://winatp-gw-{short}.microsoft.com/"),
        "datacenter": center,
        "vortexGeoLocation": geography,
        "version": "1.41",
    });
    json!({ "body": body.to_string(), "sig": MARKER, "sha256sig": MARKER }).to_string()
}

/// The one location of the US government's clouds, which names no region.
const GOVERNMENT: (&str, &str, &str) = ("UsGovVirginia", "usgv", "USGov");

/// Data centre, its short name, and geography of a region.
const fn place(region: Region) -> (&'static str, &'static str, &'static str) {
    match region {
        Region::EU => ("WestEurope", "weu", "EU"),
        Region::UK => ("UkSouth", "uks", "UK"),
        Region::US => ("EastUs2", "eus2", "US"),
        Region::AU => ("AustraliaEast", "aue", "AU"),
        Region::CH => ("SwitzerlandNorth", "chn", "CH"),
        Region::IN => ("CentralIndia", "inc", "IN"),
        Region::AE => ("UaeNorth", "uan", "AE"),
    }
}

/// A command script; the JSON is an argument in quotes.
fn windows(info: &str) -> String {
    let quoted = json!(info);
    format!(
        "@echo off\r\n\
         REG add \"HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows Advanced Threat Protection\" /v latency /t REG_SZ /f /d \
         \"Demo\" >NUL 2>&1\r\n\
         REG add \"HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows Advanced Threat Protection\" /v OnboardingInfo /t REG_SZ /f \
         /d {quoted} >NUL 2>&1\r\n"
    )
}

/// A Python script; the JSON is a value of another JSON.
fn linux(info: &str) -> String {
    let quoted = json!({ "onboardingInfo": info });
    format!("#!/usr/bin/env python3\ndestfile = '/etc/opt/microsoft/mdatp/mdatp_onboard.json'\ndata = '{quoted}'\n")
}
