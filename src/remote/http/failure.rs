//! Why there is no answer, or none that can be read.

use std::error::Error;
use std::io;

use rustls::AlertDescription;

use super::{BodyLimit, clean};

/// A request that brought no answer, or an answer without a readable body.
///
/// The texts name no address beyond the host and no header, so no secret can be in them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// The request could not be written down (an address that is too long, for instance), so nothing was sent.
    #[error("the request could not be written: {cause}")]
    Unsendable {
        /// What the library says.
        cause: String,
    },
    /// No connection: nothing was sent.
    #[error("no connection: {cause}")]
    Unreachable {
        /// What the system says.
        cause: String,
    },
    /// The server's certificate is not trusted: nothing was sent.
    #[error("its certificate is not trusted: {cause}")]
    Untrusted {
        /// What the TLS library says.
        cause: String,
    },
    /// The server refused our certificate, or misses one.
    #[error("it refused the TLS connection, usually for a missing or unknown client certificate: {cause}")]
    ClientCertificateRefused {
        /// What the TLS library says.
        cause: String,
    },
    /// The time limit passed.
    #[error("no answer within the time limit")]
    Timeout,
    /// The connection ended in the middle.
    #[error("the connection ended before the answer was complete: {cause}")]
    Cut {
        /// What the system says.
        cause: String,
    },
    /// The body is larger than the limit.
    #[error("the answer is larger than {} bytes", .limit.bytes())]
    TooLarge {
        /// The limit that held.
        limit: BodyLimit,
    },
}

impl ExchangeError {
    pub(crate) fn while_sending(error: &reqwest::Error) -> Self {
        if let Some(refusal) = tls_refusal(error) {
            return refusal;
        }
        let cause = clean(&chain(error));
        if error.is_builder() {
            Self::Unsendable { cause }
        } else if error.is_connect() {
            // A time limit that passes here has sent nothing either.
            Self::Unreachable { cause }
        } else if error.is_timeout() {
            Self::Timeout
        } else {
            Self::Cut { cause }
        }
    }

    pub(super) fn while_reading(error: &reqwest::Error) -> Self {
        tls_refusal(error).unwrap_or_else(|| {
            if error.is_timeout() { Self::Timeout } else { Self::Cut { cause: clean(&chain(error)) } }
        })
    }
}

/// The words of an error and of what caused it, without the address: its query can be long and is not for people.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut words = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        // Many causes repeat the words of the one below.
        if words.last() != Some(&text) {
            words.push(text);
        }
        next = cause.source();
    }
    if words.is_empty() { "no details".to_owned() } else { words.join(": ") }
}

fn tls_refusal(error: &reqwest::Error) -> Option<ExchangeError> {
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    while let Some(cause) = next {
        if let Some(refusal) = cause.downcast_ref::<rustls::Error>().and_then(named_refusal) {
            return Some(refusal);
        }
        // An I/O error that wraps another error shows the cause of that, not that itself.
        next = match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    None
}

fn named_refusal(error: &rustls::Error) -> Option<ExchangeError> {
    let cause = clean(&error.to_string());
    match error {
        rustls::Error::InvalidCertificate(_)
        | rustls::Error::NoCertificatesPresented
        | rustls::Error::UnsupportedNameType => Some(ExchangeError::Untrusted { cause }),
        rustls::Error::AlertReceived(alert) if refuses_us(*alert) => {
            Some(ExchangeError::ClientCertificateRefused { cause })
        }
        _ => None,
    }
}

/// Alerts by which a server ends a handshake because of who we are. Others can come at any time, also after a request
/// has been received.
const fn refuses_us(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::HandshakeFailure
    )
}
