//! Logged models as MLflow's clients read them.

use serde::Serialize;
use utoipa::ToSchema;

use super::model::LoggedModel;
use crate::protocol::KeyValue;

/// A logged model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowLoggedModel)]
pub struct ModelBody {
    /// What it is.
    pub info: InfoBody,
    /// What belongs to it.
    pub data: DataBody,
}

/// What a logged model is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowLoggedModelInfo)]
pub struct InfoBody {
    /// Its id.
    pub model_id: String,
    /// The experiment.
    pub experiment_id: String,
    /// Its name.
    pub name: String,
    /// When it was made, in milliseconds since 1970.
    pub creation_timestamp_ms: i64,
    /// When it last changed.
    pub last_updated_timestamp_ms: i64,
    /// The root of its files.
    pub artifact_uri: String,
    /// How far it is.
    pub status: &'static str,
    /// What sort of model.
    pub model_type: String,
    /// The run that made it.
    pub source_run_id: String,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<KeyValue>,
}

/// What belongs to a logged model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowLoggedModelData)]
pub struct DataBody {
    /// Parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<KeyValue>,
    /// Every metric point.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricBody>,
}

/// A metric point of a logged model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowLoggedModelMetric)]
pub struct MetricBody {
    /// The metric.
    pub key: String,
    /// Its value.
    pub value: f64,
    /// When, in milliseconds since 1970.
    pub timestamp: i64,
    /// At which step.
    pub step: i64,
    /// The model.
    pub model_id: String,
    /// The run that measured it.
    pub run_id: String,
    /// The dataset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset_name: Option<String>,
    /// The dataset's digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset_digest: Option<String>,
}

/// One logged model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowLoggedModelResponse)]
pub struct OneModel {
    /// The model.
    pub model: ModelBody,
}

/// A page of logged models.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MlflowSearchLoggedModelsResponse)]
pub struct ModelPage {
    /// The models.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelBody>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

fn pairs(pairs: Vec<(String, String)>) -> Vec<KeyValue> {
    pairs.into_iter().map(|(key, value)| KeyValue { key, value }).collect()
}

impl ModelBody {
    /// The model on the wire, in the experiment its clients call `experiment_id`.
    pub(super) fn new(model: LoggedModel, experiment_id: String) -> Self {
        let metrics = model
            .metrics
            .into_iter()
            .map(|point| MetricBody {
                key: point.key,
                value: point.value,
                timestamp: point.timestamp_ms,
                step: point.step,
                model_id: point.model_id,
                run_id: point.run_id,
                dataset_name: point.dataset_name,
                dataset_digest: point.dataset_digest,
            })
            .collect();
        Self {
            info: InfoBody {
                model_id: model.model_id,
                experiment_id,
                name: model.name,
                creation_timestamp_ms: model.created_ms,
                last_updated_timestamp_ms: model.updated_ms,
                artifact_uri: model.artifact_uri,
                status: model.status.wire(),
                model_type: model.model_type,
                source_run_id: model.source_run_id,
                tags: pairs(model.tags),
            },
            data: DataBody { params: pairs(model.params), metrics },
        }
    }
}
