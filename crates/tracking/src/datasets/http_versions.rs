//! The routes of a dataset's versions, relative to `/api/v1`.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use rhiza_kernel::DatasetId;
use rhiza_web::{ApiError, ApiResult, IfNoneMatch, Json, Page, PageQuery, Path, ProblemResponses, Query};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::http::added;
use super::http_wire::{
    DatasetTarget, DatasetTypes, DatasetVersion, DatasetVersionDetails, StoredDataset, TargetProfile,
};
use super::service::Datasets;
use super::service_add::Profiled;
use super::wire::{DatasetPreview, DatasetProfile};
use crate::artifacts::{Artifact, FileContent, Offer, send_file};
use crate::protocol::{CanReadExperiments, CanWriteExperiments};
use crate::state::TrackingState;

/// The routes.
pub(super) fn router() -> OpenApiRouter<TrackingState> {
    OpenApiRouter::new()
        .routes(routes!(list_dataset_versions))
        .routes(routes!(get_dataset_version))
        .routes(routes!(preview_dataset_version))
        .routes(routes!(download_dataset_version))
        .routes(routes!(set_dataset_types))
        .routes(routes!(profile_dataset_version, get_dataset_profile))
}

/// The number in a path; `None` for `latest`.
fn number(text: &str) -> ApiResult<Option<i64>> {
    match text.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) if text == "latest" => Ok(None),
        Err(_) => Err(ApiError::not_found("There is no such version of this dataset here.")),
    }
}

/// Lists a dataset's versions, newest first.
#[utoipa::path(
    get,
    path = "/datasets/{dataset_id}/versions",
    operation_id = "listDatasetVersions",
    tag = "datasets",
    params(("dataset_id" = String, Path, description = "The dataset's id"), PageQuery),
    responses((status = 200, body = Page<DatasetVersion>), ProblemResponses)
)]
async fn list_dataset_versions(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(id): Path<DatasetId>,
    page: PageQuery,
) -> ApiResult<Json<Page<DatasetVersion>>> {
    let found = Datasets::new(&state).versions(&caller, id, page.cursor()?, page.fetch()).await?;
    Ok(Json(Page::from_overfetch(found, &page, |last| last.number).map(DatasetVersion::from)))
}

/// One version with its columns and its profile.
#[utoipa::path(
    get,
    path = "/datasets/{dataset_id}/versions/{version}",
    operation_id = "getDatasetVersion",
    tag = "datasets",
    params(
        ("dataset_id" = String, Path, description = "The dataset's id"),
        ("version" = String, Path, description = "The version's number, or `latest`"),
    ),
    responses((status = 200, body = DatasetVersionDetails), ProblemResponses)
)]
async fn get_dataset_version(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path((id, version)): Path<(DatasetId, String)>,
) -> ApiResult<Json<DatasetVersionDetails>> {
    Ok(Json(Datasets::new(&state).details(&caller, id, number(&version)?).await?.into()))
}

/// The first rows of a version.
#[utoipa::path(
    get,
    path = "/datasets/{dataset_id}/versions/{version}/preview",
    operation_id = "previewDatasetVersion",
    tag = "datasets",
    params(
        ("dataset_id" = String, Path, description = "The dataset's id"),
        ("version" = String, Path, description = "The version's number, or `latest`"),
    ),
    responses((status = 200, body = DatasetPreview), ProblemResponses)
)]
async fn preview_dataset_version(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path((id, version)): Path<(DatasetId, String)>,
) -> ApiResult<Response> {
    Ok(Json(Datasets::new(&state).preview(&caller, id, number(&version)?).await?).into_response())
}

/// The file of a version, byte for byte as it came.
#[utoipa::path(
    get,
    path = "/datasets/{dataset_id}/versions/{version}/content",
    operation_id = "downloadDatasetVersion",
    tag = "datasets",
    params(
        ("dataset_id" = String, Path, description = "The dataset's id"),
        ("version" = String, Path, description = "The version's number, or `latest`"),
    ),
    responses((status = 200, content_type = "application/octet-stream", body = FileContent), ProblemResponses)
)]
async fn download_dataset_version(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path((id, version)): Path<(DatasetId, String)>,
    unchanged: IfNoneMatch,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let (file, name) = Datasets::new(&state).file(&caller, id, number(&version)?).await?;
    // Kept under its hash, sent under its name.
    let named = Artifact { path: name.replace('/', "_"), ..file };
    Ok(send_file(&state, &named, &headers, &unchanged, Offer::Attachment).await?)
}

/// Reads a version's columns as other types: a new version with the same bytes.
#[utoipa::path(
    put,
    path = "/datasets/{dataset_id}/versions/{version}/types",
    operation_id = "setDatasetTypes",
    tag = "datasets",
    params(
        ("dataset_id" = String, Path, description = "The dataset's id"),
        ("version" = String, Path, description = "The version's number, or `latest`"),
    ),
    request_body = DatasetTypes,
    responses(
        (status = 200, body = StoredDataset, description = "The version is read like that already"),
        (status = 202, body = StoredDataset, description = "A new version, about to be read"),
        ProblemResponses
    )
)]
async fn set_dataset_types(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path((id, version)): Path<(DatasetId, String)>,
    Json(body): Json<DatasetTypes>,
) -> ApiResult<Response> {
    let types = body.types.into_iter().map(|(name, kind)| (name, kind.into())).collect();
    Ok(added(Datasets::new(&state).set_types(&caller, id, number(&version)?, types).await?))
}

/// Looks at a version for what tells a target
///
/// The profile then names columns that tell the target almost by themselves, and its issues look at the target too.
#[utoipa::path(
    post,
    path = "/datasets/{dataset_id}/versions/{version}/profile",
    operation_id = "profileDatasetVersion",
    tag = "datasets",
    params(
        ("dataset_id" = String, Path, description = "The dataset's id"),
        ("version" = String, Path, description = "The version's number, or `latest`"),
    ),
    request_body = DatasetTarget,
    responses(
        (status = 200, body = TargetProfile, description = "It has been made before"),
        (status = 202, body = TargetProfile, description = "The job makes it"),
        ProblemResponses
    )
)]
async fn profile_dataset_version(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path((id, version)): Path<(DatasetId, String)>,
    Json(body): Json<DatasetTarget>,
) -> ApiResult<(StatusCode, Json<TargetProfile>)> {
    Ok(match Datasets::new(&state).profile(&caller, id, number(&version)?, &body.target).await? {
        Profiled::There(profile) => (StatusCode::OK, Json(TargetProfile { profile: Some(profile), job_id: None })),
        Profiled::Soon(job) => (StatusCode::ACCEPTED, Json(TargetProfile { profile: None, job_id: Some(job) })),
    })
}

/// Which profile.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ProfileQuery {
    /// The column to be predicted.
    target: String,
}

/// The profile of a version that looks at a target, once it has been made.
#[utoipa::path(
    get,
    path = "/datasets/{dataset_id}/versions/{version}/profile",
    operation_id = "getDatasetProfile",
    tag = "datasets",
    params(
        ("dataset_id" = String, Path, description = "The dataset's id"),
        ("version" = String, Path, description = "The version's number, or `latest`"),
        ProfileQuery,
    ),
    responses((status = 200, body = DatasetProfile), ProblemResponses)
)]
async fn get_dataset_profile(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path((id, version)): Path<(DatasetId, String)>,
    Query(query): Query<ProfileQuery>,
) -> ApiResult<Response> {
    let profile = Datasets::new(&state).profile_for(&caller, id, number(&version)?, &query.target).await?;
    let missing = || ApiError::not_found("This profile has not been made; ask for it first.");
    Ok(Json(profile.ok_or_else(missing)?).into_response())
}
