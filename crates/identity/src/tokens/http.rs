//! The routes of access tokens, and the address of the keys they are signed with.

use axum::extract::State;
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use http::{StatusCode, header};
use rhiza_kernel::{KeyId, Permission, ProjectId, ServiceAccountId, TokenFamilyId, UserId};
use rhiza_platform::authz::{Actor, AllowedOrg, OrgAccess, need};
use rhiza_web::{ApiResult, ClientAddr, Json, Page, PageQuery, Path, ProblemResponses, RequestId};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::LIFE;
use super::{Family, Issued, NewFamily};
use crate::{Identity, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new()
        .routes(routes!(create_tokens))
        .routes(routes!(refresh_tokens))
        .routes(routes!(list_tokens))
        .routes(routes!(revoke_tokens))
}

/// The route that stands outside `/api/v1`.
#[must_use]
pub fn well_known() -> OpenApiRouter<Identity> {
    OpenApiRouter::new().routes(routes!(get_signing_keys))
}

/// Tokens to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateTokens {
    /// What they are for, to know them again in the list.
    #[schema(example = "notebook on the train")]
    name: String,
    /// Permissions such as `experiments:write`, or `*` for everything that the credential of this request allows.
    /// Absent: what a training script needs, and nothing that manages people, projects or keys.
    scopes: Option<Vec<String>>,
    /// The only project they enter, by slug or id. Absent: as the credential of this request.
    project: Option<String>,
    /// After how many days they cannot be renewed any more: 30 when absent.
    #[schema(minimum = 1, maximum = 30)]
    expires_in_days: Option<u32>,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefreshTokens {
    #[schema(value_type = String, example = "rz_refresh_…")]
    refresh_token: SecretString,
}

/// An access token, and the refresh token for the next one.
#[derive(Serialize, ToSchema)]
struct TokenPair {
    /// A JWT, to be sent as `Authorization: Bearer …`.
    access_token: String,
    /// Works once: the answer carries the next one.
    refresh_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds for which the access token is good.
    #[schema(example = 900)]
    expires_in: u64,
    /// The chain of tokens that begins here.
    #[schema(value_type = String, example = "tfm_01900000000070008000000000000001")]
    family: TokenFamilyId,
    /// When it cannot be renewed any more.
    family_expires_at: DateTime<Utc>,
}

/// The answer that hands tokens out. No copy of them may stay anywhere.
fn answer(status: StatusCode, issued: Issued) -> impl IntoResponse {
    let pair = TokenPair {
        access_token: issued.access,
        refresh_token: issued.refresh.expose().to_owned(),
        token_type: "Bearer",
        expires_in: LIFE.as_secs(),
        family: issued.family,
        family_expires_at: issued.family_expires_at,
    };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(pair))
}

/// Makes an access token of fifteen minutes and a refresh token for the session or API key of the request. They can do
/// no more than it, and those of a key end with the key.
#[utoipa::path(
    post,
    path = "/auth/tokens",
    operation_id = "createTokens",
    tag = "tokens",
    request_body = CreateTokens,
    responses((status = 201, body = TokenPair), ProblemResponses)
)]
async fn create_tokens(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
    Json(body): Json<CreateTokens>,
) -> ApiResult<impl IntoResponse> {
    let new = NewFamily {
        name: body.name,
        scopes: body.scopes,
        project: body.project,
        expires_in_days: body.expires_in_days,
    };
    Ok(answer(StatusCode::CREATED, identity.tokens().create(&access, new).await?))
}

/// Trades a refresh token for new tokens. Each refresh token works once; showing a used one again ends all tokens of its
/// family, except within ten seconds from the same address, which is answered with 409 and changes nothing.
#[utoipa::path(
    post,
    path = "/auth/tokens/refresh",
    operation_id = "refreshTokens",
    tag = "tokens",
    security(()),
    request_body = RefreshTokens,
    responses((status = 200, body = TokenPair), ProblemResponses)
)]
async fn refresh_tokens(
    State(identity): State<Identity>,
    address: ClientAddr,
    request_id: Option<axum::Extension<RequestId>>,
    Json(body): Json<RefreshTokens>,
) -> ApiResult<impl IntoResponse> {
    let request_id = request_id.map(|id| id.0.as_str().to_owned());
    let refreshed = identity.tokens().refresh(body.refresh_token.expose_secret(), address.ip(), request_id).await;
    Ok(answer(StatusCode::OK, refreshed.map_err(refuse)?))
}

/// A chain of tokens.
#[derive(Debug, Serialize, ToSchema)]
struct TokenFamily {
    #[schema(value_type = String, example = "tfm_01900000000070008000000000000001")]
    id: TokenFamilyId,
    name: String,
    /// The person it acts for.
    #[schema(value_type = Option<String>)]
    user_id: Option<UserId>,
    /// The service account it acts for.
    #[schema(value_type = Option<String>)]
    service_account_id: Option<ServiceAccountId>,
    /// The API key that asked for it, and with which it ends.
    #[schema(value_type = Option<String>)]
    key_id: Option<KeyId>,
    /// The only project it enters.
    #[schema(value_type = Option<String>)]
    project_id: Option<ProjectId>,
    scopes: Vec<&'static str>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// When it was renewed last.
    last_used_at: Option<DateTime<Utc>>,
    /// Where it was made or renewed last.
    ip: Option<String>,
    revoked_at: Option<DateTime<Utc>>,
    /// Why: `revoked` by somebody, or `reuse` of a used refresh token.
    revoked_because: Option<String>,
}

impl From<Family> for TokenFamily {
    fn from(family: Family) -> Self {
        Self {
            id: family.id,
            name: family.name,
            user_id: family.user,
            service_account_id: family.service_account,
            key_id: family.key,
            project_id: family.project,
            scopes: family.scopes.names(),
            created_at: family.created_at,
            expires_at: family.expires_at,
            last_used_at: family.last_used_at,
            ip: family.address,
            revoked_at: family.revoked_at,
            revoked_because: family.revoked_because,
        }
    }
}

/// Lists chains of tokens that can still be renewed, newest first: the caller's own, or everybody's for those who manage
/// members.
#[utoipa::path(
    get,
    path = "/tokens",
    operation_id = "listTokens",
    tag = "tokens",
    params(PageQuery),
    responses((status = 200, body = Page<TokenFamily>), ProblemResponses)
)]
async fn list_tokens(
    State(identity): State<Identity>,
    access: AllowedOrg<need::SelfManage>,
    page: PageQuery,
) -> ApiResult<Json<Page<TokenFamily>>> {
    let found = identity.tokens().page(&access, page.cursor()?, page.fetch()).await?;
    Ok(Json(Page::from_overfetch(found, &page, |last| last.id).map(TokenFamily::from)))
}

/// Revokes a chain of tokens. They stop working at once, and within two seconds on every other server. A token may always
/// revoke its own.
#[utoipa::path(
    delete,
    path = "/tokens/{family_id}",
    operation_id = "revokeTokens",
    tag = "tokens",
    params(("family_id" = String, Path, description = "The family's id.")),
    responses((status = 204, description = "Revoked."), ProblemResponses)
)]
async fn revoke_tokens(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
    Path(id): Path<TokenFamilyId>,
) -> ApiResult<StatusCode> {
    if !is_own(&access, id) {
        access.require(Permission::SelfManage)?;
    }
    identity.tokens().revoke(&access, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn is_own(access: &OrgAccess, id: TokenFamilyId) -> bool {
    matches!(&access.principal.actor, Actor::Token { family, .. } if *family == id)
}

/// A public key (RFC 8037).
#[derive(Debug, Serialize, ToSchema)]
struct SigningKey {
    #[schema(example = "OKP")]
    kty: &'static str,
    #[schema(example = "Ed25519")]
    crv: &'static str,
    #[schema(example = "EdDSA")]
    alg: &'static str,
    #[schema(example = "sig", rename = "use")]
    #[serde(rename = "use")]
    usage: &'static str,
    kid: String,
    x: String,
}

/// Public keys (RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
struct SigningKeySet {
    keys: Vec<SigningKey>,
}

/// The public keys with which access tokens can be checked: those that sign or have signed tokens still good, and the
/// next one, an hour before it signs.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "getSigningKeys",
    tag = "tokens",
    security(()),
    responses((status = 200, body = SigningKeySet), ProblemResponses)
)]
async fn get_signing_keys(State(identity): State<Identity>) -> ApiResult<impl IntoResponse> {
    let keys = identity.tokens().published().await?;
    let keys = keys.into_iter().map(|key| SigningKey {
        kty: "OKP",
        crv: "Ed25519",
        alg: "EdDSA",
        usage: "sig",
        kid: key.kid,
        x: URL_SAFE_NO_PAD.encode(&key.public),
    });
    // A quarter of the time for which a key is published before it signs.
    Ok(([(header::CACHE_CONTROL, "public, max-age=900")], Json(SigningKeySet { keys: keys.collect() })))
}
