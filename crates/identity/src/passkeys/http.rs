//! The routes of passkeys. Options and credentials are the JSON forms that browsers read and write themselves
//! (`PublicKeyCredential.parseRequestOptionsFromJSON`, `credential.toJSON()`).

use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use http::{StatusCode, header};
use rhiza_kernel::PasskeyId;
use rhiza_platform::authz::{AllowedOrg, need};
use rhiza_web::{ApiResult, Json, Page, Path, ProblemResponses};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use super::service::Asked;
use crate::errors::IdentityError;
use crate::people::http::Me;
use crate::sessions::http::{Visitor, welcome};
use crate::{Identity, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new()
        .routes(routes!(begin_sign_in))
        .routes(routes!(finish_sign_in))
        .routes(routes!(begin_registration))
        .routes(routes!(list_passkeys, register))
        .routes(routes!(rename, delete))
}

/// What to ask the authenticator, and what to bring with its answer.
#[derive(Debug, Serialize, ToSchema)]
struct PasskeyChallenge {
    /// Comes back with the answer; good for five minutes and one answer.
    challenge: String,
    /// For `PublicKeyCredential.parseRequestOptionsFromJSON` or `parseCreationOptionsFromJSON`.
    #[schema(value_type = Object)]
    options: Value,
}

impl From<Asked> for PasskeyChallenge {
    fn from(asked: Asked) -> Self {
        Self { challenge: asked.challenge, options: asked.options }
    }
}

/// The authenticator's answer at a sign-in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FinishPasskeySignIn {
    #[schema(value_type = String)]
    challenge: SecretString,
    /// `credential.toJSON()`.
    #[schema(value_type = Object)]
    credential: Value,
}

/// The authenticator's answer at a registration.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RegisterPasskey {
    #[schema(value_type = String)]
    challenge: SecretString,
    /// What to call it.
    #[schema(example = "Ada's laptop")]
    name: String,
    /// `credential.toJSON()`.
    #[schema(value_type = Object)]
    credential: Value,
}

/// Another name for a passkey.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RenamePasskey {
    #[schema(example = "Ada's phone")]
    name: String,
}

/// A passkey.
#[derive(Debug, Serialize, ToSchema)]
struct Passkey {
    #[schema(value_type = String, example = "pky_01900000000070008000000000000001")]
    id: PasskeyId,
    name: String,
    created_at: DateTime<Utc>,
    /// When it was last used to sign in.
    last_used_at: Option<DateTime<Utc>>,
}

impl From<super::Passkey> for Passkey {
    fn from(passkey: super::Passkey) -> Self {
        let super::Passkey { id, name, created_at, last_used_at } = passkey;
        Self { id, name, created_at, last_used_at }
    }
}

const NO_STORE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

fn read<T: serde::de::DeserializeOwned>(credential: Value) -> Result<T, IdentityError> {
    serde_json::from_value(credential)
        .map_err(|_| IdentityError::field("/credential", "is not what credential.toJSON() of a browser gives"))
}

/// Begins a sign-in with a passkey: whose, the authenticator will tell.
#[utoipa::path(
    post,
    path = "/auth/passkey/begin",
    operation_id = "beginPasskeySignIn",
    tag = "sessions",
    security(()),
    responses((status = 200, body = PasskeyChallenge), ProblemResponses)
)]
async fn begin_sign_in(State(identity): State<Identity>, Visitor(_browser): Visitor) -> ApiResult<impl IntoResponse> {
    let asked = identity.passkeys().begin_sign_in().await.map_err(refuse)?;
    Ok((NO_STORE, Json(PasskeyChallenge::from(asked))))
}

/// Signs in with a passkey, which counts as password and second factor, and sets the session cookie.
#[utoipa::path(
    post,
    path = "/auth/passkey/finish",
    operation_id = "finishPasskeySignIn",
    tag = "sessions",
    security(()),
    request_body = FinishPasskeySignIn,
    responses((status = 200, body = Me, description = "Signed in; `Set-Cookie` carries the session."), ProblemResponses)
)]
async fn finish_sign_in(
    State(identity): State<Identity>,
    Visitor(browser): Visitor,
    Json(body): Json<FinishPasskeySignIn>,
) -> ApiResult<impl IntoResponse> {
    let shown: PublicKeyCredential = read(body.credential)?;
    let opened = identity.passkeys().finish_sign_in(body.challenge.expose_secret(), &shown, &browser).await;
    welcome(&identity, opened.map_err(refuse)?).await
}

/// Begins the registration of a passkey. Needs a proof of who one is that is at most ten minutes old.
#[utoipa::path(
    post,
    path = "/me/passkeys/begin",
    operation_id = "beginPasskeyRegistration",
    tag = "account",
    responses((status = 200, body = PasskeyChallenge), ProblemResponses)
)]
async fn begin_registration(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
) -> ApiResult<impl IntoResponse> {
    let asked = identity.passkeys().begin_registration(&access).await.map_err(refuse)?;
    Ok((NO_STORE, Json(PasskeyChallenge::from(asked))))
}

/// Lists the caller's own passkeys, oldest first. A person has at most 25.
#[utoipa::path(
    get,
    path = "/me/passkeys",
    operation_id = "listPasskeys",
    tag = "account",
    responses((status = 200, body = Page<Passkey>), ProblemResponses)
)]
async fn list_passkeys(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
) -> ApiResult<Json<Page<Passkey>>> {
    let found = identity.passkeys().list(&access).await.map_err(refuse)?;
    Ok(Json(Page { items: found.into_iter().map(Passkey::from).collect(), next_cursor: None }))
}

/// Registers a passkey.
#[utoipa::path(
    post,
    path = "/me/passkeys",
    operation_id = "createPasskey",
    tag = "account",
    request_body = RegisterPasskey,
    responses((status = 201, body = Passkey), ProblemResponses)
)]
async fn register(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
    Json(body): Json<RegisterPasskey>,
) -> ApiResult<impl IntoResponse> {
    let shown: RegisterPublicKeyCredential = read(body.credential)?;
    let passkeys = identity.passkeys();
    let made = passkeys.register(&access, body.challenge.expose_secret(), &body.name, &shown).await.map_err(refuse)?;
    Ok((StatusCode::CREATED, Json(Passkey::from(made))))
}

/// Gives a passkey another name.
#[utoipa::path(
    patch,
    path = "/me/passkeys/{passkey_id}",
    operation_id = "updatePasskey",
    tag = "account",
    params(("passkey_id" = String, Path, description = "The passkey's id.")),
    request_body = RenamePasskey,
    responses((status = 200, body = Passkey), ProblemResponses)
)]
async fn rename(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
    Path(id): Path<PasskeyId>,
    Json(body): Json<RenamePasskey>,
) -> ApiResult<Json<Passkey>> {
    let renamed = identity.passkeys().rename(&access, id, &body.name).await.map_err(refuse)?;
    Ok(Json(renamed.into()))
}

/// Removes a passkey, unless it is the last way in. Needs a proof of who one is that is at most ten minutes old.
#[utoipa::path(
    delete,
    path = "/me/passkeys/{passkey_id}",
    operation_id = "deletePasskey",
    tag = "account",
    params(("passkey_id" = String, Path, description = "The passkey's id.")),
    responses((status = 204, description = "Removed."), ProblemResponses)
)]
async fn delete(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
    Path(id): Path<PasskeyId>,
) -> ApiResult<StatusCode> {
    identity.passkeys().delete(&access, id).await.map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}
