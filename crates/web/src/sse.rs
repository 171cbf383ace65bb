//! Server-sent events: named JSON events with ids, kept alive by comments, ended by shutdown (clients reconnect and
//! say what they saw last).

use std::convert::Infallible;
use std::fmt::Display;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response, Sse, sse};
use futures::{Stream, StreamExt};
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::error::{ApiError, ApiResult};

/// Proxies commonly drop connections that are silent for a minute or less.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a client waits before it reconnects.
const RETRY: Duration = Duration::from_secs(2);

/// One event.
#[derive(Debug)]
pub struct Event(sse::Event);

impl Event {
    /// An event called `name` that carries `data` as JSON.
    ///
    /// # Errors
    /// `internal` when `data` cannot be written as JSON.
    pub fn json<T: Serialize>(name: &str, data: &T) -> ApiResult<Self> {
        let event = sse::Event::default().event(one_line(name)).json_data(data).map_err(ApiError::internal)?;
        Ok(Self(event))
    }

    /// The event's place, which a reconnecting client sends back as `Last-Event-ID`.
    #[must_use]
    pub fn id(self, id: impl Display) -> Self {
        Self(self.0.id(one_line(&id.to_string())))
    }
}

/// Line breaks would end the field, and a null makes browsers ignore an id.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0')).collect()
}

/// Sends `events` until they end or the server shuts down.
pub fn respond(events: impl Stream<Item = Event> + Send + 'static, shutdown: CancellationToken) -> Response {
    let retry = futures::stream::once(std::future::ready(sse::Event::default().retry(RETRY)));
    let events =
        retry.chain(events.map(|event| event.0)).take_until(shutdown.cancelled_owned()).map(Ok::<_, Infallible>);
    let mut response = Sse::new(events).keep_alive(sse::KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // nginx collects answers before it passes them on, unless told not to.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// The id of the last event a reconnecting client saw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LastEventId(pub Option<String>);

impl<S: Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let id = parts.headers.get("last-event-id").and_then(|value| value.to_str().ok());
        Ok(Self(id.filter(|id| !id.is_empty()).map(str::to_owned)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 65536).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn events_are_named_numbered_and_on_one_line() {
        let event = Event::json("run\nupdated", &serde_json::json!({"text": "a\nb"})).unwrap().id("7\r\n8");
        let body = text(respond(futures::stream::iter([event]), CancellationToken::new())).await;
        assert_eq!(body, "retry: 2000\n\nevent: runupdated\ndata: {\"text\":\"a\\nb\"}\nid: 78\n\n");
    }

    #[tokio::test]
    async fn shutdown_ends_an_endless_stream() {
        let shutdown = CancellationToken::new();
        let response = respond(futures::stream::pending(), shutdown.clone());
        shutdown.cancel();
        let body = tokio::time::timeout(Duration::from_secs(5), text(response)).await.unwrap();
        assert!(body.is_empty() || body == "retry: 2000\n\n", "{body}");
    }
}
