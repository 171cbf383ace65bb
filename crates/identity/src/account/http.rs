//! The routes of one's own account.

use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use http::{StatusCode, header};
use rhiza_platform::authz::{AllowedOrg, need};
use rhiza_web::{ApiResult, Json, ProblemResponses};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::service::{Safety, Shown};
use crate::errors::IdentityError;
use crate::people::http::{Me, me_of};
use crate::registration::http::{Address, LetterToken};
use crate::sessions::http::{Visitor, no_cookie};
use crate::{Identity, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new()
        .routes(routes!(get_security))
        .routes(routes!(confirm_myself))
        .routes(routes!(update_me))
        .routes(routes!(change_password))
        .routes(routes!(change_email))
        .routes(routes!(confirm_email))
        .routes(routes!(sign_out_everywhere))
}

/// What is known of the safety of one's account.
#[derive(Serialize, ToSchema)]
struct Security {
    /// Whether the address was proved.
    email_verified: bool,
    /// Whether there is a password.
    password: bool,
    /// Since when it is this one, if it was ever changed.
    password_changed_at: Option<DateTime<Utc>>,
    /// Whether an authenticator app is asked for at sign-in.
    totp: bool,
    recovery_codes_left: i64,
    /// Passkeys.
    passkeys: i64,
    /// Accounts at other sites that open this one.
    external_identities: i64,
    /// Until when the last proof of who one is counts for sensitive changes.
    confirmed_until: Option<DateTime<Utc>>,
}

impl From<Safety> for Security {
    fn from(safety: Safety) -> Self {
        Self {
            email_verified: safety.email_verified,
            password: safety.password,
            password_changed_at: safety.password_changed_at,
            totp: safety.totp,
            recovery_codes_left: safety.recovery_codes_left,
            passkeys: safety.passkeys,
            external_identities: safety.external_identities,
            confirmed_until: safety.confirmed_until,
        }
    }
}

/// A proof of who one is: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Confirm {
    #[schema(value_type = Option<String>, format = "password")]
    password: Option<SecretString>,
    /// A code of the authenticator app, or a recovery code.
    #[schema(value_type = Option<String>)]
    code: Option<SecretString>,
}

/// What to change of oneself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateMe {
    #[schema(example = "Ada Lovelace")]
    name: String,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangePassword {
    /// The one until now; absent for who has none.
    #[schema(value_type = Option<String>, format = "password")]
    current_password: Option<SecretString>,
    /// At least 12 characters.
    #[schema(value_type = String, format = "password")]
    password: SecretString,
}

/// What is known of the safety of one's account.
#[utoipa::path(
    get,
    path = "/me/security",
    operation_id = "getMySecurity",
    tag = "account",
    responses((status = 200, body = Security), ProblemResponses)
)]
async fn get_security(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
) -> ApiResult<Json<Security>> {
    Ok(Json(identity.accounts().safety(&access).await?.into()))
}

/// Proves again who one is. Sensitive changes need a proof that is at most ten minutes old; signing in counts.
#[utoipa::path(
    post,
    path = "/me/confirm",
    operation_id = "confirmMyself",
    tag = "account",
    request_body = Confirm,
    responses((status = 204, description = "Proved."), ProblemResponses)
)]
async fn confirm_myself(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
    Json(body): Json<Confirm>,
) -> ApiResult<StatusCode> {
    let shown = match (body.password, body.code) {
        (Some(password), None) => Shown::Password(password),
        (None, Some(code)) => Shown::Code(code),
        _ => return Err(IdentityError::field("/password", "or a code must be given, and not both").into()),
    };
    identity.accounts().confirm(&access, shown).await.map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes one's name.
#[utoipa::path(
    patch,
    path = "/me",
    operation_id = "updateMe",
    tag = "account",
    request_body = UpdateMe,
    responses((status = 200, body = Me), ProblemResponses)
)]
async fn update_me(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
    Json(body): Json<UpdateMe>,
) -> ApiResult<Json<Me>> {
    identity.accounts().rename(&access, &body.name).await?;
    me_of(&identity, &access.principal).await.map(Json)
}

/// Changes one's password. All other sessions end.
#[utoipa::path(
    post,
    path = "/me/password",
    operation_id = "changePassword",
    tag = "account",
    request_body = ChangePassword,
    responses((status = 204, description = "Changed."), ProblemResponses)
)]
async fn change_password(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
    Json(body): Json<ChangePassword>,
) -> ApiResult<StatusCode> {
    let changed = identity.accounts().change_password(&access, body.current_password, body.password).await;
    changed.map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a link to the address one wants to use from now on. Nothing changes until it is followed.
#[utoipa::path(
    post,
    path = "/me/email",
    operation_id = "changeEmail",
    tag = "account",
    request_body = Address,
    responses((status = 202, description = "A letter is on its way."), ProblemResponses)
)]
async fn change_email(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
    Json(body): Json<Address>,
) -> ApiResult<StatusCode> {
    identity.accounts().ask_new_email(&access, &body.email).await.map_err(refuse)?;
    Ok(StatusCode::ACCEPTED)
}

/// Changes an account's address, with the secret of the letter to the new one.
#[utoipa::path(
    post,
    path = "/auth/confirm-email",
    operation_id = "confirmEmail",
    tag = "account",
    security(()),
    request_body = LetterToken,
    responses((status = 204, description = "Changed; sign in with it from now on."), ProblemResponses)
)]
async fn confirm_email(
    State(identity): State<Identity>,
    Visitor(browser): Visitor,
    Json(body): Json<LetterToken>,
) -> ApiResult<StatusCode> {
    identity.accounts().confirm_email(body.token.expose_secret(), &browser).await.map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all of one's sessions, this one included, and the access tokens of one's programs. API keys go on.
#[utoipa::path(
    post,
    path = "/auth/sign-out-everywhere",
    operation_id = "signOutEverywhere",
    tag = "sessions",
    responses((status = 204, description = "Signed out."), ProblemResponses)
)]
async fn sign_out_everywhere(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
) -> ApiResult<impl IntoResponse> {
    identity.accounts().sign_out_everywhere(&access).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, no_cookie()?)]))
}
