//! Body and time limits: strict by default, and widened by the few routes that need it.

use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::{Extensions, HeaderMap, header};
use rhiza_kernel::ErrorCode;
use tower::{Layer, Service};

use crate::error::{ApiError, ApiResult};
use crate::request::RequestContext;

/// JSON bodies, unless a route says otherwise.
pub const DEFAULT_BODY_LIMIT: usize = 1024 * 1024;

/// The most bytes a body may have that is read into memory.
#[derive(Debug, Clone, Copy)]
struct BodyLimit(usize);

/// Sets the limit for extractors further in: ours, and axum's own.
pub(crate) fn set_body_limit(request: &mut Request, limit: usize) {
    request.extensions_mut().insert(BodyLimit(limit));
    DefaultBodyLimit::max(limit).apply(request);
}

fn body_limit_of(extensions: &Extensions) -> usize {
    extensions.get::<BodyLimit>().map_or(DEFAULT_BODY_LIMIT, |limit| limit.0)
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The whole body, if it keeps the limit.
pub(crate) async fn read_body(request: Request) -> ApiResult<Bytes> {
    let limit = body_limit_of(request.extensions());
    let announced = content_length(request.headers());
    let mut stream = request.into_body().into_data_stream();
    let too_large = || ApiError::new(ErrorCode::TooLarge, format!("The body must not exceed {limit} bytes."));
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let Some(first) = stream.next().await else { return Ok(Bytes::new()) };
    let first = first.map_err(broken_off)?;
    if first.len() > limit {
        return Err(too_large());
    }
    // Most bodies arrive in one piece: no copy then.
    let Some(second) = stream.next().await else { return Ok(first) };
    // The announced length is only the caller's word: it must not make us reserve more than the limit.
    let mut body = BytesMut::with_capacity(announced.unwrap_or(first.len() * 2).min(limit));
    body.extend_from_slice(&first);
    let mut chunk = second;
    loop {
        let bytes = chunk.map_err(broken_off)?;
        if body.len() + bytes.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&bytes);
        match stream.next().await {
            Some(next) => chunk = next,
            None => return Ok(body.freeze()),
        }
    }
}

fn broken_off(error: axum::Error) -> ApiError {
    ApiError::new(ErrorCode::Cancelled, "The body broke off.").with_source(error)
}

/// The body as bytes, under the route's limit.
#[derive(Debug, Clone, Default)]
pub struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Self> {
        read_body(request).await.map(Self)
    }
}

/// A route's own limits; see [`body_limit`], [`timeout`], [`no_timeout`].
#[derive(Debug, Clone, Copy)]
pub struct RouteLimits {
    body: Option<usize>,
    timeout: Option<Option<Duration>>,
}

/// Bodies read into memory by this route may have up to `bytes`.
#[must_use]
pub fn body_limit(bytes: usize) -> RouteLimits {
    RouteLimits { body: Some(bytes), timeout: None }
}

/// This route must answer (send the head of its response) within `limit`.
#[must_use]
pub fn timeout(limit: Duration) -> RouteLimits {
    RouteLimits { body: None, timeout: Some(Some(limit)) }
}

/// This route may take as long as it needs before it answers: uploads, whose stalls are watched chunk by chunk.
/// A streamed *response* needs no exception; the limit ends with the response's head.
#[must_use]
pub fn no_timeout() -> RouteLimits {
    RouteLimits { body: None, timeout: Some(None) }
}

impl<S> Layer<S> for RouteLimits {
    type Service = WithLimits<S>;

    fn layer(&self, inner: S) -> WithLimits<S> {
        WithLimits { inner, limits: *self }
    }
}

/// The service of [`RouteLimits`].
#[derive(Debug, Clone)]
pub struct WithLimits<S> {
    inner: S,
    limits: RouteLimits,
}

impl<S> Service<Request> for WithLimits<S>
where
    S: Service<Request>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> S::Future {
        if let Some(limit) = self.limits.body {
            set_body_limit(&mut request, limit);
        }
        if let (Some(timeout), Some(context)) = (self.limits.timeout, RequestContext::of(request.extensions())) {
            context.set_timeout(timeout);
        }
        self.inner.call(request)
    }
}
