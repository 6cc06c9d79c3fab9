//! The part of the file about the broker, and the files that it names.

use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::BrokerConfig;
use super::file::{Auth, Basic, Bearer, Broker, ClientCertificate};
use super::problems::{Problems, up_to};
use crate::remote::broker::BrokerAuth;
use crate::remote::http;

const DEFAULT_OFFERING: &str = "microsoft-threat-protection";
const DEFAULT_PLAN: &str = "standard";

/// Checks the broker; `None` only after a problem was noted.
pub(super) fn broker(file: Broker, directory: &Path, problems: &mut Problems) -> Option<BrokerConfig> {
    let Broker { url, auth, ca_file, offering, plan, cluster_id, request_timeout_seconds, maximum_polling_seconds: _ } =
        file;
    let url = http::base_url(&url)
        .map_err(|error| problems.add("broker.url", error.to_string(), "Write it as https://host/path"))
        .ok();
    let auth = sign_in(auth, directory, problems);
    let ca_bundle = ca_file.and_then(|path| problems.ca_bundle("broker.caFile", &path, directory));
    let offering = name("broker.offering", offering, problems).unwrap_or_else(|| DEFAULT_OFFERING.to_owned());
    let plan = name("broker.plan", plan, problems).unwrap_or_else(|| DEFAULT_PLAN.to_owned());
    let cluster_id = name("broker.clusterId", cluster_id, problems);
    let timeout = problems.number("broker.requestTimeoutSeconds", request_timeout_seconds, &up_to(300, 30));
    let request_timeout = Duration::from_secs(timeout.unsigned_abs());
    Some(BrokerConfig { url: url?, auth: auth?, ca_bundle, offering, plan, cluster_id, request_timeout })
}

fn name(field: &str, value: Option<String>, problems: &mut Problems) -> Option<String> {
    let value = value?;
    if value.trim().is_empty() || value.chars().any(char::is_control) {
        problems.add(field, "it is empty or holds control characters", "Correct it, or leave it out for the default");
        return None;
    }
    Some(value)
}

fn sign_in(auth: Auth, directory: &Path, problems: &mut Problems) -> Option<BrokerAuth> {
    match auth {
        Auth { basic: Some(Basic { username, password_file }), bearer: None, client_certificate: None } => {
            let at = "broker.auth.basic.username";
            if username.is_empty() || username.contains(':') || username.chars().any(char::is_control) {
                let remedy = "Use the name of the account at the broker";
                problems.add(at, "it is empty, or holds a colon or control characters", remedy);
            }
            let password = secret("broker.auth.basic.passwordFile", &password_file, directory, problems)?;
            Some(BrokerAuth::Basic { username, password })
        }
        Auth { basic: None, bearer: Some(Bearer { token_file }), client_certificate: None } => {
            let at = "broker.auth.bearer.tokenFile";
            let token = secret(at, &token_file, directory, problems)?;
            if !token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) {
                let remedy = "Write the token into the file and nothing else";
                problems.add(at, "the file holds blanks, several lines or characters that are not ASCII", remedy);
            }
            Some(BrokerAuth::Bearer { token })
        }
        Auth { basic: None, bearer: None, client_certificate: Some(files) } => certificate(&files, directory, problems),
        Auth { .. } => {
            let what = "exactly one of basic, bearer and clientCertificate is needed, because a request can carry one";
            problems.add("broker.auth", what, "Keep the one that the broker expects");
            None
        }
    }
}

fn certificate(files: &ClientCertificate, directory: &Path, problems: &mut Problems) -> Option<BrokerAuth> {
    let ClientCertificate { certificate_file, key_file } = files;
    let certificate = secret("broker.auth.clientCertificate.certificateFile", certificate_file, directory, problems);
    let key = secret("broker.auth.clientCertificate.keyFile", key_file, directory, problems);
    let (certificate, key) = (certificate?, key?);
    let identity = SecretString::from(format!("{}\n{}\n", certificate.expose_secret(), key.expose_secret()));
    if let Err(error) = http::identity(identity.expose_secret().as_bytes()) {
        let remedy = "Name a certificate and its private key, both in PEM form and without a passphrase";
        problems.add("broker.auth.clientCertificate", error.to_string(), remedy);
    }
    Some(BrokerAuth::ClientCertificate { identity })
}

/// Reads a secret. One line break at the end is not part of it: editors add one, and `kubectl create secret
/// --from-file` keeps it.
fn secret(field: &str, path: &str, directory: &Path, problems: &mut Problems) -> Option<SecretString> {
    let text = match std::fs::read_to_string(directory.join(path)) {
        Ok(text) => SecretString::from(text),
        Err(error) => {
            // The path is not repeated: whoever writes the secret itself here must not find it in a log.
            problems.add(
                field,
                format!("the file that it names cannot be read ({})", error.kind()),
                "Name an existing, readable text file",
            );
            return None;
        }
    };
    let value = text.expose_secret();
    let value = value.strip_suffix('\n').map_or(value, |value| value.strip_suffix('\r').unwrap_or(value));
    if value.is_empty() {
        problems.add(field, "the file that it names is empty", "Write the secret into the file");
        return None;
    }
    Some(SecretString::from(value))
}
