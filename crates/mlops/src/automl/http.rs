//! The routes of searches, relative to `/api/v1`.

use axum::extract::State as Shared;
use http::StatusCode;
use rhiza_kernel::{AutomlId, DatasetId};
use rhiza_tracking::protocol::{CanReadExperiments, CanWriteExperiments, CanWriteModels};
use rhiza_web::{ApiError, ApiResult, Faults, Json, Page, PageQuery, Path, ProblemResponses, Query};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::http_job;
use super::service::{Searches, Wrong};
use super::store::Wanted;
use super::wire::{AutomlJob, RegisterAutoml, RegisteredVersion, ResumeAutoml, StartAutoml, WorkState};
use crate::state::MlopsState;

/// The routes.
pub fn router() -> OpenApiRouter<MlopsState> {
    OpenApiRouter::new()
        .routes(routes!(start_automl, list_automl_jobs))
        .routes(routes!(get_automl_job, delete_automl_job))
        .routes(routes!(cancel_automl))
        .routes(routes!(resume_automl))
        .routes(routes!(register_automl_model))
        .merge(http_job::router())
}

pub(crate) fn faulty(wrong: Wrong) -> ApiError {
    let mut faults = Faults::default();
    wrong.into_iter().for_each(|(pointer, why)| faults.push(pointer, why));
    match faults.finish() {
        Err(error) => error,
        Ok(()) => ApiError::internal("a refusal without a reason"),
    }
}

/// Begins a search for a model
///
/// The data must have been read. The answer is at once; the search goes on as a job, whose trials are runs below a run of the
/// search, and which can be followed, cancelled and taken up again.
#[utoipa::path(
    post,
    path = "/automl/jobs",
    operation_id = "startAutoml",
    tag = "automl",
    request_body = StartAutoml,
    responses((status = 202, body = AutomlJob, description = "The search waits for a worker"), ProblemResponses)
)]
async fn start_automl(
    Shared(state): Shared<MlopsState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Json(body): Json<StartAutoml>,
) -> ApiResult<(StatusCode, Json<AutomlJob>)> {
    let begun = Searches::new(&state).start(&caller, body.draft()?).await?.map_err(faulty)?;
    Ok((StatusCode::ACCEPTED, Json(begun.into())))
}

/// Which searches to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only those of this dataset.
    #[param(value_type = Option<String>)]
    dataset_id: Option<DatasetId>,
    /// Only those that stand here, as far as their own work has told.
    #[param(inline)]
    state: Option<WorkState>,
}

/// Lists the project's searches, newest first.
#[utoipa::path(
    get,
    path = "/automl/jobs",
    operation_id = "listAutomlJobs",
    tag = "automl",
    params(ListQuery, PageQuery),
    responses((status = 200, body = Page<AutomlJob>), ProblemResponses)
)]
async fn list_automl_jobs(
    Shared(state): Shared<MlopsState>,
    CanReadExperiments(caller): CanReadExperiments,
    Query(query): Query<ListQuery>,
    page: PageQuery,
) -> ApiResult<Json<Page<AutomlJob>>> {
    let wanted = Wanted { dataset: query.dataset_id, state: query.state.map(Into::into), before: page.cursor()? };
    let found = Searches::new(&state).page(&caller, wanted, page.fetch()).await?;
    Ok(Json(Page::from_overfetch(found, &page, |last| last.job.id).map(AutomlJob::from)))
}

/// One search.
#[utoipa::path(
    get,
    path = "/automl/jobs/{automl_id}",
    operation_id = "getAutomlJob",
    tag = "automl",
    params(("automl_id" = String, Path, description = "The search")),
    responses((status = 200, body = AutomlJob), ProblemResponses)
)]
async fn get_automl_job(
    Shared(state): Shared<MlopsState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(id): Path<AutomlId>,
) -> ApiResult<Json<AutomlJob>> {
    Ok(Json(Searches::new(&state).get(&caller, id).await?.into()))
}

/// Removes a search that has ended. Its runs and what was registered stay.
#[utoipa::path(
    delete,
    path = "/automl/jobs/{automl_id}",
    operation_id = "deleteAutomlJob",
    tag = "automl",
    params(("automl_id" = String, Path, description = "The search")),
    responses((status = 204, description = "Removed"), ProblemResponses)
)]
async fn delete_automl_job(
    Shared(state): Shared<MlopsState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path(id): Path<AutomlId>,
) -> ApiResult<StatusCode> {
    Searches::new(&state).delete(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Stops a search. Its trials stay; it can be taken up again.
#[utoipa::path(
    post,
    path = "/automl/jobs/{automl_id}/cancel",
    operation_id = "cancelAutoml",
    tag = "automl",
    params(("automl_id" = String, Path, description = "The search")),
    responses((status = 200, body = AutomlJob), ProblemResponses)
)]
async fn cancel_automl(
    Shared(state): Shared<MlopsState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path(id): Path<AutomlId>,
) -> ApiResult<Json<AutomlJob>> {
    Ok(Json(Searches::new(&state).cancel(&caller, id).await?.into()))
}

/// Takes up again a search that was cancelled or failed, behind the trials it has.
#[utoipa::path(
    post,
    path = "/automl/jobs/{automl_id}/resume",
    operation_id = "resumeAutoml",
    tag = "automl",
    params(("automl_id" = String, Path, description = "The search")),
    request_body = ResumeAutoml,
    responses((status = 202, body = AutomlJob, description = "The search waits for a worker"), ProblemResponses)
)]
async fn resume_automl(
    Shared(state): Shared<MlopsState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path(id): Path<AutomlId>,
    Json(body): Json<ResumeAutoml>,
) -> ApiResult<(StatusCode, Json<AutomlJob>)> {
    let resumed = Searches::new(&state).resume(&caller, id, body.seconds, body.trials).await?.map_err(faulty)?;
    Ok((StatusCode::ACCEPTED, Json(resumed.into())))
}

/// Makes a search's model the next version of a registered model.
#[utoipa::path(
    post,
    path = "/automl/jobs/{automl_id}/register",
    operation_id = "registerAutomlModel",
    tag = "automl",
    params(("automl_id" = String, Path, description = "The search")),
    request_body = RegisterAutoml,
    responses((status = 201, body = RegisteredVersion), ProblemResponses)
)]
async fn register_automl_model(
    Shared(state): Shared<MlopsState>,
    CanWriteModels(caller): CanWriteModels,
    Path(id): Path<AutomlId>,
    Json(body): Json<RegisterAutoml>,
) -> ApiResult<(StatusCode, Json<RegisteredVersion>)> {
    let description = body.description.unwrap_or_default();
    let alias = body.alias.as_deref().filter(|alias| !alias.is_empty());
    let version = Searches::new(&state).register(&caller, id, &body.name, &description, alias).await?;
    Ok((StatusCode::CREATED, Json(RegisteredVersion { name: body.name, version: version.to_string() })))
}
