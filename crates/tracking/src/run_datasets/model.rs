//! What a list of datasets tells.

use serde::Serialize;
use utoipa::ToSchema;

/// A dataset that runs of an experiment used, once per purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MlflowDatasetSummary)]
pub struct DatasetSummary {
    /// The experiment.
    pub experiment_id: String,
    /// The dataset's name.
    pub name: String,
    /// What its content hashes to.
    pub digest: String,
    /// What runs used it for, such as `train`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}
