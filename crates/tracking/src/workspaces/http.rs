//! The routes about the server and its workspaces.

use std::sync::Arc;

use axum::extract::State;
use rhiza_platform::authz::{AllowedOrg, need, workspace_fault};
use rhiza_web::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::{MLFLOW_VERSION, ServerInfo, Workspace};
use super::ports::Workspaces;
use crate::error::{Code, TrackingError, TrackingResult};
use crate::protocol::{self, Empty, MlflowErrors, Reply, reply_json};

/// What the routes share.
#[derive(Clone)]
pub struct WorkspacesState {
    workspaces: Arc<dyn Workspaces>,
    info: ServerInfo,
}

impl WorkspacesState {
    /// Routes over `workspaces`; `presigning` tells whether blobs are in a store that hands out addresses.
    #[must_use]
    pub fn new(workspaces: Arc<dyn Workspaces>, presigning: bool) -> Self {
        Self { workspaces, info: ServerInfo::new(presigning) }
    }
}

/// The routes, with full paths.
pub fn router() -> OpenApiRouter<WorkspacesState> {
    protocol::twins(mlflow, &[("/ajax-api/3.0/mlflow", ""), ("/api/3.0/mlflow", "Client")])
        .routes(routes!(health))
        .routes(routes!(version))
}

fn mlflow() -> OpenApiRouter<WorkspacesState> {
    OpenApiRouter::new().routes(routes!(server_info)).routes(routes!(list, create)).routes(routes!(get, update, delete))
}

/// The workspaces the caller may enter.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowWorkspaces)]
pub struct WorkspaceList {
    /// By name.
    workspaces: Vec<Workspace>,
}

/// One workspace.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowWorkspaceReply)]
pub struct WorkspaceReply {
    /// It.
    workspace: Workspace,
}

/// A workspace to be.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowWorkspaceDraft)]
pub struct WorkspaceDraft {
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// Tells that the server is there.
#[utoipa::path(get, path = "/health", operation_id = "mlflowHealth", tag = "mlflow", security(()),
    responses((status = 200, body = String, content_type = "text/plain")))]
async fn health() -> &'static str {
    "OK"
}

/// The version of MLflow whose protocol is spoken here.
#[utoipa::path(get, path = "/version", operation_id = "mlflowVersion", tag = "mlflow", security(()),
    responses((status = 200, body = String, content_type = "text/plain")))]
async fn version() -> &'static str {
    MLFLOW_VERSION
}

/// What this server offers.
#[utoipa::path(get, path = "/server-info", operation_id = "mlflowGetServerInfo", tag = "mlflow", security(()),
    responses((status = 200, body = ServerInfo), MlflowErrors))]
async fn server_info(State(state): State<WorkspacesState>) -> TrackingResult<Reply> {
    reply_json(&state.info)
}

/// Lists the workspaces the caller may enter.
#[utoipa::path(get, path = "/workspaces", operation_id = "mlflowListWorkspaces", tag = "mlflow",
    responses((status = 200, body = WorkspaceList), MlflowErrors))]
async fn list(State(state): State<WorkspacesState>, access: AllowedOrg<need::ExperimentRead>) -> TrackingResult<Reply> {
    let mut workspaces = state.workspaces.list(&access.principal).await?;
    workspaces.sort_by(|a, b| a.name.cmp(&b.name));
    reply_json(&WorkspaceList { workspaces })
}

/// One workspace.
#[utoipa::path(get, path = "/workspaces/{name}", operation_id = "mlflowGetWorkspace", tag = "mlflow",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, body = WorkspaceReply), MlflowErrors))]
async fn get(
    State(state): State<WorkspacesState>,
    access: AllowedOrg<need::ExperimentRead>,
    Path(name): Path<String>,
) -> TrackingResult<Reply> {
    if let Some(fault) = workspace_fault(&name) {
        return Err(TrackingError::invalid(fault));
    }
    let found = state.workspaces.find(&access.principal, &name).await?;
    let workspace = found.ok_or_else(|| TrackingError::missing(format!("Workspace '{name}' not found")))?;
    reply_json(&WorkspaceReply { workspace })
}

fn unsupported(what: &str) -> TrackingError {
    TrackingError::new(
        Code::FeatureDisabled,
        format!("Workspace {what} not supported by this provider. Workspaces are projects: manage those instead."),
    )
}

/// Refused: a workspace is a project, and projects are made elsewhere.
#[utoipa::path(post, path = "/workspaces", operation_id = "mlflowCreateWorkspace", tag = "mlflow",
    request_body = WorkspaceDraft, responses((status = 201, body = WorkspaceReply), MlflowErrors))]
async fn create(_: AllowedOrg<need::ExperimentRead>) -> TrackingResult<Empty> {
    Err(unsupported("creation is"))
}

/// Refused: a workspace is a project, and projects are changed elsewhere.
#[utoipa::path(patch, path = "/workspaces/{name}", operation_id = "mlflowUpdateWorkspace", tag = "mlflow",
    params(("name" = String, Path, description = "Its name")), request_body = WorkspaceDraft,
    responses((status = 200, body = WorkspaceReply), MlflowErrors))]
async fn update(_: AllowedOrg<need::ExperimentRead>) -> TrackingResult<Empty> {
    Err(unsupported("updates are"))
}

/// Refused: a workspace is a project, and projects are put away elsewhere.
#[utoipa::path(delete, path = "/workspaces/{name}", operation_id = "mlflowDeleteWorkspace", tag = "mlflow",
    params(("name" = String, Path, description = "Its name")), responses((status = 204), MlflowErrors))]
async fn delete(_: AllowedOrg<need::ExperimentRead>) -> TrackingResult<Empty> {
    Err(unsupported("deletion is"))
}
