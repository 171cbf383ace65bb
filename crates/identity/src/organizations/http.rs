//! The routes of projects.

use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use http::StatusCode;
use rhiza_kernel::ProjectId;
use rhiza_platform::authz::{AllowedOrg, need};
use rhiza_web::{ApiResult, Etag, IfMatch, Json, Page, PageQuery, Path, ProblemResponses};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::service::{NewProject, ProjectChange};
use crate::Identity;

pub(crate) fn router() -> OpenApiRouter<Identity> {
    OpenApiRouter::new().routes(routes!(list_projects, create_project)).routes(routes!(get_project, update_project))
}

/// A project.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Project {
    #[schema(value_type = String, example = "prj_01900000000070008000000000000001")]
    id: ProjectId,
    /// Shown to people.
    name: String,
    /// Its name in URLs and headers, and of the MLflow workspace.
    #[schema(example = "fraud-models")]
    slug: String,
    /// Whether only those with a role in it, and those who manage projects, may enter.
    private: bool,
    created_at: DateTime<Utc>,
    /// Since when nobody can enter it.
    archived_at: Option<DateTime<Utc>>,
}

impl From<super::Project> for Project {
    fn from(project: super::Project) -> Self {
        Self {
            id: project.id,
            name: project.name,
            slug: project.slug,
            private: project.is_private,
            created_at: project.created_at,
            archived_at: project.archived_at,
        }
    }
}

/// A project to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateProject {
    #[schema(example = "Fraud models")]
    name: String,
    /// Made from the name when absent. Lower-case letters, digits and hyphens, 2 to 63 of them.
    #[schema(example = "fraud-models")]
    slug: Option<String>,
    /// Whether only those with a role in it, and those who manage projects, may enter.
    #[serde(default)]
    private: bool,
}

/// What to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateProject {
    name: Option<String>,
    /// Whether the project is put away, so that nobody can enter it.
    archived: Option<bool>,
    /// Whether only those with a role in it, and those who manage projects, may enter.
    private: Option<bool>,
}

/// Lists the projects that the caller may enter, and archived ones, oldest first; for a key of one project, that one.
#[utoipa::path(
    get,
    path = "/projects",
    operation_id = "listProjects",
    tag = "projects",
    params(PageQuery),
    responses((status = 200, body = Page<Project>), ProblemResponses)
)]
async fn list_projects(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
    page: PageQuery,
) -> ApiResult<Json<Page<Project>>> {
    let found = identity.projects().page(&access, page.cursor()?, page.fetch()).await?;
    Ok(Json(Page::from_overfetch(found, &page, |last| last.id).map(Project::from)))
}

/// Makes a project.
#[utoipa::path(
    post,
    path = "/projects",
    operation_id = "createProject",
    tag = "projects",
    request_body = CreateProject,
    responses((status = 201, body = Project), ProblemResponses)
)]
async fn create_project(
    State(identity): State<Identity>,
    access: AllowedOrg<need::ProjectManage>,
    Json(body): Json<CreateProject>,
) -> ApiResult<impl IntoResponse> {
    let project = identity
        .projects()
        .create(&access, NewProject { name: body.name, slug: body.slug, private: body.private })
        .await?;
    Ok((StatusCode::CREATED, Etag::revision(project.revision), Json(Project::from(project))))
}

/// One project. Its `ETag` goes into the `If-Match` of a change.
#[utoipa::path(
    get,
    path = "/projects/{project_id}",
    operation_id = "getProject",
    tag = "projects",
    params(("project_id" = String, Path, description = "The project's id.")),
    responses((status = 200, body = Project), ProblemResponses)
)]
async fn get_project(
    State(identity): State<Identity>,
    access: AllowedOrg<need::OrganizationRead>,
    Path(id): Path<ProjectId>,
) -> ApiResult<impl IntoResponse> {
    let project = identity.projects().get(&access, id).await?;
    Ok((Etag::revision(project.revision), Json(Project::from(project))))
}

/// Changes a project. With `If-Match`, only if nobody else has changed it since it was read.
#[utoipa::path(
    patch,
    path = "/projects/{project_id}",
    operation_id = "updateProject",
    tag = "projects",
    params(
        ("project_id" = String, Path, description = "The project's id."),
        ("If-Match" = Option<String>, Header, description = "The ETag the project had when it was read.")
    ),
    request_body = UpdateProject,
    responses((status = 200, body = Project), ProblemResponses)
)]
async fn update_project(
    State(identity): State<Identity>,
    access: AllowedOrg<need::ProjectManage>,
    Path(id): Path<ProjectId>,
    if_match: IfMatch,
    Json(body): Json<UpdateProject>,
) -> ApiResult<impl IntoResponse> {
    let change = ProjectChange { name: body.name, archived: body.archived, private: body.private };
    let still_as_seen = |revision| if_match.require(&Etag::revision(revision)).is_ok();
    let project = identity.projects().update(&access, id, change, still_as_seen).await?;
    Ok((Etag::revision(project.revision), Json(Project::from(project))))
}
