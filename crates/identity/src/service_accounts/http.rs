//! The routes of service accounts.

use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use http::StatusCode;
use rhiza_kernel::{RoleRef, ServiceAccountId, UserId};
use rhiza_platform::authz::{AllowedOrg, need};
use rhiza_web::{ApiResult, Etag, IfMatch, Json, Page, PageQuery, Path, ProblemResponses};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AccountChange, NewAccount};
use crate::Identity;

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new().routes(routes!(list_service_accounts, create_service_account)).routes(routes!(
        get_service_account,
        update_service_account,
        delete_service_account
    ))
}

/// A program's own account.
#[derive(Debug, Serialize, ToSchema)]
struct ServiceAccount {
    #[schema(value_type = String, example = "sva_01900000000070008000000000000001")]
    id: ServiceAccountId,
    #[schema(example = "nightly training")]
    name: String,
    description: String,
    /// The role in the organisation: a fixed one, or the id of one of the organisation's own.
    #[schema(value_type = String, example = "engineer")]
    role: RoleRef,
    #[schema(value_type = String)]
    created_by: UserId,
    created_at: DateTime<Utc>,
    /// Since when its keys open nothing.
    disabled_at: Option<DateTime<Utc>>,
}

impl From<super::ServiceAccount> for ServiceAccount {
    fn from(account: super::ServiceAccount) -> Self {
        Self {
            id: account.id,
            name: account.name,
            description: account.description,
            role: account.role,
            created_by: account.created_by,
            created_at: account.created_at,
            disabled_at: account.disabled_at,
        }
    }
}

/// A service account to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateServiceAccount {
    /// Not the name of another service account of the organisation.
    #[schema(example = "nightly training")]
    name: String,
    description: Option<String>,
    /// A fixed role or the id of one of the organisation's own, which includes nothing that the caller lacks.
    #[schema(example = "engineer")]
    role: String,
}

/// What to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateServiceAccount {
    name: Option<String>,
    description: Option<String>,
    role: Option<String>,
    /// Whether its keys and tokens open nothing for now.
    disabled: Option<bool>,
}

/// Lists the organisation's service accounts, newest first.
#[utoipa::path(
    get,
    path = "/service-accounts",
    operation_id = "listServiceAccounts",
    tag = "service accounts",
    params(PageQuery),
    responses((status = 200, body = Page<ServiceAccount>), ProblemResponses)
)]
async fn list_service_accounts(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
    page: PageQuery,
) -> ApiResult<Json<Page<ServiceAccount>>> {
    let found = identity.service_accounts().page(&access, page.cursor()?, page.fetch()).await?;
    Ok(Json(Page::from_overfetch(found, &page, |last| last.id).map(ServiceAccount::from)))
}

/// Makes a service account. Keys for it are made like others, naming it.
#[utoipa::path(
    post,
    path = "/service-accounts",
    operation_id = "createServiceAccount",
    tag = "service accounts",
    request_body = CreateServiceAccount,
    responses((status = 201, body = ServiceAccount), ProblemResponses)
)]
async fn create_service_account(
    State(identity): State<Identity>,
    access: AllowedOrg<need::MemberManage>,
    Json(body): Json<CreateServiceAccount>,
) -> ApiResult<impl IntoResponse> {
    let new = NewAccount { name: body.name, description: body.description, role: body.role };
    let account = identity.service_accounts().create(&access, new).await?;
    Ok((StatusCode::CREATED, Etag::revision(account.revision), Json(ServiceAccount::from(account))))
}

/// One service account. Its `ETag` goes into the `If-Match` of a change.
#[utoipa::path(
    get,
    path = "/service-accounts/{service_account_id}",
    operation_id = "getServiceAccount",
    tag = "service accounts",
    params(("service_account_id" = String, Path, description = "The account's id.")),
    responses((status = 200, body = ServiceAccount), ProblemResponses)
)]
async fn get_service_account(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
    Path(id): Path<ServiceAccountId>,
) -> ApiResult<impl IntoResponse> {
    let account = identity.service_accounts().get(&access, id).await?;
    Ok((Etag::revision(account.revision), Json(ServiceAccount::from(account))))
}

/// Changes a service account. With `If-Match`, only if nobody else has changed it since it was read.
#[utoipa::path(
    patch,
    path = "/service-accounts/{service_account_id}",
    operation_id = "updateServiceAccount",
    tag = "service accounts",
    params(
        ("service_account_id" = String, Path, description = "The account's id."),
        ("If-Match" = Option<String>, Header, description = "The ETag the account had when it was read.")
    ),
    request_body = UpdateServiceAccount,
    responses((status = 200, body = ServiceAccount), ProblemResponses)
)]
async fn update_service_account(
    State(identity): State<Identity>,
    access: AllowedOrg<need::MemberManage>,
    Path(id): Path<ServiceAccountId>,
    if_match: IfMatch,
    Json(body): Json<UpdateServiceAccount>,
) -> ApiResult<impl IntoResponse> {
    let change =
        AccountChange { name: body.name, description: body.description, role: body.role, disabled: body.disabled };
    let still_as_seen = |revision| if_match.require(&Etag::revision(revision)).is_ok();
    let account = identity.service_accounts().update(&access, id, change, still_as_seen).await?;
    Ok((Etag::revision(account.revision), Json(ServiceAccount::from(account))))
}

/// Removes a service account with its keys, its tokens and its roles in projects.
#[utoipa::path(
    delete,
    path = "/service-accounts/{service_account_id}",
    operation_id = "deleteServiceAccount",
    tag = "service accounts",
    params(("service_account_id" = String, Path, description = "The account's id.")),
    responses((status = 204, description = "Removed."), ProblemResponses)
)]
async fn delete_service_account(
    State(identity): State<Identity>,
    access: AllowedOrg<need::MemberManage>,
    Path(id): Path<ServiceAccountId>,
) -> ApiResult<StatusCode> {
    identity.service_accounts().delete(&access, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
