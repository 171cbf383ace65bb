//! A search for a model, what is wanted of it, and where it may go from where it stands.

use chrono::{DateTime, Utc};
use rhiza_kernel::{AutomlId, DatasetId, JobId};
use rhiza_learn::automl::{Plan, Settings};
use rhiza_learn::metrics::Metric;
use rhiza_learn::model::Task;
use rhiza_learn::search::Family;
use rhiza_learn::table::Kind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a search stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waiting for a worker.
    Queued,
    /// At work.
    Running,
    /// There is a model.
    Succeeded,
    /// There is none, and why.
    Failed,
    /// Somebody stopped it. It can be taken up again.
    Cancelled,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether it goes no further by itself.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// Seconds for the search unless told otherwise.
pub(super) const SECONDS: f64 = 60.0;
/// A day: more is asked for by mistake.
pub(super) const SECONDS_MAX: f64 = 86_400.0;
/// Most trials of a search.
pub(super) const TRIALS_MAX: usize = 1_000;
/// Trials unless told otherwise.
pub(super) const TRIALS: usize = 200;
/// More folds than this cost more than they tell.
pub(super) const FOLDS_MAX: usize = 20;

/// How to search, beside the data and its target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobSettings {
    /// What is predicted; found out when absent.
    pub task: Option<Task>,
    /// By what models are ranked; chosen by the task when absent.
    pub metric: Option<Metric>,
    /// Seconds for the search.
    pub seconds: f64,
    /// Most trials.
    pub trials: usize,
    /// Of everything random.
    pub seed: u64,
    /// Folds of the cross-validation; chosen by the table when absent.
    pub folds: Option<usize>,
    /// Share of the rows set apart.
    pub hold_out: f64,
    /// Learn from the past, judge by the future.
    pub time_column: Option<String>,
    /// Rows of a group stay together.
    pub group_column: Option<String>,
    /// Columns not to learn from.
    pub ignore: Vec<String>,
    /// Families to be tried; all when absent.
    pub families: Option<Vec<Family>>,
    /// Whether several models may be blended.
    pub blend: bool,
}

impl JobSettings {
    /// As a search takes them.
    #[must_use]
    pub fn for_search(&self, target: &str, memory: u64) -> Settings {
        Settings {
            task: self.task,
            metric: self.metric,
            trials: Some(self.trials),
            seed: self.seed,
            folds: self.folds,
            hold_out: self.hold_out,
            time_column: self.time_column.clone(),
            group_column: self.group_column.clone(),
            ignore: self.ignore.clone(),
            families: self.families.clone(),
            blend: self.blend,
            memory: Some(memory),
            ..Settings::new(target)
        }
    }

    /// What is wrong with them for a table of `columns` and a `target`: the member, as a JSON pointer, and why.
    pub(super) fn faults(&self, target: &str, columns: &[(String, Kind)]) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        let mut fault = |pointer: &str, why: String| faults.push((pointer.to_owned(), why));
        let there = |name: &str| columns.iter().any(|(column, _)| column == name);
        if !there(target) {
            fault("/target", format!("there is no column {target:?}"));
        }
        for (pointer, column) in [("/time_column", &self.time_column), ("/group_column", &self.group_column)] {
            match column {
                Some(name) if name == target => fault(pointer, "is the target".to_owned()),
                Some(name) if !there(name) => fault(pointer, format!("there is no column {name:?}")),
                _ => {}
            }
        }
        for (at, name) in self.ignore.iter().enumerate().filter(|(_, name)| !there(name) || *name == target) {
            let why = if name == target { "is the target".to_owned() } else { format!("there is no column {name:?}") };
            fault(&format!("/ignore/{at}"), why);
        }
        if !(self.seconds >= 0.0 && self.seconds <= SECONDS_MAX) {
            fault("/seconds", format!("must be at least 1 and at most {SECONDS_MAX}"));
        }
        if self.trials == 0 || self.trials > TRIALS_MAX {
            fault("/trials", format!("must be at least 1 and at most {TRIALS_MAX}"));
        }
        if self.folds.is_some_and(|folds| !(1..=FOLDS_MAX).contains(&folds)) {
            fault("/folds", format!("must be at least 1 and at most {FOLDS_MAX}"));
        }
        if !(self.hold_out >= 0.0 && self.hold_out <= 0.5) {
            fault("/hold_out", "must be at least 0 and at most 0.5".to_owned());
        }
        if self.families.as_ref().is_some_and(Vec::is_empty) {
            fault("/families", "must name one at least".to_owned());
        }
        faults
    }
}

/// The best trial so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its number.
    pub number: usize,
    /// Its name.
    pub name: String,
    /// Family of the model.
    pub family: String,
    /// The metric over all judging rows.
    pub score: f64,
}

/// A trial as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TrialLine {
    /// Its place in the sequence, from 0.
    pub number: usize,
    /// Its name: family and number.
    pub name: String,
    /// Family of the model.
    pub family: String,
    /// The metric over all judging rows; absent when it failed.
    pub score: Option<f64>,
    /// Standard deviation of the metric over the folds.
    pub deviation: Option<f64>,
    /// The metric of each fold, where it is defined.
    pub fold_scores: Vec<Option<f64>>,
    /// How long it took.
    pub seconds: f64,
    /// Rows that each fold learnt from, at most.
    pub learning_rows: usize,
    /// What was chosen about the model.
    pub params: Value,
    /// What was found along the path, in words.
    pub detail: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// A trial with its run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StoredTrial {
    /// What is shown of it.
    pub line: TrialLine,
    /// Its MLflow run.
    pub run_id: String,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
}

/// A search for a model.
#[derive(Debug, Clone, PartialEq)]
pub struct AutomlJob {
    /// Its id.
    pub id: AutomlId,
    /// Its name.
    pub name: String,
    /// The data.
    pub dataset: DatasetId,
    /// What the dataset was called when the search began.
    pub dataset_name: String,
    /// Which version of it.
    pub version: i64,
    /// The column to be predicted.
    pub target: String,
    /// How to search.
    pub settings: JobSettings,
    /// Where it stands.
    pub state: State,
    /// Why there is no model.
    pub error: Option<String>,
    /// The experiment of its runs, as clients know it.
    pub experiment_id: String,
    /// The experiment's row.
    pub(super) experiment_row: i64,
    /// The run of the whole search.
    pub run_id: String,
    /// How it goes about, once the table has been looked at.
    pub plan: Option<Plan>,
    /// Trials that have ended.
    pub trials: i64,
    /// The best of them.
    pub best: Option<Best>,
    /// Seconds it has searched.
    pub seconds_used: f64,
    /// The metric of the finished model over the judging rows.
    pub score: Option<f64>,
    /// Where the finished model is, from the root of the project's files.
    pub(super) model_path: Option<String>,
    /// How long its file is.
    pub model_bytes: Option<i64>,
    /// The job that works on it.
    pub job: Option<JobId>,
    /// The id of who began it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it was first worked on.
    pub started_at: Option<DateTime<Utc>>,
    /// When it came to its end.
    pub finished_at: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> JobSettings {
        JobSettings {
            task: None,
            metric: None,
            seconds: SECONDS,
            trials: TRIALS,
            seed: 0,
            folds: None,
            hold_out: 0.2,
            time_column: None,
            group_column: None,
            ignore: Vec::new(),
            families: None,
            blend: true,
        }
    }

    #[test]
    fn settings_fit_their_table() {
        let columns = [("a".to_owned(), Kind::Numeric), ("y".to_owned(), Kind::Numeric)];
        assert!(settings().faults("y", &columns).is_empty());
        let wrong = JobSettings {
            seconds: f64::NAN,
            trials: 0,
            folds: Some(21),
            hold_out: 0.6,
            time_column: Some("y".to_owned()),
            group_column: Some("none".to_owned()),
            ignore: vec!["a".to_owned(), "y".to_owned(), "none".to_owned()],
            families: Some(Vec::new()),
            ..settings()
        };
        let pointers: Vec<String> = wrong.faults("z", &columns).into_iter().map(|(pointer, _)| pointer).collect();
        let expected =
            ["/target", "/group_column", "/ignore/2", "/seconds", "/trials", "/folds", "/hold_out", "/families"];
        assert_eq!(pointers, expected);
        let on_target: Vec<(String, String)> = wrong.faults("y", &columns);
        assert!(on_target.contains(&("/time_column".to_owned(), "is the target".to_owned())));
        assert!(on_target.contains(&("/ignore/1".to_owned(), "is the target".to_owned())));
    }
}
