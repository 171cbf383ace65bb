//! The slice's routes, to be mounted under `/api/v1`.

use http::{HeaderValue, header};
use rhiza_web::ApiError;
use utoipa_axum::router::OpenApiRouter;

use crate::errors::IdentityError;
use crate::{
    Identity, account, departure, explain, invitations, keys, members, oidc, organizations, passkeys, people,
    project_members, recovery, registration, roles, second_factor, service_accounts, sessions, setup, teams, tokens,
};

/// The routes of set-up, sign-in, sessions, projects and keys, to be mounted under `/api/v1`.
#[must_use]
pub fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new()
        .merge(setup::http::router())
        .merge(sessions::http::router())
        .merge(second_factor::http::router())
        .merge(registration::http::router())
        .merge(recovery::http::router())
        .merge(people::http::router())
        .merge(passkeys::http::router())
        .merge(account::http::router())
        .merge(departure::http::router())
        .merge(oidc::http::router())
        .merge(organizations::http::router())
        .merge(organizations::http_settings::router())
        .merge(organizations::http_mine::router())
        .merge(members::http::router())
        .merge(teams::http::router())
        .merge(project_members::http::router())
        .merge(explain::http::router())
        .merge(invitations::http::router())
        .merge(roles::http::router())
        .merge(keys::http::router())
        .merge(service_accounts::http::router())
        .merge(tokens::http::router())
}

/// What lacks whoever has to prove again who they are; stands where otherwise the name of a permission does.
const CONFIRMATION: &str = "confirmation";

/// The error as an answer, with how long to wait where waiting helps.
pub(crate) fn refuse(error: IdentityError) -> ApiError {
    let wait = error.retry_after();
    let lacks = match &error {
        IdentityError::Lacks { permission, .. } => Some(permission.as_str()),
        IdentityError::Unconfirmed => Some(CONFIRMATION),
        _ => None,
    };
    let error = ApiError::from(error);
    if let Some(lacks) = lacks {
        return error.with_permission(lacks);
    }
    match wait {
        // Rounded up: trying earlier would fail again.
        Some(wait) => error.with_header(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1)),
        None => error,
    }
}
