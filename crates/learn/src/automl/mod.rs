//! From a table to a ranked, honest leaderboard and one model: plan, search, blend, calibration, bounds, hold-out.
//!
//! *Honest*: the hold-out is set apart before anything else, and looked at once, by the finished model. Every choice (models,
//! their parameters, weights of the blend, temperature) is made by predictions for rows that the predicting model, and its
//! preparation, had not learnt from.
//!
//! *Repeatable*: the sequence of trials follows from the table, the settings and the seed at any number of threads. Decisions
//! count units of work, not seconds; a caller who says stop gets a prefix of the sequence, and one who gives finished trials
//! back goes on where they end. The first trial (the baseline) is made in any case: a budget too small for any other model
//! leaves that one.
//!
//! *Time*: with a time column, folds are judged by what comes after them, the hold-out is the last of all rows, and the chosen
//! models learn once more from all rows before it.
//!
//! *Large tables*: choices are first tried on 10,000 rows; the best third goes on to four times as many, and so on to all.
//!
//! ```
//! use rhiza_learn::automl::{Settings, run};
//! use rhiza_learn::stop::Never;
//! use rhiza_learn::table::{CsvOptions, Table};
//!
//! let mut text = "x,colour,y\n".to_owned();
//! for row in 0..60 {
//!     text += &format!("{},{},{}\n", row % 10, ["red", "blue"][row % 2], if row % 10 > 4 { "high" } else { "low" });
//! }
//! let table = Table::from_csv(text.as_bytes(), &CsvOptions::default())?.table;
//! let settings = Settings { trials: Some(3), ..Settings::new("y") };
//! let outcome = run(&table, &settings, &[], &Never, &mut |_| {})?;
//! assert_eq!(outcome.plan.classes, ["high", "low"]);
//! assert_eq!(outcome.model.predict(&table)?.labels.len(), 60);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arena;
mod boosted;
mod finish;
mod learn;
mod plan;
mod report;
mod run;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::metrics::{Metric, MetricError};
use crate::model::{Model, ModelError, Task};
use crate::prepare::PrepareError;
use crate::search::{Config, Family};
use crate::split::SplitError;
use crate::table::{Kind, TableError};

pub use self::plan::Plan;
pub use self::report::{ClassCurves, Report, Residuals};
pub use self::run::run;

/// What is wanted. Everything but the target has a sensible default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Name of the column to be predicted.
    pub target: String,
    /// What is predicted; found out from the target's values where it is left open: words, truths and few whole numbers (up to
    /// 20 different ones, ten rows each) are classes, other numbers are numbers.
    pub task: Option<Task>,
    /// By what models are ranked; ROC AUC for two classes, log loss for more, RMSE for numbers where it is left open.
    pub metric: Option<Metric>,
    /// Most trials; 200 where it is left open. The caller's stop ends the search earlier.
    pub trials: Option<usize>,
    /// Of everything random.
    pub seed: u64,
    /// Folds of the cross-validation; where it is left open: ten for less than 300 rows, eight for less than 1,000, five up to
    /// 30,000 (three for wide tables), one for more.
    pub folds: Option<usize>,
    /// Share of the rows set apart; 0: none.
    pub hold_out: f64,
    /// A column of points in time (or numbers): learn from the past, judge by the future.
    pub time_column: Option<String>,
    /// A column whose values name groups: rows of a group stay together, and the column is not learnt from.
    pub group_column: Option<String>,
    /// Columns that are not learnt from.
    pub ignore: Vec<String>,
    /// Families to be tried; all where it is left open. The baseline always is.
    pub families: Option<Vec<Family>>,
    /// Blend several models; else the best alone is the model.
    pub blend: bool,
    /// Bytes that shared tables may take, about; large tables are then learnt from in part.
    pub memory: Option<u64>,
}

impl Settings {
    /// The defaults, for a target.
    pub fn new(target: impl Into<String>) -> Self {
        Self {
            target: target.into(),
            task: None,
            metric: None,
            trials: None,
            seed: 0,
            folds: None,
            hold_out: 0.2,
            time_column: None,
            group_column: None,
            ignore: Vec::new(),
            families: None,
            blend: true,
            memory: None,
        }
    }
}

/// Why there is no model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AutomlError {
    /// A column that is not there, or a cell that is not what it should be.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Rows that cannot be divided as asked.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// Columns that nothing can be learnt from.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// A score that is not defined.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// The finished model cannot be asked.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Too few rows with a target.
    #[error("{rows} rows have a target; at least {needed} are needed")]
    TooFewRows {
        /// Rows with a target.
        rows: usize,
        /// Rows needed.
        needed: usize,
    },
    /// A target that cannot be predicted.
    #[error("target {column}: {fault}")]
    BadTarget {
        /// Name of the column.
        column: String,
        /// What is wrong with it.
        fault: String,
    },
    /// A target that is the same in every row.
    #[error("target {column}: every row has the value {value:?}, there is nothing to predict")]
    OneClass {
        /// Name of the column.
        column: String,
        /// The value.
        value: String,
    },
    /// A score that does not go with the task.
    #[error("{metric} does not score {task:?}")]
    WrongMetric {
        /// The score.
        metric: Metric,
        /// The task.
        task: Task,
    },
    /// A time column that is neither points in time nor numbers.
    #[error("time column {column}: rows cannot be ordered by {kind} values")]
    BadTime {
        /// Name of the column.
        column: String,
        /// Its kind.
        kind: Kind,
    },
    /// No column besides the target.
    #[error("there is no column to learn from")]
    NoFeatures,
    /// A memory budget that does not hold the smallest useful table.
    #[error("{given} bytes are too few: {needed} are needed for 100 rows")]
    MemoryTooSmall {
        /// Bytes allowed.
        given: u64,
        /// Bytes needed.
        needed: u64,
    },
    /// A learner that does not learn; a trial of it fails, the run goes on.
    #[error("{0}")]
    Learner(String),
    /// The caller said stop in the middle of a trial; it is left out.
    #[error("stopped")]
    Stopped,
}

/// A trial that has ended. It can be stored and given back to [`run`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its place in the sequence, from 0.
    pub number: usize,
    /// What was tried.
    pub config: Config,
    /// Rows that each fold learnt from, at most.
    pub learning_rows: usize,
    /// Units of work it took: about the number of values looked at.
    pub work: f64,
    /// What came of it.
    pub result: TrialResult,
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum TrialResult {
    /// Scored.
    Scored {
        /// The metric over all judging rows.
        score: f64,
        /// What the search minimises.
        loss: f64,
        /// The metric of each fold, where it is defined.
        fold_scores: Vec<Option<f64>>,
        /// What was found along the path (penalty, rounds, neighbours), in words.
        detail: String,
        /// The same as a number: the place on the path, or the rounds.
        place: usize,
        /// Added to numbers, for quantiles and medians.
        shift: f64,
        /// For each judging row, in single precision.
        predictions: Vec<f32>,
    },
    /// Not scored.
    Failed {
        /// Why.
        reason: String,
    },
}

impl Trial {
    /// The metric, if it was scored.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        if let TrialResult::Scored { score, .. } = self.result { Some(score) } else { None }
    }

    /// What the search minimises, if it was scored.
    #[must_use]
    pub fn loss(&self) -> Option<f64> {
        if let TrialResult::Scored { loss, .. } = self.result { Some(loss) } else { None }
    }
}

/// What happens while it happens.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The plan is made; nothing has been learnt.
    Planned(&'a Plan),
    /// A trial begins.
    Started {
        /// Its number.
        number: usize,
        /// What is tried.
        config: &'a Config,
        /// Rows that each fold learns from, at most.
        learning_rows: usize,
    },
    /// A trial has ended (or was given back by the caller).
    Finished(&'a Trial),
    /// There is a better one than before.
    Best(&'a Trial),
    /// The search has ended, the blend begins.
    Blending {
        /// Trials that were made.
        trials: usize,
    },
}

/// A line of the leaderboard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// From 1.
    pub rank: usize,
    /// Number of the trial.
    pub trial: usize,
    /// Family of the model.
    pub family: Family,
    /// The metric over all judging rows.
    pub score: f64,
    /// Standard deviation of the metric over the folds, where it is defined in two at least.
    pub deviation: Option<f64>,
    /// Share in the blend.
    pub weight: f64,
    /// Rows that each fold learnt from, at most.
    pub learning_rows: usize,
}

/// Predictions of the finished model for the judging rows, by parts of it that had not learnt from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutOfFold {
    /// Rows of the table, from 0.
    pub rows: Vec<usize>,
    /// Numbers a row.
    pub width: usize,
    /// Row by row.
    pub predictions: Vec<f64>,
}

/// What a run leaves.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How it went about.
    pub plan: Plan,
    /// All trials, in order.
    pub trials: Vec<Trial>,
    /// The scored ones, best first.
    pub leaderboard: Vec<Standing>,
    /// The metric of the finished model over the judging rows.
    pub score: f64,
    /// What that rests on.
    pub out_of_fold: OutOfFold,
    /// How the finished model does on the rows set apart.
    pub hold_out: Option<Report>,
    /// The rows set apart: their numbers in the table, from 0.
    pub held: Vec<usize>,
    /// The finished model.
    pub model: Model,
    /// The caller said stop before the trials were at an end.
    pub stopped: bool,
}
