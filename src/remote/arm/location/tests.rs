//! Onboarding packages as public texts show them; the marker in them must never be seen.

use base64::engine::general_purpose::{STANDARD as PLAIN, URL_SAFE_NO_PAD};
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::remote::samples::{
    assert_told, assert_troubles, blindly, context, failure, mutations, ok, reply, sentence, unknown,
};
use crate::tenant::Permission;

const MARKER: &str = "pl4ntedmarker";

/// What the package quotes, with so many backslashes before each quotation mark.
fn quoted(backslashes: usize, data_center: &str, vortex: &str) -> String {
    let quote = format!("{}\"", "\\".repeat(backslashes));
    let text = format!(
        "{{'orgIds':['{MARKER}'],'orgId':'{MARKER}','geoLocationUrl':'https://winatp-gw-weu.microsoft.com/','datacenter':'{data_center}','vortexGeoLocation':'{vortex}','version':'1.4'}}"
    );
    text.replace('\'', &quote)
}

fn windows(data_center: &str, vortex: &str) -> String {
    format!(
        "@echo off\r\nREG add \"HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows Advanced Threat Protection\" /v OnboardingInfo /t REG_SZ /f /d \"{{\\\"body\\\":\\\"{}\\\",\\\"sig\\\":\\\"{MARKER}\\\"}}\"\r\n",
        quoted(3, data_center, vortex)
    )
}

fn linux(data_center: &str, vortex: &str) -> String {
    format!("#!/usr/bin/python3\ndata = {{\"onboardingInfo\":\"{}\"}}\n", quoted(1, data_center, vortex))
}

fn answer(windows: Option<&str>, linux: Option<&str>) -> Reply {
    ok(&json!({
        "id": "x", "type": "Microsoft.Security/mdeOnboardings", "name": "default",
        "properties": { "onboardingPackageWindows": windows, "onboardingPackageLinux": linux }
    }))
}

fn read_text(text: &str) -> Result<EndpointLocation, Unread> {
    blindly(|context| read(&answer(Some(&PLAIN.encode(text)), None), context))
}

fn place(data_center: Option<&str>, geography: Option<&str>) -> EndpointLocation {
    EndpointLocation { data_center: data_center.map(str::to_owned), geography: geography.map(str::to_owned) }
}

#[test]
fn the_call_is_as_documented() {
    assert_eq!(
        call("20ff7fc3-e762-44dd-bd96-b71116dcdc23".parse().unwrap()).path,
        "/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23/providers/Microsoft.Security/mdeOnboardings/default?api-version=2021-10-01-preview"
    );
}

#[rstest]
#[case::once(1)]
#[case::not_escaped(0)]
#[case::twice(2)]
#[case::three_times(3)]
#[case::seven_times(7)]
fn quotes_may_be_escaped_any_number_of_times(#[case] backslashes: usize) {
    let text = quoted(backslashes, "WestEurope", "EU");
    assert_eq!(read_text(&text), Ok(place(Some("WestEurope"), Some("EU"))));
}

#[test]
fn both_packages_are_read_in_every_base64() {
    let expected = Ok(place(Some("EastUs2"), Some("US")));
    let text = windows("EastUs2", "US");
    let plain = PLAIN.encode(&text);
    let characters: Vec<char> = plain.chars().collect();
    let broken: String = characters.chunks(76).map(|line| line.iter().collect::<String>() + "\r\n").collect();
    let zeros: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bare = plain.trim_end_matches('=').to_owned();
    for package in [plain.clone(), broken, bare, URL_SAFE_NO_PAD.encode(&text), PLAIN.encode(zeros)] {
        assert_eq!(blindly(|context| read(&answer(Some(&package), None), context)), expected);
    }
    let script = PLAIN.encode(linux("EastUs2", "US"));
    assert_eq!(blindly(|context| read(&answer(None, Some(&script)), context)), expected);
    let odd = answer(Some("%%%"), Some(&script));
    assert_eq!(blindly(|context| read(&odd, context)), expected, "one that can be read is enough");
    assert_eq!(blindly(|context| read(&answer(Some(&plain), Some(&script)), context)), expected);
}

#[rstest]
#[case::partner(r#"{"datacenter":"WestEurope","partnerGeoLocation":"GW_EU"}"#, Some("WestEurope"), Some("GW_EU"))]
#[case::both(r#"{"vortexGeoLocation":"EU","partnerGeoLocation":"GW_EU"}"#, None, Some("EU"))]
#[case::unknown_vortex(r#"{"vortexGeoLocation":"Sandbox","partnerGeoLocation":"GW_EU"}"#, None, Some("GW_EU"))]
#[case::data_center_only(r#"{"datacenter": "CentralUs3"}"#, Some("CentralUs3"), None)]
#[case::null(r#"{"datacenter":"NorthEurope","vortexGeoLocation":null}"#, Some("NorthEurope"), None)]
#[case::twice_the_same(r#"{"datacenter":"EastUs2"} {"datacenter":"eastus2"}"#, Some("EastUs2"), None)]
#[case::blanks("{\"datacenter\" : \n \"EastUs2\"}", Some("EastUs2"), None)]
fn names_of_places_are_found(#[case] text: &str, #[case] data_center: Option<&str>, #[case] geography: Option<&str>) {
    assert_eq!(read_text(text), Ok(place(data_center, geography)));
}

#[rstest]
#[case::data_centers(r#"{"datacenter":"EastUs2"} {"datacenter":"WestEurope"}"#)]
#[case::geographies(r#"{"vortexGeoLocation":"US"} {"vortexGeoLocation":"EU"}"#)]
#[case::vortex_and_partner(r#"{"datacenter":"EastUs2","vortexGeoLocation":"US","partnerGeoLocation":"GW_EU"}"#)]
fn two_places_are_open(#[case] text: &str) {
    let sentence = sentence(read_text(text));
    assert!(sentence.contains("names two"), "{sentence}");
    assert!(!sentence.contains("EastUs2"), "nothing of the package is shown: {sentence}");
}

#[rstest]
#[case::no_place("echo hello pl4ntedmarker")]
#[case::not_a_key("datacenter\":\"WestEurope\"")]
#[case::part_of_another_key(r#"{"mydatacenter":"WestEurope"}"#)]
#[case::not_a_value(r#"{"datacenter":42,"vortexGeoLocation":true}"#)]
#[case::not_ended(r#"{"datacenter":"WestEurope"#)]
#[case::not_a_name(r#"{"datacenter":"pl4ntedmarker.example.com"}"#)]
#[case::empty_name(r#"{"datacenter":""}"#)]
#[case::too_long(r#"{"datacenter":"pl4ntedmarkerpl4ntedmarkerpl4ntedmarkerpl4ntedmarker"}"#)]
fn what_names_no_place_is_no_answer(#[case] text: &str) {
    let failure = failure(read_text(text));
    assert_eq!(failure.class.name(), "protocol");
    assert!(!format!("{failure:?}").contains(MARKER), "{failure:?}");
}

#[test]
fn an_answer_without_a_package_is_told_so() {
    for reply in [answer(None, None), answer(Some("%"), None), ok(&json!({ "properties": {} }))] {
        assert!(failure(blindly(|context| read(&reply, context))).message.contains("no onboarding package"));
    }
    let huge = answer(Some(&"A".repeat(2 * 1024 * 1024 + 1)), None);
    assert!(failure(blindly(|context| read(&huge, context))).message.contains("no onboarding package"));
}

#[test]
fn a_package_made_to_be_slow_is_not() {
    let keys = "\"datacenter".repeat(100_000);
    assert!(read_text(&keys).is_err());
    let gaps = format!("{}{}", "\"datacenter\\".repeat(20_000), "\\".repeat(500_000));
    assert!(read_text(&gaps).is_err());
}

#[test]
fn the_package_is_seen_nowhere() {
    let unknown = unknown();
    let package = PLAIN.encode(windows("WestEurope", "EU"));
    let secrets = [MARKER.to_owned(), PLAIN.encode(MARKER), package[..40].to_owned()];
    let assert_hidden = |text: &str| assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
    let body = |windows: &str, linux: &str| json!({ "properties": { "onboardingPackageWindows": windows, "onboardingPackageLinux": linux } });
    let bodies = [body(&package, MARKER), body(&MARKER.repeat(9), &PLAIN.encode(linux("EastUs2", "US")))];
    for (index, bytes) in mutations(&bodies, 1_500).into_iter().enumerate() {
        let status = [200, 200, 206, 400, 403, 404, 429, 500][index % 8];
        let reply = reply(status, bytes);
        assert_hidden(&format!("{reply:?}"));
        let read = read(&reply, context(&unknown));
        assert_hidden(&format!("{read:?}"));
        if let Err(unread) = &read {
            assert_told(OPERATION, unread);
        }
    }
}

#[test]
fn trouble_is_told() {
    assert_troubles(OPERATION, read);
    let refused = blindly(|context| read(&reply(403, ""), context));
    assert_eq!(refused, Err(Unread::NotPermitted(Permission::SecurityReader)));
    assert!(sentence(blindly(|context| read(&reply(404, ""), context))).contains("no Defender for Cloud"));
}
