//! The outermost layer. It names the request, opens its span, counts it, and puts the headers on every answer that
//! no handler may forget.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use metrics::SharedString;
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::Span;

use super::WebConfig;
use crate::client::ClientAddr;
use crate::limit::set_body_limit;
use crate::request::{RequestContext, RequestId, Shared, TraceParent, Transport, X_REQUEST_ID};

/// What the edge needs of the configuration, shared by all routes.
#[derive(Debug)]
struct EdgeConfig {
    body_limit: usize,
    timeout: Duration,
    headers: Vec<(HeaderName, HeaderValue)>,
    hsts: Option<HeaderValue>,
}

/// Adds [`Edge`].
#[derive(Debug, Clone)]
pub(super) struct EdgeLayer {
    config: Arc<EdgeConfig>,
    shared: Arc<Shared>,
}

impl EdgeLayer {
    pub(super) fn new(config: &WebConfig, shared: Arc<Shared>) -> Self {
        let headers = vec![
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::CONTENT_SECURITY_POLICY, config.csp.clone()),
            (header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin")),
            (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
        ];
        let hsts = config
            .hsts
            .and_then(|age| HeaderValue::from_str(&format!("max-age={}; includeSubDomains", age.as_secs())).ok());
        let config = EdgeConfig { body_limit: config.body_limit, timeout: config.timeout, headers, hsts };
        Self { config: Arc::new(config), shared }
    }
}

impl<S> Layer<S> for EdgeLayer {
    type Service = Edge<S>;

    fn layer(&self, inner: S) -> Edge<S> {
        Edge { inner, config: Arc::clone(&self.config), shared: Arc::clone(&self.shared) }
    }
}

/// The outermost service.
#[derive(Debug, Clone)]
pub(super) struct Edge<S> {
    inner: S,
    config: Arc<EdgeConfig>,
    shared: Arc<Shared>,
}

impl<S, B> Service<Request> for Edge<S>
where
    S: Service<Request, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = EdgeFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let request_id = RequestId::accept_or_make(request.headers(), &self.shared.env);
        let trace = request.headers().get("traceparent").and_then(|v| v.to_str().ok()).and_then(TraceParent::parse);
        let context = RequestContext::new(request_id.clone(), trace, Arc::clone(&self.shared), self.config.timeout);
        request.extensions_mut().insert(Arc::new(context));
        set_body_limit(&mut request, self.config.body_limit);
        let route = request.extensions().get::<MatchedPath>().cloned();
        let span = span(&request, &request_id, route.as_ref(), trace);
        let proxies = Some(&self.shared.trusted_proxies);
        let secure = Transport::read(request.extensions(), request.headers(), proxies).secure;
        let record = Record {
            shared: Arc::clone(&self.shared),
            started: self.shared.env.monotonic(),
            method: request.method().clone(),
            route,
            span,
            done: false,
        };
        let inner = {
            let _entered = record.span.enter();
            self.inner.call(request)
        };
        EdgeFuture { inner, record, request_id, config: Arc::clone(&self.config), secure }
    }
}

fn span(request: &Request, id: &RequestId, route: Option<&MatchedPath>, trace: Option<TraceParent>) -> Span {
    // The path without its query: queries carry tokens and search terms.
    let span = tracing::info_span!(
        "request",
        request_id = id.as_str(),
        method = request.method().as_str(),
        path = request.uri().path(),
        route = route.map(MatchedPath::as_str),
        client = tracing::field::Empty,
        trace_id = tracing::field::Empty,
        parent_span_id = tracing::field::Empty,
    );
    if !span.is_disabled() {
        if let Some(client) = ClientAddr::read(request.extensions(), request.headers()) {
            span.record("client", tracing::field::display(client));
        }
        if let Some(trace) = trace {
            span.record("trace_id", tracing::field::display(format_args!("{:032x}", trace.trace_id)));
            span.record("parent_span_id", tracing::field::display(format_args!("{:016x}", trace.parent_id)));
        }
    }
    span
}

/// Counts the request once: when it is answered, or when its caller goes away before that.
struct Record {
    shared: Arc<Shared>,
    started: Duration,
    method: Method,
    route: Option<MatchedPath>,
    span: Span,
    done: bool,
}

/// What is counted when the caller went away.
const CLIENT_CLOSED_REQUEST: u16 = 499;

impl Record {
    fn finish(&mut self, status: u16) {
        self.done = true;
        let elapsed = self.shared.env.monotonic().saturating_sub(self.started);
        let path = match &self.route {
            Some(route) => SharedString::from(route.as_str().to_owned()),
            None => SharedString::const_str("unmatched"),
        };
        let method = SharedString::const_str(method_label(&self.method));
        let status_label = status_label(status);
        metrics::counter!(
            "rhiza_http_requests_total",
            "method" => method.clone(), "path" => path.clone(), "status" => status_label.clone(),
        )
        .increment(1);
        metrics::histogram!(
            "rhiza_http_request_duration_seconds",
            "method" => method, "path" => path, "status" => status_label,
        )
        .record(elapsed.as_secs_f64());
        tracing::debug!(parent: &self.span, status, elapsed_us = elapsed.as_micros() as u64, "answered");
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.done {
            self.finish(CLIENT_CLOSED_REQUEST);
        }
    }
}

/// Known methods by name, everything else together: a label's values must be few.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn status_label(status: u16) -> SharedString {
    SharedString::const_str(match status {
        200 => "200",
        201 => "201",
        202 => "202",
        204 => "204",
        206 => "206",
        304 => "304",
        400 => "400",
        401 => "401",
        403 => "403",
        404 => "404",
        409 => "409",
        422 => "422",
        other => return SharedString::from(other.to_string()),
    })
}

pin_project! {
    /// Waits for the answer inside the request's span, then finishes it.
    pub(super) struct EdgeFuture<F> {
        #[pin]
        inner: F,
        record: Record,
        request_id: RequestId,
        config: Arc<EdgeConfig>,
        secure: bool,
    }
}

impl<F, B, E> Future for EdgeFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = {
            let _entered = this.record.span.enter();
            ready!(this.inner.poll(cx))
        };
        let status = result.as_ref().map_or(StatusCode::INTERNAL_SERVER_ERROR, Response::status);
        this.record.finish(status.as_u16());
        Poll::Ready(result.map(|mut response| {
            finish_headers(response.headers_mut(), this.config, this.request_id, *this.secure);
            response
        }))
    }
}

fn finish_headers(headers: &mut HeaderMap, config: &EdgeConfig, id: &RequestId, secure: bool) {
    headers.insert(X_REQUEST_ID, id.header_value());
    for (name, value) in &config.headers {
        // A handler that set its own (a sandboxed preview, say) knows better.
        if !headers.contains_key(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
    if let (true, Some(hsts)) = (secure, &config.hsts) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
}
