//! The registry's routes beside MLflow's, relative to `/api/v1/tracking`: what came of what.

use axum::extract::State;
use rhiza_web::{ApiResult, Faults, Json, Path, ProblemResponses};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::service::Registry;
use super::wire_native::{RegistrationResult, RegistrationSearch, VersionLineage};
use crate::protocol::CanReadModels;
use crate::state::TrackingState;

const MAX_MODELS: usize = 200;

/// The routes.
pub fn native_router() -> OpenApiRouter<TrackingState> {
    OpenApiRouter::new().routes(routes!(get_version_lineage)).routes(routes!(search_registrations))
}

/// Tell where a version comes from
///
/// The data, the run and the logged model behind a registered version, as far as they still exist.
#[utoipa::path(
    get,
    path = "/registered-models/{name}/versions/{version}/lineage",
    operation_id = "getModelVersionLineage",
    tag = "tracking",
    params(
        ("name" = String, Path, description = "The registered model"),
        ("version" = String, Path, description = "The version's number"),
    ),
    responses((status = 200, body = VersionLineage), ProblemResponses)
)]
async fn get_version_lineage(
    State(state): State<TrackingState>,
    CanReadModels(caller): CanReadModels,
    Path((name, version)): Path<(String, String)>,
) -> ApiResult<Json<VersionLineage>> {
    Ok(Json(Registry::new(&state).lineage(&caller, &name, &version).await?))
}

/// Tell what logged models became
///
/// The registered versions that are the given logged models.
#[utoipa::path(
    post,
    path = "/models/registrations",
    operation_id = "searchModelRegistrations",
    tag = "tracking",
    request_body = RegistrationSearch,
    responses((status = 200, body = RegistrationResult), ProblemResponses)
)]
async fn search_registrations(
    State(state): State<TrackingState>,
    CanReadModels(caller): CanReadModels,
    Json(body): Json<RegistrationSearch>,
) -> ApiResult<Json<RegistrationResult>> {
    let mut faults = Faults::default();
    faults.check(body.model_ids.len() <= MAX_MODELS, "/model_ids", "must be at most 200 models");
    faults.finish()?;
    Ok(Json(RegistrationResult { items: Registry::new(&state).registrations(&caller, &body.model_ids).await? }))
}
