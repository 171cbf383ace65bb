//! The two calls of who has forgotten the password.

use axum::extract::State;
use http::StatusCode;
use rhiza_web::{ApiResult, Json, ProblemResponses};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::registration::http::Address;
use crate::sessions::http::Visitor;
use crate::{Identity, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new().routes(routes!(forgot_password)).routes(routes!(reset_password))
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResetPassword {
    /// What stands behind `#token=` in the link.
    #[schema(value_type = String)]
    token: SecretString,
    /// At least 12 characters.
    #[schema(value_type = String, format = "password")]
    password: SecretString,
}

/// Sends a link to a new password, if the address has an account. The answer tells nothing.
#[utoipa::path(
    post,
    path = "/auth/forgot-password",
    operation_id = "forgotPassword",
    tag = "sessions",
    security(()),
    request_body = Address,
    responses((status = 202, description = "If the address has an account, a letter is on its way."), ProblemResponses)
)]
async fn forgot_password(
    State(identity): State<Identity>,
    Visitor(browser): Visitor,
    Json(body): Json<Address>,
) -> ApiResult<StatusCode> {
    identity.recovery().forgot(&body.email, &browser).await.map_err(refuse)?;
    Ok(StatusCode::ACCEPTED)
}

/// Sets a new password with the secret of a letter. Every session and every access token of the person ends.
#[utoipa::path(
    post,
    path = "/auth/reset-password",
    operation_id = "resetPassword",
    tag = "sessions",
    security(()),
    request_body = ResetPassword,
    responses((status = 204, description = "The password is set; sign in with it."), ProblemResponses)
)]
async fn reset_password(
    State(identity): State<Identity>,
    Visitor(browser): Visitor,
    Json(body): Json<ResetPassword>,
) -> ApiResult<StatusCode> {
    identity.recovery().reset(body.token.expose_secret(), body.password, &browser).await.map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}
