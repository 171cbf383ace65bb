//! An answer, read no further than agreed.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use url::Url;

use super::client::Limits;
use super::error::OutboundError;

/// An answer whose body is counted, after unpacking, as it comes: what is too large is given up, not kept.
#[derive(Debug)]
pub struct GuardedResponse {
    inner: reqwest::Response,
    limit: usize,
    silence: Duration,
    read: usize,
}

impl GuardedResponse {
    pub(super) const fn new(inner: reqwest::Response, limits: &Limits) -> Self {
        Self { inner, limit: limits.body, silence: limits.silence, read: 0 }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// Where the answer came from, after redirects.
    #[must_use]
    pub fn url(&self) -> &Url {
        self.inner.url()
    }

    /// The next piece of the body; `None` after the last.
    ///
    /// # Errors
    /// When the body exceeds the limit, stalls or breaks.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, OutboundError> {
        if self.inner.content_length().is_some_and(|length| length > self.limit as u64) {
            return Err(OutboundError::TooLarge { limit: self.limit });
        }
        let piece = tokio::time::timeout(self.silence, self.inner.chunk()).await;
        let piece = piece.map_err(|_| OutboundError::Timeout("the next piece of the answer"))?.map_err(|e| {
            let host = self.inner.url().host_str().unwrap_or_default();
            OutboundError::of(e, host)
        })?;
        if let Some(piece) = &piece {
            self.read = self.read.saturating_add(piece.len());
            if self.read > self.limit {
                return Err(OutboundError::TooLarge { limit: self.limit });
            }
        }
        Ok(piece)
    }

    /// The whole body.
    ///
    /// # Errors
    /// As [`GuardedResponse::chunk`].
    pub async fn bytes(mut self) -> Result<Bytes, OutboundError> {
        let mut all = BytesMut::new();
        while let Some(piece) = self.chunk().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// The whole body as text; what is not UTF-8 is replaced.
    ///
    /// # Errors
    /// As [`GuardedResponse::chunk`].
    pub async fn text(self) -> Result<String, OutboundError> {
        Ok(String::from_utf8_lossy(&self.bytes().await?).into_owned())
    }

    /// The whole body as JSON.
    ///
    /// # Errors
    /// As [`GuardedResponse::chunk`], and when the body is not such JSON.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, OutboundError> {
        serde_json::from_slice(&self.bytes().await?).map_err(OutboundError::Unexpected)
    }
}
