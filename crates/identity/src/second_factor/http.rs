//! Showing the second factor, and switching it on and off.

use axum::extract::State;
use axum::response::IntoResponse;
use http::{HeaderValue, StatusCode, header};
use rhiza_platform::authz::{AllowedOrg, need};
use rhiza_web::{ApiResult, Json, ProblemResponses};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::people::http::Me;
use crate::sessions::http::{Visitor, cookie_of, welcome};
use crate::{Identity, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new()
        .routes(routes!(finish_sign_in))
        .routes(routes!(create_totp, delete_totp))
        .routes(routes!(confirm_totp))
        .routes(routes!(renew_recovery_codes))
}

/// The second factor of a sign-in that is under way.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FinishSignIn {
    /// What `POST /auth/sign-in` answered.
    #[schema(value_type = String)]
    challenge: SecretString,
    /// Six digits from the authenticator app, or a recovery code.
    #[schema(value_type = String, example = "123456")]
    code: SecretString,
}

/// A secret for an authenticator app.
#[derive(Serialize, ToSchema)]
struct TotpProposal {
    /// The secret, to be typed into the app.
    secret: String,
    /// The same for the app to open.
    #[schema(example = "otpauth://totp/Rhiza:ada%40example%2Ecom?secret=…&issuer=Rhiza")]
    uri: String,
    /// The same as a picture for the app's camera.
    qr_svg: String,
}

/// A code of the app.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConfirmTotp {
    /// Six digits.
    #[schema(value_type = String, example = "123456")]
    code: SecretString,
}

/// Codes for the day the app is lost. They are shown here and nowhere else.
#[derive(Serialize, ToSchema)]
struct RecoveryCodes {
    /// Each works once.
    recovery_codes: Vec<String>,
}

const NO_STORE: (header::HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// Finishes a sign-in with a code of the authenticator app or a recovery code. A challenge takes five attempts.
#[utoipa::path(
    post,
    path = "/auth/second-factor",
    operation_id = "finishSignIn",
    tag = "sessions",
    security(()),
    request_body = FinishSignIn,
    responses((status = 200, body = Me, description = "Signed in; `Set-Cookie` carries the session."), ProblemResponses)
)]
async fn finish_sign_in(
    State(identity): State<Identity>,
    Visitor(browser): Visitor,
    Json(body): Json<FinishSignIn>,
) -> ApiResult<impl IntoResponse> {
    let (challenge, code) = (body.challenge.expose_secret(), body.code.expose_secret());
    let opened = identity.second_factor().finish(challenge, code, &browser).await.map_err(refuse)?;
    welcome(&identity, opened).await
}

/// Makes a secret for an authenticator app. Two-step sign-in is on once a code from it was shown.
#[utoipa::path(
    post,
    path = "/me/totp",
    operation_id = "createTotp",
    tag = "account",
    responses((status = 201, body = TotpProposal), ProblemResponses)
)]
async fn create_totp(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
) -> ApiResult<impl IntoResponse> {
    let proposal = identity.second_factor().propose(&access).await.map_err(refuse)?;
    let body = TotpProposal { secret: proposal.secret, uri: proposal.uri, qr_svg: proposal.qr_svg };
    Ok((StatusCode::CREATED, [NO_STORE], Json(body)))
}

/// Switches two-step sign-in on. The session gets a new cookie.
#[utoipa::path(
    post,
    path = "/me/totp/confirm",
    operation_id = "confirmTotp",
    tag = "account",
    request_body = ConfirmTotp,
    responses(
        (status = 200, body = RecoveryCodes, description = "On; `Set-Cookie` carries the session."),
        ProblemResponses
    )
)]
async fn confirm_totp(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
    Json(body): Json<ConfirmTotp>,
) -> ApiResult<impl IntoResponse> {
    let (recovery_codes, token) =
        identity.second_factor().confirm(&access, body.code.expose_secret()).await.map_err(refuse)?;
    let cookie = cookie_of(&identity, &token)?;
    Ok(([NO_STORE, (header::SET_COOKIE, cookie)], Json(RecoveryCodes { recovery_codes })))
}

/// Switches two-step sign-in off.
#[utoipa::path(
    delete,
    path = "/me/totp",
    operation_id = "deleteTotp",
    tag = "account",
    responses((status = 204, description = "Off."), ProblemResponses)
)]
async fn delete_totp(State(identity): State<Identity>, access: AllowedOrg<need::SelfManage>) -> ApiResult<StatusCode> {
    identity.second_factor().remove(&access).await.map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes new recovery codes in place of the old ones.
#[utoipa::path(
    post,
    path = "/me/recovery-codes",
    operation_id = "renewRecoveryCodes",
    tag = "account",
    responses((status = 200, body = RecoveryCodes), ProblemResponses)
)]
async fn renew_recovery_codes(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
) -> ApiResult<impl IntoResponse> {
    let recovery_codes = identity.second_factor().renew_codes(&access).await.map_err(refuse)?;
    Ok(([NO_STORE], Json(RecoveryCodes { recovery_codes })))
}
