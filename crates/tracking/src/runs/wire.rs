//! Runs as MLflow's clients read them. The answers are written by hand, for speed (see `store_view`); these shapes
//! describe them, and a test holds the two together.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::metrics::wire::MetricBody;
use crate::protocol::KeyValue;

/// What a run is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MlflowRunInfo)]
pub struct InfoBody {
    /// Its id.
    pub run_id: String,
    /// Its id, as old clients read it.
    pub run_uuid: String,
    /// Its name.
    pub run_name: String,
    /// Its experiment.
    pub experiment_id: String,
    /// Who runs it.
    pub user_id: String,
    /// `RUNNING`, `SCHEDULED`, `FINISHED`, `FAILED` or `KILLED`.
    pub status: String,
    /// When it began, in milliseconds since 1970.
    pub start_time: i64,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<i64>,
    /// The root of its artifacts.
    pub artifact_uri: String,
    /// `active` or `deleted`.
    pub lifecycle_stage: String,
}

/// What was logged to a run. Lists with nothing in them are left out.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MlflowRunData)]
pub struct DataBody {
    /// The latest value of each metric.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricBody>,
    /// Parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<KeyValue>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<KeyValue>,
}

/// A dataset.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MlflowDataset)]
pub struct DatasetBody {
    /// Its name.
    pub name: String,
    /// What tells it from others of its name.
    pub digest: String,
    /// What sort of source it has.
    pub source_type: String,
    /// Where it comes from.
    pub source: String,
    /// Its columns, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Its size and the like, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// A dataset that went into a run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MlflowDatasetInput)]
pub struct DatasetInputBody {
    /// What it was used for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<KeyValue>,
    /// The dataset.
    pub dataset: DatasetBody,
}

/// A logged model that went into a run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MlflowModelInput)]
pub struct ModelInputBody {
    /// The model's id.
    pub model_id: String,
}

/// What went into a run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MlflowRunInputs)]
pub struct InputsBody {
    /// Datasets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dataset_inputs: Vec<DatasetInputBody>,
    /// Logged models; a search leaves them out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub model_inputs: Vec<ModelInputBody>,
}

/// A logged model that came out of a run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MlflowModelOutputOfRun)]
pub struct ModelOutputBody {
    /// The model's id.
    pub model_id: String,
    /// At which step.
    pub step: i64,
}

/// What came out of a run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MlflowRunOutputs)]
pub struct OutputsBody {
    /// Logged models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub model_outputs: Vec<ModelOutputBody>,
}

/// A run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MlflowRun)]
pub struct RunBody {
    /// What it is.
    pub info: InfoBody,
    /// What was logged to it.
    pub data: DataBody,
    /// What went into it.
    pub inputs: InputsBody,
    /// What came out of it; absent from the answer that creates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<OutputsBody>,
}

/// One run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MlflowRunResponse)]
pub struct OneRun {
    /// The run.
    pub run: RunBody,
}

/// A changed run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MlflowUpdateRunResponse)]
pub struct ChangedRun {
    /// What it is now.
    pub run_info: InfoBody,
}

/// A page of runs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MlflowSearchRunsResponse)]
pub struct RunPage {
    /// The runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunBody>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// A dataset to note.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowNewDataset)]
pub struct NewDatasetBody {
    /// Its name.
    pub name: String,
    /// What tells it from others of its name.
    pub digest: String,
    /// What sort of source it has.
    pub source_type: String,
    /// Where it comes from.
    pub source: String,
    /// Its columns, as JSON.
    pub schema: Option<String>,
    /// Its size and the like, as JSON.
    pub profile: Option<String>,
}

/// A dataset that goes into a run.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowNewDatasetInput)]
pub struct NewDatasetInput {
    /// What it is used for.
    #[serde(default)]
    pub tags: Vec<KeyValue>,
    /// The dataset.
    pub dataset: NewDatasetBody,
}

/// What goes into a run.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MlflowLogInputs)]
pub struct LogInputs {
    /// The run.
    pub run_id: String,
    /// Datasets.
    #[serde(default)]
    pub datasets: Vec<NewDatasetInput>,
    /// Logged models.
    #[serde(default)]
    pub models: Vec<ModelInputBody>,
}
