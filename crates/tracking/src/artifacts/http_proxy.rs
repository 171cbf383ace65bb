//! The artifact proxy, relative to `/api/2.0/mlflow-artifacts`: clients put and get files by path.

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use rhiza_store::MultipartPart;
use rhiza_web::{IfNoneMatch, Path, Upload};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::http_files::{FileContent, Offer, send};
use super::model::Entry;
use super::path;
use super::service::Artifacts;
use crate::error::{TrackingError, TrackingResult};
use crate::protocol::{CanReadExperiments, CanWriteExperiments, Empty, MlflowErrors, Reply, Request, reply_json};
use crate::state::TrackingState;

/// The routes.
pub fn proxy_router() -> OpenApiRouter<TrackingState> {
    let transfers = OpenApiRouter::new()
        .routes(routes!(download, upload, delete))
        // An upload may take as long as it moves; its stalls are watched chunk by chunk.
        .layer(rhiza_web::body_limit(usize::MAX))
        .layer(rhiza_web::no_timeout());
    OpenApiRouter::new()
        .merge(transfers)
        .routes(routes!(list))
        .routes(routes!(create_parts))
        .routes(routes!(complete_parts))
        .routes(routes!(abort_parts))
        .routes(routes!(presigned))
}

/// A file or folder.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowFileInfo)]
pub struct FileInfo {
    /// Its path.
    pub path: String,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Its length in bytes; left out for folders and empty files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<u64>,
}

impl FileInfo {
    pub(super) fn new(entry: Entry, folder: &str) -> Self {
        Self {
            is_dir: entry.is_dir(),
            file_size: entry.size.filter(|size| *size > 0),
            path: path::join(folder, &entry.name),
        }
    }
}

/// What lies in a folder.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowArtifactsListing)]
pub struct Listing {
    /// Files and folders, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileInfo>,
}

/// Begins an upload in parts.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowCreateMultipartUpload)]
pub struct CreateParts {
    /// The local file; its name is the artifact's.
    pub path: String,
    /// How many parts.
    pub num_parts: i64,
}

/// Where a part goes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowMultipartUploadCredential)]
pub struct PartAddress {
    /// The address to put it to.
    pub url: String,
    /// Its number, from 1.
    pub part_number: u64,
    /// Headers to send with it.
    pub headers: std::collections::BTreeMap<String, String>,
}

/// An upload in parts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowMultipartUpload)]
pub struct PartsCreated {
    /// The upload.
    pub upload_id: String,
    /// Where its parts go.
    pub credentials: Vec<PartAddress>,
}

/// Ends an upload in parts.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowFinishMultipartUpload)]
pub struct FinishParts {
    /// The local file.
    pub path: String,
    /// The upload.
    pub upload_id: String,
    /// The parts as the store acknowledged them (not needed to abort).
    pub parts: Option<Vec<FinishedPart>>,
}

/// A part that was put.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowMultipartUploadPart)]
pub struct FinishedPart {
    /// Its number.
    pub part_number: i64,
    /// The tag the store gave it.
    pub etag: String,
}

/// An address to read a file from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowPresignedDownload)]
pub struct Presigned {
    /// The address.
    pub url: String,
    /// Headers to send with the request.
    pub headers: std::collections::BTreeMap<String, String>,
    /// The file's length in bytes.
    pub file_size: u64,
}

#[utoipa::path(get, path = "/artifacts", operation_id = "mlflowProxyListArtifacts", tag = "mlflow-artifacts",
    params(("path" = Option<String>, Query, description = "The folder; the root when absent")),
    responses((status = 200, body = Listing), MlflowErrors))]
async fn list(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let artifacts = Artifacts::new(&state);
    let folder = artifacts.locate(&caller, &fields.text("path")?.unwrap_or_default()).await?;
    let entries = artifacts.list(&caller, &folder).await?;
    reply_json(&Listing { files: entries.into_iter().map(|e| FileInfo::new(e, "")).collect() })
}

#[utoipa::path(get, path = "/artifacts/{*artifact_path}", operation_id = "mlflowProxyDownloadArtifact",
    tag = "mlflow-artifacts", params(("artifact_path" = String, Path, description = "The file")),
    responses((status = 200, content_type = "application/octet-stream", body = FileContent), MlflowErrors))]
async fn download(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(raw): Path<String>,
    unchanged: IfNoneMatch,
    headers: HeaderMap,
) -> TrackingResult<Response> {
    let artifacts = Artifacts::new(&state);
    let path = artifacts.locate(&caller, &raw).await?;
    let file = artifacts.file(&caller, &path).await?;
    send(&state, &file, &headers, &unchanged, Offer::Attachment).await
}

#[utoipa::path(put, path = "/artifacts/{*artifact_path}", operation_id = "mlflowProxyUploadArtifact",
    tag = "mlflow-artifacts", params(("artifact_path" = String, Path, description = "The file")),
    request_body(content_type = "application/octet-stream", content = FileContent),
    responses((status = 200, body = Empty), MlflowErrors))]
async fn upload(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path(raw): Path<String>,
    upload: Upload,
) -> TrackingResult<Empty> {
    if raw.ends_with('/') {
        return Err(TrackingError::invalid("Artifact path must include a filename (cannot end with '/')."));
    }
    let artifacts = Artifacts::new(&state);
    let path = artifacts.locate(&caller, &raw).await?;
    artifacts.upload(&caller, &path, upload.announced(), upload.io_stream()).await?;
    Ok(Empty {})
}

#[utoipa::path(delete, path = "/artifacts/{*artifact_path}", operation_id = "mlflowProxyDeleteArtifact",
    tag = "mlflow-artifacts", params(("artifact_path" = String, Path, description = "The file or folder")),
    responses((status = 200, body = Empty), MlflowErrors))]
async fn delete(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path(raw): Path<String>,
) -> TrackingResult<Empty> {
    let artifacts = Artifacts::new(&state);
    let path = artifacts.locate(&caller, &raw).await?;
    artifacts.delete(&caller, &path).await?;
    Ok(Empty {})
}

/// Where an upload in parts into `folder` of the local file `local` goes.
fn target(folder: &str, local: &str) -> TrackingResult<String> {
    let name = path::clean(path::file_name(local))?;
    if name.is_empty() { Err(path::invalid()) } else { Ok(path::join(folder, &name)) }
}

#[utoipa::path(post, path = "/mpu/create/{*artifact_path}", operation_id = "mlflowProxyCreateMultipartUpload",
    tag = "mlflow-artifacts", params(("artifact_path" = String, Path, description = "The folder")),
    request_body = CreateParts, responses((status = 200, body = PartsCreated), MlflowErrors))]
async fn create_parts(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path(raw): Path<String>,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let artifacts = Artifacts::new(&state);
    let folder = artifacts.locate(&caller, &raw).await?;
    let local = fields.required("path")?;
    let parts = fields.integer("num_parts")?.unwrap_or(0);
    let (upload_id, addresses) = artifacts.begin_parts(&caller, &target(&folder, &local)?, parts).await?;
    let credentials = (1..)
        .zip(addresses)
        .map(|(part_number, url)| PartAddress { url, part_number, headers: std::collections::BTreeMap::new() })
        .collect();
    reply_json(&PartsCreated { upload_id, credentials })
}

#[utoipa::path(post, path = "/mpu/complete/{*artifact_path}", operation_id = "mlflowProxyCompleteMultipartUpload",
    tag = "mlflow-artifacts", params(("artifact_path" = String, Path, description = "The folder")),
    request_body = FinishParts, responses((status = 200, body = Empty), MlflowErrors))]
async fn complete_parts(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path(raw): Path<String>,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let artifacts = Artifacts::new(&state);
    let folder = artifacts.locate(&caller, &raw).await?;
    let (local, upload) = (fields.required("path")?, fields.required("upload_id")?);
    fields.demand("parts")?;
    let mut parts = Vec::new();
    for part in fields.objects("parts")? {
        let number = part.integer("part_number")?.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
        parts.push(MultipartPart {
            number: number.ok_or_else(|| TrackingError::invalid("Invalid part_number in the parts."))?,
            etag: part.required("etag")?,
        });
    }
    artifacts.complete_parts(&caller, &target(&folder, &local)?, &upload, parts).await?;
    Ok(Empty {})
}

#[utoipa::path(post, path = "/mpu/abort/{*artifact_path}", operation_id = "mlflowProxyAbortMultipartUpload",
    tag = "mlflow-artifacts", params(("artifact_path" = String, Path, description = "The folder")),
    request_body = FinishParts, responses((status = 200, body = Empty), MlflowErrors))]
async fn abort_parts(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path(raw): Path<String>,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let artifacts = Artifacts::new(&state);
    let folder = artifacts.locate(&caller, &raw).await?;
    let (local, upload) = (fields.required("path")?, fields.required("upload_id")?);
    artifacts.abort_parts(&caller, &target(&folder, &local)?, &upload).await?;
    Ok(Empty {})
}

#[utoipa::path(get, path = "/presigned/{*artifact_path}", operation_id = "mlflowProxyPresignedDownload",
    tag = "mlflow-artifacts", params(("artifact_path" = String, Path, description = "The file")),
    responses((status = 200, body = Presigned), MlflowErrors))]
async fn presigned(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(raw): Path<String>,
) -> TrackingResult<Reply> {
    let artifacts = Artifacts::new(&state);
    let path = artifacts.locate(&caller, &raw).await?;
    let (url, file_size) = artifacts.presign(&caller, &path).await?;
    reply_json(&Presigned { url, headers: std::collections::BTreeMap::new(), file_size })
}
