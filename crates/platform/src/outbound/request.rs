//! Building a guarded request, in the manner of reqwest.

use std::fmt::Display;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde::Serialize;
use url::form_urlencoded;

use super::client::{Call, GuardedClient, Limits, parse};
use super::error::OutboundError;
use super::response::GuardedResponse;

/// A request that is being put together. What is wrong with its parts comes out of [`GuardedRequest::send`].
#[must_use = "a request does nothing until it is sent"]
pub struct GuardedRequest {
    client: GuardedClient,
    limits: Limits,
    call: Result<Call, OutboundError>,
}

impl std::fmt::Debug for GuardedRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither address nor headers: both may hold secrets.
        f.debug_struct("GuardedRequest").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl GuardedRequest {
    pub(super) fn new(client: GuardedClient, method: Method, url: &str) -> Self {
        let call = parse(url).and_then(|mut url| {
            let mut headers = HeaderMap::new();
            // Credentials in the address become a header here, so that they cannot wander on with the address.
            if !url.username().is_empty() || url.password().is_some() {
                let user = decoded(url.username());
                let password = decoded(url.password().unwrap_or_default());
                headers.insert(header::AUTHORIZATION, basic(&user, &password)?);
                // Neither fails: the address has a host.
                url.set_username("").and_then(|()| url.set_password(None)).ok();
            }
            url.set_fragment(None);
            Ok(Call { method, url, headers, body: None })
        });
        Self { limits: client.limits(), client, call }
    }

    fn change(mut self, change: impl FnOnce(&mut Call) -> Result<(), OutboundError>) -> Self {
        if let Ok(call) = &mut self.call
            && let Err(error) = change(call)
        {
            self.call = Err(error);
        }
        self
    }

    /// Sets a header.
    pub fn header(self, name: impl TryInto<HeaderName>, value: impl TryInto<HeaderValue>) -> Self {
        self.change(|call| match (name.try_into(), value.try_into()) {
            (Ok(name), Ok(value)) => {
                call.headers.insert(name, value);
                Ok(())
            }
            _ => Err(OutboundError::Request("a header has characters that no header may have".to_owned())),
        })
    }

    /// Sets all of these headers.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.change(|call| {
            call.headers.extend(headers);
            Ok(())
        })
    }

    /// `Authorization: Bearer …`
    pub fn bearer_auth(self, token: impl Display) -> Self {
        self.change(|call| {
            call.headers.insert(header::AUTHORIZATION, secret(&format!("Bearer {token}"))?);
            Ok(())
        })
    }

    /// `Authorization: Basic …`
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        self.change(|call| {
            call.headers.insert(header::AUTHORIZATION, basic(user, password)?);
            Ok(())
        })
    }

    /// Adds to the address's query.
    pub fn query(self, pairs: &[(&str, &str)]) -> Self {
        self.change(|call| {
            if !pairs.is_empty() {
                call.url.query_pairs_mut().extend_pairs(pairs);
            }
            Ok(())
        })
    }

    /// The content.
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        self.change(|call| {
            call.body = Some(body.into()).filter(|body: &Bytes| !body.is_empty());
            Ok(())
        })
    }

    /// `value` as JSON.
    pub fn json(self, value: &impl Serialize) -> Self {
        self.change(|call| {
            let text = serde_json::to_vec(value).map_err(|e| OutboundError::Request(e.to_string()))?;
            call.body = Some(text.into());
            call.headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
            Ok(())
        })
    }

    /// A form's fields.
    pub fn form(self, pairs: &[(&str, &str)]) -> Self {
        self.change(|call| {
            let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            call.body = Some(text.into());
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            call.headers.insert(header::CONTENT_TYPE, kind);
            Ok(())
        })
    }

    /// Another limit on the whole.
    pub const fn timeout(mut self, total: Duration) -> Self {
        self.limits.total = Some(total);
        self
    }

    /// Another limit on the answer's body, in bytes.
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.limits.body = bytes;
        self
    }

    /// Sends it and waits for the head of the answer. Answers that report failures are answers.
    ///
    /// # Errors
    /// What is wrong with the request, why its address or a redirect is refused, what took too long or broke.
    pub async fn send(self) -> Result<GuardedResponse, OutboundError> {
        self.client.send(self.call?, self.limits).await
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn basic(user: &str, password: &str) -> Result<HeaderValue, OutboundError> {
    let text = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    secret(&format!("Basic {text}"))
}

fn secret(text: &str) -> Result<HeaderValue, OutboundError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| OutboundError::Request("a credential has characters that no header may have".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
