//! The search itself: what the child process does.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rhiza_explain::{PermutationImportance, Rows};
use rhiza_kernel::Env;
use rhiza_learn::automl::{self, Event, Outcome, Plan, Settings, Trial, TrialResult};
use rhiza_learn::onnx::{Shapes, export_model};
use rhiza_learn::table::Table;
use rhiza_platform::child::{Speak, Task, TaskError, Workplace};
use rhiza_platform::runtime::system_env;
use rhiza_tracking::datasets::{Format, Types, read_file};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::model::TrialLine;
use super::results::{AutomlImportance, AutomlResults, name};
use crate::explanations::{Encoded, Encoding, truth};

/// Searches for a model of a table.
pub struct Search;

/// What the task is given.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SearchOrder {
    /// The table's file, in the folder of the work.
    pub(super) table: String,
    /// How it is written.
    pub(super) format: Option<Format>,
    /// Types that people chose.
    pub(super) types: Types,
    /// What is wanted.
    pub(super) settings: Settings,
    /// Seconds left for the search.
    pub(super) seconds: f64,
    /// The file with trials that ended earlier.
    pub(super) finished: Option<String>,
    /// Where the model goes.
    pub(super) model: String,
    /// Where it goes as ONNX, if it can be written as that.
    pub(super) onnx: String,
}

/// What the task tells on the way. Seconds are those since the search began here.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SearchNews {
    /// The table has been read, and this is the plan.
    Planned { plan: Plan },
    /// A trial begins.
    Started { name: String, seconds: f64 },
    /// A trial has ended.
    Ended { line: TrialLine, kept: String, seconds: f64 },
    /// The search has ended.
    Blending { trials: usize, seconds: f64 },
    /// The model is there; its columns are weighed.
    Weighing,
}

/// What the task found.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) results: AutomlResults,
    /// Why there is no ONNX file.
    pub(super) no_onnx: Option<String>,
    /// What MLflow calls the model's signature.
    pub(super) signature: Signature,
}

/// The columns that go in, as MLflow writes them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Signature {
    pub(super) inputs: Vec<(String, String)>,
}

impl Task for Search {
    fn name(&self) -> &'static str {
        "mlops.search_models"
    }

    fn run(&self, input: Value, place: &Workplace, say: &mut Speak<'_>) -> Result<Value, TaskError> {
        let order: SearchOrder = serde_json::from_value(input).map_err(failed)?;
        let env = system_env();
        let table = read_file(place, &order.table, order.format, &order.types)?;
        let finished = match &order.finished {
            Some(file) => earlier(&place.folder.join(file))?,
            None => Vec::new(),
        };
        let outcome = search(&table, &order, &finished, &env, say)?;
        let file = outcome.model.save().map_err(failed)?;
        std::fs::write(place.folder.join(&order.model), file)
            .map_err(|e| TaskError::Failed(format!("the model cannot be written: {e}")))?;
        let no_onnx = match export_model(&outcome.model, Shapes::Columns) {
            Ok(file) => {
                std::fs::write(place.folder.join(&order.onnx), file).map_err(failed)?;
                None
            }
            Err(why) => Some(why.to_string()),
        };
        say.say(&SearchNews::Weighing)?;
        let mut results = AutomlResults::of(&outcome, &table)
            .ok_or_else(|| TaskError::Refused("no model could be scored: every trial failed".to_owned()))?;
        results.importance = importance(&outcome, &table)?;
        let found = Found { signature: signature(&outcome), no_onnx, results };
        serde_json::to_value(found).map_err(failed)
    }
}

fn failed(fault: impl std::fmt::Display) -> TaskError {
    TaskError::Failed(fault.to_string())
}

/// Trials as they were kept, a line each.
fn earlier(file: &Path) -> Result<Vec<Trial>, TaskError> {
    let text = std::fs::read_to_string(file).map_err(failed)?;
    let line = |line: &str| unpacked(&BASE64_STANDARD.decode(line).map_err(failed)?);
    text.lines().map(line).collect()
}

/// The most bytes of an unpacked trial: predictions of 30,000 rows for 200 classes.
const LARGEST: usize = 64 << 20;

fn packed(trial: &Trial) -> Result<Vec<u8>, TaskError> {
    let bytes = serde_json::to_vec(trial).map_err(failed)?;
    zstd::bulk::compress(&bytes, 3).map_err(failed)
}

fn unpacked(kept: &[u8]) -> Result<Trial, TaskError> {
    let bytes = zstd::bulk::decompress(kept, LARGEST).map_err(failed)?;
    serde_json::from_slice(&bytes).map_err(failed)
}

fn search(
    table: &Table,
    order: &SearchOrder,
    finished: &[Trial],
    env: &Env,
    say: &mut Speak<'_>,
) -> Result<Outcome, TaskError> {
    let begun = env.monotonic();
    let since = |from: Duration| (env.monotonic() - from).as_secs_f64();
    let stop = || since(begun) >= order.seconds;
    let (mut trial_begun, mut unsaid) = (begun, None);
    let outcome = automl::run(table, &order.settings, finished, &stop, &mut |event| {
        let seconds = since(begun);
        let news = match event {
            Event::Planned(plan) => Ok(Some(SearchNews::Planned { plan: plan.clone() })),
            Event::Started { number, config, .. } => {
                trial_begun = env.monotonic();
                Ok(Some(SearchNews::Started { name: name(config.family().name(), number), seconds }))
            }
            // Those the server gave are told to no one.
            Event::Finished(trial) if trial.number < finished.len() => Ok(None),
            Event::Finished(trial) => ended(trial, since(trial_begun), seconds).map(Some),
            Event::Blending { trials } => Ok(Some(SearchNews::Blending { trials, seconds })),
            Event::Best(_) => Ok(None),
        };
        let told = news.and_then(|news| news.map_or(Ok(()), |news| say.say(&news)));
        unsaid = unsaid.take().or(told.err());
    });
    match unsaid {
        Some(error) => Err(error),
        None => outcome.map_err(|e| TaskError::Refused(e.to_string())),
    }
}

fn ended(trial: &Trial, took: f64, seconds: f64) -> Result<SearchNews, TaskError> {
    let mut params = serde_json::to_value(&trial.config).map_err(failed)?;
    if let Value::Object(members) = &mut params {
        members.remove("family");
    }
    let family = trial.config.family().name();
    let mut line = TrialLine {
        number: trial.number,
        name: name(family, trial.number),
        family: family.to_owned(),
        score: trial.score(),
        deviation: None,
        fold_scores: Vec::new(),
        seconds: took,
        learning_rows: trial.learning_rows,
        params,
        detail: None,
        error: None,
    };
    match &trial.result {
        TrialResult::Scored { fold_scores, detail, .. } => {
            line.deviation = deviation(fold_scores);
            line.fold_scores.clone_from(fold_scores);
            line.detail = Some(detail.clone()).filter(|detail| !detail.is_empty());
        }
        TrialResult::Failed { reason } => line.error = Some(reason.clone()),
    }
    Ok(SearchNews::Ended { line, kept: BASE64_STANDARD.encode(packed(trial)?), seconds })
}

/// Standard deviation over the folds where there are two at least.
fn deviation(scores: &[Option<f64>]) -> Option<f64> {
    let there: Vec<f64> = scores.iter().flatten().copied().collect();
    if there.len() < 2 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of folds")]
    let count = there.len() as f64;
    let mean = there.iter().sum::<f64>() / count;
    Some((there.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt())
}

/// Shuffles of each column.
const SHUFFLES: usize = 5;
/// Predictions that the weighing of the columns may take.
const PREDICTIONS: usize = 200_000;
/// Rows that say enough.
const WEIGHED_ROWS: usize = 500;
/// Fewer rows say nothing; then there are too many columns.
const FEWEST_ROWS: usize = 50;

/// What the columns are worth to the finished model, on rows it has never seen.
fn importance(outcome: &Outcome, table: &Table) -> Result<Option<Vec<AutomlImportance>>, TaskError> {
    let columns = outcome.plan.columns.len();
    let rows = (PREDICTIONS / (columns * SHUFFLES).max(1)).min(WEIGHED_ROWS);
    if outcome.held.is_empty() || rows < FEWEST_ROWS.min(outcome.held.len()) {
        return Ok(None);
    }
    let held = table.take(&outcome.held.iter().copied().take(rows).collect::<Vec<_>>());
    let (model, metric) = (&outcome.model, outcome.plan.metric);
    let Some(truth) = truth(model, &held) else { return Ok(None) };
    let (encoding, values) = Encoding::of(model, &held).map_err(failed)?;
    let encoded = Encoded { model, encoding: &encoding };
    let rows = Rows::new(&values, encoding.features().len()).map_err(failed)?;
    let sign = if metric.greater_is_better() { 1.0 } else { -1.0 };
    let score = |said: &[f64]| metric.score(&truth, said).map_or(f64::NAN, |score| sign * score);
    let weighing = PermutationImportance { repeats: SHUFFLES, ..PermutationImportance::default() };
    // A metric that is not defined for so few rows weighs nothing.
    let Ok(weighed) = weighing.explain(&encoded, rows, score) else { return Ok(None) };
    let order = weighed.ranking();
    let features = encoding.features();
    let line = |at: usize| {
        let found = &weighed.columns[at];
        AutomlImportance {
            name: features[at].name.clone(),
            importance: found.mean,
            error: (found.interval.1 - found.interval.0) / 2.0,
        }
    };
    Ok(Some(order.into_iter().map(line).collect()))
}

fn signature(outcome: &Outcome) -> Signature {
    use rhiza_learn::table::Kind;
    let of = |kind: Kind| match kind {
        Kind::Numeric => "double",
        Kind::Boolean => "boolean",
        Kind::Datetime => "datetime",
        Kind::Categorical | Kind::Text => "string",
    };
    let sources = outcome.model.sources().iter();
    Signature { inputs: sources.map(|source| (source.name.clone(), of(source.kind).to_owned())).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_comes_back_bit_by_bit() {
        let table: String = (0..60).map(|row| format!("{},{}\n", row % 7, f64::from(row % 7) * 1.1)).collect();
        let read = Table::from_csv(format!("x,y\n{table}").as_bytes(), &rhiza_learn::table::CsvOptions::default());
        let settings =
            Settings { trials: Some(3), task: Some(rhiza_learn::model::Task::Regression), ..Settings::new("y") };
        let outcome =
            automl::run(&read.unwrap().table, &settings, &[], &rhiza_learn::stop::Never, &mut |_| {}).unwrap();
        for trial in &outcome.trials {
            assert_eq!(&unpacked(&packed(trial).unwrap()).unwrap(), trial);
        }
    }

    #[test]
    fn the_spread_of_folds_needs_two() {
        assert_eq!(deviation(&[Some(1.0), None]), None);
        assert_eq!(deviation(&[Some(1.0), Some(3.0)]), Some(2.0_f64.sqrt()));
    }
}
