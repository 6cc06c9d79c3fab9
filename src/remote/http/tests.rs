//! Addresses, texts and times without a network.

use jiff::{SignedDuration, Timestamp};
use rstest::rstest;

use super::*;

#[rstest]
#[case::https("https://broker.example.com/osb")]
#[case::port("https://broker.example.com:8443")]
#[case::localhost("http://localhost:8080")]
#[case::loopback("http://127.0.0.1:8080")]
#[case::another_loopback("http://127.8.9.1")]
#[case::loopback_of_version_6("http://[::1]:8080/osb")]
fn addresses_that_may_be_asked(#[case] text: &str) {
    assert!(base_url(text).is_ok(), "{text}: {:?}", base_url(text));
}

#[rstest]
#[case::clear_text("http://broker.example.com", "https://")]
#[case::like_localhost("http://localhost.example.com", "https://")]
#[case::any_address("http://0.0.0.0:80", "https://")]
#[case::other_scheme("ftp://broker.example.com", "https://")]
#[case::user("https://me@broker.example.com", "without user name")]
#[case::password("https://me:pl4nted@broker.example.com", "without user name")]
#[case::query("https://broker.example.com/?a=b", "query")]
#[case::fragment("https://broker.example.com/#a", "fragment")]
#[case::nonsense("broker", "not a URL")]
#[case::empty("", "not a URL")]
fn addresses_that_may_not(#[case] text: &str, #[case] says: &str) {
    let error = base_url(text).unwrap_err().to_string();
    assert!(error.contains(says), "{error}");
    assert!(!error.contains("pl4nted"), "{error}");
}

#[rstest]
#[case::zero("0", Some(0))]
#[case::seconds(" 120 ", Some(120))]
#[case::capped("7200", Some(3600))]
#[case::too_large_for_any_number("123456789012345678901234567890", Some(3600))]
#[case::date("Sat, 10 Jan 2026 12:00:10 GMT", Some(10))]
#[case::wrong_weekday("Mon, 10 Jan 2026 12:00:10 GMT", Some(10))]
#[case::past("Sat, 10 Jan 2026 11:59:59 GMT", None)]
#[case::negative("-1", None)]
#[case::signed("+1", None)]
#[case::fraction("1.5", None)]
#[case::empty("", None)]
#[case::words("later", None)]
fn retry_after_is_read_so(#[case] value: &str, #[case] seconds: Option<i64>) {
    let now: Timestamp = "2026-01-10T12:00:00Z".parse().unwrap();
    assert_eq!(retry_after(value, now), seconds.map(SignedDuration::from_secs));
}

#[rstest]
#[case::untouched("Region EU, Größe 5 – 日本", "Region EU, Größe 5 – 日本")]
#[case::white_space("  a\r\n\tb\u{2028}c  ", "a b c")]
#[case::escape_sequences("\u{1b}[31mred\u{7}", "[31mred")]
#[case::direction("abc\u{202e}cba\u{2066}\u{200f}", "abccba")]
#[case::invisible("a\u{200b}b\u{feff}c\u{ad}d\u{e0041}", "abcd")]
#[case::nothing_left("\u{200b}\n\u{0}", "")]
fn foreign_text_is_cleaned(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(clean(text), expected);
}

#[test]
fn long_text_ends_in_an_ellipsis() {
    assert_eq!(clean(&"x".repeat(300)), "x".repeat(300));
    assert_eq!(clean(&"x".repeat(301)), format!("{}…", "x".repeat(300)));
    assert_eq!(clean(&format!("{} y", "x".repeat(300))), format!("{}…", "x".repeat(300)));
    assert_eq!(clean_code(&"x".repeat(65)), format!("{}…", "x".repeat(64)));
    assert_eq!(clean(&"ü".repeat(200)), "ü".repeat(200));
    assert_eq!(clean(&"ü".repeat(201)), format!("{}…", "ü".repeat(200)), "bytes count as well");
    assert_eq!(clean(&format!("{} y", "𐐷".repeat(100))), format!("{}…", "𐐷".repeat(100)));
}

#[test]
fn a_bundle_without_a_certificate_is_refused() {
    for bundle in ["", "hello", "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"] {
        assert!(certificates(bundle.as_bytes()).is_err(), "{bundle}");
    }
}
