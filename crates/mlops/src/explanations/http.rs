//! The routes of explanations, relative to `/api/v1`.

use axum::extract::State;
use http::StatusCode;
use rhiza_kernel::{AutomlId, ExplanationId};
use rhiza_tracking::protocol::{CanReadExperiments, CanWriteExperiments};
use rhiza_web::{ApiResult, Json, Page, PageQuery, Path, ProblemResponses, Query};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::service::Explanations;
use super::store::Chosen;
use super::wire::{ComparedExplanations, CreateExplanation, Explanation};
use crate::state::MlopsState;

/// The routes.
pub fn router() -> OpenApiRouter<MlopsState> {
    OpenApiRouter::new()
        .routes(routes!(create_explanation, list_explanations))
        .routes(routes!(compare_explanations))
        .routes(routes!(get_explanation, delete_explanation))
}

/// Explains a model
///
/// The answer is at once; the explanation is made by a job in a process of its own, and kept.
#[utoipa::path(
    post,
    path = "/explanations",
    operation_id = "createExplanation",
    tag = "explanations",
    request_body = CreateExplanation,
    responses((status = 202, body = Explanation, description = "It waits for a worker"), ProblemResponses)
)]
async fn create_explanation(
    State(state): State<MlopsState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Json(body): Json<CreateExplanation>,
) -> ApiResult<(StatusCode, Json<Explanation>)> {
    let made = Explanations::new(&state).create(&caller, body.draft()?).await?;
    Ok((StatusCode::ACCEPTED, Json(made.into())))
}

/// Which explanations to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only those of this search's model.
    #[param(value_type = Option<String>)]
    automl_id: Option<AutomlId>,
    /// Only those of this registered model.
    name: Option<String>,
}

/// Lists the project's explanations, newest first, without what they found.
#[utoipa::path(
    get,
    path = "/explanations",
    operation_id = "listExplanations",
    tag = "explanations",
    params(ListQuery, PageQuery),
    responses((status = 200, body = Page<Explanation>), ProblemResponses)
)]
async fn list_explanations(
    State(state): State<MlopsState>,
    CanReadExperiments(caller): CanReadExperiments,
    Query(query): Query<ListQuery>,
    page: PageQuery,
) -> ApiResult<Json<Page<Explanation>>> {
    let chosen = Chosen { automl: query.automl_id, registered: query.name, before: page.cursor()? };
    let found = Explanations::new(&state).page(&caller, chosen, page.fetch()).await?;
    Ok(Json(Page::from_overfetch(found, &page, |last| last.id).map(Explanation::from)))
}

/// One explanation, with what it found.
#[utoipa::path(
    get,
    path = "/explanations/{explanation_id}",
    operation_id = "getExplanation",
    tag = "explanations",
    params(("explanation_id" = String, Path, description = "The explanation")),
    responses((status = 200, body = Explanation), ProblemResponses)
)]
async fn get_explanation(
    State(state): State<MlopsState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(id): Path<ExplanationId>,
) -> ApiResult<Json<Explanation>> {
    let (made, result) = Explanations::new(&state).get(&caller, id).await?;
    Ok(Json(Explanation::from(made).with(result)))
}

/// Removes an explanation; one that is being made is no longer.
#[utoipa::path(
    delete,
    path = "/explanations/{explanation_id}",
    operation_id = "deleteExplanation",
    tag = "explanations",
    params(("explanation_id" = String, Path, description = "The explanation")),
    responses((status = 204, description = "Removed"), ProblemResponses)
)]
async fn delete_explanation(
    State(state): State<MlopsState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path(id): Path<ExplanationId>,
) -> ApiResult<StatusCode> {
    Explanations::new(&state).delete(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which two.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CompareQuery {
    /// The one.
    #[param(value_type = String)]
    left: ExplanationId,
    /// The other.
    #[param(value_type = String)]
    right: ExplanationId,
}

/// What two explanations say of each column: of kinds that say what columns are worth.
#[utoipa::path(
    get,
    path = "/explanations/compare",
    operation_id = "compareExplanations",
    tag = "explanations",
    params(CompareQuery),
    responses((status = 200, body = ComparedExplanations), ProblemResponses)
)]
async fn compare_explanations(
    State(state): State<MlopsState>,
    CanReadExperiments(caller): CanReadExperiments,
    Query(query): Query<CompareQuery>,
) -> ApiResult<Json<ComparedExplanations>> {
    Ok(Json(Explanations::new(&state).compare(&caller, query.left, query.right).await?.into()))
}
