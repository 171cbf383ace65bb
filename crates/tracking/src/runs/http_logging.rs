//! MLflow's logging endpoints: metrics, parameters, tags, batches, outputs.

use std::collections::HashSet;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ingest::Write;
use super::service;
use super::wire::LogInputs;
use crate::TrackingState;
use crate::error::{TrackingError, TrackingResult};
use crate::logged_models::store::ModelMetric;
use crate::metrics::Point;
use crate::protocol::{self, CanWriteExperiments, Empty, Fields, KeyValue, MlflowErrors, Request, repr_str};

const MAX_TAG_VALUE: usize = 8_000;
const MAX_PARAM_VALUE: usize = 6_000;

pub(super) fn router() -> OpenApiRouter<TrackingState> {
    OpenApiRouter::new()
        .routes(routes!(log_metric))
        .routes(routes!(log_param))
        .routes(routes!(set_tag))
        .routes(routes!(delete_tag))
        .routes(routes!(log_batch))
        .routes(routes!(log_model))
        .routes(routes!(log_outputs))
        .routes(routes!(log_inputs))
}

/// A value of a metric.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowLogMetric)]
pub struct LogMetric {
    /// The run.
    pub run_id: String,
    /// The metric.
    pub key: String,
    /// Its value: a number, or `NaN`, `Infinity`, `-Infinity` as text.
    pub value: f64,
    /// When, in milliseconds since 1970.
    pub timestamp: i64,
    /// At which step.
    pub step: Option<i64>,
    /// The logged model it was measured on.
    pub model_id: Option<String>,
    /// The dataset it was measured with.
    pub dataset_name: Option<String>,
    /// That dataset's digest.
    pub dataset_digest: Option<String>,
}

/// A parameter or tag of a run.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowRunPair)]
pub struct RunPair {
    /// The run.
    pub run_id: String,
    /// The key.
    pub key: String,
    /// The value.
    pub value: Option<String>,
}

/// A metric inside a batch.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowBatchMetric)]
pub struct BatchMetric {
    /// The metric.
    pub key: String,
    /// Its value.
    pub value: f64,
    /// When, in milliseconds since 1970.
    pub timestamp: i64,
    /// At which step.
    pub step: Option<i64>,
    /// The logged model it was measured on.
    pub model_id: Option<String>,
    /// The dataset it was measured with.
    pub dataset_name: Option<String>,
    /// That dataset's digest.
    pub dataset_digest: Option<String>,
}

/// Many values at once.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowLogBatch)]
pub struct LogBatch {
    /// The run.
    pub run_id: String,
    /// At most 1,000 values of metrics.
    #[serde(default)]
    pub metrics: Vec<BatchMetric>,
    /// At most 100 parameters.
    #[serde(default)]
    pub params: Vec<KeyValue>,
    /// At most 100 tags.
    #[serde(default)]
    pub tags: Vec<KeyValue>,
}

/// A model of an older client.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowLogModel)]
pub struct LogModel {
    /// The run.
    pub run_id: String,
    /// Its `MLmodel` file as JSON.
    pub model_json: String,
}

/// A model that came out of a run.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowModelOutput)]
pub struct ModelOutput {
    /// The model.
    pub model_id: String,
    /// At which step.
    pub step: Option<i64>,
}

/// Models that came out of a run.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowLogOutputs)]
pub struct LogOutputs {
    /// The run.
    pub run_id: String,
    /// The models.
    pub models: Vec<ModelOutput>,
}

/// The metric in `fields`, whose parts are called `{path}key` and so on when they are missing.
fn demand_metric(fields: &Fields, path: &str) -> TrackingResult<(String, f64, i64, i64)> {
    let key = fields.required_at("key", &format!("{path}key"))?;
    let value_path = format!("{path}value");
    fields.demand_at("value", &value_path)?;
    fields.demand_at("timestamp", &format!("{path}timestamp"))?;
    let given = fields.value("value")?.unwrap_or_default();
    let value = protocol::parse_metric(&given).ok_or_else(|| protocol::wrong_type(&given, &value_path))?;
    let timestamp = fields.integer_at("timestamp", &format!("{path}timestamp"))?.unwrap_or_default();
    let step = fields.integer_at("step", &format!("{path}step"))?.unwrap_or_default();
    Ok((key, value, timestamp, step))
}

/// The same metric as one of the logged model that `fields` name, if they do.
fn of_model(fields: &Fields, metric: &(String, f64, i64, i64)) -> TrackingResult<Option<ModelMetric>> {
    let Some(model_id) = fields.text("model_id")?.filter(|id| !id.is_empty()) else { return Ok(None) };
    let (key, value, timestamp, step) = metric;
    let text = |name: &str| -> TrackingResult<Option<String>> {
        let text = fields.text(name)?.filter(|t| !t.is_empty());
        if let Some(text) = &text {
            protocol::user_text(text, name)?;
        }
        Ok(text)
    };
    Ok(Some(ModelMetric {
        model_id,
        key: key.clone(),
        point: Point::new(*value, *timestamp, *step),
        dataset_name: text("dataset_name")?,
        dataset_digest: text("dataset_digest")?,
    }))
}

fn check_metric(key: &str, value: f64, timestamp: i64, path: &str) -> TrackingResult<()> {
    protocol::key_name(key, &format!("{path}name"))?;
    protocol::timestamp(timestamp, key, value, &format!("{path}timestamp"))
}

/// Logs a value of a metric.
#[utoipa::path(post, path = "/runs/log-metric", operation_id = "mlflowLogMetric", tag = "mlflow",
    request_body = LogMetric, responses((status = 200, body = Empty), MlflowErrors))]
async fn log_metric(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let run = fields.run_id()?;
    let metric = demand_metric(&fields, "")?;
    let of_model = of_model(&fields, &metric)?;
    let (key, value, timestamp, step) = metric;
    check_metric(&key, value, timestamp, "")?;
    let mut write = Write::new(caller.scope, run);
    write.models.extend(of_model);
    write.metrics.push((key, Point::new(value, timestamp, step)));
    service::write(&state, write).await?;
    Ok(Empty {})
}

/// Logs a parameter. The same value again is fine, another one is refused.
#[utoipa::path(post, path = "/runs/log-parameter", operation_id = "mlflowLogParam", tag = "mlflow",
    request_body = RunPair, responses((status = 200, body = Empty), MlflowErrors))]
async fn log_param(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let run = fields.run_id()?;
    let key = fields.required("key")?;
    let value = protocol::truncated(fields.text("value")?.unwrap_or_default(), MAX_PARAM_VALUE);
    protocol::param_key(&key, "key")?;
    protocol::user_text(&value, "value")?;
    let mut write = Write::new(caller.scope, run);
    write.params.push((key, value));
    service::write(&state, write).await?;
    Ok(Empty {})
}

/// Sets a tag of a run.
#[utoipa::path(post, path = "/runs/set-tag", operation_id = "mlflowSetTag", tag = "mlflow",
    request_body = RunPair, responses((status = 200, body = Empty), MlflowErrors))]
async fn set_tag(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let run = fields.run_id()?;
    let key = fields.required("key")?;
    let value = protocol::truncated(fields.text("value")?.unwrap_or_default(), MAX_TAG_VALUE);
    protocol::tag_key(&key, "key")?;
    protocol::user_text(&value, "value")?;
    let mut write = Write::new(caller.scope, run);
    write.tags.push((key, value));
    service::write(&state, write).await?;
    Ok(Empty {})
}

/// Takes a tag off a run.
#[utoipa::path(post, path = "/runs/delete-tag", operation_id = "mlflowDeleteTag", tag = "mlflow",
    request_body = RunPair, responses((status = 200, body = Empty), MlflowErrors))]
async fn delete_tag(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let run = fields.required("run_id")?;
    service::delete_tag(&state, &caller, &run, &fields.required("key")?).await?;
    Ok(Empty {})
}

/// Logs many values, parameters and tags at once: all of them or none.
#[utoipa::path(post, path = "/runs/log-batch", operation_id = "mlflowLogBatch", tag = "mlflow",
    request_body = LogBatch, responses((status = 200, body = Empty), MlflowErrors))]
async fn log_batch(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let run = fields.required("run_id")?;
    let objects = fields.objects("metrics")?;
    let mut metrics = Vec::with_capacity(objects.len());
    let mut models = Vec::new();
    for (i, object) in objects.iter().enumerate() {
        let metric = demand_metric(object, &format!("metrics[{i}]."))?;
        models.extend(of_model(object, &metric)?);
        metrics.push(metric);
    }
    let params = pairs(&fields, "params")?;
    let tags = pairs(&fields, "tags")?;
    protocol::resource_id(&run, "run_id")?;
    for (i, (key, value, timestamp, _)) in metrics.iter().enumerate() {
        check_metric(key, *value, *timestamp, &format!("metrics[{i}]."))?;
    }
    for (i, (key, value)) in params.iter().enumerate() {
        protocol::param_key(key, &format!("params[{i}].key"))?;
        protocol::user_text(value, &format!("params[{i}].value"))?;
    }
    for (i, (key, value)) in tags.iter().enumerate() {
        protocol::tag_key(key, &format!("tags[{i}].key"))?;
        protocol::user_text(value, &format!("tags[{i}].value"))?;
    }
    check_limits(metrics.len(), params.len(), tags.len())?;
    let mut seen = HashSet::with_capacity(params.len());
    let repeated: Vec<String> =
        params.iter().filter(|(key, _)| !seen.insert(key)).map(|(key, _)| repr_str(key)).collect();
    if !repeated.is_empty() {
        return Err(TrackingError::invalid(format!(
            "Duplicate parameter keys have been submitted: [{}]. Please ensure the request contains only one param value \
             per param key.",
            repeated.join(", ")
        )));
    }
    let mut write = Write::new(caller.scope, run);
    write.batch = true;
    write.models = models;
    write.metrics = metrics.into_iter().map(|(key, value, at, step)| (key, Point::new(value, at, step))).collect();
    write.params = params.into_iter().map(|(k, v)| (k, protocol::truncated(v, MAX_PARAM_VALUE))).collect();
    write.tags = tags.into_iter().map(|(k, v)| (k, protocol::truncated(v, MAX_TAG_VALUE))).collect();
    service::write(&state, write).await?;
    Ok(Empty {})
}

fn pairs(fields: &Fields, name: &str) -> TrackingResult<Vec<(String, String)>> {
    fields
        .objects(name)?
        .iter()
        .enumerate()
        .map(|(i, pair)| {
            let key = pair.required_at("key", &format!("{name}[{i}].key"))?;
            Ok((key, pair.text("value")?.unwrap_or_default()))
        })
        .collect()
}

fn check_limits(metrics: usize, params: usize, tags: usize) -> TrackingResult<()> {
    let limits = [
        ("metrics", metrics, 1_000),
        ("params", params, 100),
        ("tags", tags, 100),
        ("metrics, params, and tags", metrics + params + tags, 1_000),
    ];
    for (what, count, limit) in limits {
        if count > limit {
            return Err(TrackingError::invalid(format!(
                "A batch logging request can contain at most {limit} {what}. Got {count} {what}. Please split up {what} \
                 across multiple requests and try again."
            )));
        }
    }
    Ok(())
}

/// Notes a model of an older client.
#[utoipa::path(post, path = "/runs/log-model", operation_id = "mlflowLogModel", tag = "mlflow",
    request_body = LogModel, responses((status = 200, body = Empty), MlflowErrors))]
async fn log_model(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let run = fields.required("run_id")?;
    service::log_model(&state, &caller, &run, &fields.required("model_json")?).await?;
    Ok(Empty {})
}

/// Notes models that came out of a run.
#[utoipa::path(post, path = "/runs/outputs", operation_id = "mlflowLogOutputs", tag = "mlflow",
    request_body = LogOutputs, responses((status = 200, body = Empty), MlflowErrors))]
async fn log_outputs(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    let run = fields.required("run_id")?;
    fields.demand("models")?;
    let models: Vec<(String, i64)> = fields
        .objects("models")?
        .iter()
        .map(|m| Ok((m.text("model_id")?.unwrap_or_default(), m.integer("step")?.unwrap_or_default())))
        .collect::<TrackingResult<_>>()?;
    for (model, _) in &models {
        protocol::user_text(model, "model_id")?;
    }
    service::log_outputs(&state, &caller, &run, &models).await?;
    Ok(Empty {})
}

/// Notes datasets and models that went into a run.
#[utoipa::path(post, path = "/runs/log-inputs", operation_id = "mlflowLogInputs", tag = "mlflow",
    request_body = LogInputs, responses((status = 200, body = Empty), MlflowErrors))]
async fn log_inputs(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Request(fields): Request,
) -> TrackingResult<Empty> {
    const LIMITS: [(&str, usize); 6] = [
        ("name", 500),
        ("digest", 36),
        ("source_type", usize::MAX),
        ("source", 65_535),
        ("schema", 1_048_575),
        ("profile", 16_777_215),
    ];
    let run = fields.required("run_id")?;
    protocol::resource_id(&run, "run_id")?;
    let mut datasets: Vec<super::store::NewDataset> = Vec::new();
    for input in fields.objects("datasets")? {
        let dataset = input.object("dataset")?.unwrap_or_else(Fields::none);
        let mut parts: [Option<String>; 6] = Default::default();
        for (part, (name, limit)) in parts.iter_mut().zip(LIMITS) {
            let text = dataset.text(name)?;
            protocol::length(name, limit, text.as_deref().unwrap_or_default())?;
            protocol::user_text(text.as_deref().unwrap_or_default(), name)?;
            *part = text;
        }
        let tags = input.pairs("tags")?;
        for (key, value) in &tags {
            protocol::length("key", 255, key)?;
            protocol::length("value", 500, value)?;
            protocol::user_text(key, "key")?;
            protocol::user_text(value, "value")?;
        }
        let new = super::store::NewDataset { parts, tags };
        if !datasets.iter().any(|d| d.parts[..2] == new.parts[..2]) {
            datasets.push(new);
        }
    }
    let models: Vec<(String, i64)> = fields
        .objects("models")?
        .iter()
        .map(|m| Ok((m.text("model_id")?.unwrap_or_default(), 0)))
        .collect::<TrackingResult<_>>()?;
    for (model, _) in &models {
        protocol::user_text(model, "model_id")?;
    }
    service::log_inputs(&state, &caller, &run, &datasets, &models).await?;
    Ok(Empty {})
}
