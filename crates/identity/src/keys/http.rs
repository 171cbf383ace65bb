//! The routes of API keys.

use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use http::{StatusCode, header};
use rhiza_kernel::{KeyId, ProjectId, RoleRef, UserId};
use rhiza_platform::authz::{Allowed, need};
use rhiza_web::{ApiResult, Json, Page, PageQuery, Path, ProblemResponses};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{ApiKey, NewKey};
use crate::Identity;

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new().routes(routes!(list_keys, create_key)).routes(routes!(delete_key))
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
}

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
    };
    let (key, text) = identity.keys().create(&access, new).await?;
    let created = CreatedKey { key: key.into(), secret: text.expose().to_owned() };
    // No copy of the secret may stay anywhere, the table of idempotent replies included.
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(created)))
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
