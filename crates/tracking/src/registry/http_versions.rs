//! The registry's routes for versions, relative to `/api/2.0/mlflow`.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::{ModelVersion, Tag};
use super::service::Registry;
use super::versions::VersionDraft;
use super::wire::{CreateVersion, DownloadUri, OneVersion, Transition, UpdateVersion, VersionPage, VersionTag};
use crate::error::TrackingResult;
use crate::protocol::{CanReadModels, CanWriteModels, Empty, Fields, MlflowErrors, Reply, Request, reply_json};
use crate::state::TrackingState;

pub(super) fn router() -> OpenApiRouter<TrackingState> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(get))
        .routes(routes!(search))
        .routes(routes!(update))
        .routes(routes!(delete))
        .routes(routes!(set_tag))
        .routes(routes!(delete_tag))
        .routes(routes!(download_uri))
        .routes(routes!(transition))
}

pub(super) fn version_reply(version: ModelVersion) -> TrackingResult<Reply> {
    reply_json(&OneVersion { model_version: version.into() })
}

fn name_and_version(fields: &Fields) -> TrackingResult<(String, String)> {
    Ok((fields.required("name")?, fields.required("version")?))
}

#[utoipa::path(post, path = "/model-versions/create", operation_id = "mlflowCreateModelVersion", tag = "mlflow",
    request_body = CreateVersion, responses((status = 200, body = OneVersion), MlflowErrors))]
async fn create(
    State(state): State<TrackingState>,
    CanWriteModels(caller): CanWriteModels,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let draft = VersionDraft {
        name: fields.required("name")?,
        source: fields.required("source")?,
        run_id: fields.text("run_id")?,
        model_id: fields.text("model_id")?,
        run_link: fields.text("run_link")?.unwrap_or_default(),
        description: fields.text("description")?.unwrap_or_default(),
        tags: fields.pairs("tags")?.into_iter().map(|(key, value)| Tag { key, value }).collect(),
    };
    version_reply(Registry::new(&state).create_version(&caller, draft).await?)
}

#[utoipa::path(get, path = "/model-versions/get", operation_id = "mlflowGetModelVersion", tag = "mlflow",
    params(
        ("name" = String, Query, description = "The model's name"),
        ("version" = String, Query, description = "The version's number"),
    ),
    responses((status = 200, body = OneVersion), MlflowErrors))]
async fn get(
    State(state): State<TrackingState>,
    CanReadModels(caller): CanReadModels,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let (name, version) = name_and_version(&fields)?;
    version_reply(Registry::new(&state).version(&caller, &name, &version).await?)
}

#[utoipa::path(get, path = "/model-versions/search", operation_id = "mlflowSearchModelVersions", tag = "mlflow",
    params(
        ("filter" = Option<String>, Query, description = "A filter in MLflow's grammar"),
        ("max_results" = Option<i64>, Query, description = "At most 200000"),
        ("order_by" = Option<Vec<String>>, Query,
            description = "name, version_number, creation_timestamp or last_updated_timestamp"),
        ("page_token" = Option<String>, Query, description = "Where the page begins"),
    ),
    responses((status = 200, body = VersionPage), MlflowErrors))]
async fn search(
    State(state): State<TrackingState>,
    CanReadModels(caller): CanReadModels,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let (versions, next_page_token) = Registry::new(&state).search_versions(&caller, &fields).await?;
    reply_json(&VersionPage { model_versions: versions.into_iter().map(Into::into).collect(), next_page_token })
}

#[utoipa::path(patch, path = "/model-versions/update", operation_id = "mlflowUpdateModelVersion", tag = "mlflow",
    request_body = UpdateVersion, responses((status = 200, body = OneVersion), MlflowErrors))]
async fn update(
    State(state): State<TrackingState>,
    CanWriteModels(caller): CanWriteModels,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let (name, version) = name_and_version(&fields)?;
    let description = fields.text("description")?;
    let registry = Registry::new(&state);
    version_reply(registry.describe_version(&caller, &name, &version, description.as_deref()).await?)
}

#[utoipa::path(delete, path = "/model-versions/delete", operation_id = "mlflowDeleteModelVersion", tag = "mlflow",
    request_body = UpdateVersion, responses((status = 200, body = Empty), MlflowErrors))]
async fn delete(
    State(state): State<TrackingState>,
    CanWriteModels(caller): CanWriteModels,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let (name, version) = name_and_version(&fields)?;
    Registry::new(&state).delete_version(&caller, &name, &version).await?;
    Ok(Empty {})
}

#[utoipa::path(post, path = "/model-versions/set-tag", operation_id = "mlflowSetModelVersionTag", tag = "mlflow",
    request_body = VersionTag, responses((status = 200, body = Empty), MlflowErrors))]
async fn set_tag(
    State(state): State<TrackingState>,
    CanWriteModels(caller): CanWriteModels,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let (name, version) = name_and_version(&fields)?;
    let tag = Tag { key: fields.required("key")?, value: fields.text("value")?.unwrap_or_default() };
    Registry::new(&state).set_version_tag(&caller, &name, &version, tag).await?;
    Ok(Empty {})
}

#[utoipa::path(delete, path = "/model-versions/delete-tag", operation_id = "mlflowDeleteModelVersionTag",
    tag = "mlflow", request_body = VersionTag, responses((status = 200, body = Empty), MlflowErrors))]
async fn delete_tag(
    State(state): State<TrackingState>,
    CanWriteModels(caller): CanWriteModels,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let (name, version) = name_and_version(&fields)?;
    Registry::new(&state).delete_version_tag(&caller, &name, &version, &fields.required("key")?).await?;
    Ok(Empty {})
}

#[utoipa::path(get, path = "/model-versions/get-download-uri", operation_id = "mlflowGetModelVersionDownloadUri",
    tag = "mlflow",
    params(
        ("name" = String, Query, description = "The model's name"),
        ("version" = String, Query, description = "The version's number"),
    ),
    responses((status = 200, body = DownloadUri), MlflowErrors))]
async fn download_uri(
    State(state): State<TrackingState>,
    CanReadModels(caller): CanReadModels,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    // MLflow checks no required fields here: the name's and the number's own rules speak.
    let name = fields.text("name")?.unwrap_or_default();
    let version = fields.text("version")?.unwrap_or_default();
    let artifact_uri = Registry::new(&state).download_uri(&caller, &name, &version).await?;
    reply_json(&DownloadUri { artifact_uri })
}

#[utoipa::path(post, path = "/model-versions/transition-stage", operation_id = "mlflowTransitionModelVersionStage",
    tag = "mlflow", request_body = Transition, responses((status = 200, body = OneVersion), MlflowErrors))]
async fn transition(
    State(state): State<TrackingState>,
    CanWriteModels(caller): CanWriteModels,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let (name, version) = name_and_version(&fields)?;
    let stage = fields.required("stage")?;
    let archive = fields.boolean("archive_existing_versions")?.unwrap_or(false);
    version_reply(Registry::new(&state).transition(&caller, &name, &version, &stage, archive).await?)
}
