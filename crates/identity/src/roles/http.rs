//! The routes of roles and permissions.

use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use http::StatusCode;
use rhiza_kernel::{Permission, Role as Fixed, RoleId, RoleRef};
use rhiza_platform::authz::{AllowedOrg, Policies, Standing, need};
use rhiza_web::{ApiResult, Etag, IfMatch, Json, Page, Path, ProblemResponses};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{NewRole, OwnRole, RoleChange};
use crate::errors::IdentityError;
use crate::{Identity, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new().routes(routes!(list_permissions)).routes(routes!(list_roles, create_role)).routes(routes!(
        get_role,
        update_role,
        delete_role
    ))
}

/// A role: a fixed one, or one that the organisation made.
#[derive(Debug, Serialize, ToSchema)]
struct AccessRole {
    /// What names it wherever a role is given: the name of a fixed role, or the id of one of the organisation's own.
    #[schema(value_type = String, example = "reviewer")]
    id: RoleRef,
    name: String,
    description: String,
    /// What it includes.
    permissions: Vec<&'static str>,
    /// Whether it is there in every organisation and cannot be changed.
    fixed: bool,
    /// When it was made; `null` for the fixed ones.
    created_at: Option<DateTime<Utc>>,
}

impl AccessRole {
    fn own(role: OwnRole) -> Self {
        Self {
            id: RoleRef::Custom(role.id),
            name: role.name,
            description: role.description,
            permissions: role.permissions.names(),
            fixed: false,
            created_at: Some(role.created_at),
        }
    }

    fn fixed(policies: &Policies, role: Fixed) -> Self {
        let standing = Standing::new(&[role.into()], rhiza_kernel::Permissions::NONE);
        // What the policy that stands for the role says of it.
        let says = policies.explain(standing, Permission::OrganizationRead).reasons.into_iter().next();
        Self {
            id: role.into(),
            name: role.to_string(),
            description: says.map(|reason| reason.says).unwrap_or_default(),
            permissions: policies.of_role(role).names(),
            fixed: true,
            created_at: None,
        }
    }
}

/// Something that can be allowed.
#[derive(Debug, Serialize, ToSchema)]
struct PermissionInfo {
    #[schema(example = "models:review")]
    name: &'static str,
    description: &'static str,
    /// The fixed roles that include it.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Fixed>,
}

/// Lists everything that can be allowed: what roles are made of, and the scopes of keys.
#[utoipa::path(
    get,
    path = "/permissions",
    operation_id = "listPermissions",
    tag = "access",
    responses((status = 200, body = Page<PermissionInfo>), ProblemResponses)
)]
async fn list_permissions(
    State(identity): State<Identity>,
    _: AllowedOrg<need::OrganizationRead>,
) -> ApiResult<Json<Page<PermissionInfo>>> {
    let policies = &identity.governance().policies;
    let items = Permission::ALL.iter().map(|permission| PermissionInfo {
        name: permission.as_str(),
        description: permission.description(),
        roles: Fixed::ALL.into_iter().filter(|role| policies.of_role(*role).contains(*permission)).collect(),
    });
    Ok(Json(Page { items: items.collect(), next_cursor: None }))
}

/// Lists the roles that can be given, all at once: the fixed ones, strongest first, then the organisation's own.
#[utoipa::path(
    get,
    path = "/roles",
    operation_id = "listRoles",
    tag = "access",
    responses((status = 200, body = Page<AccessRole>), ProblemResponses)
)]
async fn list_roles(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
) -> ApiResult<Json<Page<AccessRole>>> {
    let governance = identity.governance();
    let own = governance.own_roles(&access).await?.into_iter().map(AccessRole::own);
    let fixed = Fixed::ALL.into_iter().map(|role| AccessRole::fixed(&governance.policies, role));
    Ok(Json(Page { items: fixed.chain(own).collect(), next_cursor: None }))
}

/// A role to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateRole {
    #[schema(example = "Release manager")]
    name: String,
    description: Option<String>,
    /// What it includes; the maker must have all of it. `organization:read` and `self:manage` are always in it.
    #[schema(example = json!(["models:read", "models:review"]))]
    permissions: Vec<String>,
}

/// Makes a role out of permissions that its maker has.
#[utoipa::path(
    post,
    path = "/roles",
    operation_id = "createRole",
    tag = "access",
    request_body = CreateRole,
    responses((status = 201, body = AccessRole), ProblemResponses)
)]
async fn create_role(
    State(identity): State<Identity>,
    access: AllowedOrg<need::RoleManage>,
    Json(body): Json<CreateRole>,
) -> ApiResult<impl IntoResponse> {
    let new = NewRole { name: body.name, description: body.description, permissions: body.permissions };
    let role = identity.governance().create_role(&access, new).await.map_err(refuse)?;
    Ok((StatusCode::CREATED, Etag::revision(role.revision), Json(AccessRole::own(role))))
}

/// One role. The `ETag` of the organisation's own ones goes into the `If-Match` of a change.
#[utoipa::path(
    get,
    path = "/roles/{role_id}",
    operation_id = "getRole",
    tag = "access",
    params(("role_id" = String, Path, description = "The role's id; for a fixed role, its name.")),
    responses((status = 200, body = AccessRole), ProblemResponses)
)]
async fn get_role(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
    Path(role): Path<RoleRef>,
) -> ApiResult<impl IntoResponse> {
    let governance = identity.governance();
    let (revision, role) = match role {
        RoleRef::BuiltIn(role) => (0, AccessRole::fixed(&governance.policies, role)),
        RoleRef::Custom(id) => {
            let role = governance.own_role(&access, id).await?;
            (role.revision, AccessRole::own(role))
        }
    };
    Ok((Etag::revision(revision), Json(role)))
}

/// What to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateRole {
    name: Option<String>,
    description: Option<String>,
    permissions: Option<Vec<String>>,
}

fn own(role: RoleRef) -> Result<RoleId, IdentityError> {
    match role {
        RoleRef::Custom(id) => Ok(id),
        RoleRef::BuiltIn(role) => Err(IdentityError::Conflict(format!("The role {role} is fixed."))),
    }
}

/// Changes one of the organisation's own roles; within a second it counts for everybody who has it. The caller must have
/// everything in it, before and after. With `If-Match`, only if nobody else has changed it since it was read.
#[utoipa::path(
    patch,
    path = "/roles/{role_id}",
    operation_id = "updateRole",
    tag = "access",
    params(
        ("role_id" = String, Path, description = "The role's id."),
        ("If-Match" = Option<String>, Header, description = "The ETag the role had when it was read.")
    ),
    request_body = UpdateRole,
    responses((status = 200, body = AccessRole), ProblemResponses)
)]
async fn update_role(
    State(identity): State<Identity>,
    access: AllowedOrg<need::RoleManage>,
    Path(role): Path<RoleRef>,
    if_match: IfMatch,
    Json(body): Json<UpdateRole>,
) -> ApiResult<impl IntoResponse> {
    let change = RoleChange { name: body.name, description: body.description, permissions: body.permissions };
    let still_as_seen = |revision| if_match.require(&Etag::revision(revision)).is_ok();
    let changed = identity.governance().update_role(&access, own(role)?, change, still_as_seen).await;
    let role = changed.map_err(refuse)?;
    Ok((Etag::revision(role.revision), Json(AccessRole::own(role))))
}

/// Removes one of the organisation's own roles. One that is still given to somebody answers 409 and says to whom.
#[utoipa::path(
    delete,
    path = "/roles/{role_id}",
    operation_id = "deleteRole",
    tag = "access",
    params(("role_id" = String, Path, description = "The role's id.")),
    responses((status = 204, description = "Removed."), ProblemResponses)
)]
async fn delete_role(
    State(identity): State<Identity>,
    access: AllowedOrg<need::RoleManage>,
    Path(role): Path<RoleRef>,
) -> ApiResult<StatusCode> {
    identity.governance().delete_role(&access, own(role)?).await.map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}
