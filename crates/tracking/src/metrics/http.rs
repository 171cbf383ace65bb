//! MLflow's metric endpoints: histories and samples of them.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::service::{self, SampleQuery};
use super::wire::{BulkPage, HistoryPage, SamplePage};
use crate::TrackingState;
use crate::error::{TrackingError, TrackingResult};
use crate::protocol::{CanReadExperiments, MlflowErrors, Reply, Request, decode_token};

/// Histories of more points are sent in pieces.
const ONE_PIECE: usize = 100_000;
const TAIL: &str = " See the API docs for more information about request parameters.";

/// The routes, relative to `/api/2.0/mlflow`.
pub fn router() -> OpenApiRouter<TrackingState> {
    OpenApiRouter::new().routes(routes!(history)).routes(routes!(sample))
}

/// The routes that only `/ajax-api/2.0/mlflow` has.
pub fn ajax_router() -> OpenApiRouter<TrackingState> {
    OpenApiRouter::new().routes(routes!(bulk))
}

/// Which history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// The run.
    pub run_id: String,
    /// The metric.
    pub metric_key: String,
    /// At most so many points; all when absent.
    pub max_results: Option<i64>,
    /// Where to continue.
    pub page_token: Option<String>,
}

/// Which histories to sample.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IntervalQuery {
    /// At most 100 runs.
    pub run_ids: Vec<String>,
    /// The metric.
    pub metric_key: String,
    /// The first step.
    pub start_step: Option<i64>,
    /// The last step.
    pub end_step: Option<i64>,
    /// At most so many points of each run, up to 2,500.
    pub max_results: Option<i64>,
}

/// Which histories to read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BulkQuery {
    /// At most 100 runs.
    pub run_id: Vec<String>,
    /// The metric.
    pub metric_key: String,
    /// At most so many points in all, up to 25,000.
    pub max_results: Option<i64>,
}

/// Every value of a metric, in the order of time, step and value.
#[utoipa::path(get, path = "/metrics/get-history", operation_id = "mlflowGetMetricHistory", tag = "mlflow",
    params(HistoryQuery), responses((status = 200, body = HistoryPage), MlflowErrors))]
async fn history(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Request(fields): Request,
) -> TrackingResult<Response> {
    let run = fields.run_id()?;
    let key = fields.required("metric_key")?;
    let limit = match fields.integer("max_results")? {
        None => None,
        Some(limit) => Some(u64::try_from(limit).ok().filter(|l| *l > 0).ok_or_else(|| {
            TrackingError::invalid(format!(
                "Invalid value {limit} for parameter 'max_results' supplied. It must be a positive integer."
            ))
        })?),
    };
    let offset = decode_token(fields.text("page_token")?.as_deref())?;
    let stretches = service::history(&state, &caller, &run, &key, offset, limit).await?;
    if stretches.at_most() <= ONE_PIECE {
        let mut out = Vec::new();
        for stretch in stretches {
            out.extend(stretch?);
        }
        return Ok(Reply(out).into_response());
    }
    let mut response = Response::new(Body::from_stream(futures::stream::iter(stretches)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Evenly chosen values of a metric of several runs.
#[utoipa::path(get, path = "/metrics/get-history-bulk-interval", operation_id = "mlflowGetMetricHistoryBulkInterval",
    tag = "mlflow", params(IntervalQuery), responses((status = 200, body = SamplePage), MlflowErrors))]
async fn sample(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let run_ids = fields.texts("run_ids")?;
    if run_ids.is_empty() {
        fields.demand("run_ids")?;
    }
    let key = fields.required("metric_key")?;
    if run_ids.len() > 100 {
        return Err(TrackingError::invalid(format!(
            "GetMetricHistoryBulkInterval request must specify at most 100 run_ids. Received {} run_ids.{TAIL}",
            run_ids.len()
        )));
    }
    let buckets = fields.integer("max_results")?.unwrap_or(2_500);
    if !(1..=2_500).contains(&buckets) {
        return Err(TrackingError::invalid(format!("max_results must be between 1 and 2500.{TAIL}")));
    }
    let steps = match (fields.integer("start_step")?, fields.integer("end_step")?) {
        (None, None) => None,
        (Some(start), Some(end)) if start > end => {
            return Err(TrackingError::invalid(format!(
                "end_step must be greater than start_step. Found start_step={start} and end_step={end}."
            )));
        }
        (Some(start), Some(end)) => Some((start, end)),
        _ => {
            return Err(TrackingError::invalid(
                "If either start step or end step are specified, both must be specified.",
            ));
        }
    };
    let buckets = usize::try_from(buckets).unwrap_or(1);
    let query = SampleQuery { run_ids, key, steps, buckets };
    Ok(Reply(service::sample(&state, &caller, &query).await?))
}

/// The histories of a metric of several runs.
#[utoipa::path(get, path = "/metrics/get-history-bulk", operation_id = "mlflowGetMetricHistoryBulk", tag = "mlflow",
    params(BulkQuery), responses((status = 200, body = BulkPage), MlflowErrors))]
async fn bulk(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    const NAME: &str = "GetMetricHistoryBulk request";
    let run_ids = fields.texts("run_id")?;
    if run_ids.is_empty() {
        return Err(TrackingError::invalid(format!("{NAME} must specify at least one run_id.")));
    }
    if run_ids.len() > 100 {
        return Err(TrackingError::invalid(format!(
            "{NAME} cannot specify more than 100 run_ids. Received {} run_ids.",
            run_ids.len()
        )));
    }
    let Some(key) = fields.text("metric_key")?.filter(|k| !k.is_empty()) else {
        return Err(TrackingError::invalid(format!("{NAME} must specify a metric_key.")));
    };
    let cap = fields.integer("max_results")?.unwrap_or(25_000).clamp(0, 25_000);
    let cap = usize::try_from(cap).unwrap_or(0);
    Ok(Reply(service::bulk(&state, &caller, &run_ids, &key, cap).await?))
}
