//! What a run found, as the command line and the API write it.

use std::collections::BTreeMap;

use rhiza_learn::automl::{Outcome, Standing, Trial};
use rhiza_learn::search::Config;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::MlopsError;

/// What a run found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// `binary`, `multiclass` or `regression`.
    pub task: String,
    /// By what models were ranked.
    pub metric: String,
    /// Of everything random.
    pub seed: u64,
    /// Scores on the rows that were set apart; empty when none were.
    pub holdout: BTreeMap<String, f64>,
    /// The best single model of the search.
    pub best: Winner,
    /// Score of the finished model (the blend) over the rows that judge.
    pub ensemble_score: f64,
    /// All that were scored, best first.
    pub leaderboard: Vec<Line>,
    /// Where the model is.
    pub model_path: Option<String>,
    /// Rows with a target.
    pub rows: usize,
    /// How long it took.
    pub seconds: f64,
    /// The time ended before the trials did.
    pub stopped: bool,
}

/// The best single model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Winner {
    /// Its name.
    pub name: String,
    /// The metric over all judging rows.
    pub cv_score: f64,
    /// Standard deviation of the metric over the folds, where there are several.
    pub cv_std: Option<f64>,
}

/// A line of the leaderboard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// From 1.
    pub rank: usize,
    /// Its name: family and number of the trial.
    pub name: String,
    /// Family of the model.
    pub family: String,
    /// The metric over all judging rows.
    pub cv_score: f64,
    /// Standard deviation of the metric over the folds, where there are several.
    pub cv_std: Option<f64>,
    /// How long the trial took, preparation and all folds; absent for one that an earlier run made.
    pub fit_seconds: Option<f64>,
    /// Share in the finished model.
    pub weight: f64,
    /// What was chosen about it.
    pub params: Value,
}

impl Summary {
    /// Of an outcome. `fit_seconds`: per number of a trial how long it took.
    ///
    /// # Errors
    /// [`MlopsError::Asked`] when no trial was scored.
    pub fn new(
        outcome: &Outcome,
        seed: u64,
        fit_seconds: &BTreeMap<usize, f64>,
        seconds: f64,
    ) -> Result<Self, MlopsError> {
        let line = |standing: &Standing| line(standing, &outcome.trials, fit_seconds);
        let leaderboard = outcome.leaderboard.iter().map(line).collect::<Result<Vec<_>, _>>()?;
        let first = leaderboard.first().ok_or_else(|| MlopsError::Asked("no model could be scored".to_owned()))?;
        let best = Winner { name: first.name.clone(), cv_score: first.cv_score, cv_std: first.cv_std };
        Ok(Self {
            task: word(&outcome.plan.task)?,
            metric: outcome.plan.metric.to_string(),
            seed,
            holdout: outcome.hold_out.iter().flat_map(|report| report.scores.iter().cloned()).collect(),
            best,
            ensemble_score: outcome.score,
            leaderboard,
            model_path: None,
            rows: outcome.plan.rows,
            seconds,
            stopped: outcome.stopped,
        })
    }
}

fn line(standing: &Standing, trials: &[Trial], fit_seconds: &BTreeMap<usize, f64>) -> Result<Line, MlopsError> {
    let trial = trials.iter().find(|trial| trial.number == standing.trial);
    Ok(Line {
        rank: standing.rank,
        name: format!("{} {}", standing.family.name(), standing.trial),
        family: standing.family.name().to_owned(),
        cv_score: standing.score,
        cv_std: standing.deviation,
        fit_seconds: fit_seconds.get(&standing.trial).copied(),
        weight: standing.weight,
        params: trial.map(|trial| params(&trial.config)).transpose()?.unwrap_or_default(),
    })
}

/// What was chosen, without the family, which has a place of its own.
fn params(config: &Config) -> Result<Value, MlopsError> {
    let mut written = serde_json::to_value(config).map_err(|e| MlopsError::Unwritable(e.to_string()))?;
    if let Value::Object(members) = &mut written {
        members.remove("family");
    }
    Ok(written)
}

fn word(value: &impl Serialize) -> Result<String, MlopsError> {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => Ok(word),
        Ok(other) => Err(MlopsError::Unwritable(other.to_string())),
        Err(error) => Err(MlopsError::Unwritable(error.to_string())),
    }
}
