//! What is wrong with the file, gathered so that all of it can be told at once.

use std::net::SocketAddr;
use std::path::Path;

use super::ConfigError;
use crate::remote::http;

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Problems(pub(super) Vec<ConfigError>);

impl Problems {
    pub(super) fn add(&mut self, field: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(ConfigError { field: field.into(), what: what.into(), remedy: remedy.into() });
    }

    /// An address to listen on.
    pub(super) fn listen(&mut self, field: &str, text: &str) -> Option<SocketAddr> {
        let address = text.parse().ok();
        if address.is_none() {
            let remedy = "Write an IP address and a port, such as 0.0.0.0:8080 or [::]:8080";
            self.add(field, format!("{text:?} is not an address to listen on"), remedy);
        }
        address
    }

    /// The certificates of a file that is named at `field`.
    pub(super) fn ca_bundle(&mut self, field: &str, path: &str, directory: &Path) -> Option<Vec<u8>> {
        match std::fs::read(directory.join(path)) {
            Err(error) => {
                self.add(field, format!("{path} cannot be read ({error})"), "Name an existing, readable file");
                None
            }
            Ok(bundle) => {
                if let Err(error) = http::certificates(&bundle) {
                    self.add(field, error.to_string(), "Name a file with certificates in PEM form");
                }
                Some(bundle)
            }
        }
    }

    /// A number that must lie within bounds; the default where it is absent or wrong.
    pub(super) fn number(&mut self, field: &str, value: Option<i64>, bounds: &Bounds) -> i64 {
        let Bounds { default, least, most } = *bounds;
        match value {
            None => default,
            Some(value) if (least..=most).contains(&value) => value,
            Some(value) => {
                let remedy = format!("Choose a number from {least} to {most}, or leave it out for {default}");
                self.add(field, format!("{value} is out of bounds"), remedy);
                default
            }
        }
    }
}

/// What a number may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub default: i64,
    pub least: i64,
    pub most: i64,
}

/// From 1: less than a second would be a storm.
pub(super) const fn up_to(most: i64, default: i64) -> Bounds {
    Bounds { default, least: 1, most }
}
