//! The innermost layer: a handler that panics or takes too long becomes an error like any other, and every error is
//! logged once and rendered in the protocol of its path.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::response::Response;
use http::{Method, StatusCode, Uri, header};
use http_body::Body as _;
use pin_project_lite::pin_project;
use rhiza_kernel::ErrorCode;
use tokio::time::{Sleep, sleep};
use tower::{Layer, Service};

use super::linger::{Leftover, keep_leftover};
use super::{NoCompression, WebConfig};
use crate::client::ClientAddr;
use crate::error::{ApiError, Failure};
use crate::request::RequestContext;
use crate::shape::{ErrorContext, ErrorShapes};

/// Adds [`Guard`].
#[derive(Debug, Clone)]
pub(super) struct GuardLayer {
    shapes: Arc<ErrorShapes>,
    compress_local: bool,
}

impl GuardLayer {
    pub(super) fn new(config: &WebConfig) -> Self {
        Self { shapes: Arc::new(config.shapes.clone()), compress_local: config.compress_local }
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner, shapes: Arc::clone(&self.shapes), compress_local: self.compress_local }
    }
}

/// The innermost service.
#[derive(Debug, Clone)]
pub(super) struct Guard<S> {
    inner: S,
    shapes: Arc<ErrorShapes>,
    compress_local: bool,
}

impl<S> Service<Request> for Guard<S>
where
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = GuardFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let context = RequestContext::of(request.extensions()).cloned();
        let local = || {
            let client = ClientAddr::read(request.extensions(), request.headers());
            client.is_some_and(|client| client.ip().is_loopback())
        };
        let plain = !self.compress_local && local();
        let leftover = keep_leftover(&mut request);
        let about = About { method: request.method().clone(), uri: request.uri().clone(), context, plain, leftover };
        // After a panic the request's own state is gone with its future; what is shared is behind locks that
        // recover from poisoning or are never held across a call.
        let (inner, panic) = match catch_unwind(AssertUnwindSafe(|| self.inner.call(request))) {
            Ok(future) => (Some(future), None),
            Err(panic) => (None, Some(panic)),
        };
        GuardFuture { inner, panic, sleep: None, about, shapes: Arc::clone(&self.shapes) }
    }
}

/// What the guard keeps of the request.
struct About {
    method: Method,
    uri: Uri,
    context: Option<Arc<RequestContext>>,
    plain: bool,
    leftover: Option<Leftover>,
}

pin_project! {
    /// Waits for the answer, the time limit or a panic.
    pub(super) struct GuardFuture<F> {
        #[pin]
        inner: Option<F>,
        panic: Option<Box<dyn Any + Send>>,
        #[pin]
        sleep: Option<Sleep>,
        about: About,
        shapes: Arc<ErrorShapes>,
    }
}

impl<F, E> Future for GuardFuture<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let polled = match this.inner.as_mut().as_pin_mut() {
            Some(inner) => catch_unwind(AssertUnwindSafe(|| inner.poll(cx))),
            None => Err(this.panic.take().unwrap_or_else(|| Box::new("polled after its end"))),
        };
        let response = match polled {
            Ok(Poll::Ready(Ok(response))) => response,
            Ok(Poll::Ready(Err(error))) => return Poll::Ready(Err(error)),
            Err(panic) => refusal(panicked(panic.as_ref())),
            Ok(Poll::Pending) => {
                let limit = this.about.context.as_ref().and_then(|context| context.timeout());
                let Some(limit) = limit else { return Poll::Pending };
                // Only now, as most answers never wait: the timer wheel is not touched for them.
                if this.sleep.is_none() {
                    this.sleep.set(Some(sleep(limit)));
                }
                if let Some(sleep) = this.sleep.as_mut().as_pin_mut() {
                    ready!(sleep.poll(cx));
                }
                let detail = format!("The server did not answer within {} s.", limit.as_secs_f64());
                refusal(ApiError::new(ErrorCode::DeadlineExceeded, detail))
            }
        };
        this.inner.set(None);
        Poll::Ready(Ok(finish(response, this.about, this.shapes)))
    }
}

fn panicked(panic: &(dyn Any + Send)) -> ApiError {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    ApiError::internal(format!("a handler panicked: {}", text.unwrap_or("(no message)")))
}

/// An empty response that carries `error`, to be rendered by [`finish`].
fn refusal(error: ApiError) -> Response {
    let mut response = Response::default();
    *response.status_mut() = error.status();
    response.extensions_mut().insert(Failure { error: Arc::new(error), rendered: false });
    response
}

/// Logs and renders the error in `response`, if it carries one.
fn finish(mut response: Response, about: &mut About, shapes: &ErrorShapes) -> Response {
    if response.status().is_client_error() || response.status().is_server_error() {
        response = finish_error(response, about, shapes);
        if let Some(leftover) = about.leftover.take() {
            response = leftover.drain_before(response);
        }
    }
    if about.plain {
        response.extensions_mut().insert(NoCompression);
    }
    response
}

fn finish_error(mut response: Response, about: &About, shapes: &ErrorShapes) -> Response {
    let failure = response.extensions_mut().remove::<Failure>().or_else(|| unrouted(&response));
    let Some(failure) = failure else {
        if response.status().is_server_error() {
            tracing::error!(status = response.status().as_u16(), "answered with a failure that names no cause");
        }
        return response;
    };
    let error = &*failure.error;
    log(error);
    if failure.rendered {
        return response;
    }
    let request_id = about.context.as_ref().map_or("", |context| context.request_id.as_str());
    let context = ErrorContext { request_id, method: &about.method, path: about.uri.path() };
    let mut shaped = shapes.render(error, &context);
    for (name, value) in error.headers() {
        shaped.headers_mut().append(name, value.clone());
    }
    // What layers between the handler and us have put on the answer (rate limits, cookies) stays on it.
    let (head, _) = response.into_parts();
    for (name, value) in &head.headers {
        if name != header::CONTENT_LENGTH && !shaped.headers().contains_key(name) {
            shaped.headers_mut().append(name, value.clone());
        }
    }
    shaped
}

/// The router's own empty 404 and 405 as errors that tell something.
fn unrouted(response: &Response) -> Option<Failure> {
    let empty = response.body().size_hint().exact() == Some(0);
    let error = match response.status() {
        StatusCode::NOT_FOUND if empty => ApiError::not_found("There is nothing at this path."),
        StatusCode::METHOD_NOT_ALLOWED if empty => {
            ApiError::not_found("This path does not take this method; Allow lists the ones it takes.")
                .with_status(StatusCode::METHOD_NOT_ALLOWED)
        }
        _ => return None,
    };
    Some(Failure { error: Arc::new(error), rendered: false })
}

/// The one place where a failed request is logged, inside the request's span.
fn log(error: &ApiError) {
    let (code, status, cause) = (error.code().as_str(), error.status().as_u16(), error.chain());
    if error.status().is_server_error() {
        tracing::error!(code, status, cause, "{}", error.detail());
    } else {
        tracing::debug!(code, status, cause, "{}", error.detail());
    }
}
