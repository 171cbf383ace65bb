//! Refusing an upload politely. HTTP/1.1 clients mostly send their whole body before they read the answer; a server
//! that answers early and hangs up resets the connection, and the client reports "broken pipe" instead of the 401 or
//! 413 that was waiting for it. So what a handler left unread of a refused request is read and thrown away, within
//! limits.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{Version, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// Bodies up to this size come with their head, or soon after: there is nothing to wait for.
const SMALL: u64 = 4096;

/// How much is thrown away, and how long that may take, before the connection is broken off after all.
const MOST: u64 = 128 * 1024 * 1024;
const LONGEST: Duration = Duration::from_secs(10);

/// A body in the handler's hands that comes back when the handler drops it.
type Slot = Arc<Mutex<Option<Body>>>;

/// What is left of a request's body after its handler.
pub(super) struct Leftover(Slot);

/// Makes the rest of the request's body reachable after the handler, where that can matter.
pub(super) fn keep_leftover(request: &mut Request) -> Option<Leftover> {
    // HTTP/2 refuses a single stream, and a client that waits for leave has sent nothing yet.
    let http1 = request.version() <= Version::HTTP_11;
    let size = request.body().size_hint();
    let small = size.upper().is_some_and(|upper| upper <= SMALL);
    if !http1 || small || request.headers().contains_key(header::EXPECT) {
        return None;
    }
    let slot: Slot = Arc::new(Mutex::new(Some(std::mem::take(request.body_mut()))));
    *request.body_mut() = Body::new(Lent(Arc::clone(&slot)));
    Some(Leftover(slot))
}

impl Leftover {
    /// Holds `refusal`'s body back until the rest of the request has been read.
    pub(super) fn drain_before(self, refusal: Response) -> Response {
        let rest = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match rest {
            Some(rest) if !rest.is_end_stream() => refusal.map(|answer| {
                Body::new(AfterDraining { answer, rest: Some(rest), seen: 0, limit: Box::pin(sleep(LONGEST)) })
            }),
            _ => refusal,
        }
    }
}

/// The handler's side of the body.
struct Lent(Slot);

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

/// An answer whose body begins when the request's is over. Its head goes out at once, for clients that look.
struct AfterDraining {
    answer: Body,
    rest: Option<Body>,
    seen: u64,
    limit: Pin<Box<Sleep>>,
}

impl AfterDraining {
    /// Ready when there is nothing left, or enough has been read.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(rest) = &mut self.rest {
            if self.limit.as_mut().poll(cx).is_ready() {
                break;
            }
            match ready!(Pin::new(rest).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    self.seen += frame.data_ref().map_or(0, Bytes::len) as u64;
                    if self.seen > MOST {
                        break;
                    }
                }
                Some(Err(_)) | None => break,
            }
        }
        self.rest = None;
        Poll::Ready(())
    }
}

impl HttpBody for AfterDraining {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        ready!(self.poll_drain(cx));
        Pin::new(&mut self.answer).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.answer.size_hint()
    }
}
