//! How `azure_identity` sends its one request: over our client, so that our limits hold, and with our errors.
//!
//! `azure_identity` loses status and code of an error whose body holds an escape or is not JSON. So what is not a sound
//! token answer never reaches it: this transport judges it and returns an error that wraps our own, which is found again
//! in the chain of sources.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Method, Request, StatusCode};
use azure_identity::ClientAssertion;
use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use super::refusal;
use crate::api::Reason;
use crate::plan::failure::{ErrorClass, Failure};
use crate::remote::channel::{Channel, Matter, without_answer};
use crate::remote::credentials::AssertionSource;
use crate::remote::http::ExchangeError;
use crate::remote::meter::Asked;

/// Tokens of Microsoft Entra live 60 to 90 minutes, with continuous access evaluation 28 hours (Microsoft, *Access tokens
/// in the Microsoft identity platform*, 2025); a longer one is not believed.
const LONGEST_LIFE: i64 = 48 * 60 * 60;

const WHOM: &str = "Microsoft Entra";
const WHAT: &str = "a token";

/// Our failure on its way through `azure_identity`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Wrapped(Failure);

/// Finds our failure again.
pub(super) fn unwrapped(error: &azure_core::Error) -> Option<Failure> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(Wrapped(failure)) = cause.downcast_ref::<Wrapped>() {
            return Some(failure.clone());
        }
        next = cause.source();
    }
    None
}

fn wrapped(failure: Failure) -> azure_core::Error {
    // Not `Io` or `Connection`, which azure_core takes for a reason to send again.
    azure_core::Error::new(azure_core::error::ErrorKind::Other, Wrapped(failure))
}

/// The transport of one credential.
#[derive(Debug)]
pub(super) struct TokenTransport {
    channel: Channel,
    /// The time of the request that is under way; there is one at a time.
    now: Mutex<Timestamp>,
}

#[async_trait::async_trait]
impl HttpClient for TokenTransport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        self.bought(request).await.map_err(wrapped)
    }
}

impl TokenTransport {
    pub(super) fn new(channel: Channel) -> Self {
        Self { channel, now: Mutex::default() }
    }

    /// Sets the time of the next request.
    pub(super) fn set_time(&self, now: Timestamp) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    async fn bought(&self, request: &Request) -> Result<AsyncRawResponse, Failure> {
        let request_id = Uuid::new_v4().to_string();
        let matter = Matter { whom: WHOM, what: WHAT, request_id: &request_id, asked: Asked::TOKEN, tenant: None };
        let url = request.url().clone();
        let host = url.host_str().unwrap_or_default().to_owned();
        let (Method::Post, Body::Bytes(form)) = (request.method(), request.body().clone()) else {
            let message = "The sign-in library asked for a request that it never needed before. Report this.";
            return Err(matter.failure(ErrorClass::Protocol, Reason::Internal, message.to_owned()));
        };
        let sent = self
            .channel
            .request(reqwest::Method::POST, url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .header("client-request-id", &request_id)
            .body(form)
            .build()
            .map_err(|error| without_answer(&matter, &host, &ExchangeError::while_sending(&error)))?;
        let now = *self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = self.channel.send(&matter, sent, now).await?;
        match (answer.status, answer.body) {
            (200, Ok(body)) => token_answer(&matter, &body),
            (200, Err(error)) => Err(without_answer(&matter, &host, &error)),
            (status, body) => {
                // An error without a readable body still has its status.
                let body = body.unwrap_or_default();
                Err(refusal::failure(&matter, (status, &body), answer.retry_after, now))
            }
        }
    }
}

/// Only what is needed is handed on, and only where it is sound: `azure_core` computes the end of a token's life in a way
/// that does not bear any number.
fn token_answer(matter: &Matter<'_>, body: &[u8]) -> Result<AsyncRawResponse, Failure> {
    let misshapen = |what: &str| {
        let message = format!(
            "Microsoft Entra was asked for {WHAT}, and its answer (status 200) cannot be used: {what}. Check the hosts in the operator's configuration, and what stands between the operator and Microsoft. The operator tries again by itself."
        );
        matter.failure(ErrorClass::Protocol, Reason::ProviderUnavailable, message)
    };
    let answer: Value = serde_json::from_slice(body).map_err(|_| misshapen("it is not JSON"))?;
    let token = answer.get("access_token").and_then(Value::as_str).unwrap_or_default();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(misshapen("it holds no token"));
    }
    let life = answer.get("expires_in").and_then(Value::as_i64).filter(|life| (1..=LONGEST_LIFE).contains(life));
    let Some(life) = life else { return Err(misshapen("it does not say how long the token lives")) };
    let sound = json!({ "access_token": token, "expires_in": life, "token_type": "Bearer" });
    Ok(AsyncRawResponse::from_bytes(StatusCode::Ok, Headers::default(), sound.to_string()))
}

/// Tokens of a ServiceAccount, as `azure_identity` asks for them.
pub(super) struct Assertions(pub(super) Arc<dyn AssertionSource>);

impl fmt::Debug for Assertions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assertions").finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl ClientAssertion for Assertions {
    async fn secret(&self, _options: Option<azure_core::http::ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let assertion = self.0.assertion().await.map_err(wrapped)?;
        Ok(assertion.expose_secret().to_owned())
    }
}
