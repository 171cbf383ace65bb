//! The routes of one search: its trials, its results, its model, and what happens to it.

use std::cmp::Ordering;

use axum::extract::State as Shared;
use axum::response::Response;
use futures::StreamExt as _;
use http::HeaderMap;
use rhiza_kernel::AutomlId;
use rhiza_tracking::artifacts::{Artifact, FileContent, Offer, send_file};
use rhiza_tracking::protocol::CanReadExperiments;
use rhiza_web::{ApiResult, IfNoneMatch, Json, LastEventId, Path, ProblemResponses, Query, sse};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::events::Follow;
use super::results::AutomlResults;
use super::service::Searches;
use super::wire::{AutomlEvent, AutomlTrial, AutomlTrials};
use crate::error::MlopsError;
use crate::models;
use crate::serving::{Answered, answer};
use crate::state::MlopsState;

/// The routes.
pub(super) fn router() -> OpenApiRouter<MlopsState> {
    OpenApiRouter::new()
        .routes(routes!(list_automl_trials))
        .routes(routes!(get_automl_results))
        .routes(routes!(download_automl_model))
        .routes(routes!(predict_with_automl_model))
        .merge(OpenApiRouter::new().routes(routes!(stream_automl_events)).layer(rhiza_web::no_timeout()))
}

/// All trials of a search, best first, those that failed last.
#[utoipa::path(
    get,
    path = "/automl/jobs/{automl_id}/trials",
    operation_id = "listAutomlTrials",
    tag = "automl",
    params(("automl_id" = String, Path, description = "The search")),
    responses((status = 200, body = AutomlTrials), ProblemResponses)
)]
async fn list_automl_trials(
    Shared(state): Shared<MlopsState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(id): Path<AutomlId>,
) -> ApiResult<Json<AutomlTrials>> {
    let searches = Searches::new(&state);
    let view = searches.get(&caller, id).await?;
    let members = match searches.results(&caller, id).await {
        Ok((_, found)) => read_results(found)?.members,
        // Until there is a model nobody has a share in it.
        Err(MlopsError::Conflict(_)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let weight = |number| members.iter().find(|member| member.number == number).map_or(0.0, |member| member.weight);
    let found = searches.trials(&caller, id, None).await?;
    let mut trials: Vec<AutomlTrial> =
        found.into_iter().map(|trial| (weight(trial.line.number), trial)).map(|(w, t)| AutomlTrial::of(t, w)).collect();
    let metric = view.job.plan.as_ref().map(|plan| plan.metric);
    let greater = metric.is_some_and(|metric| metric.greater_is_better());
    trials.sort_by(|a, b| match (a.score, b.score) {
        (Some(a), Some(b)) => {
            if greater {
                b.total_cmp(&a)
            } else {
                a.total_cmp(&b)
            }
        }
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.number.cmp(&b.number),
    });
    Ok(Json(AutomlTrials {
        metric: metric.map(|metric| metric.to_string()),
        greater_is_better: metric.map(|_| greater),
        trials,
    }))
}

fn read_results(found: Value) -> Result<AutomlResults, MlopsError> {
    serde_json::from_value(found).map_err(|e| MlopsError::Internal(format!("stored results: {e}")))
}

/// What a search found: the model, how it does on rows it has never seen, and what its columns are worth.
#[utoipa::path(
    get,
    path = "/automl/jobs/{automl_id}/results",
    operation_id = "getAutomlResults",
    tag = "automl",
    params(("automl_id" = String, Path, description = "The search")),
    responses((status = 200, body = AutomlResults), ProblemResponses)
)]
async fn get_automl_results(
    Shared(state): Shared<MlopsState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(id): Path<AutomlId>,
) -> ApiResult<Json<AutomlResults>> {
    let (_, found) = Searches::new(&state).results(&caller, id).await?;
    Ok(Json(read_results(found)?))
}

/// How a model is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ModelFormat {
    /// Rhiza's own, which can be explained and gives intervals.
    Rhiza,
    /// ONNX, for any runtime. Each input and output is a list of one value per row; a lone input is a table of one column.
    Onnx,
}

/// Which file.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DownloadQuery {
    /// How it is written; `rhiza` when absent.
    #[param(inline)]
    format: Option<ModelFormat>,
}

/// The file of a search's model.
#[utoipa::path(
    get,
    path = "/automl/jobs/{automl_id}/model",
    operation_id = "downloadAutomlModel",
    tag = "automl",
    params(("automl_id" = String, Path, description = "The search"), DownloadQuery),
    responses((status = 200, content_type = "application/octet-stream", body = FileContent), ProblemResponses)
)]
async fn download_automl_model(
    Shared(state): Shared<MlopsState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(id): Path<AutomlId>,
    Query(query): Query<DownloadQuery>,
    unchanged: IfNoneMatch,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let searches = Searches::new(&state);
    let ((file, name), ending) = match query.format.unwrap_or(ModelFormat::Rhiza) {
        ModelFormat::Rhiza => (searches.model(&caller, id).await?, "rhiza"),
        ModelFormat::Onnx => (searches.onnx(&caller, id).await?, "onnx"),
    };
    let named = Artifact { path: format!("{}.{ending}", name.replace('/', "_")), ..file };
    Ok(send_file(&state.tracking, &named, &headers, &unchanged, Offer::Attachment).await?)
}

/// Rows to be predicted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PredictRows {
    /// Rows, column by name; at most 1,000. Each tells all columns of the model; what is null is missing.
    #[schema(value_type = Vec<Object>)]
    records: Vec<Map<String, Value>>,
}

/// What is predicted.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct PredictedRows {
    /// A class or number a row.
    #[schema(value_type = Vec<Value>)]
    predictions: Vec<Value>,
    /// Row by row the probability of each class.
    probabilities: Option<Vec<Vec<f64>>>,
    /// The classes, in the order of their probabilities.
    classes: Option<Vec<String>>,
    /// Row by row between what the number lies in nine of ten cases.
    intervals: Option<Vec<[f64; 2]>>,
}

/// Most rows of a request.
const ROWS: usize = 1_000;

/// Predicts rows with a search's model.
#[utoipa::path(
    post,
    path = "/automl/jobs/{automl_id}/predict",
    operation_id = "predictWithAutomlModel",
    tag = "automl",
    params(("automl_id" = String, Path, description = "The search")),
    request_body = PredictRows,
    responses((status = 200, body = PredictedRows), ProblemResponses)
)]
async fn predict_with_automl_model(
    Shared(state): Shared<MlopsState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(id): Path<AutomlId>,
    Json(body): Json<PredictRows>,
) -> ApiResult<Json<PredictedRows>> {
    if body.records.is_empty() || body.records.len() > ROWS {
        return Err(MlopsError::Asked(format!("There must be at least one row, and at most {ROWS}.")).into());
    }
    let (file, _) = Searches::new(&state).model(&caller, id).await?;
    let model = models::load(&state, &file).await?;
    let Answered { document, intervals } = answer(model, body.records).await?;
    let predictions: Result<Vec<Value>, _> = document.predictions.iter().map(serde_json::to_value).collect();
    Ok(Json(PredictedRows {
        predictions: predictions.map_err(|e| MlopsError::Unwritable(e.to_string()))?,
        probabilities: document.probabilities,
        classes: document.classes,
        intervals,
    }))
}

/// Follow a search
///
/// The search at once and after each change, and each trial as it ends, those there are at once. The events of trials have their
/// number as id: who comes back with it hears only those behind. The stream ends with the search.
#[utoipa::path(
    get,
    path = "/automl/jobs/{automl_id}/events",
    operation_id = "streamAutomlEvents",
    tag = "automl",
    params(("automl_id" = String, Path, description = "The search")),
    responses(
        (status = 200, description = "Events named after their `type`", content_type = "text/event-stream", body = AutomlEvent),
        ProblemResponses
    )
)]
async fn stream_automl_events(
    Shared(state): Shared<MlopsState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(id): Path<AutomlId>,
    last: LastEventId,
) -> ApiResult<Response> {
    let last = last.0.and_then(|id| id.parse().ok());
    let follow = Follow::begin(Searches::new(&state), caller, id, last).await?;
    let events = follow.events().filter_map(|event| async move {
        match &event {
            AutomlEvent::Job { .. } => sse::Event::json("job", &event).ok(),
            AutomlEvent::Trial { trial } => sse::Event::json("trial", &event).ok().map(|told| told.id(trial.number)),
        }
    });
    Ok(sse::respond(events, state.streams.clone()))
}
