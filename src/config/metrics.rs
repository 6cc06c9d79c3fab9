//! The part of the file about the metrics: a listener of their own, and who may look.

use std::net::SocketAddr;
use std::path::Path;

use super::MetricsConfig;
use super::file::{Metrics, MetricsTls};
use super::problems::Problems;
use crate::remote::http;

/// Checks the metrics; `None` where they stand beside the probes, or after a problem was noted.
pub(super) fn metrics(
    file: Metrics,
    probes: Option<SocketAddr>,
    directory: &Path,
    problems: &mut Problems,
) -> Option<MetricsConfig> {
    let Metrics { listen, tls, client_ca_file, bearer_token_file } = file;
    let Some(listen) = listen else {
        for (field, is_there) in [
            ("metrics.tls", tls.is_some()),
            ("metrics.clientCaFile", client_ca_file.is_some()),
            ("metrics.bearerTokenFile", bearer_token_file.is_some()),
        ] {
            if is_there {
                let what = "without metrics.listen the metrics stand beside the probes, where nothing protects them";
                problems.add(field, what, "Give metrics.listen an address of its own, or remove this");
            }
        }
        return None;
    };
    let listen = problems.listen("metrics.listen", &listen);
    if listen.is_some_and(|listen| listen.port() != 0 && probes.is_some_and(|probes| probes.port() == listen.port())) {
        problems.add("metrics.listen", "the probes listen on the same port", "Choose another port");
    }
    if client_ca_file.is_some() && tls.is_none() {
        let what = "client certificates are shown in TLS only, and metrics.tls is missing";
        problems.add("metrics.clientCaFile", what, "Set metrics.tls, or remove this");
    }
    let is_open = listen.is_some_and(|listen| !listen.ip().is_loopback());
    if bearer_token_file.is_some() && tls.is_none() && is_open {
        let what = "without metrics.tls everybody on the way could read the token";
        problems.add("metrics.bearerTokenFile", what, "Set metrics.tls, or listen on a loopback address");
    }
    if let Some(MetricsTls { certificate_file, key_file }) = &tls {
        certificate(certificate_file, key_file, directory, problems);
    }
    if let Some(path) = &client_ca_file {
        problems.ca_bundle("metrics.clientCaFile", path, directory);
    }
    if let Some(path) = &bearer_token_file {
        token(path, directory, problems);
    }
    let tls = tls.map(|tls| (directory.join(tls.certificate_file), directory.join(tls.key_file)));
    let client_ca_file = client_ca_file.map(|path| directory.join(path));
    let token_file = bearer_token_file.map(|path| directory.join(path));
    Some(MetricsConfig { listen: listen?, tls, client_ca_file, token_file })
}

fn certificate(certificate_file: &str, key_file: &str, directory: &Path, problems: &mut Problems) {
    let mut read = |field: &str, path: &str| {
        let remedy = "Name an existing, readable file in PEM form";
        let failed =
            |error: std::io::Error| problems.add(field, format!("it cannot be read ({})", error.kind()), remedy);
        std::fs::read(directory.join(path)).map_err(failed).ok()
    };
    let certificate = read("metrics.tls.certificateFile", certificate_file);
    let key = read("metrics.tls.keyFile", key_file);
    let (Some(mut pem), Some(key)) = (certificate, key) else { return };
    pem.push(b'\n');
    pem.extend(key);
    if let Err(error) = http::identity(&pem) {
        let remedy = "Name a certificate and its private key, both in PEM form and without a passphrase";
        problems.add("metrics.tls", error.to_string(), remedy);
    }
}

/// The token is read at each request; here it is only looked at.
fn token(path: &str, directory: &Path, problems: &mut Problems) {
    let at = "metrics.bearerTokenFile";
    match std::fs::read_to_string(directory.join(path)) {
        // The path is not repeated: whoever writes the secret itself here must not find it in a log.
        Err(error) => {
            let what = format!("the file that it names cannot be read ({})", error.kind());
            problems.add(at, what, "Name an existing, readable text file");
        }
        Ok(text) if text.trim_end().is_empty() => {
            problems.add(at, "the file that it names is empty", "Write the token into the file");
        }
        Ok(text) if !text.trim_end().bytes().all(|byte| byte.is_ascii_graphic()) => {
            let what = "the file holds blanks, several lines or characters that are not ASCII";
            problems.add(at, what, "Write the token into the file and nothing else");
        }
        Ok(_) => {}
    }
}
