//! The registry's routes for models and aliases, relative to `/api/2.0/mlflow`.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::http_versions;
use super::model::Tag;
use super::service::Registry;
use super::wire::{
    CreateModel, LatestVersions, ModelPage, ModelTag, NameOnly, OneModel, OneVersion, RenameModel, SetAlias,
    UpdateModel, VersionPage,
};
use crate::error::TrackingResult;
use crate::protocol::{CanReadModels, CanWriteModels, Empty, MlflowErrors, Reply, Request, reply_json};
use crate::state::TrackingState;

/// The routes.
pub fn router() -> OpenApiRouter<TrackingState> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(get))
        .routes(routes!(search))
        .routes(routes!(update))
        .routes(routes!(rename))
        .routes(routes!(delete))
        .routes(routes!(set_tag))
        .routes(routes!(delete_tag))
        .routes(routes!(latest_get, latest_post))
        .routes(routes!(alias_get, alias_set, alias_delete))
        .merge(http_versions::router())
}

pub(super) fn model_reply(model: super::RegisteredModel) -> TrackingResult<Reply> {
    reply_json(&OneModel { registered_model: model.into() })
}

#[utoipa::path(post, path = "/registered-models/create", operation_id = "mlflowCreateRegisteredModel", tag = "mlflow",
    request_body = CreateModel, responses((status = 200, body = OneModel), MlflowErrors))]
async fn create(
    State(state): State<TrackingState>,
    CanWriteModels(caller): CanWriteModels,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let name = fields.required("name")?;
    let tags = fields.pairs("tags")?.into_iter().map(|(key, value)| Tag { key, value }).collect();
    let description = fields.text("description")?.unwrap_or_default();
    model_reply(Registry::new(&state).create(&caller, &name, &description, tags).await?)
}

#[utoipa::path(get, path = "/registered-models/get", operation_id = "mlflowGetRegisteredModel", tag = "mlflow",
    params(("name" = String, Query, description = "The model's name")),
    responses((status = 200, body = OneModel), MlflowErrors))]
async fn get(
    State(state): State<TrackingState>,
    CanReadModels(caller): CanReadModels,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    model_reply(Registry::new(&state).get(&caller, &fields.required("name")?).await?)
}

#[utoipa::path(get, path = "/registered-models/search", operation_id = "mlflowSearchRegisteredModels", tag = "mlflow",
    params(
        ("filter" = Option<String>, Query, description = "A filter in MLflow's grammar"),
        ("max_results" = Option<i64>, Query, description = "At most 1000, 100 when absent"),
        ("order_by" = Option<Vec<String>>, Query, description = "name, timestamp or last_updated_timestamp"),
        ("page_token" = Option<String>, Query, description = "Where the page begins"),
    ),
    responses((status = 200, body = ModelPage), MlflowErrors))]
async fn search(
    State(state): State<TrackingState>,
    CanReadModels(caller): CanReadModels,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let (models, next_page_token) = Registry::new(&state).search_models(&caller, &fields).await?;
    reply_json(&ModelPage { registered_models: models.into_iter().map(Into::into).collect(), next_page_token })
}

#[utoipa::path(patch, path = "/registered-models/update", operation_id = "mlflowUpdateRegisteredModel", tag = "mlflow",
    request_body = UpdateModel, responses((status = 200, body = OneModel), MlflowErrors))]
async fn update(
    State(state): State<TrackingState>,
    CanWriteModels(caller): CanWriteModels,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let name = fields.required("name")?;
    let description = fields.text("description")?.unwrap_or_default();
    model_reply(Registry::new(&state).describe(&caller, &name, &description).await?)
}

#[utoipa::path(post, path = "/registered-models/rename", operation_id = "mlflowRenameRegisteredModel", tag = "mlflow",
    request_body = RenameModel, responses((status = 200, body = OneModel), MlflowErrors))]
async fn rename(
    State(state): State<TrackingState>,
    CanWriteModels(caller): CanWriteModels,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let (name, new_name) = (fields.required("name")?, fields.required("new_name")?);
    model_reply(Registry::new(&state).rename(&caller, &name, &new_name).await?)
}

#[utoipa::path(delete, path = "/registered-models/delete", operation_id = "mlflowDeleteRegisteredModel", tag = "mlflow",
    request_body = NameOnly, responses((status = 200, body = Empty), MlflowErrors))]
async fn delete(
    State(state): State<TrackingState>,
    CanWriteModels(caller): CanWriteModels,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    Registry::new(&state).delete(&caller, &fields.required("name")?).await?;
    Ok(Empty {})
}

#[utoipa::path(post, path = "/registered-models/set-tag", operation_id = "mlflowSetRegisteredModelTag", tag = "mlflow",
    request_body = ModelTag, responses((status = 200, body = Empty), MlflowErrors))]
async fn set_tag(
    State(state): State<TrackingState>,
    CanWriteModels(caller): CanWriteModels,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let (name, key) = (fields.required("name")?, fields.required("key")?);
    let value = fields.text("value")?.unwrap_or_default();
    Registry::new(&state).set_tag(&caller, &name, Tag { key, value }).await?;
    Ok(Empty {})
}

#[utoipa::path(delete, path = "/registered-models/delete-tag", operation_id = "mlflowDeleteRegisteredModelTag",
    tag = "mlflow", request_body = ModelTag, responses((status = 200, body = Empty), MlflowErrors))]
async fn delete_tag(
    State(state): State<TrackingState>,
    CanWriteModels(caller): CanWriteModels,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let (name, key) = (fields.required("name")?, fields.required("key")?);
    Registry::new(&state).delete_tag(&caller, &name, &key).await?;
    Ok(Empty {})
}

async fn latest(state: TrackingState, caller: crate::protocol::Caller, request: Request) -> TrackingResult<Reply> {
    let Request(fields) = request;
    let name = fields.required("name")?;
    let versions = Registry::new(&state).latest(&caller, &name, &fields.texts("stages")?).await?;
    reply_json(&VersionPage { model_versions: versions.into_iter().map(Into::into).collect(), next_page_token: None })
}

#[utoipa::path(get, path = "/registered-models/get-latest-versions", operation_id = "mlflowGetLatestVersions",
    tag = "mlflow",
    params(
        ("name" = String, Query, description = "The model's name"),
        ("stages" = Option<Vec<String>>, Query, description = "The stages; all when absent"),
    ),
    responses((status = 200, body = VersionPage), MlflowErrors))]
async fn latest_get(
    State(state): State<TrackingState>,
    CanReadModels(caller): CanReadModels,
    request: Request,
) -> TrackingResult<Reply> {
    latest(state, caller, request).await
}

#[utoipa::path(post, path = "/registered-models/get-latest-versions", operation_id = "mlflowPostLatestVersions",
    tag = "mlflow", request_body = LatestVersions, responses((status = 200, body = VersionPage), MlflowErrors))]
async fn latest_post(
    State(state): State<TrackingState>,
    CanReadModels(caller): CanReadModels,
    request: Request,
) -> TrackingResult<Reply> {
    latest(state, caller, request).await
}

#[utoipa::path(get, path = "/registered-models/alias", operation_id = "mlflowGetModelVersionByAlias", tag = "mlflow",
    params(
        ("name" = String, Query, description = "The model's name"),
        ("alias" = String, Query, description = "The alias"),
    ),
    responses((status = 200, body = OneVersion), MlflowErrors))]
async fn alias_get(
    State(state): State<TrackingState>,
    CanReadModels(caller): CanReadModels,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let (name, alias) = (fields.required("name")?, fields.required("alias")?);
    http_versions::version_reply(Registry::new(&state).by_alias(&caller, &name, &alias).await?)
}

#[utoipa::path(post, path = "/registered-models/alias", operation_id = "mlflowSetRegisteredModelAlias", tag = "mlflow",
    request_body = SetAlias, responses((status = 200, body = Empty), MlflowErrors))]
async fn alias_set(
    State(state): State<TrackingState>,
    CanWriteModels(caller): CanWriteModels,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let (name, alias) = (fields.required("name")?, fields.required("alias")?);
    Registry::new(&state).set_alias(&caller, &name, &alias, &fields.required("version")?).await?;
    Ok(Empty {})
}

#[utoipa::path(delete, path = "/registered-models/alias", operation_id = "mlflowDeleteRegisteredModelAlias",
    tag = "mlflow", request_body = SetAlias, responses((status = 200, body = Empty), MlflowErrors))]
async fn alias_delete(
    State(state): State<TrackingState>,
    CanWriteModels(caller): CanWriteModels,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let (name, alias) = (fields.required("name")?, fields.required("alias")?);
    Registry::new(&state).delete_alias(&caller, &name, &alias).await?;
    Ok(Empty {})
}
