//! The routes of logged models, relative to `/api/2.0/mlflow`.

use axum::extract::State;
use rhiza_web::Path;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::{LoggedModel, Status};
use super::service::{LoggedModels, ModelDraft};
use super::wire::{ModelBody, ModelPage, OneModel};
use crate::error::TrackingResult;
use crate::protocol::{
    Caller, CanReadExperiments, CanWriteExperiments, Empty, KeyValue, MlflowErrors, Reply, Request, reply_json,
};
use crate::state::TrackingState;

/// The routes.
pub fn router() -> OpenApiRouter<TrackingState> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(search))
        .routes(routes!(get, finalize, delete))
        .routes(routes!(set_tags))
        .routes(routes!(delete_tag))
        .routes(routes!(log_params))
}

/// Makes a logged model.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowCreateLoggedModel)]
pub struct CreateModel {
    /// The experiment.
    pub experiment_id: String,
    /// Its name; one is found when absent.
    pub name: Option<String>,
    /// What sort of model.
    pub model_type: Option<String>,
    /// The run that makes it.
    pub source_run_id: Option<String>,
    /// Parameters.
    pub params: Option<Vec<KeyValue>>,
    /// Tags.
    pub tags: Option<Vec<KeyValue>>,
}

/// Says how far a model is.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowFinalizeLoggedModel)]
pub struct Finalize {
    /// The model.
    pub model_id: String,
    /// `LOGGED_MODEL_READY` or `LOGGED_MODEL_UPLOAD_FAILED`.
    pub status: String,
}

/// Sets tags of a model.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowSetLoggedModelTags)]
pub struct SetTags {
    /// The tags.
    pub tags: Vec<KeyValue>,
}

/// Adds parameters to a model.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowLogLoggedModelParams)]
pub struct LogParams {
    /// The model.
    pub model_id: String,
    /// The parameters.
    pub params: Vec<KeyValue>,
}

/// Searches logged models.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowSearchLoggedModels)]
pub struct Search {
    /// Where to look.
    pub experiment_ids: Vec<String>,
    /// A filter in MLflow's grammar.
    pub filter: Option<String>,
    /// The datasets whose metrics count.
    pub datasets: Option<Vec<Dataset>>,
    /// At most this many, 50 when absent.
    pub max_results: Option<i64>,
    /// In which order.
    pub order_by: Option<Vec<OrderBy>>,
    /// Where the page begins.
    pub page_token: Option<String>,
}

/// A dataset.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowLoggedModelDataset)]
pub struct Dataset {
    /// Its name.
    pub dataset_name: String,
    /// Its digest; any when absent.
    pub dataset_digest: Option<String>,
}

/// One term of an order.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowLoggedModelOrder)]
pub struct OrderBy {
    /// An attribute, or `metrics.<name>`.
    pub field_name: String,
    /// Smallest first; true when absent.
    pub ascending: Option<bool>,
    /// The dataset on which the metric was measured.
    pub dataset_name: Option<String>,
    /// Its digest.
    pub dataset_digest: Option<String>,
}

async fn body(state: &TrackingState, caller: &Caller, model: LoggedModel) -> TrackingResult<ModelBody> {
    let experiment = state.ids.of(&caller.scope).await?.public(model.experiment_id);
    Ok(ModelBody::new(model, experiment))
}

async fn model_reply(state: &TrackingState, caller: &Caller, model: LoggedModel) -> TrackingResult<Reply> {
    reply_json(&OneModel { model: body(state, caller, model).await? })
}

#[utoipa::path(post, path = "/logged-models", operation_id = "mlflowCreateLoggedModel", tag = "mlflow",
    request_body = CreateModel, responses((status = 200, body = OneModel), MlflowErrors))]
async fn create(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let draft = ModelDraft {
        experiment_id: fields.required("experiment_id")?,
        name: fields.text("name")?.filter(|n| !n.is_empty()),
        model_type: fields.text("model_type")?.unwrap_or_default(),
        source_run_id: fields.text("source_run_id")?.unwrap_or_default(),
        params: fields.pairs("params")?,
        tags: fields.pairs("tags")?,
    };
    let made = LoggedModels::new(&state).create(&caller, draft).await?;
    model_reply(&state, &caller, made).await
}

#[utoipa::path(get, path = "/logged-models/{model_id}", operation_id = "mlflowGetLoggedModel", tag = "mlflow",
    params(
        ("model_id" = String, Path, description = "The model"),
        ("allow_deleted" = Option<bool>, Query, description = "Whether a deleted one is found too"),
    ),
    responses((status = 200, body = OneModel), MlflowErrors))]
async fn get(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(model_id): Path<String>,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let deleted = fields.text("allow_deleted").ok().flatten().is_some_and(|t| t.eq_ignore_ascii_case("true"));
    let model = LoggedModels::new(&state).get(&caller, &model_id, deleted).await?;
    model_reply(&state, &caller, model).await
}

#[utoipa::path(patch, path = "/logged-models/{model_id}", operation_id = "mlflowFinalizeLoggedModel", tag = "mlflow",
    params(("model_id" = String, Path, description = "The model")),
    request_body = Finalize, responses((status = 200, body = OneModel), MlflowErrors))]
async fn finalize(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path(model_id): Path<String>,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    fields.required("model_id")?;
    fields.demand("status")?;
    let status = fields.choice("status", &Status::CHOICES)?.unwrap_or(Status::Unspecified);
    let model = LoggedModels::new(&state).finalize(&caller, &model_id, status).await?;
    model_reply(&state, &caller, model).await
}

#[utoipa::path(delete, path = "/logged-models/{model_id}", operation_id = "mlflowDeleteLoggedModel", tag = "mlflow",
    params(("model_id" = String, Path, description = "The model")),
    responses((status = 200, body = Empty), MlflowErrors))]
async fn delete(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path(model_id): Path<String>,
) -> TrackingResult<Empty> {
    LoggedModels::new(&state).delete(&caller, &model_id).await?;
    Ok(Empty {})
}

#[utoipa::path(patch, path = "/logged-models/{model_id}/tags", operation_id = "mlflowSetLoggedModelTags",
    tag = "mlflow", params(("model_id" = String, Path, description = "The model")),
    request_body = SetTags, responses((status = 200, body = Empty), MlflowErrors))]
async fn set_tags(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path(model_id): Path<String>,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    LoggedModels::new(&state).set_tags(&caller, &model_id, &fields.pairs("tags")?).await?;
    Ok(Empty {})
}

#[utoipa::path(delete, path = "/logged-models/{model_id}/tags/{tag_key}", operation_id = "mlflowDeleteLoggedModelTag",
    tag = "mlflow",
    params(
        ("model_id" = String, Path, description = "The model"),
        ("tag_key" = String, Path, description = "The tag's key"),
    ),
    responses((status = 200, body = Empty), MlflowErrors))]
async fn delete_tag(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path((model_id, key)): Path<(String, String)>,
) -> TrackingResult<Empty> {
    LoggedModels::new(&state).delete_tag(&caller, &model_id, &key).await?;
    Ok(Empty {})
}

#[utoipa::path(post, path = "/logged-models/{model_id}/params", operation_id = "mlflowLogLoggedModelParams",
    tag = "mlflow", params(("model_id" = String, Path, description = "The model")),
    request_body = LogParams, responses((status = 200, body = Empty), MlflowErrors))]
async fn log_params(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path(model_id): Path<String>,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    fields.required("model_id")?;
    LoggedModels::new(&state).add_params(&caller, &model_id, &fields.pairs("params")?).await?;
    Ok(Empty {})
}

#[utoipa::path(post, path = "/logged-models/search", operation_id = "mlflowSearchLoggedModels", tag = "mlflow",
    request_body = Search, responses((status = 200, body = ModelPage), MlflowErrors))]
async fn search(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Request(fields): Request,
) -> TrackingResult<Reply> {
    let (models, next_page_token) = LoggedModels::new(&state).search(&caller, &fields).await?;
    let ids = state.ids.of(&caller.scope).await?;
    let models = models.into_iter().map(|m| {
        let experiment = ids.public(m.experiment_id);
        ModelBody::new(m, experiment)
    });
    reply_json(&ModelPage { models: models.collect(), next_page_token })
}
