//! What is known about every request: its id, its place in a distributed trace, the connection it came by, and the
//! switches a route may turn for it (time and body limits).

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use rhiza_kernel::Env;

use crate::client::TrustedProxies;
use crate::error::ApiError;

/// The header a request id arrives and leaves in.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Ids longer than this are not echoed into every log line.
const MAX_REQUEST_ID: usize = 128;

/// The id that names one request in the reply, on every log line and in the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only letters, digits and three signs ever get in: the conversion cannot fail.
        self.0.to_str().unwrap_or_default()
    }

    /// The id of the request these extensions belong to; `None` outside the stack.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<Self> {
        RequestContext::of(extensions).map(|context| context.request_id.clone())
    }

    /// The caller's id when it is sane, a new one otherwise.
    pub(crate) fn accept_or_make(headers: &HeaderMap, env: &Env) -> Self {
        match headers.get(X_REQUEST_ID) {
            Some(value) if is_sane(value.as_bytes()) => Self(value.clone()),
            _ => Self::make(env),
        }
    }

    fn make(env: &Env) -> Self {
        let mut text = [0_u8; 36];
        text[..4].copy_from_slice(b"req_");
        let mut buffer = [0_u8; 32];
        text[4..].copy_from_slice(env.new_uuid().as_simple().encode_lower(&mut buffer).as_bytes());
        Self(HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("req_")))
    }

    pub(crate) fn header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_sane(id: &[u8]) -> bool {
    (1..=MAX_REQUEST_ID).contains(&id.len())
        && id.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::of(&parts.extensions).ok_or_else(outside_the_stack)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// Extractors that read the request's context work under [`stack`](crate::stack) only: a wiring fault.
pub(crate) fn outside_the_stack() -> ApiError {
    ApiError::internal("the route is not mounted under rhiza_web::stack")
}

/// The caller's position in a distributed trace (W3C Trace Context).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace's id.
    pub trace_id: u128,
    /// The caller's span.
    pub parent_id: u64,
    /// Whether the caller records the trace.
    pub sampled: bool,
}

impl TraceParent {
    /// The `traceparent` of the request these extensions belong to.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<Self> {
        RequestContext::of(extensions).and_then(|context| context.trace)
    }

    /// Reads a `traceparent` header: `version-traceid-parentid-flags`, lower-case hexadecimal.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace_id = hex(parts.next()?, 32)?;
        let parent_id = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = hex(parts.next()?, 2)?;
        // Version 00 has exactly four parts; later ones may append more. 0xff and zero ids are invalid by the standard.
        let shape_ok = version != 0xff && (version != 0 || parts.next().is_none());
        (shape_ok && trace_id != 0 && parent_id != 0).then_some(Self { trace_id, parent_id, sampled: flags & 1 == 1 })
    }
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower_hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (text.len() == digits && lower_hex).then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// How the request reached this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transport {
    /// Encrypted all the way to the caller, as far as can be known: TLS here, or at a trusted proxy that says so.
    pub secure: bool,
}

impl Transport {
    /// The transport of the request `parts` belong to.
    #[must_use]
    pub fn of(parts: &Parts) -> Self {
        let proxies = RequestContext::of(&parts.extensions).map(|context| &context.shared.trusted_proxies);
        Self::read(&parts.extensions, &parts.headers, proxies)
    }

    pub(crate) fn read(extensions: &Extensions, headers: &HeaderMap, proxies: Option<&TrustedProxies>) -> Self {
        let tls_here = extensions.get::<TlsConnection>().is_some();
        let tls_at_proxy = || {
            let proto = headers.get("x-forwarded-proto")?.to_str().ok()?;
            // The last entry is the one our own proxy wrote.
            let last = proto.rsplit(',').next().map(str::trim)?;
            let peer = crate::client::peer(extensions)?;
            Some(proxies?.contains(peer) && last.eq_ignore_ascii_case("https"))
        };
        Self { secure: tls_here || tls_at_proxy().unwrap_or(false) }
    }
}

/// Marks requests of a connection that this process encrypts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TlsConnection;

/// What all requests of one stack share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) env: Env,
}

/// One request's facts, in its extensions.
#[derive(Debug)]
pub(crate) struct RequestContext {
    pub(crate) request_id: RequestId,
    pub(crate) trace: Option<TraceParent>,
    pub(crate) shared: Arc<Shared>,
    timeout_ms: AtomicU64,
}

/// The value of `timeout_ms` that stands for "no limit".
const NO_TIMEOUT: u64 = u64::MAX;

impl RequestContext {
    pub(crate) fn new(
        request_id: RequestId,
        trace: Option<TraceParent>,
        shared: Arc<Shared>,
        timeout: Duration,
    ) -> Self {
        let context = Self { request_id, trace, shared, timeout_ms: AtomicU64::new(NO_TIMEOUT) };
        context.set_timeout(Some(timeout));
        context
    }

    pub(crate) fn of(extensions: &Extensions) -> Option<&Arc<Self>> {
        extensions.get::<Arc<Self>>()
    }

    pub(crate) fn set_timeout(&self, timeout: Option<Duration>) {
        let ms = timeout.map_or(NO_TIMEOUT, |t| u64::try_from(t.as_millis()).unwrap_or(NO_TIMEOUT));
        self.timeout_ms.store(ms, Ordering::Relaxed);
    }

    pub(crate) fn timeout(&self) -> Option<Duration> {
        match self.timeout_ms.load(Ordering::Relaxed) {
            NO_TIMEOUT => None,
            ms => Some(Duration::from_millis(ms)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> Env {
        Env::fixed(chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap(), 1).0
    }

    fn accepted(id: &'static str) -> bool {
        let headers = HeaderMap::from_iter([(X_REQUEST_ID, HeaderValue::from_static(id))]);
        RequestId::accept_or_make(&headers, &env()).as_str() == id
    }

    #[test]
    fn a_sane_id_is_kept_and_any_other_replaced() {
        assert!(accepted("a"));
        assert!(accepted("Order-7.retry_2"));
        assert!(!accepted(""));
        assert!(!accepted("two words"));
        assert!(!accepted("x\"}"));
        let long: &'static str = "a".repeat(129).leak();
        assert!(!accepted(long));
        assert!(accepted(&long[..128]));
    }

    #[test]
    fn a_made_id_is_ordered_by_time_and_sane() {
        let id = RequestId::accept_or_make(&HeaderMap::new(), &env());
        assert!(is_sane(id.as_str().as_bytes()));
        assert!(id.as_str().starts_with("req_018bcfe5"), "{id}");
    }

    #[test]
    fn traceparent_follows_the_standard() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parsed = TraceParent::parse(good).unwrap();
        assert_eq!(parsed.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(parsed.parent_id, 0x00f0_67aa_0ba9_02b7);
        assert!(parsed.sampled);
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
        assert!(TraceParent::parse("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-more").is_some());
    }
}
