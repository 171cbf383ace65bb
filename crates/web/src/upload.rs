//! Uploads as streams: counted, watched for stalls, never held in memory.

use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};
use http::{HeaderMap, HeaderValue, header};
use rhiza_kernel::{Coded, ErrorCode};
use tokio::time::{Sleep, sleep};

use crate::error::{ApiError, ApiResult};

/// How long an upload may stand still before it is given up.
const STALL: Duration = Duration::from_secs(60);

/// Why an upload did not arrive whole.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// More bytes than allowed.
    #[error("the upload exceeds {limit} bytes")]
    TooLarge {
        /// The bytes allowed.
        limit: u64,
    },
    /// The caller went away, or broke the protocol.
    #[error("the upload broke off after {received} bytes")]
    ClientGone {
        /// Bytes that had arrived.
        received: u64,
        /// What the connection says.
        #[source]
        source: axum::Error,
    },
    /// Nothing arrived for too long.
    #[error("the upload stood still after {received} bytes")]
    Stalled {
        /// Bytes that had arrived.
        received: u64,
    },
}

impl Coded for UploadError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::TooLarge { .. } => ErrorCode::TooLarge,
            Self::ClientGone { .. } => ErrorCode::Cancelled,
            Self::Stalled { .. } => ErrorCode::DeadlineExceeded,
        }
    }

    fn public_detail(&self) -> String {
        match self {
            Self::TooLarge { limit } => format!("The upload must not exceed {limit} bytes."),
            Self::ClientGone { received, .. } => format!("The upload broke off after {received} bytes."),
            Self::Stalled { received } => format!("The upload stood still after {received} bytes."),
        }
    }
}

impl UploadError {
    /// The upload's error inside another (an `io::Error` of a storage layer, say). What the caller did wrong should
    /// not be answered as the storage's fault.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            // An io::Error names its content's source as its own and so skips the content.
            let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = match wrapped {
                Some(inner) => Some(inner as &(dyn StdError + 'static)),
                None => error.source(),
            };
        }
        None
    }

    /// This error as an answer; for one found by reference inside another.
    #[must_use]
    pub fn to_api_error(&self) -> ApiError {
        ApiError::new(self.code(), self.public_detail())
    }
}

/// A request body to be streamed somewhere. Give its route [`no_timeout`](crate::no_timeout): an upload may take as
/// long as it moves.
#[derive(Debug)]
pub struct Upload {
    body: Body,
    announced: Option<u64>,
    content_type: Option<HeaderValue>,
    limit: u64,
    stall: Duration,
}

impl Upload {
    /// Takes at most `bytes`.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    /// Gives up after this long without a byte (60 s by default).
    #[must_use]
    pub fn stall_after(mut self, stall: Duration) -> Self {
        self.stall = stall;
        self
    }

    /// The size the caller announced; its word only.
    #[must_use]
    pub fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// The content type the caller named.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_ref().and_then(|value| value.to_str().ok())
    }

    /// The bytes, as they come.
    #[must_use]
    pub fn stream(self) -> UploadStream {
        UploadStream {
            refused: self.announced.is_some_and(|size| size > self.limit),
            inner: self.body.into_data_stream(),
            limit: self.limit,
            received: 0,
            stall: self.stall,
            timer: None,
        }
    }

    /// The bytes, as they come, with the errors storage layers speak; see [`UploadError::find`].
    pub fn io_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin {
        self.stream().map_err(io::Error::other)
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl<S: Sync> FromRequest<S> for Upload {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Self> {
        let announced = content_length(request.headers());
        let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
        Ok(Self { body: request.into_body(), announced, content_type, limit: u64::MAX, stall: STALL })
    }
}

/// The stream of an [`Upload`].
#[derive(Debug)]
pub struct UploadStream {
    inner: BodyDataStream,
    limit: u64,
    received: u64,
    refused: bool,
    stall: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl UploadStream {
    /// The bytes so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    fn stalled(&mut self, cx: &mut Context<'_>) -> bool {
        use std::future::Future as _;
        let stall = self.stall;
        // Made when first needed: bytes that are already here need no timer.
        self.timer.get_or_insert_with(|| Box::pin(sleep(stall))).as_mut().poll(cx).is_ready()
    }
}

impl Stream for UploadStream {
    type Item = Result<Bytes, UploadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.refused {
            self.refused = false;
            return Poll::Ready(Some(Err(UploadError::TooLarge { limit: self.limit })));
        }
        match self.inner.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(chunk))) => {
                self.received += chunk.len() as u64;
                self.timer = None;
                if self.received > self.limit {
                    return Poll::Ready(Some(Err(UploadError::TooLarge { limit: self.limit })));
                }
                Poll::Ready(Some(Ok(chunk)))
            }
            Poll::Ready(Some(Err(source))) => {
                Poll::Ready(Some(Err(UploadError::ClientGone { received: self.received, source })))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending if self.stalled(cx) => {
                Poll::Ready(Some(Err(UploadError::Stalled { received: self.received })))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(body: Body, announced: Option<u64>) -> Upload {
        Upload { body, announced, content_type: None, limit: 10, stall: STALL }
    }

    #[tokio::test]
    async fn bytes_are_counted_against_the_limit() {
        let chunks = ["12345", "67890", "x"].map(|c| Ok::<_, io::Error>(Bytes::from(c)));
        let mut stream = upload(Body::from_stream(futures::stream::iter(chunks)), None).stream();
        assert_eq!(stream.next().await.unwrap().unwrap(), "12345");
        assert_eq!(stream.next().await.unwrap().unwrap(), "67890");
        assert!(matches!(stream.next().await.unwrap(), Err(UploadError::TooLarge { limit: 10 })));
    }

    #[tokio::test]
    async fn an_announced_size_is_refused_before_the_first_byte() {
        let mut stream = upload(Body::from("short"), Some(11)).stream();
        assert!(matches!(stream.next().await.unwrap(), Err(UploadError::TooLarge { .. })));
        assert_eq!(stream.received(), 0);
    }

    #[tokio::test]
    async fn a_stall_ends_the_upload() {
        let chunks = futures::stream::iter([Ok::<_, io::Error>(Bytes::from("abc"))]).chain(futures::stream::pending());
        let upload = upload(Body::from_stream(chunks), None).stall_after(Duration::from_millis(20));
        let mut stream = upload.stream();
        assert!(stream.next().await.unwrap().is_ok());
        assert!(matches!(stream.next().await.unwrap(), Err(UploadError::Stalled { received: 3 })));
    }

    #[tokio::test]
    async fn the_callers_fault_is_found_inside_the_storages_error() {
        let chunks = futures::stream::iter([Err::<Bytes, _>(io::Error::other("reset by peer"))]);
        let mut stream = upload(Body::from_stream(chunks), None).io_stream();
        let error = stream.next().await.unwrap().unwrap_err();
        let wrapped = io::Error::other(error);
        let found = UploadError::find(&wrapped).unwrap();
        assert_eq!(found.code(), ErrorCode::Cancelled);
        assert!(UploadError::find(&io::Error::other("disk full")).is_none());
    }
}
