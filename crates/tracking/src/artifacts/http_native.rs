//! Artifacts for the console and for people: listings and contents that are safe to look at, relative to
//! `/api/v1/tracking`.

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use rhiza_web::{ApiResult, IfNoneMatch, Json, Path, ProblemResponses, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::http_files::{FileContent, Offer, send};
use super::model::Entry;
use super::path;
use super::service::{Artifacts, no_artifact};
use crate::error::TrackingResult;
use crate::protocol::{Caller, CanReadExperiments, CanReadModels};
use crate::registry::Registry;
use crate::state::TrackingState;

/// The routes.
pub fn native_router() -> OpenApiRouter<TrackingState> {
    OpenApiRouter::new()
        .routes(routes!(list_run))
        .routes(routes!(run_content))
        .routes(routes!(list_model))
        .routes(routes!(model_content))
        .routes(routes!(list_version))
        .routes(routes!(version_content))
}

/// A file or folder.
#[derive(Debug, Serialize, ToSchema)]
pub struct ArtifactEntry {
    /// Its path from the root of the run's or model's artifacts.
    pub path: String,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Its length in bytes; absent for folders.
    pub size: Option<u64>,
}

/// What lies in a folder: folders first, then files, each by name.
#[derive(Debug, Serialize, ToSchema)]
pub struct ArtifactPage {
    /// The entries.
    pub items: Vec<ArtifactEntry>,
    /// Always absent: a folder is one page.
    pub next_cursor: Option<String>,
}

/// Which folder.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FolderQuery {
    /// The folder, from the root; the root when absent. The path of a file gives that one file.
    #[serde(default)]
    path: String,
}

/// Which file.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ContentQuery {
    /// The file, from the root.
    path: String,
    /// Whether it is to be saved rather than shown.
    #[serde(default)]
    download: bool,
}

async fn page(
    artifacts: &Artifacts,
    caller: &Caller,
    folder: Option<String>,
    below: &str,
) -> TrackingResult<Json<ArtifactPage>> {
    let below = path::clean(below)?;
    let mut items = Vec::new();
    if let Some(root) = folder {
        let full = path::join(&root, &below);
        let mut entries = artifacts.list(caller, &full).await?;
        entries.sort_by_key(|e| !e.is_dir());
        items.extend(entries.into_iter().map(|e| entry(e, &below)));
        if items.is_empty() && !below.is_empty() {
            let file = artifacts.file(caller, &full).await?;
            items.push(ArtifactEntry { path: below, is_dir: false, size: Some(file.size) });
        }
    }
    Ok(Json(ArtifactPage { items, next_cursor: None }))
}

fn entry(entry: Entry, below: &str) -> ArtifactEntry {
    ArtifactEntry { is_dir: entry.is_dir(), size: entry.size, path: path::join(below, &entry.name) }
}

async fn content(
    state: &TrackingState,
    caller: &Caller,
    folder: Option<String>,
    query: &ContentQuery,
    headers: &HeaderMap,
    unchanged: &IfNoneMatch,
) -> TrackingResult<Response> {
    let below = path::clean(&query.path)?;
    let folder = folder.ok_or_else(|| no_artifact(&below))?;
    let file = Artifacts::new(state).file(caller, &path::join(&folder, &below)).await?;
    let offer = if query.download { Offer::Attachment } else { Offer::Inline };
    send(state, &file, headers, unchanged, offer).await
}

#[utoipa::path(get, path = "/runs/{run_id}/artifacts", operation_id = "listRunArtifacts", tag = "tracking",
    params(("run_id" = String, Path, description = "The run"), FolderQuery),
    responses((status = 200, body = ArtifactPage), ProblemResponses))]
async fn list_run(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(run_id): Path<String>,
    Query(query): Query<FolderQuery>,
) -> ApiResult<Json<ArtifactPage>> {
    let artifacts = Artifacts::new(&state);
    let (_, folder) = artifacts.run_folder(&caller, &run_id).await?;
    Ok(page(&artifacts, &caller, folder, &query.path).await?)
}

#[utoipa::path(get, path = "/runs/{run_id}/artifacts/content", operation_id = "getRunArtifact", tag = "tracking",
    params(("run_id" = String, Path, description = "The run"), ContentQuery),
    responses((status = 200, content_type = "application/octet-stream", body = FileContent), ProblemResponses))]
async fn run_content(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(run_id): Path<String>,
    Query(query): Query<ContentQuery>,
    unchanged: IfNoneMatch,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let (_, folder) = Artifacts::new(&state).run_folder(&caller, &run_id).await?;
    Ok(content(&state, &caller, folder, &query, &headers, &unchanged).await?)
}

#[utoipa::path(get, path = "/models/{model_id}/artifacts", operation_id = "listModelArtifacts", tag = "tracking",
    params(("model_id" = String, Path, description = "The logged model"), FolderQuery),
    responses((status = 200, body = ArtifactPage), ProblemResponses))]
async fn list_model(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(model_id): Path<String>,
    Query(query): Query<FolderQuery>,
) -> ApiResult<Json<ArtifactPage>> {
    let artifacts = Artifacts::new(&state);
    let (_, folder) = artifacts.model_folder(&caller, &model_id).await?;
    Ok(page(&artifacts, &caller, folder, &query.path).await?)
}

#[utoipa::path(get, path = "/models/{model_id}/artifacts/content", operation_id = "getModelArtifact", tag = "tracking",
    params(("model_id" = String, Path, description = "The logged model"), ContentQuery),
    responses((status = 200, content_type = "application/octet-stream", body = FileContent), ProblemResponses))]
async fn model_content(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(model_id): Path<String>,
    Query(query): Query<ContentQuery>,
    unchanged: IfNoneMatch,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let (_, folder) = Artifacts::new(&state).model_folder(&caller, &model_id).await?;
    Ok(content(&state, &caller, folder, &query, &headers, &unchanged).await?)
}

async fn version_folder(
    state: &TrackingState,
    caller: &Caller,
    (name, version): (String, String),
) -> TrackingResult<Option<String>> {
    let uri = Registry::new(state).download_uri(caller, &name, &version).await?;
    Artifacts::new(state).folder_of_uri(caller, &uri).await
}

#[utoipa::path(get, path = "/registered-models/{name}/versions/{version}/artifacts",
    operation_id = "listModelVersionArtifacts", tag = "tracking",
    params(
        ("name" = String, Path, description = "The registered model"),
        ("version" = String, Path, description = "The version's number"),
        FolderQuery,
    ),
    responses((status = 200, body = ArtifactPage), ProblemResponses))]
async fn list_version(
    State(state): State<TrackingState>,
    CanReadModels(caller): CanReadModels,
    Path(which): Path<(String, String)>,
    Query(query): Query<FolderQuery>,
) -> ApiResult<Json<ArtifactPage>> {
    let folder = version_folder(&state, &caller, which).await?;
    Ok(page(&Artifacts::new(&state), &caller, folder, &query.path).await?)
}

#[utoipa::path(get, path = "/registered-models/{name}/versions/{version}/artifacts/content",
    operation_id = "getModelVersionArtifact", tag = "tracking",
    params(
        ("name" = String, Path, description = "The registered model"),
        ("version" = String, Path, description = "The version's number"),
        ContentQuery,
    ),
    responses((status = 200, content_type = "application/octet-stream", body = FileContent), ProblemResponses))]
async fn version_content(
    State(state): State<TrackingState>,
    CanReadModels(caller): CanReadModels,
    Path(which): Path<(String, String)>,
    Query(query): Query<ContentQuery>,
    unchanged: IfNoneMatch,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let folder = version_folder(&state, &caller, which).await?;
    Ok(content(&state, &caller, folder, &query, &headers, &unchanged).await?)
}
