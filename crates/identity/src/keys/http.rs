//! The routes of API keys.

use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use http::{StatusCode, header};
use rhiza_kernel::{KeyId, ProjectId, RoleRef, ServiceAccountId, UserId};
use rhiza_platform::authz::{Allowed, need};
use rhiza_web::{ApiResult, Json, Page, PageQuery, Path, ProblemResponses};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{ApiKey, KeyText, Networks, NewKey};
use crate::Identity;
use crate::errors::IdentityError;

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new().routes(routes!(list_keys, create_key)).routes(routes!(delete_key)).routes(routes!(rotate_key))
}

/// An API key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
struct Key {
    #[schema(value_type = String, example = "key_01900000000070008000000000000001")]
    id: KeyId,
    name: String,
    /// The beginning of the secret, to tell keys apart.
    #[schema(example = "rz_live_ab12")]
    prefix: String,
    /// The project it belongs to; `null` for a key of the whole organisation.
    #[schema(value_type = Option<String>)]
    project_id: Option<ProjectId>,
    /// What it may be used for; `*` is everything its role allows.
    scopes: Vec<String>,
    /// The role it is limited to: a fixed one or the id of one of the organisation's own; `null` for whatever its owner
    /// may do.
    #[schema(value_type = Option<String>, example = "engineer")]
    role: Option<RoleRef>,
    /// Who made it and answers for it.
    #[schema(value_type = Option<String>)]
    created_by: UserId,
    /// The service account it acts for; `null` when it acts for whoever made it.
    #[schema(value_type = Option<String>)]
    service_account_id: Option<ServiceAccountId>,
    /// The networks from which it may be used; `null` for anywhere.
    allowed_networks: Option<Vec<String>>,
    /// The key that it replaces.
    #[schema(value_type = Option<String>)]
    rotated_from: Option<KeyId>,
    created_at: DateTime<Utc>,
    /// When it was last used, to within about a minute.
    last_used_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl From<ApiKey> for Key {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            prefix: key.prefix,
            project_id: key.project,
            scopes: key.scopes.names(),
            role: key.role,
            created_by: key.created_by,
            service_account_id: key.service_account,
            allowed_networks: key.allowed_networks.as_ref().map(Networks::names),
            rotated_from: key.rotated_from,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateKey {
    #[schema(example = "training on the cluster")]
    name: String,
    /// When it ends by itself; absent or `null` for never.
    expires_at: Option<DateTime<Utc>>,
    /// Permissions such as `experiments:write`, or `*` for everything the role allows. Absent: what a training script
    /// needs, and nothing that manages people, projects or keys.
    scopes: Option<Vec<String>>,
    /// The role to limit it to; absent for whatever the caller may do.
    role: Option<String>,
    /// Whether it belongs to the whole organisation instead of the chosen project.
    #[serde(default)]
    organization_wide: bool,
    /// The service account it acts for, by id; absent for the caller. Needs `members:manage`.
    #[schema(example = "sva_01900000000070008000000000000001")]
    service_account_id: Option<String>,
    /// Addresses and networks from which it may be used, at most 100; absent for anywhere.
    #[schema(example = json!(["10.0.0.0/8", "2001:db8::/32"]))]
    allowed_networks: Option<Vec<String>>,
}

/// How a key is to be replaced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RotateKey {
    /// For how long the old key still works: at most 30 days, a day when absent.
    #[schema(maximum = 2_592_000, example = 3600)]
    overlap_seconds: Option<u32>,
}

const DAY: u32 = 86_400;
const LONGEST_OVERLAP: u32 = 30 * DAY;

/// A new key with its secret.
#[derive(Serialize, ToSchema)]
struct CreatedKey {
    key: Key,
    /// Shown this once and never again.
    #[schema(example = "rz_live_…")]
    secret: String,
}

/// Lists the keys of the chosen project, newest first: the caller's own, or everybody's for those who manage members.
#[utoipa::path(
    get,
    path = "/keys",
    operation_id = "listKeys",
    tag = "keys",
    params(PageQuery),
    responses((status = 200, body = Page<Key>), ProblemResponses)
)]
async fn list_keys(
    State(identity): State<Identity>,
    access: Allowed<need::KeyManage>,
    page: PageQuery,
) -> ApiResult<Json<Page<Key>>> {
    let found = identity.keys().page(&access, page.cursor()?, page.fetch()).await?;
    Ok(Json(Page::from_overfetch(found, &page, |last| last.id).map(Key::from)))
}

/// Makes a key of the chosen project. It can do no more than its maker.
#[utoipa::path(
    post,
    path = "/keys",
    operation_id = "createKey",
    tag = "keys",
    request_body = CreateKey,
    responses((status = 201, body = CreatedKey), ProblemResponses)
)]
async fn create_key(
    State(identity): State<Identity>,
    access: Allowed<need::KeyManage>,
    Json(body): Json<CreateKey>,
) -> ApiResult<impl IntoResponse> {
    let new = NewKey {
        name: body.name,
        expires_at: body.expires_at,
        scopes: body.scopes,
        role: body.role,
        organization_wide: body.organization_wide,
        service_account: body.service_account_id,
        allowed_networks: body.allowed_networks,
    };
    Ok(created(identity.keys().create(&access, new).await?))
}

fn created((key, text): (ApiKey, KeyText)) -> impl IntoResponse {
    let created = CreatedKey { key: key.into(), secret: text.expose().to_owned() };
    // No copy of the secret may stay anywhere, the table of idempotent replies included.
    (StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(created))
}

/// Replaces a key: the new one can do exactly what the old one can, and both work until the overlap is over. Only the
/// owner of a key can have its secret, and for service accounts those who manage members.
#[utoipa::path(
    post,
    path = "/keys/{key_id}/rotate",
    operation_id = "rotateKey",
    tag = "keys",
    params(("key_id" = String, Path, description = "The id of the key to be replaced.")),
    request_body = RotateKey,
    responses((status = 201, body = CreatedKey), ProblemResponses)
)]
async fn rotate_key(
    State(identity): State<Identity>,
    access: Allowed<need::KeyManage>,
    Path(id): Path<KeyId>,
    Json(body): Json<RotateKey>,
) -> ApiResult<impl IntoResponse> {
    let overlap = body.overlap_seconds.unwrap_or(DAY);
    if overlap > LONGEST_OVERLAP {
        return Err(IdentityError::field("/overlap_seconds", "must be at most 2592000, which is 30 days").into());
    }
    let overlap = Duration::from_secs(u64::from(overlap));
    Ok(created(identity.keys().rotate(&access, id, overlap).await?))
}

/// Withdraws a key. It stops working at once, and within two seconds on every other server.
#[utoipa::path(
    delete,
    path = "/keys/{key_id}",
    operation_id = "deleteKey",
    tag = "keys",
    params(("key_id" = String, Path, description = "The key's id.")),
    responses((status = 204, description = "Withdrawn."), ProblemResponses)
)]
async fn delete_key(
    State(identity): State<Identity>,
    access: Allowed<need::KeyManage>,
    Path(id): Path<KeyId>,
) -> ApiResult<StatusCode> {
    identity.keys().revoke(&access, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
