//! The middleware before every route and the extractors that hand a handler its permission.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, header};
use rhiza_kernel::{ErrorCode, OrgScope};
use rhiza_web::{ApiError, ApiResult, ClientAddr, OriginPolicy, RequestId};

use super::access::{Access, OrgAccess};
use super::credentials::{Credentials, Presented, presented, requested_project};
use super::model::{AuthError, Authenticator, Caller, Need, Principal};
use super::public::is_public;

#[derive(Clone)]
struct Guard {
    authenticator: Arc<dyn Authenticator>,
    origins: OriginPolicy,
}

/// The caller, as the middleware leaves it for the extractors.
#[derive(Clone)]
struct Authenticated {
    principal: Arc<Principal>,
    caller: Caller,
}

/// Puts every route of `router`, the fallback included, behind `authenticator`. Call it after the last route was
/// added: routes added later would not be protected.
pub fn protect(router: Router, authenticator: Arc<dyn Authenticator>, origins: OriginPolicy) -> Router {
    router.layer(middleware::from_fn_with_state(Guard { authenticator, origins }, guard))
}

async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let matched = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    if !is_public(&parts.method, matched, parts.uri.path()) {
        match admit(&guard, &parts).await {
            Ok(caller) => {
                parts.extensions.insert(caller);
            }
            Err(error) => return error.into_response(),
        }
    }
    next.run(Request::from_parts(parts, body)).await
}

async fn admit(guard: &Guard, parts: &Parts) -> ApiResult<Authenticated> {
    let address = ClientAddr::of(parts)?.ip();
    let presented = presented(&parts.headers).map_err(challenge)?;
    // A browser adds the cookie to requests that other sites make; only the origin tells them apart. Headers are set
    // by programs on purpose, so there is nothing to check.
    if matches!(presented, Presented::Session(_)) {
        guard.origins.check(parts)?;
    }
    let credentials = Credentials {
        project: requested_project(parts, &presented),
        presented,
        method: parts.method.clone(),
        path: parts.uri.path().to_owned(),
        address,
        user_agent: parts.headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).map(str::to_owned),
    };
    let principal = guard.authenticator.authenticate(&credentials).await.map_err(challenge)?;
    let request_id = RequestId::of(&parts.extensions).map(|id| id.as_str().to_owned());
    let caller = Caller { actor: principal.actor.clone(), address: Some(address), request_id };
    Ok(Authenticated { principal: Arc::new(principal), caller })
}

fn challenge(error: AuthError) -> ApiError {
    let error = ApiError::from(error);
    if error.code() == ErrorCode::Unauthenticated {
        // Not `Basic`: browsers would answer it with a password dialog of their own.
        return error.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"rhiza\""));
    }
    error
}

fn authenticated(parts: &Parts) -> ApiResult<Authenticated> {
    // Absent only on public routes and on routers under test that skipped `protect`: refuse either way.
    parts.extensions.get::<Authenticated>().cloned().ok_or_else(|| challenge(AuthError::Missing))
}

/// Permission `P` in the project of the request.
#[derive(Debug)]
pub struct Allowed<P: Need>(Access, PhantomData<P>);

/// Permission `P` in the organisation of the request.
#[derive(Debug)]
pub struct AllowedOrg<P: Need>(OrgAccess, PhantomData<P>);

/// Whoever has shown a credential, whatever they may do: for telling them what that is.
#[derive(Debug)]
pub struct SignedIn(pub OrgAccess);

impl<P: Need> Allowed<P> {
    /// The access itself, to hand to a service.
    #[must_use]
    pub fn into_inner(self) -> Access {
        self.0
    }
}

impl<P: Need> AllowedOrg<P> {
    /// The access itself, to hand to a service.
    #[must_use]
    pub fn into_inner(self) -> OrgAccess {
        self.0
    }
}

impl<P: Need> Deref for Allowed<P> {
    type Target = Access;

    fn deref(&self) -> &Access {
        &self.0
    }
}

impl<P: Need> Deref for AllowedOrg<P> {
    type Target = OrgAccess;

    fn deref(&self) -> &OrgAccess {
        &self.0
    }
}

impl<P: Need, S: Send + Sync> FromRequestParts<S> for Allowed<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        let Authenticated { principal, caller } = authenticated(parts)?;
        Ok(Self(Access::of(principal, caller, P::PERMISSION)?, PhantomData))
    }
}

impl<P: Need, S: Send + Sync> FromRequestParts<S> for AllowedOrg<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        let Authenticated { principal, caller } = authenticated(parts)?;
        Ok(Self(OrgAccess::of(principal, caller, P::PERMISSION)?, PhantomData))
    }
}

/// Who sent a request whose middleware ran already, and as whom to record it.
pub(crate) fn caller_of(extensions: &http::Extensions) -> Option<(Arc<Principal>, Caller)> {
    extensions.get::<Authenticated>().map(|a| (Arc::clone(&a.principal), a.caller.clone()))
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        let Authenticated { principal, caller } = authenticated(parts)?;
        Ok(Self(OrgAccess { scope: OrgScope::new(principal.org), principal, caller }))
    }
}

/// The principal of a request whose middleware ran already, for other middleware.
pub(crate) fn principal_of(extensions: &http::Extensions) -> Option<Arc<Principal>> {
    extensions.get::<Authenticated>().map(|a| a.principal.clone())
}
