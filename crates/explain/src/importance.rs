//! How much worse a model is without what a column says.

use crate::predict::{Predict, ask};
use crate::statistics::{mean_and_deviation, student};
use crate::{ExplainError, Rows, count};
use rayon::prelude::*;
use rhiza_learn::random::Random;

/// What columns are worth to a score.
#[derive(Debug, Clone, PartialEq)]
pub struct Importances {
    /// The score with all columns (of drop-column importance: the mean over folds).
    pub baseline: f64,
    /// One per column, in the table's order.
    pub columns: Vec<Importance>,
}

/// What one column is worth to a score.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// By how much the score falls, one number per repeat or fold.
    pub falls: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// The interval for the mean, at the confidence asked for.
    pub interval: (f64, f64),
}

impl Importances {
    /// The columns by falling mean; equal ones in the table's order.
    #[must_use]
    pub fn ranking(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.columns.len()).collect();
        order.sort_by(|a, b| self.columns[*b].mean.total_cmp(&self.columns[*a].mean));
        order
    }
}

impl Importance {
    /// `widening` multiplies the variance of the mean.
    fn of(falls: Vec<f64>, confidence: f64, widening: f64) -> Self {
        let (mean, deviation) = mean_and_deviation(&falls);
        let n = count(falls.len());
        let half = student(confidence, n - 1.0) * deviation * (widening / n).sqrt();
        Self { falls, mean, deviation, interval: (mean - half, mean + half) }
    }
}

/// How much a score falls when the values of one column are shuffled among the rows (Breiman, "Random forests", 2001; Fisher, Rudin
/// and Dominici, "All models are wrong, but many are useful", 2019). The interval is Student's, over the shuffles: it says how sure
/// the mean is on these rows, not on others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PermutationImportance {
    /// Shuffles of each column; at least 2.
    pub repeats: usize,
    /// Of the intervals, between 0 and 1.
    pub confidence: f64,
    /// The seed of the shuffles.
    pub seed: u64,
}

impl Default for PermutationImportance {
    fn default() -> Self {
        Self { repeats: 10, confidence: 0.95, seed: 0 }
    }
}

impl PermutationImportance {
    /// Takes the importance of each column of `rows` to `score`, which is given predictions for all of them, row by row, and answers
    /// with a number that is larger the better they are.
    ///
    /// # Errors
    /// [`ExplainError::Empty`] without rows, [`ExplainError::Setting`] for settings out of range, [`ExplainError::Model`] for a score
    /// that is no finite number, and what the model answers.
    pub fn explain<M: Predict + ?Sized>(
        &self,
        model: &M,
        rows: Rows<'_>,
        score: impl Fn(&[f64]) -> f64 + Sync,
    ) -> Result<Importances, ExplainError> {
        check(self.repeats, "repeats", self.confidence)?;
        if rows.is_empty() {
            return Err(ExplainError::Empty("the table"));
        }
        let score = |table: &[f64]| {
            let value = score(&ask(model, Rows::new(table, rows.columns())?)?);
            finite(value)
        };
        let baseline = score(rows.values())?;
        let columns = (0..rows.columns()).into_par_iter().map(|column| {
            let values = rows.column(column);
            let fall = |repeat: usize| {
                let index = (column * self.repeats + repeat) as u64;
                let order = Random::stream(self.seed, "permutation importance", index).permutation(values.len());
                let mut table = rows.values().to_vec();
                for (row, from) in table.chunks_exact_mut(rows.columns()).zip(order) {
                    row[column] = values[from];
                }
                Ok(baseline - score(&table)?)
            };
            let falls = (0..self.repeats).map(fall).collect::<Result<_, ExplainError>>()?;
            Ok(Importance::of(falls, self.confidence, 1.0))
        });
        Ok(Importances { baseline, columns: columns.collect::<Result<_, ExplainError>>()? })
    }
}

/// How much a score falls when the model is learnt again without a column, on the same folds.
///
/// The folds' training rows overlap, so the falls are not independent; the interval is widened for it (Nadeau and Bengio, "Inference
/// for the generalization error", 2003): the variance of the mean is `(1/k + share / (1 − share)) s²`, `share` being the part of the
/// rows that a fold is scored on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DropColumnImportance {
    /// Folds, or repeats of a split; at least 2.
    pub folds: usize,
    /// Part of the rows that a fold is scored on: `1 / folds` for cross-validation.
    pub test_share: f64,
    /// Of the intervals, between 0 and 1.
    pub confidence: f64,
}

impl DropColumnImportance {
    /// Takes the importance of each of `columns` columns. `refit` learns without the given column (`None`: with all) on the given fold
    /// and answers with the score, larger the better. It is called `(columns + 1) · folds` times, in order, on this thread.
    ///
    /// # Errors
    /// [`ExplainError::Setting`] for settings out of range, [`ExplainError::Model`] when `refit` fails or answers with a number that
    /// is not finite.
    pub fn explain(
        &self,
        columns: usize,
        mut refit: impl FnMut(Option<usize>, usize) -> Result<f64, String>,
    ) -> Result<Importances, ExplainError> {
        check(self.folds, "folds", self.confidence)?;
        if !(self.test_share > 0.0 && self.test_share < 1.0) {
            let fault = format!("{} is not between 0 and 1", self.test_share);
            return Err(ExplainError::Setting { setting: "test share", fault });
        }
        let mut scores = |column| {
            let score = |fold| refit(column, fold).map_err(ExplainError::Model).and_then(finite);
            (0..self.folds).map(score).collect::<Result<Vec<f64>, _>>()
        };
        let with_all = scores(None)?;
        let widening = 1.0 + count(self.folds) * self.test_share / (1.0 - self.test_share);
        let mut found = Vec::with_capacity(columns);
        for column in 0..columns {
            let without = scores(Some(column))?;
            let falls = with_all.iter().zip(without).map(|(with, without)| with - without).collect();
            found.push(Importance::of(falls, self.confidence, widening));
        }
        Ok(Importances { baseline: mean_and_deviation(&with_all).0, columns: found })
    }
}

fn check(repeats: usize, setting: &'static str, confidence: f64) -> Result<(), ExplainError> {
    if repeats < 2 {
        return Err(ExplainError::Setting { setting, fault: "at least 2 are needed for an interval".to_owned() });
    }
    if !(confidence > 0.0 && confidence < 1.0) {
        let fault = format!("{confidence} is not between 0 and 1");
        return Err(ExplainError::Setting { setting: "confidence", fault });
    }
    Ok(())
}

fn finite(score: f64) -> Result<f64, ExplainError> {
    if score.is_finite() { Ok(score) } else { Err(ExplainError::Model(format!("the score is {score}"))) }
}
