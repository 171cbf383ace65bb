//! MLflow's run endpoints: the life of runs and their search.

use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::http_logging;
use super::model::RunStatus;
use super::service::{self, Draft};
use super::wire::{ChangedRun, OneRun, RunPage};
use crate::TrackingState;
use crate::error::{TrackingError, TrackingResult};
use crate::protocol::{
    CanReadExperiments, CanWriteExperiments, Empty, KeyValue, MlflowErrors, Reply, Request, decode_token,
};
use crate::search::{self, View};

/// The routes, relative to `/api/2.0/mlflow`.
pub fn router() -> OpenApiRouter<TrackingState> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(get))
        .routes(routes!(update))
        .routes(routes!(delete))
        .routes(routes!(restore))
        .routes(routes!(find))
        .merge(http_logging::router())
}

/// Names a run.
#[derive(Debug, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[schema(as = MlflowRunRef)]
pub struct RunRef {
    /// Its id.
    pub run_id: String,
}

/// A new run.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowCreateRun)]
pub struct CreateRun {
    /// The experiment it belongs to.
    pub experiment_id: String,
    /// Who runs it.
    pub user_id: Option<String>,
    /// Its name; one is made up when absent.
    pub run_name: Option<String>,
    /// When it began, in milliseconds since 1970.
    pub start_time: Option<i64>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<KeyValue>,
}

/// What changes of a run.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowUpdateRun)]
pub struct UpdateRun {
    /// The run.
    pub run_id: String,
    /// Its new status.
    pub status: Option<String>,
    /// When it ended, in milliseconds since 1970.
    pub end_time: Option<i64>,
    /// Its new name.
    pub run_name: Option<String>,
}

/// Which runs to find.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowSearchRuns)]
pub struct SearchRuns {
    /// The experiments to look in.
    #[serde(default)]
    pub experiment_ids: Vec<String>,
    /// A filter, such as `metrics.acc > 0.9 AND params.model = 'tree'`.
    pub filter: Option<String>,
    /// `ACTIVE_ONLY`, `DELETED_ONLY` or `ALL`.
    pub run_view_type: Option<String>,
    /// At most so many, up to 50,000; 1,000 when absent.
    pub max_results: Option<i64>,
    /// The order, such as `metrics.acc DESC`.
    #[serde(default)]
    pub order_by: Vec<String>,
    /// Where to continue.
    pub page_token: Option<String>,
}

/// Creates a run.
#[utoipa::path(post, path = "/runs/create", operation_id = "mlflowCreateRun", tag = "mlflow",
    request_body = CreateRun, responses((status = 200, body = OneRun), MlflowErrors))]
async fn create(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let draft = Draft {
        experiment: fields.text("experiment_id")?.unwrap_or_default(),
        user_id: fields.text("user_id")?.unwrap_or_default(),
        name: fields.text("run_name")?.unwrap_or_default(),
        start_time: fields.integer("start_time")?.unwrap_or_default(),
        tags: fields.pairs("tags")?,
    };
    Ok(Reply(service::create(&state, &caller, draft).await?))
}

/// One run, deleted or not, with its latest metrics, parameters and tags.
#[utoipa::path(get, path = "/runs/get", operation_id = "mlflowGetRun", tag = "mlflow",
    params(RunRef), responses((status = 200, body = OneRun), MlflowErrors))]
async fn get(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    Ok(Reply(service::get(&state, &caller, &fields.run_id()?).await?))
}

/// Changes a run's status, end or name.
#[utoipa::path(post, path = "/runs/update", operation_id = "mlflowUpdateRun", tag = "mlflow",
    request_body = UpdateRun, responses((status = 200, body = ChangedRun), MlflowErrors))]
async fn update(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let run = fields.run_id()?;
    let status = fields.choice("status", &RunStatus::CHOICES)?;
    let end = fields.integer("end_time")?;
    let name = fields.text("run_name")?;
    Ok(Reply(service::update(&state, &caller, &run, status, end, name.as_deref()).await?))
}

/// Deletes a run; it can be restored until it is purged.
#[utoipa::path(post, path = "/runs/delete", operation_id = "mlflowDeleteRun", tag = "mlflow",
    request_body = RunRef, responses((status = 200, body = Empty), MlflowErrors))]
async fn delete(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    service::set_deleted(&state, &caller, &fields.required("run_id")?, true).await?;
    Ok(Empty {})
}

/// Restores a deleted run.
#[utoipa::path(post, path = "/runs/restore", operation_id = "mlflowRestoreRun", tag = "mlflow",
    request_body = RunRef, responses((status = 200, body = Empty), MlflowErrors))]
async fn restore(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    service::set_deleted(&state, &caller, &fields.required("run_id")?, false).await?;
    Ok(Empty {})
}

/// Finds runs.
#[utoipa::path(post, path = "/runs/search", operation_id = "mlflowSearchRuns", tag = "mlflow",
    request_body = SearchRuns, responses((status = 200, body = RunPage), MlflowErrors))]
async fn find(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let given = fields.integer("max_results")?.unwrap_or(1_000);
    if given > 50_000 {
        return Err(TrackingError::invalid(format!(
            "Invalid value {given} for parameter 'max_results' supplied:  Hint: Value was of type 'int'. See the API docs \
             for more information about request parameters."
        )));
    }
    let limit = fields.max_results(1_000, 50_000)?;
    let view = View::of(&fields, "run_view_type")?;
    let filter = fields.text("filter")?.unwrap_or_default();
    let search = search::runs::parse(&filter, &fields.texts("order_by")?, view)?;
    let offset = decode_token(fields.text("page_token")?.as_deref())?;
    let experiments = fields.texts("experiment_ids")?;
    Ok(Reply(service::search(&state, &caller, &experiments, &search, offset, limit).await?))
}
