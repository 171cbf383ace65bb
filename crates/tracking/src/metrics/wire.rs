//! Metric points as MLflow's clients read them. The answers are written by hand, for speed (see `service`); these
//! shapes describe them, and tests hold the two together.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::console::wire::MetricNumber;

/// A value of a metric.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MlflowMetric)]
pub struct MetricBody {
    /// The metric.
    pub key: String,
    /// The value.
    #[schema(value_type = MetricNumber)]
    pub value: serde_json::Value,
    /// When it was logged, in milliseconds since 1970.
    pub timestamp: i64,
    /// The training step.
    pub step: i64,
}

/// A value of a metric, with its run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MlflowMetricOfRun)]
pub struct RunMetricBody {
    /// The metric.
    pub key: String,
    /// The value.
    #[schema(value_type = MetricNumber)]
    pub value: serde_json::Value,
    /// When it was logged, in milliseconds since 1970.
    pub timestamp: i64,
    /// The training step.
    pub step: i64,
    /// The run.
    pub run_id: String,
}

/// A metric's history.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MlflowMetricHistory)]
pub struct HistoryPage {
    /// The points; absent when there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricBody>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Points of several runs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MlflowMetricSample)]
pub struct SamplePage {
    /// The points; absent when there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<RunMetricBody>,
}

/// Histories of several runs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MlflowMetricHistories)]
pub struct BulkPage {
    /// The points, one run after the other.
    pub metrics: Vec<RunMetricBody>,
}
