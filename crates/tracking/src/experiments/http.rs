//! MLflow's experiment endpoints.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::service::{self, Experiment};
use crate::TrackingState;
use crate::error::{TrackingError, TrackingResult};
use crate::protocol::{
    CanReadExperiments, CanWriteExperiments, Empty, Fields, KeyValue, MlflowErrors, Reply, Request, decode_token,
    encode_token, reply_json,
};
use crate::search::{self, View};

/// The routes, relative to `/api/2.0/mlflow`.
pub fn router() -> OpenApiRouter<TrackingState> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(get))
        .routes(routes!(get_by_name))
        .routes(routes!(update))
        .routes(routes!(delete))
        .routes(routes!(restore))
        .routes(routes!(set_tag))
        .routes(routes!(delete_tag))
        .routes(routes!(search_get, search_post))
}

/// A new experiment.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowCreateExperiment)]
pub struct CreateExperiment {
    /// Its name, unique in the project.
    pub name: String,
    /// Where its artifacts go; the server's own store when absent.
    pub artifact_location: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<KeyValue>,
}

/// The id of a new experiment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowExperimentCreated)]
pub struct ExperimentCreated {
    /// Its id.
    pub experiment_id: String,
}

/// Names an experiment.
#[derive(Debug, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[schema(as = MlflowExperimentRef)]
pub struct ExperimentRef {
    /// Its id.
    pub experiment_id: String,
}

/// Names an experiment by its name.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExperimentName {
    /// Its name.
    pub experiment_name: String,
}

/// An experiment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowExperimentReply)]
pub struct ExperimentReply {
    experiment: Experiment,
}

/// A new name for an experiment.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowUpdateExperiment)]
pub struct UpdateExperiment {
    /// The experiment.
    pub experiment_id: String,
    /// Its new name.
    pub new_name: String,
}

/// A tag for an experiment.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowSetExperimentTag)]
pub struct SetExperimentTag {
    /// The experiment.
    pub experiment_id: String,
    /// The tag's key.
    pub key: String,
    /// The tag's value.
    pub value: String,
}

/// A tag to take off an experiment.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowDeleteExperimentTag)]
pub struct DeleteExperimentTag {
    /// The experiment.
    pub experiment_id: String,
    /// The tag's key.
    pub key: String,
}

/// Which experiments to list.
#[derive(Debug, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[schema(as = MlflowSearchExperiments)]
pub struct SearchExperiments {
    /// At most so many, up to 50,000.
    pub max_results: i64,
    /// Where to continue.
    pub page_token: Option<String>,
    /// A filter, such as `name LIKE 'a%' AND tags.team = 'b'`.
    pub filter: Option<String>,
    /// The order, such as `name ASC`.
    #[serde(default)]
    pub order_by: Vec<String>,
    /// `ACTIVE_ONLY`, `DELETED_ONLY` or `ALL`.
    pub view_type: Option<String>,
}

/// A page of experiments.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowExperimentPage)]
pub struct ExperimentPage {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    experiments: Vec<Experiment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// Creates an experiment.
#[utoipa::path(post, path = "/experiments/create", operation_id = "mlflowCreateExperiment", tag = "mlflow",
    request_body = CreateExperiment, responses((status = 200, body = ExperimentCreated), MlflowErrors))]
async fn create(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let name = fields.required("name")?;
    let location = fields.text("artifact_location")?;
    let tags = fields.pairs("tags")?;
    let experiment_id = service::create(&state, &caller, &name, location.as_deref(), &tags).await?;
    reply_json(&ExperimentCreated { experiment_id })
}

/// One experiment, deleted or not.
#[utoipa::path(get, path = "/experiments/get", operation_id = "mlflowGetExperiment", tag = "mlflow",
    params(ExperimentRef), responses((status = 200, body = ExperimentReply), MlflowErrors))]
async fn get(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let experiment = service::get(&state, &caller, &fields.required("experiment_id")?).await?;
    reply_json(&ExperimentReply { experiment })
}

/// One experiment by its name, deleted or not.
#[utoipa::path(get, path = "/experiments/get-by-name", operation_id = "mlflowGetExperimentByName", tag = "mlflow",
    params(ExperimentName), responses((status = 200, body = ExperimentReply), MlflowErrors))]
async fn get_by_name(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let experiment = service::get_by_name(&state, &caller, &fields.required("experiment_name")?).await?;
    reply_json(&ExperimentReply { experiment })
}

/// Renames an experiment.
#[utoipa::path(post, path = "/experiments/update", operation_id = "mlflowUpdateExperiment", tag = "mlflow",
    request_body = UpdateExperiment, responses((status = 200, body = Empty), MlflowErrors))]
async fn update(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let id = fields.required("experiment_id")?;
    service::rename(&state, &caller, &id, &fields.required("new_name")?).await?;
    Ok(Empty {})
}

/// Deletes an experiment and its runs; they can be restored until they are purged.
#[utoipa::path(post, path = "/experiments/delete", operation_id = "mlflowDeleteExperiment", tag = "mlflow",
    request_body = ExperimentRef, responses((status = 200, body = Empty), MlflowErrors))]
async fn delete(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    service::set_deleted(&state, &caller, &fields.required("experiment_id")?, true).await?;
    Ok(Empty {})
}

/// Restores a deleted experiment and its runs.
#[utoipa::path(post, path = "/experiments/restore", operation_id = "mlflowRestoreExperiment", tag = "mlflow",
    request_body = ExperimentRef, responses((status = 200, body = Empty), MlflowErrors))]
async fn restore(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    service::set_deleted(&state, &caller, &fields.required("experiment_id")?, false).await?;
    Ok(Empty {})
}

/// Sets a tag of an experiment.
#[utoipa::path(post, path = "/experiments/set-experiment-tag", operation_id = "mlflowSetExperimentTag", tag = "mlflow",
    request_body = SetExperimentTag, responses((status = 200, body = Empty), MlflowErrors))]
async fn set_tag(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let id = fields.required("experiment_id")?;
    let key = fields.required("key")?;
    let value = fields.text("value")?.unwrap_or_default();
    service::set_tag(&state, &caller, &id, &key, &value).await?;
    Ok(Empty {})
}

/// Takes a tag off an experiment.
#[utoipa::path(post, path = "/experiments/delete-experiment-tag", operation_id = "mlflowDeleteExperimentTag",
    tag = "mlflow", request_body = DeleteExperimentTag, responses((status = 200, body = Empty), MlflowErrors))]
async fn delete_tag(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let id = fields.required("experiment_id")?;
    service::delete_tag(&state, &caller, &id, &fields.required("key")?).await?;
    Ok(Empty {})
}

/// Lists experiments.
#[utoipa::path(get, path = "/experiments/search", operation_id = "mlflowListExperiments", tag = "mlflow",
    params(SearchExperiments), responses((status = 200, body = ExperimentPage), MlflowErrors))]
async fn search_get(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    find(&state, &caller, &fields).await
}

/// Lists experiments.
#[utoipa::path(post, path = "/experiments/search", operation_id = "mlflowSearchExperiments", tag = "mlflow",
    request_body = SearchExperiments, responses((status = 200, body = ExperimentPage), MlflowErrors))]
async fn search_post(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    find(&state, &caller, &fields).await
}

async fn find(state: &TrackingState, caller: &crate::protocol::Caller, fields: &Fields) -> TrackingResult<Reply> {
    let limit = fields.max_results(0, 50_000)?;
    let view = View::of(fields, "view_type")?;
    let search = search::experiments::parse(
        fields.text("filter")?.as_deref().unwrap_or_default(),
        &fields.texts("order_by")?,
        view,
    )?;
    let offset = decode_token(fields.text("page_token")?.as_deref())?;
    let (experiments, next) = service::search(state, caller, &search, offset, limit).await?;
    let page = ExperimentPage { experiments, next_page_token: next.map(encode_token) };
    reply_json(&page).map_err(|e: TrackingError| e)
}
