//! The console's routes, relative to `/api/v1/tracking`.

use axum::extract::State;
use rhiza_kernel::FieldError;
use rhiza_web::{ApiError, ApiResult, Faults, Json, PageQuery, Path, ProblemResponses, Query, cursor};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::http_events;
use super::series::{self, SeriesRequest};
use super::service::{self, RunPlace, RunQuery, SummaryFilter};
use super::wire::{
    ExperimentColumns, ExperimentSummaryPage, RunRowPage, RunSearch, SeriesQuery, SeriesResult, StageView,
};
use crate::protocol::CanReadExperiments;
use crate::search;
use crate::state::TrackingState;

const DEFAULT_ROWS: u32 = 100;
const MAX_ROWS: u32 = 1_000;
const MAX_RUN_IDS: usize = 200;
const MAX_EXPERIMENTS: usize = 1_000;
const MAX_COLUMNS: usize = 1_000;
const MAX_SERIES_RUNS: usize = 100;
const MAX_SERIES_KEYS: usize = 200;
const DEFAULT_POINTS: u32 = 1_000;
const MAX_POINTS: u32 = 5_000;

/// The routes.
pub fn router() -> OpenApiRouter<TrackingState> {
    OpenApiRouter::new()
        .routes(routes!(search_run_rows))
        .routes(routes!(list_experiment_summaries))
        .routes(routes!(get_experiment_columns))
        .routes(routes!(query_series))
        .routes(routes!(http_events::stream_run_events))
}

/// Search runs
///
/// Runs as rows of a table: with the latest values of their metrics, their parameters and tags, and what they have
/// to do with datasets and models. A fault in `filter` or `order_by` says at which character it is.
#[utoipa::path(
    post,
    path = "/runs/search",
    operation_id = "searchRunRows",
    tag = "tracking",
    request_body = RunSearch,
    responses((status = 200, body = RunRowPage), ProblemResponses)
)]
pub(super) async fn search_run_rows(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Json(body): Json<RunSearch>,
) -> ApiResult<Json<RunRowPage>> {
    let page = service::search(&state, &caller, run_query(body)?).await?;
    let next_cursor = page.next.map(|place| cursor::encode(&place));
    Ok(Json(RunRowPage { items: page.items, next_cursor, total: page.total }))
}

fn run_query(body: RunSearch) -> ApiResult<RunQuery> {
    let limit = body.limit.unwrap_or(DEFAULT_ROWS);
    let columns = body.columns.unwrap_or_default();
    let mut faults = Faults::default();
    faults.check((1..=MAX_ROWS).contains(&limit), "/limit", "must be between 1 and 1000");
    faults.check(body.experiment_ids.len() <= MAX_EXPERIMENTS, "/experiment_ids", "must be at most 1000 experiments");
    let runs = body.run_ids.as_ref().map_or(0, Vec::len);
    faults.check(runs <= MAX_RUN_IDS, "/run_ids", "must be at most 200 runs");
    for (list, pointer) in
        [(&columns.metrics, "/columns/metrics"), (&columns.params, "/columns/params"), (&columns.tags, "/columns/tags")]
    {
        let keys = list.as_ref().map_or(0, Vec::len);
        faults.check(keys <= MAX_COLUMNS, pointer, "must be at most 1000 keys");
    }
    faults.finish()?;
    let place = body.cursor.as_deref().filter(|c| !c.is_empty()).map(place).transpose()?;
    let order = body.order_by.unwrap_or_default();
    let search = search::runs::parse(body.filter.as_deref().unwrap_or_default(), &order, body.view.into())?;
    let mut query = RunQuery { experiments: body.experiment_ids, search, columns, limit: u64::from(limit), place };
    if body.roots_only {
        query.only_roots();
    }
    if let Some(parent) = body.parent_run_id {
        query.only_children_of(parent);
    }
    if let Some(run_ids) = body.run_ids {
        query.only(run_ids);
    }
    Ok(query)
}

fn place(cursor: &str) -> ApiResult<RunPlace> {
    // The decoder takes it for a query parameter; here it is a field of the body.
    cursor::decode(cursor).map_err(|_| {
        ApiError::invalid(vec![FieldError::new("/cursor", "is not a cursor of this list; start again without one")])
    })
}

/// Which experiments to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SummariesQuery {
    /// Which stage of life; `active` when absent.
    #[serde(default)]
    #[param(inline)]
    view: StageView,
    /// A part of the name, whatever its case.
    q: Option<String>,
}

/// List experiments
///
/// Experiments with what goes on in them, the latest activity first.
#[utoipa::path(
    get,
    path = "/experiments",
    operation_id = "listExperimentSummaries",
    tag = "tracking",
    params(SummariesQuery, PageQuery),
    responses((status = 200, body = ExperimentSummaryPage), ProblemResponses)
)]
pub(super) async fn list_experiment_summaries(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Query(query): Query<SummariesQuery>,
    page: PageQuery,
) -> ApiResult<Json<ExperimentSummaryPage>> {
    let filter =
        SummaryFilter { view: query.view.into(), part: query.q.as_deref(), after: page.cursor()?, limit: page.limit };
    let page = service::summaries(&state, &caller, filter).await?;
    let next_cursor = page.next.map(|place| cursor::encode(&place));
    Ok(Json(ExperimentSummaryPage { items: page.items, next_cursor }))
}

/// List what runs can be filtered by
///
/// The metrics, parameters, tags and datasets of an experiment's runs, and the attributes that every run has.
#[utoipa::path(
    get,
    path = "/experiments/{experiment_id}/columns",
    operation_id = "getExperimentColumns",
    tag = "tracking",
    params(("experiment_id" = String, Path, description = "The experiment")),
    responses((status = 200, body = ExperimentColumns), ProblemResponses)
)]
pub(super) async fn get_experiment_columns(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(id): Path<String>,
) -> ApiResult<Json<ExperimentColumns>> {
    Ok(Json(service::columns(&state, &caller, &id).await?))
}

/// Read curves
///
/// Histories of metrics, thinned so that each stretch keeps its lowest and its highest value. When there are many
/// curves, each has fewer points than asked for.
#[utoipa::path(
    post,
    path = "/series",
    operation_id = "querySeries",
    tag = "tracking",
    request_body = SeriesQuery,
    responses((status = 200, body = SeriesResult), ProblemResponses)
)]
pub(super) async fn query_series(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Json(body): Json<SeriesQuery>,
) -> ApiResult<Json<SeriesResult>> {
    Ok(Json(series::query(&state, &caller, series_request(body)?).await?))
}

fn series_request(body: SeriesQuery) -> Result<SeriesRequest, ApiError> {
    let most = body.max_points.unwrap_or(DEFAULT_POINTS);
    let mut faults = Faults::default();
    faults.check(body.run_ids.len() <= MAX_SERIES_RUNS, "/run_ids", "must be at most 100 runs");
    faults.check(body.keys.len() <= MAX_SERIES_KEYS, "/keys", "must be at most 200 metrics");
    faults.check((2..=MAX_POINTS).contains(&most), "/max_points", "must be between 2 and 5000");
    faults.finish()?;
    Ok(SeriesRequest {
        run_ids: body.run_ids,
        keys: body.keys,
        axis: body.x,
        most: usize::try_from(most).unwrap_or(usize::MAX),
        from: body.from,
        to: body.to,
    })
}
