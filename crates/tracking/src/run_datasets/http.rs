//! MLflow's route that lists datasets.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::DatasetSummary;
use super::service;
use crate::TrackingState;
use crate::error::TrackingResult;
use crate::protocol::{CanReadExperiments, MlflowErrors, Reply, Request, reply_json};

/// The routes, relative to `/api/2.0/mlflow`.
pub fn router() -> OpenApiRouter<TrackingState> {
    OpenApiRouter::new().routes(routes!(search))
}

/// Whose datasets to list.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowSearchDatasets)]
pub struct SearchDatasets {
    /// 1 to 20 experiments.
    pub experiment_ids: Vec<String>,
}

/// Datasets that runs used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowDatasetSummaries)]
pub struct DatasetSummaries {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dataset_summaries: Vec<DatasetSummary>,
}

/// Lists the datasets that runs of some experiments used.
#[utoipa::path(post, path = "/experiments/search-datasets", operation_id = "mlflowSearchDatasets", tag = "mlflow",
    request_body = SearchDatasets, responses((status = 200, body = DatasetSummaries), MlflowErrors))]
async fn search(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let experiments = fields.texts("experiment_ids")?;
    reply_json(&DatasetSummaries { dataset_summaries: service::search(&state, &caller, &experiments).await? })
}
