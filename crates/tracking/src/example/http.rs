//! The worked example's route.

use axum::Json;
use axum::extract::State;
use rhiza_web::{ApiError, ProblemResponses};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::service;
use crate::error::TrackingError;
use crate::protocol::CanWriteExperiments;
use crate::state::TrackingState;

/// The worked example as loaded.
#[derive(Debug, Serialize, ToSchema)]
struct Example {
    /// Its experiment.
    experiment_id: String,
    /// Its runs, in the order they ran.
    run_ids: Vec<String>,
    /// Whether this request loaded it; otherwise the project had it.
    created: bool,
}

/// The route, relative to `/api/v1/tracking`.
pub fn router() -> OpenApiRouter<TrackingState> {
    OpenApiRouter::new().routes(routes!(load_example))
}

/// Load the worked example
///
/// A real training history of six classifiers on the Wisconsin breast cancer data. Loading it again finds it again.
#[utoipa::path(
    post,
    path = "/example",
    operation_id = "loadExample",
    tag = "tracking",
    responses((status = 200, body = Example), ProblemResponses)
)]
async fn load_example(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
) -> Result<Json<Example>, ApiError> {
    let loaded = service::load(&state, &caller).await?;
    let experiment_id = loaded.experiment_ids.into_iter().next();
    let experiment_id =
        experiment_id.ok_or_else(|| TrackingError::Internal("the worked example has no experiment".to_owned()))?;
    Ok(Json(Example { experiment_id, run_ids: loaded.run_ids, created: loaded.created }))
}
