//! What a search found, as it is kept and sent: everything a page about the model shows.

use std::collections::BTreeMap;

use rhiza_learn::automl::{ClassCurves, Outcome, Plan, Report, Standing};
use rhiza_learn::metrics::Curve;
use rhiza_learn::model::Task;
use rhiza_learn::table::{Column, Kind, Table, Values};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::model::Best;
use crate::files::cell;

/// The model's file, in the folder `model` of the run's files.
pub const MODEL_FILE: &str = "model.rhiza";
/// The same as ONNX, with inputs and outputs as lists of values, where it can be written as that.
pub const ONNX_FILE: &str = "model.onnx";
/// What tells MLflow's clients what the folder is.
pub const MLMODEL_FILE: &str = "MLmodel";

/// Values of a column that are offered: more are no list to choose from.
const LEVELS: usize = 100;
/// Rows that are kept as examples.
const SAMPLE: usize = 50;
/// Cells that they have at most.
const SAMPLE_CELLS: usize = 10_000;
/// Longest text in an example, in characters.
const TEXT: usize = 2_000;

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct AutomlResults {
    /// `binary`, `multiclass` or `regression`.
    pub(super) task: String,
    /// The classes; none for numbers.
    pub(super) classes: Vec<String>,
    /// By what models were ranked.
    pub(super) metric: String,
    /// Whether more of it is better.
    pub(super) greater_is_better: bool,
    /// The metric of the finished model over the judging rows, by parts of it that had not learnt from them.
    pub(super) score: f64,
    /// The best single model of the search.
    pub(super) best: AutomlBest,
    /// Rows with a target.
    pub(super) rows: usize,
    /// The time ended before the trials did.
    pub(super) stopped: bool,
    /// The models in the finished one, the heaviest first.
    pub(super) members: Vec<AutomlMember>,
    /// How the finished model does on rows it has never seen.
    pub(super) hold_out: Option<AutomlReport>,
    /// The columns it learnt from.
    pub(super) columns: Vec<AutomlColumn>,
    /// How much the metric worsens on the hold-out when a column is shuffled, the most important first. Absent where
    /// nothing was set apart or there are too many columns.
    pub(super) importance: Option<Vec<AutomlImportance>>,
    /// Rows of the hold-out (or of the judging rows where nothing was set apart), column by name.
    #[schema(value_type = Vec<Object>)]
    pub(super) sample: Vec<Map<String, Value>>,
    /// Why there is no ONNX file of the model.
    pub(super) no_onnx: Option<String>,
    /// What the same rows are in truth.
    pub(super) sample_truth: Vec<Option<String>>,
}

/// The best trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct AutomlBest {
    /// Its number.
    pub(super) number: usize,
    /// Its name.
    pub(super) name: String,
    /// Family of the model.
    pub(super) family: String,
    /// The metric over all judging rows.
    pub(super) score: f64,
}

impl From<Best> for AutomlBest {
    fn from(best: Best) -> Self {
        Self { number: best.number, name: best.name, family: best.family, score: best.score }
    }
}

/// A model in the finished one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct AutomlMember {
    /// Number of its trial.
    pub(super) number: usize,
    /// Its name.
    pub(super) name: String,
    /// Family of the model.
    pub(super) family: String,
    /// Its share.
    pub(super) weight: f64,
}

/// A column the model learnt from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct AutomlColumn {
    /// Its name.
    pub(super) name: String,
    /// `numeric`, `boolean`, `categorical`, `datetime` or `text`.
    pub(super) kind: String,
    /// Its commonest values, of categories.
    pub(super) levels: Vec<String>,
    /// The smallest number.
    pub(super) minimum: Option<f64>,
    /// The largest number.
    pub(super) maximum: Option<f64>,
    /// The middle one.
    pub(super) median: Option<f64>,
}

/// What a column is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct AutomlImportance {
    /// Its name.
    pub(super) name: String,
    /// How much the metric worsens when it is shuffled.
    pub(super) importance: f64,
    /// Half of the 95 % interval over the shuffles.
    pub(super) error: f64,
}

/// How a model does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct AutomlReport {
    /// Rows looked at.
    pub(super) rows: usize,
    /// All scores that are defined.
    pub(super) scores: BTreeMap<String, f64>,
    /// What was taken for what.
    pub(super) confusion: Option<AutomlConfusion>,
    /// A curve for the second of two classes, or for each class against the rest.
    pub(super) curves: Vec<AutomlCurves>,
    /// Of numbers.
    pub(super) residuals: Option<AutomlResiduals>,
    /// Coverage asked of intervals, or of sets of classes.
    pub(super) coverage_asked: f64,
    /// Coverage seen.
    pub(super) coverage_seen: f64,
}

/// What was taken for what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct AutomlConfusion {
    /// The classes, in the order of rows and columns.
    pub(super) classes: Vec<String>,
    /// Rows of the table: true class by predicted class.
    pub(super) counts: Vec<Vec<u64>>,
}

/// Curves of a class against the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct AutomlCurves {
    /// The class.
    pub(super) class: String,
    /// False-positive and true-positive rate.
    pub(super) roc: Vec<AutomlPoint>,
    /// Recall and precision.
    pub(super) precision_recall: Vec<AutomlPoint>,
    /// The best scored rows, down to a share of all.
    pub(super) lift: Vec<AutomlLift>,
    /// Said and seen probability.
    pub(super) calibration: Vec<AutomlCalibration>,
    /// Mean distance between them.
    pub(super) calibration_error: f64,
}

/// A point of a curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct AutomlPoint {
    /// To the right.
    pub(super) x: f64,
    /// Up.
    pub(super) y: f64,
}

/// The best scored rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct AutomlLift {
    /// Share of all rows.
    pub(super) share: f64,
    /// How much likelier the class is among them than among all.
    pub(super) lift: f64,
    /// Share of the class that is among them.
    pub(super) captured: f64,
}

/// Rows of about the same predicted probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct AutomlCalibration {
    /// Mean of what was said.
    pub(super) predicted: f64,
    /// Share of the class.
    pub(super) observed: f64,
    /// How many.
    pub(super) count: usize,
}

/// What numbers are off by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct AutomlResiduals {
    /// Quantiles 0, 0.05, 0.25, 0.5, 0.75, 0.95 and 1 of truth less prediction.
    pub(super) quantiles: Vec<f64>,
    /// Some of the rows.
    pub(super) points: Vec<AutomlResidual>,
}

/// A row of a regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct AutomlResidual {
    /// What it is.
    pub(super) truth: f64,
    /// What was said.
    pub(super) predicted: f64,
}

/// A trial's name: family and number.
pub(super) fn name(family: &str, number: usize) -> String {
    format!("{family} {number}")
}

pub(super) const fn task_name(task: Task) -> &'static str {
    match task {
        Task::Binary => "binary",
        Task::Multiclass => "multiclass",
        Task::Regression => "regression",
    }
}

impl AutomlResults {
    /// Of an outcome and the table it came of; without what takes further work.
    pub(super) fn of(outcome: &Outcome, table: &Table) -> Option<Self> {
        let plan = &outcome.plan;
        let first = outcome.leaderboard.first()?;
        let shown = if outcome.held.is_empty() { &outcome.out_of_fold.rows } else { &outcome.held };
        let columns: Vec<&Column> = plan.columns.iter().filter_map(|name| table.column(name).ok()).collect();
        let most = (SAMPLE_CELLS / columns.len().max(1)).clamp(1, SAMPLE);
        let shown: Vec<usize> = shown.iter().copied().take(most).collect();
        let target = table.column(outcome.model.target()).ok();
        Some(Self {
            task: task_name(plan.task).to_owned(),
            classes: plan.classes.clone(),
            metric: plan.metric.to_string(),
            greater_is_better: plan.metric.greater_is_better(),
            score: outcome.score,
            best: AutomlBest {
                number: first.trial,
                name: name(first.family.name(), first.trial),
                family: first.family.name().to_owned(),
                score: first.score,
            },
            rows: plan.rows,
            stopped: outcome.stopped,
            members: members(&outcome.leaderboard),
            hold_out: outcome.hold_out.as_ref().map(|report| of_report(report, plan)),
            columns: columns.iter().map(|column| described(column)).collect(),
            importance: None,
            no_onnx: None,
            sample: shown
                .iter()
                .map(|row| columns.iter().map(|c| (c.name.clone(), short(c, *row))).collect())
                .collect(),
            sample_truth: shown.iter().map(|row| target.and_then(|column| column.display(*row))).collect(),
        })
    }
}

fn members(leaderboard: &[Standing]) -> Vec<AutomlMember> {
    let mut members: Vec<AutomlMember> = leaderboard
        .iter()
        .filter(|standing| standing.weight > 0.0)
        .map(|standing| AutomlMember {
            number: standing.trial,
            name: name(standing.family.name(), standing.trial),
            family: standing.family.name().to_owned(),
            weight: standing.weight,
        })
        .collect();
    members.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    members
}

fn of_report(report: &Report, plan: &Plan) -> AutomlReport {
    let confusion = report.confusion.as_ref().map(|confusion| AutomlConfusion {
        classes: plan.classes.clone(),
        counts: confusion.counts.chunks_exact(confusion.classes.max(1)).map(<[u64]>::to_vec).collect(),
    });
    AutomlReport {
        rows: report.rows,
        scores: report.scores.iter().filter(|(_, score)| score.is_finite()).cloned().collect(),
        confusion,
        curves: report.curves.iter().map(|curves| of_class(curves, plan)).collect(),
        residuals: report.residuals.as_ref().map(|residuals| AutomlResiduals {
            quantiles: residuals.quantiles.to_vec(),
            points: residuals
                .points
                .iter()
                .map(|(predicted, truth)| AutomlResidual { truth: *truth, predicted: *predicted })
                .collect(),
        }),
        coverage_asked: report.coverage_asked,
        coverage_seen: report.coverage_seen,
    }
}

fn of_class(curves: &ClassCurves, plan: &Plan) -> AutomlCurves {
    let points = |curve: &Curve| curve.points.iter().map(|point| AutomlPoint { x: point.x, y: point.y }).collect();
    let calibrated = |bin: &rhiza_learn::metrics::CalibrationBin| AutomlCalibration {
        predicted: bin.predicted,
        observed: bin.observed,
        count: bin.rows,
    };
    AutomlCurves {
        class: plan.classes.get(curves.class as usize).cloned().unwrap_or_default(),
        roc: points(&curves.roc),
        precision_recall: points(&curves.precision_recall),
        lift: curves
            .lift
            .iter()
            .map(|bin| AutomlLift { share: bin.share, lift: bin.lift, captured: bin.gain })
            .collect(),
        calibration: curves.calibration.iter().map(calibrated).collect(),
        calibration_error: curves.calibration_error,
    }
}

pub(crate) const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Numeric => "numeric",
        Kind::Boolean => "boolean",
        Kind::Categorical => "categorical",
        Kind::Datetime => "datetime",
        Kind::Text => "text",
    }
}

fn described(column: &Column) -> AutomlColumn {
    let mut made = AutomlColumn {
        name: column.name.clone(),
        kind: kind_name(column.kind()).to_owned(),
        levels: Vec::new(),
        minimum: None,
        maximum: None,
        median: None,
    };
    match &column.values {
        Values::Numeric(values) => {
            let mut there: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
            there.sort_by(f64::total_cmp);
            (made.minimum, made.maximum) = (there.first().copied(), there.last().copied());
            made.median = there.get(there.len() / 2).copied();
        }
        Values::Categorical(strings) => {
            let mut counts = vec![0_usize; strings.levels.len()];
            for code in &strings.codes {
                if let Some(count) = counts.get_mut(*code as usize) {
                    *count += 1;
                }
            }
            let mut order: Vec<usize> = (0..counts.len()).filter(|level| counts[*level] > 0).collect();
            order.sort_by_key(|level| std::cmp::Reverse(counts[*level]));
            made.levels = order.into_iter().take(LEVELS).map(|level| strings.levels[level].clone()).collect();
        }
        Values::Boolean(_) | Values::Datetime(_) | Values::Text(_) => {}
    }
    made
}

/// A value for an example: texts are shortened.
fn short(column: &Column, row: usize) -> Value {
    match cell(column, row) {
        Value::String(text) => Value::String(text.chars().take(TEXT).collect()),
        other => other,
    }
}
