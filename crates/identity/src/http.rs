//! The slice's routes, to be mounted under `/api/v1`.

use http::{HeaderValue, header};
use rhiza_web::ApiError;
use utoipa_axum::router::OpenApiRouter;

use crate::errors::IdentityError;
use crate::{Identity, keys, organizations, passkeys, people, service_accounts, sessions, setup};

/// The routes of set-up, sign-in, sessions, projects and keys, to be mounted under `/api/v1`.
#[must_use]
pub fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new()
        .merge(setup::http::router())
        .merge(sessions::http::router())
        .merge(people::http::router())
        .merge(passkeys::http::router())
        .merge(organizations::http::router())
        .merge(keys::http::router())
        .merge(service_accounts::http::router())
}

/// Stands where a permission would when what lacks is a fresh proof of who the person is.
const CONFIRMATION: &str = "confirmation";

/// The error as an answer, with how long to wait where waiting helps.
pub(crate) fn refuse(error: IdentityError) -> ApiError {
    let wait = error.retry_after();
    let unconfirmed = matches!(error, IdentityError::Unconfirmed);
    let error = ApiError::from(error);
    if unconfirmed {
        return error.with_permission(CONFIRMATION);
    }
    match wait {
        // Rounded up: trying earlier would fail again.
        Some(wait) => error.with_header(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1)),
        None => error,
    }
}
