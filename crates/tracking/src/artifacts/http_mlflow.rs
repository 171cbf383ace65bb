//! The other ways in which MLflow's clients and its page reach artifacts: by run, by logged model, by version.

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use rhiza_web::{IfNoneMatch, Path, Upload};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::http_files::{FileContent, Offer, send};
use super::http_proxy::FileInfo;
use super::path;
use super::service::{Artifacts, no_artifact};
use crate::error::{Code, TrackingError, TrackingResult};
use crate::protocol::{
    Caller, CanReadExperiments, CanReadModels, CanWriteExperiments, Empty, Fields, MlflowErrors, Reply, Request,
    reply_json,
};
use crate::registry::Registry;
use crate::state::TrackingState;

/// The most bytes MLflow's page uploads at once.
const PAGE_UPLOAD_MAX: u64 = 10 * 1024 * 1024;

/// The routes, relative to `/api/2.0/mlflow`.
pub fn router() -> OpenApiRouter<TrackingState> {
    let uploads = OpenApiRouter::new()
        .routes(routes!(page_upload))
        .layer(rhiza_web::body_limit(usize::MAX))
        .layer(rhiza_web::no_timeout());
    OpenApiRouter::new()
        .merge(uploads)
        .routes(routes!(list))
        .routes(routes!(model_folders))
        .routes(routes!(model_file))
        .routes(routes!(presigned_upload))
        .routes(routes!(presigned_download))
}

/// The routes at the root.
pub fn root_router() -> OpenApiRouter<TrackingState> {
    OpenApiRouter::new().routes(routes!(run_file)).routes(routes!(version_file))
}

/// What lies in a folder of a run or logged model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowListArtifactsResponse)]
pub struct Listing {
    /// The root of all its files.
    pub root_uri: String,
    /// Files and folders, by name; paths begin at the root.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileInfo>,
}

/// Asks for an address to upload to, or to download from.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowPresignedUrlRequest)]
pub struct PresignedRequest {
    /// The run.
    pub run_id: Option<String>,
    /// The logged model (uploads only).
    pub model_id: Option<String>,
    /// The file, from the root of the run or model.
    pub path: String,
    /// For how many seconds.
    pub expiration: Option<i64>,
}

async fn listing(
    artifacts: &Artifacts,
    caller: &Caller,
    (root_uri, folder): (String, Option<String>),
    below: Option<&str>,
) -> TrackingResult<Reply> {
    let below = path::clean(below.unwrap_or_default())?;
    let entries = match folder {
        Some(folder) => artifacts.list(caller, &path::join(&folder, &below)).await?,
        None => Vec::new(),
    };
    reply_json(&Listing { root_uri, files: entries.into_iter().map(|e| FileInfo::new(e, &below)).collect() })
}

#[utoipa::path(get, path = "/artifacts/list", operation_id = "mlflowListArtifacts", tag = "mlflow",
    params(
        ("run_id" = String, Query, description = "The run"),
        ("path" = Option<String>, Query, description = "The folder; the root when absent"),
    ),
    responses((status = 200, body = Listing), MlflowErrors))]
async fn list(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let run_id = fields.run_id()?;
    let below = fields.text("path")?;
    // A bad path is refused before the run is looked up.
    path::clean(below.as_deref().unwrap_or_default())?;
    let artifacts = Artifacts::new(&state);
    let root = artifacts.run_folder(&caller, &run_id).await?;
    listing(&artifacts, &caller, root, below.as_deref()).await
}

#[utoipa::path(get, path = "/logged-models/{model_id}/artifacts/directories",
    operation_id = "mlflowListLoggedModelArtifacts", tag = "mlflow",
    params(
        ("model_id" = String, Path, description = "The model"),
        ("artifact_directory_path" = Option<String>, Query, description = "The folder; the root when absent"),
    ),
    responses((status = 200, body = Listing), MlflowErrors))]
async fn model_folders(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(model_id): Path<String>,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let below = fields.text("artifact_directory_path")?;
    path::clean(below.as_deref().unwrap_or_default())?;
    let artifacts = Artifacts::new(&state);
    let root = artifacts.model_folder(&caller, &model_id).await?;
    listing(&artifacts, &caller, root, below.as_deref()).await
}

/// A file below a folder that may lie in another store.
async fn file_below(
    state: &TrackingState,
    caller: &Caller,
    folder: Option<String>,
    file: &str,
    headers: &HeaderMap,
    unchanged: &IfNoneMatch,
) -> TrackingResult<Response> {
    let folder = folder.ok_or_else(|| no_artifact(file))?;
    let artifact = Artifacts::new(state).file(caller, &path::join(&folder, file)).await?;
    send(state, &artifact, headers, unchanged, Offer::Attachment).await
}

#[utoipa::path(get, path = "/logged-models/{model_id}/artifacts/files", operation_id = "mlflowGetLoggedModelArtifact",
    tag = "mlflow",
    params(
        ("model_id" = String, Path, description = "The model"),
        ("artifact_file_path" = String, Query, description = "The file"),
    ),
    responses((status = 200, content_type = "application/octet-stream", body = FileContent), MlflowErrors))]
async fn model_file(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(model_id): Path<String>,
    unchanged: IfNoneMatch,
    headers: HeaderMap,
    Request(fields): Request,
) -> TrackingResult<Response> {
    let file = fields.text("artifact_file_path")?.filter(|f| !f.is_empty()).ok_or_else(|| {
        TrackingError::new(Code::BadRequest, "Request must include the \"artifact_file_path\" query parameter.")
    })?;
    let file = path::clean(&file)?;
    let (_, folder) = Artifacts::new(&state).model_folder(&caller, &model_id).await?;
    file_below(&state, &caller, folder, &file, &headers, &unchanged).await
}

#[utoipa::path(get, path = "/get-artifact", operation_id = "mlflowGetArtifact", tag = "mlflow",
    params(
        ("run_id" = Option<String>, Query, description = "The run"),
        ("run_uuid" = Option<String>, Query, description = "The run, as older clients name it"),
        ("path" = String, Query, description = "The file"),
    ),
    responses((status = 200, content_type = "application/octet-stream", body = FileContent), MlflowErrors))]
async fn run_file(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    unchanged: IfNoneMatch,
    headers: HeaderMap,
    Request(fields): Request,
) -> TrackingResult<Response> {
    let run_id = fields.run_id()?;
    let file = path::clean(&fields.required("path")?)?;
    let (_, folder) = Artifacts::new(&state).run_folder(&caller, &run_id).await?;
    file_below(&state, &caller, folder, &file, &headers, &unchanged).await
}

#[utoipa::path(get, path = "/model-versions/get-artifact", operation_id = "mlflowGetModelVersionArtifact",
    tag = "mlflow",
    params(
        ("name" = String, Query, description = "The model's name"),
        ("version" = String, Query, description = "The version's number"),
        ("path" = String, Query, description = "The file"),
    ),
    responses((status = 200, content_type = "application/octet-stream", body = FileContent), MlflowErrors))]
async fn version_file(
    State(state): State<TrackingState>,
    CanReadModels(caller): CanReadModels,
    unchanged: IfNoneMatch,
    headers: HeaderMap,
    Request(fields): Request,
) -> TrackingResult<Response> {
    let (name, version) = (fields.required("name")?, fields.required("version")?);
    let file = path::clean(&fields.required("path")?)?;
    let uri = Registry::new(&state).download_uri(&caller, &name, &version).await?;
    let folder = Artifacts::new(&state).folder_of_uri(&caller, &uri).await?;
    file_below(&state, &caller, folder, &file, &headers, &unchanged).await
}

#[utoipa::path(post, path = "/upload-artifact", operation_id = "mlflowUploadArtifact", tag = "mlflow",
    params(
        ("run_uuid" = String, Query, description = "The run"),
        ("path" = String, Query, description = "The file"),
    ),
    request_body(content_type = "application/octet-stream", content = FileContent),
    responses((status = 200, body = Empty), MlflowErrors))]
async fn page_upload(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    axum::extract::RawQuery(query): axum::extract::RawQuery,
    upload: Upload,
) -> TrackingResult<Empty> {
    let query = query.unwrap_or_default();
    let fields = Fields::Query(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect());
    let given = |name: &str| -> TrackingResult<Option<String>> { Ok(fields.text(name)?.filter(|t| !t.is_empty())) };
    let run_id = match given("run_id")? {
        Some(id) => Some(id),
        None => given("run_uuid")?,
    };
    let refused = |message: &str| TrackingError::new(Code::BadRequest, message);
    let run_id = run_id.ok_or_else(|| refused("Request must specify run_id or run_uuid."))?;
    let file = given("path")?.ok_or_else(|| refused("Request must specify path."))?;
    if upload.announced().is_some_and(|size| size > PAGE_UPLOAD_MAX) {
        return Err(refused("Artifact size is too large. Max size is 10MB."));
    }
    if upload.announced() == Some(0) {
        return Err(refused("Request must specify data."));
    }
    let file = path::clean(&file)?;
    let artifacts = Artifacts::new(&state);
    let (_, folder) = artifacts.run_folder(&caller, &run_id).await?;
    let folder = folder.ok_or_else(|| no_artifact(&file))?;
    let announced = upload.announced();
    let body = upload.limit(PAGE_UPLOAD_MAX).io_stream();
    artifacts.upload(&caller, &path::join(&folder, &file), announced, body).await?;
    Ok(Empty {})
}

fn scheme(root: &str) -> String {
    crate::registry::uri::Uri::parse(root).scheme
}

#[utoipa::path(post, path = "/artifacts/presigned-upload-url", operation_id = "mlflowCreatePresignedUploadUrl",
    tag = "mlflow", request_body = PresignedRequest, responses((status = 200, body = Empty), MlflowErrors))]
async fn presigned_upload(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    path::clean(&fields.required("path")?)?;
    let run_id = fields.text("run_id")?.filter(|t| !t.is_empty());
    let model_id = fields.text("model_id")?.filter(|t| !t.is_empty());
    let artifacts = Artifacts::new(&state);
    let (root, _) = match (run_id, model_id) {
        (Some(run), None) => artifacts.run_folder(&caller, &run).await?,
        (None, Some(model)) => artifacts.model_folder(&caller, &model).await?,
        _ => return Err(TrackingError::invalid("Exactly one of run_id and model_id must be provided.")),
    };
    Err(TrackingError::invalid(format!(
        "Presigned upload is not supported for proxied artifact storage (artifact URI scheme: {}). This endpoint \
         requires a direct cloud storage artifact URI.",
        scheme(&root)
    )))
}

#[utoipa::path(post, path = "/artifacts/presigned-download-url", operation_id = "mlflowCreatePresignedDownloadUrl",
    tag = "mlflow", request_body = PresignedRequest, responses((status = 200, body = Empty), MlflowErrors))]
async fn presigned_download(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let run_id = fields.required("run_id")?;
    path::clean(&fields.required("path")?)?;
    if let Some(seconds) = fields.integer("expiration")?.filter(|s| !(1..=604_800).contains(s)) {
        return Err(TrackingError::invalid(format!(
            "expiration must be between 1 and 604800 seconds (got {seconds})."
        )));
    }
    let (root, _) = Artifacts::new(&state).run_folder(&caller, &run_id).await?;
    Err(TrackingError::invalid(format!(
        "Presigned download is not supported for runs with proxied artifact storage (artifact URI scheme: {}). This \
         endpoint requires a run with a direct cloud storage artifact URI.",
        scheme(&root)
    )))
}
