//! The routes of a project's own members.

use axum::extract::State;
use chrono::{DateTime, Utc};
use http::StatusCode;
use rhiza_kernel::{ProjectId, RoleRef};
use rhiza_platform::authz::{AllowedOrg, need};
use rhiza_web::{ApiResult, Json, Page, PageQuery, Path, ProblemResponses};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Given, Subject};
use crate::access::name_of;
use crate::errors::IdentityError;
use crate::{Identity, refuse};

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new()
        .routes(routes!(list_project_members))
        .routes(routes!(set_project_member, remove_project_member))
}

/// Somebody with a role in a project.
#[derive(Debug, Serialize, ToSchema)]
struct ProjectMember {
    /// The id of the person, team or service account.
    #[schema(example = "usr_01900000000070008000000000000001")]
    subject: String,
    /// `user`, `team` or `service_account`.
    kind: &'static str,
    name: String,
    /// The person's address.
    email: Option<String>,
    /// A fixed role, or the id of one of the organisation's own.
    #[schema(value_type = String, example = "engineer")]
    role: RoleRef,
    /// The role as people call it.
    role_name: String,
    created_at: DateTime<Utc>,
}

/// Lists who has a role in the project, beside those whom their role in the organisation lets in.
#[utoipa::path(
    get,
    path = "/projects/{project_id}/members",
    operation_id = "listProjectMembers",
    tag = "access",
    params(("project_id" = String, Path, description = "The project's id."), PageQuery),
    responses((status = 200, body = Page<ProjectMember>), ProblemResponses)
)]
async fn list_project_members(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
    Path(project): Path<ProjectId>,
    page: PageQuery,
) -> ApiResult<Json<Page<ProjectMember>>> {
    let governance = identity.governance();
    let after: Option<String> = page.cursor()?;
    let after = after.and_then(|text| text.parse().ok());
    let found = governance.project_members(&access, project, after, page.fetch()).await.map_err(refuse)?;
    let roles = governance.own_roles(&access).await?;
    let page = Page::from_overfetch(found, &page, |last| last.subject.to_string());
    Ok(Json(page.map(|given: Given| ProjectMember {
        subject: given.subject.to_string(),
        kind: given.subject.kind(),
        name: given.name,
        email: given.email,
        role: given.role,
        role_name: name_of(&roles, given.role),
        created_at: given.created_at,
    })))
}

/// A role to be given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetProjectMember {
    /// A fixed role, or the id of one of the organisation's own.
    #[schema(example = "engineer")]
    role: String,
}

fn subject(text: &str) -> Result<Subject, IdentityError> {
    text.parse().map_err(|_| IdentityError::NotFound("member, team or service account"))
}

/// Gives a person, team or service account a role in the project, in place of the one it may have there. The caller must
/// manage members or the project there, and have everything that the role includes.
#[utoipa::path(
    put,
    path = "/projects/{project_id}/members/{subject}",
    operation_id = "setProjectMember",
    tag = "access",
    params(
        ("project_id" = String, Path, description = "The project's id."),
        ("subject" = String, Path, description = "The id of a person, team or service account.")
    ),
    request_body = SetProjectMember,
    responses((status = 204, description = "It has the role."), ProblemResponses)
)]
async fn set_project_member(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
    Path((project, text)): Path<(ProjectId, String)>,
    Json(body): Json<SetProjectMember>,
) -> ApiResult<StatusCode> {
    let given = identity.governance().give_in_project(&access, project, subject(&text)?, &body.role).await;
    given.map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes away the role that a person, team or service account has in the project.
#[utoipa::path(
    delete,
    path = "/projects/{project_id}/members/{subject}",
    operation_id = "removeProjectMember",
    tag = "access",
    params(
        ("project_id" = String, Path, description = "The project's id."),
        ("subject" = String, Path, description = "The id of a person, team or service account.")
    ),
    responses((status = 204, description = "It has no role there."), ProblemResponses)
)]
async fn remove_project_member(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
    Path((project, text)): Path<(ProjectId, String)>,
) -> ApiResult<StatusCode> {
    identity.governance().take_in_project(&access, project, subject(&text)?).await.map_err(refuse)?;
    Ok(StatusCode::NO_CONTENT)
}
