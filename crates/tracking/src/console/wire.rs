//! What the console sends and receives, as JSON.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::search::View;

/// A metric's value on the wire: a number, or the name of what JSON has no number for. Infinities are kept as the
/// largest double (see [`crate::protocol::MetricValue`]) and are called by their name again here, so that a curve's
/// scale does not have to reach 10³⁰⁸.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricNumber(pub f64);

impl Serialize for MetricNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            v if v.is_nan() => serializer.serialize_str("NaN"),
            v if v >= f64::MAX => serializer.serialize_str("Infinity"),
            v if v <= f64::MIN => serializer.serialize_str("-Infinity"),
            v => serializer.serialize_f64(v),
        }
    }
}

impl PartialSchema for MetricNumber {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(Type::Number))
            .item(ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["NaN", "Infinity", "-Infinity"])))
            .description(Some("A number, or the name of a value that JSON has no number for."))
            .into()
    }
}

impl ToSchema for MetricNumber {
    fn name() -> std::borrow::Cow<'static, str> {
        "MetricValue".into()
    }
}

/// Which stage of life to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StageView {
    /// What is not deleted.
    #[default]
    Active,
    /// What is deleted.
    Deleted,
    /// Both.
    All,
}

impl From<StageView> for View {
    fn from(view: StageView) -> Self {
        match view {
            StageView::Active => Self::Active,
            StageView::Deleted => Self::Deleted,
            StageView::All => Self::All,
        }
    }
}

/// Which metrics, parameters and tags the rows carry: all of a kind that is absent.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub struct RunColumns {
    /// Keys of metrics.
    pub metrics: Option<Vec<String>>,
    /// Keys of parameters.
    pub params: Option<Vec<String>>,
    /// Keys of tags.
    pub tags: Option<Vec<String>>,
}

/// A search of runs.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub struct RunSearch {
    /// Where to look; every active experiment of the project when empty.
    pub experiment_ids: Vec<String>,
    /// MLflow's filter grammar.
    pub filter: Option<String>,
    /// MLflow's order grammar; the latest start first when absent.
    pub order_by: Option<Vec<String>>,
    /// Which stage of life.
    #[serde(default)]
    pub view: StageView,
    /// Only runs that have no parent.
    #[serde(default)]
    pub roots_only: bool,
    /// Only the children of this run.
    pub parent_run_id: Option<String>,
    /// Only these runs, at most 200.
    #[schema(max_items = 200)]
    pub run_ids: Option<Vec<String>>,
    /// What the rows carry.
    pub columns: Option<RunColumns>,
    /// How many rows; 100 when absent.
    #[schema(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// How a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunStatus {
    /// It runs.
    Running,
    /// It waits to run.
    Scheduled,
    /// It ended well.
    Finished,
    /// It ended badly.
    Failed,
    /// It was stopped.
    Killed,
}

impl RunStatus {
    /// The status of a stored number.
    pub(crate) const fn of(number: i16) -> Self {
        match number {
            2 => Self::Scheduled,
            3 => Self::Finished,
            4 => Self::Failed,
            5 => Self::Killed,
            _ => Self::Running,
        }
    }
}

/// A dataset that went into a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunDataset {
    /// Its name.
    pub name: String,
    /// What tells it from others of its name.
    pub digest: String,
    /// What the run used it for.
    pub context: Option<String>,
}

/// A logged model that went into a run or came out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunModel {
    /// Its id.
    pub model_id: String,
    /// Its name; the id when the model itself is gone.
    pub name: String,
}

/// A registered version that was made from a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunRegistration {
    /// The registered model.
    pub name: String,
    /// The version's number.
    pub version: String,
}

/// A run as a row of a table.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RunRow {
    /// Its id.
    pub run_id: String,
    /// Its name.
    pub run_name: String,
    /// Its experiment.
    pub experiment_id: String,
    /// How it is doing.
    pub status: RunStatus,
    /// `active` or `deleted`.
    pub lifecycle_stage: String,
    /// Who made it.
    pub user_id: String,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// The run it is a part of.
    pub parent_run_id: Option<String>,
    /// How many active runs are a part of it.
    pub child_count: i64,
    /// The latest values of its metrics.
    pub metrics: BTreeMap<String, MetricNumber>,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What went into it.
    pub datasets: Vec<RunDataset>,
    /// Its logged models.
    pub models: Vec<RunModel>,
    /// Versions registered from it.
    pub registered: Vec<RunRegistration>,
}

/// A page of runs.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunRowPage {
    /// The rows, in order.
    pub items: Vec<RunRow>,
    /// Give it as `cursor` to get the next page; `null` on the last one.
    pub next_cursor: Option<String>,
    /// How many runs the search finds; only on the first page.
    pub total: Option<i64>,
}

/// An experiment with what goes on in it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ExperimentSummary {
    /// Its id.
    pub experiment_id: String,
    /// Its name.
    pub name: String,
    /// `active` or `deleted`.
    pub lifecycle_stage: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// How many active runs it has.
    pub run_count: i64,
    /// How many of them are running.
    pub running_count: i64,
    /// When its latest active run began.
    pub last_run_at: Option<DateTime<Utc>>,
}

/// A page of experiments.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExperimentSummaryPage {
    /// The experiments, the latest activity first.
    pub items: Vec<ExperimentSummary>,
    /// Give it as `cursor` to get the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// What the runs of an experiment can be filtered, ordered and shown by. Each list is sorted and has at most 2,000
/// entries.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExperimentColumns {
    /// Keys of metrics.
    pub metrics: Vec<String>,
    /// Keys of parameters.
    pub params: Vec<String>,
    /// Keys of tags.
    pub tags: Vec<String>,
    /// Attributes that a filter may name.
    pub attributes: Vec<String>,
    /// Datasets that went into runs.
    pub datasets: Vec<RunDataset>,
    /// Whether some list was cut.
    pub truncated: bool,
}

/// What runs along the curves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SeriesAxis {
    /// The training step.
    Step,
    /// Milliseconds since 1970.
    Time,
    /// Milliseconds since the run began.
    Relative,
}

/// Which curves.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct SeriesQuery {
    /// The runs, at most 100.
    #[schema(max_items = 100)]
    pub run_ids: Vec<String>,
    /// The metrics, at most 200; all of the runs when empty.
    #[schema(max_items = 200)]
    pub keys: Vec<String>,
    /// What runs along the curves.
    pub x: SeriesAxis,
    /// The most points of one curve; 1,000 when absent.
    #[schema(minimum = 2, maximum = 5000)]
    pub max_points: Option<u32>,
    /// Where the curves begin, in units of `x`.
    pub from: Option<f64>,
    /// Where the curves end, in units of `x`.
    pub to: Option<f64>,
}

/// A curve.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct Series {
    /// The run.
    pub run_id: String,
    /// The metric.
    pub key: String,
    /// How many points the range holds.
    pub count: usize,
    /// Whether only some of them are here; lowest and highest values always are.
    pub downsampled: bool,
    /// Where the points are, rising.
    pub x: Vec<i64>,
    /// The points' values.
    pub y: Vec<MetricNumber>,
}

/// Curves.
#[derive(Debug, Serialize, ToSchema)]
pub struct SeriesResult {
    /// One per run and metric that has points, in the order asked for.
    pub items: Vec<Series>,
}

/// A point that was just logged.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = MetricPoint)]
pub struct LivePoint {
    /// The metric.
    pub key: String,
    /// The training step.
    pub step: i64,
    /// When it was logged.
    pub timestamp_ms: i64,
    /// The value.
    pub value: MetricNumber,
}

/// What happened to a run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum RunEvent {
    /// How the run is now: at once, and whenever anything but its metrics changed.
    Run {
        /// The run.
        run: Box<RunRow>,
    },
    /// Points that were logged.
    Metrics {
        /// At most 2,000.
        points: Vec<LivePoint>,
    },
    /// Files were added, replaced or removed.
    Artifacts,
}
