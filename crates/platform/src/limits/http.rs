//! The two layers, and how a refusal looks on the wire.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use rhiza_kernel::ErrorCode;
use rhiza_web::{ApiError, ApiResult, ClientAddr};

use super::gcra::{Rate, Verdict};
use super::key::{Subject, place};
use super::limiter::Limiter;
use super::plans::{Class, Plans, whole_seconds};
use super::quota::{Quota, Quotas};
use crate::authz::{Principal, SESSION_COOKIE, is_public, principal_of};

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

#[derive(Clone)]
struct Layer {
    limiter: Limiter,
    plans: Arc<Plans>,
}

#[derive(Clone)]
struct PlanLayer {
    limiter: Limiter,
    quotas: Quotas,
}

/// Limits what one place may do without a credential, or with bad ones. Put it around
/// [`protect`](crate::authz::protect).
pub fn address_layer(router: Router, limiter: Limiter, plans: Arc<Plans>) -> Router {
    router.layer(middleware::from_fn_with_state(Layer { limiter, plans }, by_address))
}

/// Limits what each caller may do, as their plan says, and counts their requests against their organisation's quota.
/// Put it inside [`protect`](crate::authz::protect).
pub fn principal_layer(router: Router, limiter: Limiter, quotas: Quotas) -> Router {
    router.layer(middleware::from_fn_with_state(PlanLayer { limiter, quotas }, by_principal))
}

/// What stays possible when the quota of requests is used up: to see that, and to leave.
const BEYOND_QUOTA: [&str; 3] = ["/api/v1/quotas", "/api/v1/me", "/api/v1/auth/sign-out"];

/// A credential that was good remembers it so long: a bucket of one that stays empty.
fn good_for_a_while() -> Rate {
    Rate::burst(1, Duration::from_secs(600))
}

async fn by_address(State(layer): State<Layer>, request: Request, next: Next) -> Response {
    match Visit::of(&request) {
        Err(error) => error.into_response(),
        Ok(Visit::Uncounted) => next.run(request).await,
        Ok(Visit::Anonymous { name, from }) => {
            let rate = if name == SIGN_IN { layer.plans.sign_in } else { layer.plans.anonymous };
            let verdict = layer.limiter.take(name, from, rate, 1).await;
            answer(verdict, "from your address", request, next).await
        }
        Ok(Visit::Credential { from, shown }) => with_credential(&layer, from, shown, request, next).await,
    }
}

/// Bad credentials are counted here and not in Redis: what they cost is this process's time and connections. A place
/// that has shown too many is not asked for more, except with a credential that was good a moment ago: whoever shares
/// an address with an attacker, or with a job that has an old key, goes on working.
async fn with_credential(layer: &Layer, from: Subject, shown: Subject, request: Request, next: Next) -> Response {
    let (limiter, bad) = (&layer.limiter, layer.plans.bad_credentials);
    let look = limiter.take_here(BAD_CREDENTIALS, from, bad, 0);
    if look.limit > 0 && look.remaining == 0 && !limiter.remembers(GOOD_CREDENTIALS, shown, good_for_a_while()) {
        let verdict = limiter.take_here(BAD_CREDENTIALS, from, bad, 1);
        if !verdict.allowed {
            return refusal(verdict, "with bad credentials from your address").into_response();
        }
    }
    let response = next.run(request).await;
    if response.status() == StatusCode::UNAUTHORIZED {
        limiter.take_here(BAD_CREDENTIALS, from, bad, 1);
    } else {
        limiter.remember(GOOD_CREDENTIALS, shown, good_for_a_while());
    }
    response
}

async fn by_principal(State(layer): State<PlanLayer>, request: Request, next: Next) -> Response {
    let Some(principal) = principal_of(request.extensions()) else { return next.run(request).await };
    let matched = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let class = class_of(request.method(), matched);
    let plan = plan_of(&principal);
    let rate = layer.quotas.plan(plan).rate(class);
    let verdict = layer.limiter.take(class.name(), Subject::of_principal(&principal), rate, 1).await;
    // What is refused here costs nothing, so it is not counted either.
    if verdict.allowed
        && let Err(exceeded) = layer.quotas.charge(principal.org, plan, Quota::Requests, 1).await
        && !BEYOND_QUOTA.contains(&matched)
    {
        return ApiError::from(exceeded).into_response();
    }
    answer(verdict, "", request, next).await
}

/// The plan of the caller's organisation.
pub(super) fn plan_of(principal: &Principal) -> &str {
    &principal.plan
}

async fn answer(verdict: Verdict, whose: &str, request: Request, next: Next) -> Response {
    if !verdict.allowed {
        return refusal(verdict, whose).into_response();
    }
    let mut response = next.run(request).await;
    if verdict.limit > 0 {
        for (name, value) in headers(verdict) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn headers(verdict: Verdict) -> [(HeaderName, HeaderValue); 3] {
    [(LIMIT, verdict.limit.into()), (REMAINING, verdict.remaining.into()), (RESET, whole_seconds(verdict.reset).into())]
}

/// The error for a refused verdict: 429 with the rate limit's headers and `Retry-After`, in the shape of the path.
/// `whose` goes into the sentence: "Too many requests from your address."
#[must_use]
pub fn refusal(verdict: Verdict, whose: &str) -> ApiError {
    let whose = if whose.is_empty() { String::new() } else { format!(" {whose}") };
    let detail = match verdict.retry_after {
        Some(wait) => format!("Too many requests{whose}. Try again in {} seconds.", whole_seconds(wait).max(1)),
        None => format!("This request alone is more than the limit of {} allows.", verdict.limit),
    };
    let mut error = ApiError::new(ErrorCode::RateLimited, detail);
    for (name, value) in headers(verdict) {
        error = error.with_header(name, value);
    }
    match verdict.retry_after {
        Some(wait) => error.with_header(header::RETRY_AFTER, whole_seconds(wait).max(1).into()),
        None => error,
    }
}

const ANONYMOUS: &str = "anonymous";
const SIGN_IN: &str = "sign_in";
const BAD_CREDENTIALS: &str = "bad_credentials";
const GOOD_CREDENTIALS: &str = "good_credentials";

/// What the address layer makes of a request.
enum Visit {
    /// A probe: a load balancer that hears 429 would restart a healthy server.
    Uncounted,
    /// No credential counts here.
    Anonymous { name: &'static str, from: Subject },
    /// A credential was shown. Whether it is good is not known yet.
    Credential { from: Subject, shown: Subject },
}

impl Visit {
    fn of(request: &Request) -> ApiResult<Self> {
        let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        if matched == Some("/livez") {
            return Ok(Self::Uncounted);
        }
        let from = place(ClientAddr::of_request(request)?.ip());
        let method = request.method();
        if is_public(method, matched, request.uri().path()) {
            let looks = method == Method::GET || method == Method::HEAD;
            return Ok(Self::Anonymous { name: if looks { ANONYMOUS } else { SIGN_IN }, from });
        }
        Ok(match credential(request.headers()) {
            Some(shown) => Self::Credential { from, shown },
            None => Self::Anonymous { name: ANONYMOUS, from },
        })
    }
}

/// A digest of what the caller shows, in whatever header.
fn credential(headers: &HeaderMap) -> Option<Subject> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let shown = [text(header::AUTHORIZATION), text(HeaderName::from_static("x-api-key"))];
    if shown.iter().any(Option::is_some) {
        return Some(Subject::of_text(&shown.map(Option::unwrap_or_default)));
    }
    let cookie = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let session = cookie
        .flat_map(|line| line.split(';'))
        .map(str::trim)
        .find(|pair| pair.strip_prefix(SESSION_COOKIE).is_some_and(|rest| rest.starts_with('=')))?;
    Some(Subject::of_text(&[session]))
}

/// The kind of work that a request to a route is.
fn class_of(method: &Method, route: &str) -> Class {
    const LOGGING: [&str; 4] =
        ["/mlflow/runs/log-", "/mlflow/runs/set-tag", "/mlflow/runs/outputs", "/mlflow-artifacts/"];
    if route.ends_with("/export") {
        return Class::Export;
    }
    if method == Method::GET || method == Method::HEAD {
        return Class::Read;
    }
    // MLflow's clients search with POST, and so does the console.
    if route.ends_with("/search") || route.ends_with("-batch-history") || route.ends_with("/tracking/series") {
        return Class::Read;
    }
    if method != Method::DELETE && LOGGING.iter().any(|logging| route.contains(logging)) {
        return Class::Ingest;
    }
    Class::Write
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_fall_into_the_class_of_their_work() {
        for (method, route, class) in [
            (Method::GET, "/api/v1/me", Class::Read),
            (Method::HEAD, "/api/v1/audit", Class::Read),
            (Method::GET, "/api/v1/audit/export", Class::Export),
            (Method::POST, "/api/2.0/mlflow/runs/search", Class::Read),
            (Method::POST, "/ajax-api/2.0/mlflow/runs/log-batch", Class::Ingest),
            (Method::POST, "/api/2.0/mlflow/runs/set-tag", Class::Ingest),
            (Method::PUT, "/api/2.0/mlflow-artifacts/artifacts/{*artifact_path}", Class::Ingest),
            (Method::DELETE, "/api/2.0/mlflow-artifacts/artifacts/{*artifact_path}", Class::Write),
            (Method::POST, "/api/2.0/mlflow/experiments/create", Class::Write),
            (Method::POST, "/api/v1/keys", Class::Write),
            (Method::DELETE, "", Class::Write),
        ] {
            assert_eq!(class_of(&method, route), class, "{method} {route}");
        }
    }

    #[test]
    fn a_refusal_says_when_to_come_back() {
        let verdict = Verdict {
            allowed: false,
            limit: 10,
            remaining: 0,
            reset: Duration::from_millis(59_001),
            retry_after: Some(Duration::from_millis(1)),
        };
        let error = refusal(verdict, "from your address");
        assert_eq!(error.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(error.detail(), "Too many requests from your address. Try again in 1 seconds.");
        let header = |name: &str| error.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
        assert_eq!(header("retry-after").as_deref(), Some("1"));
        assert_eq!(header("ratelimit-reset").as_deref(), Some("60"));
        assert_eq!(header("ratelimit-limit").as_deref(), Some("10"));
        let never = refusal(Verdict { retry_after: None, ..verdict }, "");
        assert!(never.headers().get("retry-after").is_none());
    }

    #[test]
    fn a_credential_is_known_by_its_digest_wherever_it_stands() {
        let of = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            credential(&headers)
        };
        assert!(of("authorization", "Bearer a").is_some());
        assert_ne!(of("authorization", "Bearer a"), of("authorization", "Bearer b"));
        assert!(of("x-api-key", "a").is_some());
        assert_eq!(of("cookie", "theme=dark; __Host-rhiza=x"), of("cookie", "__Host-rhiza=x"));
        assert_eq!(of("cookie", "theme=dark"), None);
    }
}
