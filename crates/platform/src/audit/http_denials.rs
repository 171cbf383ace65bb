//! The middleware that notices denials.

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use rhiza_kernel::{Env, ErrorCode};
use rhiza_web::ApiError;

use super::denials::{Denials, Denied};
use crate::authz;

#[derive(Clone)]
struct Watch {
    denials: Denials,
    env: Env,
}

/// Notes every `permission_denied` that an authenticated caller gets from `router`. Call it before
/// [`authz::protect`](crate::authz::protect), which says who the caller is.
pub fn watch(router: Router, denials: Denials, env: Env) -> Router {
    router.layer(middleware::from_fn_with_state(Watch { denials, env }, notice))
}

async fn notice(State(watch): State<Watch>, request: Request, next: Next) -> Response {
    let Some((principal, caller)) = authz::caller_of(request.extensions()) else { return next.run(request).await };
    let method = request.method().clone();
    // The route's pattern, not the path: ids would make every request a kind of its own.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    if let Some(error) = ApiError::of(&response)
        && error.code() == ErrorCode::PermissionDenied
    {
        let reason = error.permission().unwrap_or_else(|| error.detail()).to_owned();
        let route = route.as_ref().map_or("(no route)", MatchedPath::as_str);
        let subject = format!("{method} {route}");
        let denied = Denied { org: principal.org, caller, action: "authz.request.deny", subject, reason };
        watch.denials.note(denied, &watch.env);
    }
    response
}
