//! What every client of the outside world has in common: one way to build an HTTP client, one way to read an answer.
//!
//! Redirects are not followed, bodies are capped, every request has a time limit. Proxies of the environment
//! (`HTTPS_PROXY` and its kin) are not used: requests carry powerful credentials and go to the configured host and
//! nowhere else.

use std::net::IpAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Certificate, Client, Identity, Request};

pub use reqwest::Url;

mod answer;
mod circuit;
mod failure;
mod text;

#[cfg(test)]
mod tests;

pub use answer::{Answer, BodyLimit, retry_after};
pub use circuit::{Circuits, host};
pub use failure::ExchangeError;
pub use text::{clean, clean_code, percent_encode};

/// The longest time that a `Retry-After` can make us wait: a broken clock or a hostile answer must not silence a tenant.
pub const RETRY_AFTER_LIMIT: SignedDuration = SignedDuration::from_hours(1);

/// A pass tells its time in whole seconds, so that two of them may see a wait go by up to one second faster than it does.
pub const GRAIN: SignedDuration = SignedDuration::from_secs(1);

/// Time to connect, the TLS handshake included; the limit of a request holds as well.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How a client is built. It holds a private key, so it cannot be printed.
#[derive(Clone, Copy)]
pub struct ClientOptions<'a> {
    /// The base of every address that the client will be asked for.
    pub base: &'a Url,
    /// Limit of one request from first byte to last.
    pub timeout: Duration,
    /// Certificates (PEM) that are trusted *instead of* those of the system.
    pub ca_bundle: Option<&'a [u8]>,
    /// Certificate and private key (PEM) that are shown to the server.
    pub identity: Option<&'a [u8]>,
}

/// A client could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The CA bundle is not a list of certificates.
    #[error("reading the CA bundle: {cause}")]
    CaBundle {
        /// What is wrong with it.
        cause: String,
    },
    /// The client certificate or its key cannot be used.
    #[error("reading the client certificate and its key: {cause}")]
    Identity {
        /// What is wrong with it.
        cause: String,
    },
    /// The TLS library refused the settings.
    #[error("preparing the HTTPS client: {cause}")]
    Build {
        /// What it says.
        cause: String,
    },
}

/// The address is not one that may be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// It is not an address at all.
    #[error("it is not a URL ({cause})")]
    Unreadable {
        /// What the parser says.
        cause: String,
    },
    /// Credentials would travel in clear text.
    #[error("it must start with https:// (http:// is for loopback hosts only)")]
    NotEncrypted,
    /// It carries a user name, a password, a query or a fragment.
    #[error("it must be scheme, host, port and path only, without user name, password, query and fragment")]
    NotABase,
}

/// Reads the base address of a service.
///
/// `https` always; `http` only for `localhost`, 127.0.0.0/8 and `[::1]`. User name and password in an address would
/// end up in logs, so they are refused.
pub fn base_url(text: &str) -> Result<Url, BaseUrlError> {
    let url = Url::parse(text).map_err(|error| BaseUrlError::Unreadable { cause: error.to_string() })?;
    let is_bare =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    let is_private = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    if !is_private {
        return Err(BaseUrlError::NotEncrypted);
    }
    if is_bare { Ok(url) } else { Err(BaseUrlError::NotABase) }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Reads a CA bundle in PEM form; at least one certificate is needed.
pub fn certificates(bundle: &[u8]) -> Result<Vec<Certificate>, ClientError> {
    let unreadable = |cause: &str| ClientError::CaBundle { cause: cause.to_owned() };
    match Certificate::from_pem_bundle(bundle) {
        Ok(certificates) if certificates.is_empty() => Err(unreadable("it holds no certificate in PEM form")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unreadable(&clean(&failure::chain(&error)))),
    }
}

/// Reads a client certificate and its private key in PEM form, in one text.
pub fn identity(pem: &[u8]) -> Result<Identity, ClientError> {
    Identity::from_pem(pem).map_err(|error| ClientError::Identity { cause: clean(&failure::chain(&error)) })
}

/// Builds a client.
pub fn client(options: &ClientOptions<'_>) -> Result<Client, ClientError> {
    let mut builder = Client::builder()
        .user_agent(concat!("threat-protection-operator/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        // The plan decides what is sent again, and when.
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT.min(options.timeout))
        .timeout(options.timeout);
    if options.base.scheme() == "https" {
        builder = builder.https_only(true);
        if let Some(bundle) = options.ca_bundle {
            builder = builder.tls_certs_only(certificates(bundle)?);
        }
        if let Some(pem) = options.identity {
            builder = builder.identity(identity(pem)?);
        }
    } else {
        // Plain HTTP on loopback needs no roots, and an image without any must not keep it from starting.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| ClientError::Build { cause: clean(&failure::chain(&error)) })
}

/// Sends a request and reads its answer, its body up to `limit`.
pub async fn exchange(
    client: &Client,
    request: Request,
    limit: BodyLimit,
    now: Timestamp,
) -> Result<Answer, ExchangeError> {
    let response = client.execute(request).await.map_err(|error| ExchangeError::while_sending(&error))?;
    Ok(Answer::read(response, limit, now).await)
}
