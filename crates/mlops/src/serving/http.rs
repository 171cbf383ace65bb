//! The route of MLflow's scoring protocol.

use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, header};
use rhiza_kernel::{Coded as _, ErrorCode};
use rhiza_tracking::protocol::{Caller, CanReadModels, MlflowErrors};
use rhiza_tracking::{Code, TrackingError};
use rhiza_web::{Json, Path};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{self, Answered};
use super::request;
use crate::error::{MlopsError, MlopsResult};
use crate::files::AnyModel;
use crate::models::{self, Choice, ModelRef};
use crate::state::MlopsState;

/// The routes.
pub fn router() -> OpenApiRouter<MlopsState> {
    OpenApiRouter::new().routes(routes!(invoke_model))
}

/// Which version answers, and how much it says.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct InvokeQuery {
    /// The version's number.
    version: Option<String>,
    /// The alias of the version; without version and alias, `champion` answers if there is one, else the newest.
    alias: Option<String>,
    /// Whether to say probabilities, classes and intervals beside the predictions.
    details: Option<bool>,
}

/// Rows, in one of the four ways of MLflow's scoring server.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes what the handler reads by itself, from JSON or CSV")]
struct Invocation {
    /// Names of columns, and rows of values.
    #[schema(value_type = Option<Object>)]
    dataframe_split: Option<Value>,
    /// Rows, column by name.
    #[schema(value_type = Option<Vec<Object>>)]
    dataframe_records: Option<Value>,
    /// Rows, column by name or values in the order of the model's columns.
    #[schema(value_type = Option<Vec<Value>>)]
    instances: Option<Value>,
    /// Columns, or rows as in `instances`.
    #[schema(value_type = Option<Value>)]
    inputs: Option<Value>,
}

/// What a model says.
#[derive(Debug, Serialize, ToSchema)]
struct Invoked {
    /// A class or number a row.
    #[schema(value_type = Vec<Value>)]
    predictions: Vec<Value>,
    /// Row by row the probability of each class.
    #[serde(skip_serializing_if = "Option::is_none")]
    probabilities: Option<Vec<Vec<f64>>>,
    /// The classes, in the order of their probabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    classes: Option<Vec<String>>,
    /// Row by row between what the number lies in nine of ten cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    intervals: Option<Vec<[f64; 2]>>,
}

/// Predicts rows with a registered model, in the protocol of MLflow's scoring server (JSON, or CSV with names of columns).
#[utoipa::path(
    post,
    path = "/serving/{name}/invocations",
    operation_id = "invokeModel",
    tag = "serving",
    params(("name" = String, Path, description = "The registered model"), InvokeQuery),
    request_body(content((Invocation = "application/json"), (String = "text/csv"))),
    responses((status = 200, body = Invoked), MlflowErrors)
)]
async fn invoke_model(
    State(state): State<MlopsState>,
    CanReadModels(caller): CanReadModels,
    Path(name): Path<String>,
    Query(query): Query<InvokeQuery>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, TrackingError> {
    invoke(&state, &caller, name, query, &headers, body).await.map_err(in_their_words)
}

/// A failure as MLflow's scoring server tells it.
fn in_their_words(error: MlopsError) -> TrackingError {
    match error {
        MlopsError::Tracking(inner) => inner,
        MlopsError::Store(inner) => inner.into(),
        other => match other.code() {
            ErrorCode::InvalidArgument => TrackingError::new(Code::BadRequest, other.public_detail()),
            ErrorCode::NotFound => TrackingError::missing(other.public_detail()),
            ErrorCode::Conflict => TrackingError::new(Code::InvalidState, other.public_detail()),
            _ => TrackingError::Internal(other.to_string()),
        },
    }
}

async fn invoke(
    state: &MlopsState,
    caller: &Caller,
    name: String,
    query: InvokeQuery,
    headers: &HeaderMap,
    body: Bytes,
) -> MlopsResult<Response> {
    let version = match (query.version, query.alias) {
        (Some(_), Some(_)) => return Err(refused("Give a version or an alias, not both.")),
        (Some(number), None) => Choice::Number(number),
        (None, Some(alias)) => Choice::Alias(alias),
        (None, None) => Choice::Usual,
    };
    let details = query.details.unwrap_or(false);
    let is_csv = csv_or_json(headers)?;
    let found = models::find(state, caller, &ModelRef::Registered { name, version }).await?;
    let model = models::load(state, &found.file).await?;
    let answered = answer::compute(move || {
        let table = if is_csv {
            answer::csv(&model, &body)?
        } else {
            answer::table(&model, &request::records(&body, &names(&model))?)?
        };
        answer::answer_table(&model, &table, details)
    });
    Ok(Json(shown(answered.await?, details)?).into_response())
}

fn refused(why: &str) -> MlopsError {
    MlopsError::Asked(why.to_owned())
}

fn csv_or_json(headers: &HeaderMap) -> MlopsResult<bool> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/json" => Ok(false),
        "text/csv" => Ok(true),
        _ => Err(refused("The content type must be application/json or text/csv.")),
    }
}

/// The model's columns in its own order.
fn names(model: &AnyModel) -> Vec<String> {
    match model {
        AnyModel::Own(own) => own.sources().iter().map(|source| source.name.clone()).collect(),
        AnyModel::Trees { trees, .. } => trees.ensemble().features.iter().map(|feature| feature.name.clone()).collect(),
    }
}

fn shown(answered: Answered, details: bool) -> MlopsResult<Invoked> {
    let Answered { document, intervals } = answered;
    let predictions: Result<Vec<Value>, _> = document.predictions.iter().map(serde_json::to_value).collect();
    Ok(Invoked {
        predictions: predictions.map_err(|e| MlopsError::Unwritable(e.to_string()))?,
        probabilities: document.probabilities.filter(|_| details),
        classes: document.classes.filter(|_| details),
        intervals: intervals.filter(|_| details),
    })
}
