//! The middleware and the ticket it gives to handlers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequest as _, FromRequestParts, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use rhiza_kernel::{Env, OrgScope};
use rhiza_store::{Db, StoreError, Tx};
use rhiza_web::{ApiError, ApiResult, RawBody};
use serde::Serialize;

use super::model::{IDEMPOTENCY_KEY, KeyError, Known, MAX_REPLY, REPLAYED, Reply, key_digest, request_digest};
use super::store;
use crate::authz::{Principal, ProjectChoice, principal_of};
use crate::runtime::Tasks;

/// Native routes only: the protocols we speak for others have their own ideas of repetition.
const NATIVE: &str = "/api/v1/";

#[derive(Clone)]
struct Keeper {
    db: Db,
    env: Env,
    tasks: Tasks,
}

/// Honours `Idempotency-Key` on the native POST routes of `router`. Apply it before [`protect`](crate::authz::protect),
/// so that it runs inside: keys belong to callers.
pub fn layer(router: Router, db: Db, env: Env, tasks: Tasks) -> Router {
    router.layer(middleware::from_fn_with_state(Keeper { db, env, tasks }, keep))
}

async fn keep(State(keeper): State<Keeper>, request: Request, next: Next) -> Response {
    let concerned = request.method() == Method::POST
        && request.uri().path().starts_with(NATIVE)
        && request.headers().contains_key(IDEMPOTENCY_KEY)
        && !is_file(request.headers());
    // Public routes have no caller: signing in twice is harmless, and setting up twice is refused anyway.
    let principal = principal_of(request.extensions());
    let (true, Some(principal)) = (concerned, principal) else { return next.run(request).await };
    match keeper.run(&principal, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

/// A file is streamed and never held here. What is made of it is known by its content, so that sending it twice makes it once.
fn is_file(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = given.map(|given| given.split(';').next().unwrap_or_default().trim());
    essence.is_some_and(|essence| !essence.eq_ignore_ascii_case("application/json"))
}

impl Keeper {
    async fn run(self, principal: &Principal, request: Request, next: Next) -> ApiResult<Response> {
        let (ticket, request) = self.ticket(principal, request).await?;
        let known = {
            let tx = self.db.write(&ticket.scope).await?;
            let known = store::begin(&tx, &ticket.scope, &ticket.key, &ticket.request, &self.env).await?;
            tx.commit().await?;
            known
        };
        match known {
            Known::New => {}
            Known::Reply(reply) => return Ok(replay(reply)),
            Known::OtherRequest => return Err(KeyError::OtherRequest.into()),
            Known::DoneUnkept => return Err(KeyError::DoneUnkept.into()),
            Known::UnderWay => {
                return Err(
                    ApiError::from(KeyError::UnderWay).with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
                );
            }
        }
        // A task of its own: a client that hangs up must not stop the work between its effect and its remembrance.
        let tasks = self.tasks.clone();
        let work = tasks.spawn("idempotent request", async move { self.carry_out(ticket, request, next).await });
        match work.await {
            Ok(Some(response)) => response,
            Ok(None) | Err(_) => Err(ApiError::internal("an idempotent request's handler panicked")),
        }
    }

    async fn ticket(&self, principal: &Principal, request: Request) -> ApiResult<(Claim, Request)> {
        let value = request.headers().get(IDEMPOTENCY_KEY).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let key = key_digest(&principal.actor, value)?;
        let (parts, body) = request.into_parts();
        // Reading the body needs the request's limits, which travel in its extensions.
        let mut whole = Request::new(body);
        *whole.extensions_mut() = parts.extensions.clone();
        *whole.headers_mut() = parts.headers.clone();
        let RawBody(body) = RawBody::from_request(whole, &()).await?;
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
        let project = match &principal.project {
            ProjectChoice::Selected { id, .. } => id.to_string(),
            ProjectChoice::Unknown(requested) => requested.name.clone(),
            ProjectChoice::None => String::new(),
        };
        let claim = Claim {
            scope: OrgScope::new(principal.org),
            key,
            request: request_digest(target, &project, &body),
            env: self.env.clone(),
            completed: AtomicBool::new(false),
        };
        Ok((claim, Request::from_parts(parts, Body::from(body))))
    }

    async fn carry_out(self, claim: Claim, mut request: Request, next: Next) -> ApiResult<Response> {
        let claim = Arc::new(claim);
        request.extensions_mut().insert(claim.clone());
        let response = next.run(request).await;
        if claim.completed.load(Ordering::Acquire) {
            return Ok(response);
        }
        let (response, done) = if response.status().is_success() {
            let (response, reply) = keepable(response).await?;
            (response, Some(reply))
        } else {
            (response, None)
        };
        let tx = self.db.write(&claim.scope).await?;
        match done {
            Some(reply) => store::complete(&tx, &claim.scope, &claim.key, reply, &self.env).await?,
            None => store::forget(&tx, &claim.scope, &claim.key).await?,
        }
        tx.commit().await?;
        Ok(response)
    }
}

/// The reply to keep, and the response to send. `None`: it must not be kept.
async fn keepable(response: Response) -> ApiResult<(Response, Option<Reply>)> {
    let (parts, body) = response.into_parts();
    let secret = parts.headers.contains_key(header::SET_COOKIE) || is_no_store(&parts.headers);
    let length = http_body::Body::size_hint(&body).upper();
    // A body of unknown length is a stream: it may be long, or live.
    if secret || length.is_none_or(|length| length > MAX_REPLY as u64) {
        return Ok((Response::from_parts(parts, body), None));
    }
    let bytes: Bytes = body.collect().await.map_err(ApiError::internal)?.to_bytes();
    let reply = Reply {
        status: parts.status.as_u16(),
        content_type: parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).map(str::to_owned),
        body: bytes.to_vec(),
    };
    Ok((Response::from_parts(parts, Body::from(bytes)), Some(reply)))
}

fn is_no_store(headers: &HeaderMap) -> bool {
    headers.get_all(header::CACHE_CONTROL).iter().any(|v| v.to_str().is_ok_and(|v| v.contains("no-store")))
}

fn replay(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    if let Some(kind) = reply.content_type.and_then(|kind| HeaderValue::from_str(&kind).ok()) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// A key that this request has noted.
#[derive(Debug)]
struct Claim {
    scope: OrgScope,
    key: [u8; 32],
    request: [u8; 32],
    env: Env,
    completed: AtomicBool,
}

/// A handler's way to remember its reply in its own transaction: then the effect and the remembrance happen together or
/// not at all. Always there; without an `Idempotency-Key` it does nothing.
#[derive(Debug, Clone)]
pub struct Ticket(Option<Arc<Claim>>);

impl Ticket {
    /// Remembers the reply. Commit right after, and send exactly this.
    ///
    /// # Errors
    /// Database failures.
    pub async fn complete<T: Serialize + Sync>(&self, tx: &Tx, status: StatusCode, body: &T) -> Result<(), StoreError> {
        let Some(claim) = &self.0 else { return Ok(()) };
        let body = serde_json::to_vec(body).map_err(|e| StoreError::Decode(format!("a reply as JSON: {e}")))?;
        let reply = Reply { status: status.as_u16(), content_type: Some("application/json".to_owned()), body };
        store::complete(tx, &claim.scope, &claim.key, Some(reply), &claim.env).await?;
        claim.completed.store(true, Ordering::Release);
        Ok(())
    }

    /// Remembers that the request was carried out, but not its reply, which holds a secret.
    ///
    /// # Errors
    /// Database failures.
    pub async fn complete_secretly(&self, tx: &Tx) -> Result<(), StoreError> {
        let Some(claim) = &self.0 else { return Ok(()) };
        store::complete(tx, &claim.scope, &claim.key, None, &claim.env).await?;
        claim.completed.store(true, Ordering::Release);
        Ok(())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Ticket {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get::<Arc<Claim>>().cloned()))
    }
}
