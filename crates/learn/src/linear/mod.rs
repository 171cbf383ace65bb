//! Linear and logistic regression with elastic net: a weight for each column.
//!
//! Minimised is `loss / n + λ (ρ |w|₁ + (1 − ρ) |w|² / 2)` over the weights `w` and free intercepts, where the loss is half the
//! squared error for numbers and the multinomial log loss for classes (two classes: the logistic one); `ρ` is
//! [`Params::l1_ratio`]. Numbers of few columns go by coordinate descent on the covariances (Friedman, Hastie and Tibshirani,
//! "Regularization paths for generalized linear models via coordinate descent", 2010), all else by orthant-wise L-BFGS. A whole
//! path of penalties costs little more than its last model, each beginning where the one before ended.
//!
//! Columns should be of comparable size: [`crate::prepare::View::Dense`].
//!
//! ```
//! use rhiza_learn::linear::{self, Params};
//! use rhiza_learn::matrix::{Column, Matrix, Target};
//! use rhiza_learn::rows::Rows;
//! use rhiza_learn::stop::Never;
//!
//! let matrix = Matrix::new(vec![Column::numeric("x", vec![-1.0, 0.0, 1.0, 2.0])])?;
//! let target = Target::numbers(vec![-1.0, 1.0, 3.0, 5.0])?;
//! let path = linear::fit_path(&Rows::new(&matrix)?, &target, &[0.0], &Params::default(), &Never)?;
//! assert!((path[0].weights[0] - 2.0).abs() < 1e-6 && (path[0].intercepts[0] - 1.0).abs() < 1e-6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod logistic;
mod squares;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::linear_algebra::dot;
use crate::matrix::{Target, Values};
use crate::rows::{FitError, Rows, outputs, softmax};
use crate::stop::Stop;

/// What can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Share of the penalty on `|w|` (lasso, makes zeros), the rest on `|w|² / 2` (ridge); 0 to 1.
    pub l1_ratio: f64,
    /// Most steps (sweeps of coordinate descent, or of L-BFGS) for each penalty.
    pub steps: usize,
}

impl Default for Params {
    /// Ridge; 200 steps, more than well-scaled columns need.
    fn default() -> Self {
        Self { l1_ratio: 0.0, steps: 200 }
    }
}

/// A weight for each column and output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// `columns × outputs`. One output for numbers and for two classes (the log-odds of the second), else one per class.
    pub weights: Vec<f64>,
    /// One per output.
    pub intercepts: Vec<f64>,
    /// Number of classes; 0 for numbers.
    pub classes: u32,
}

impl Linear {
    /// Scores of a row, one per output.
    #[must_use]
    pub fn scores(&self, row: &[f64]) -> Vec<f64> {
        let width = self.intercepts.len();
        if width == 1 {
            return vec![self.intercepts[0] + dot(row, &self.weights)];
        }
        let mut scores = self.intercepts.clone();
        for (x, weights) in row.iter().zip(self.weights.chunks_exact(width)) {
            scores.iter_mut().zip(weights).for_each(|(score, weight)| *score += x * weight);
        }
        scores
    }

    /// The number of a row, or a probability for each class.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> Vec<f64> {
        let mut scores = self.scores(row);
        match self.classes {
            0 => {}
            2 => {
                let p = 1.0 / (1.0 + (-scores[0]).exp());
                scores = vec![1.0 - p, p];
            }
            _ => softmax(&mut scores),
        }
        scores
    }
}

/// The least penalty that leaves no weight (for ridge alone: of a lasso with a thousandth of its share).
///
/// # Errors
/// [`FitError`] for rows and targets that do not go together.
pub fn largest_penalty(rows: &Rows, target: &Target, params: &Params) -> Result<f64, FitError> {
    rows.fits(target)?;
    let truth = crate::rows::indicators(target);
    let width = outputs(target);
    #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
    let n = rows.len() as f64;
    let mut means = vec![0.0; width];
    truth.chunks_exact(width).for_each(|y| means.iter_mut().zip(y).for_each(|(mean, y)| *mean += y / n));
    let mut slopes = vec![0.0; rows.width() * width];
    for (row, y) in rows.iter().zip(truth.chunks_exact(width)) {
        for (x, slopes) in row.iter().zip(slopes.chunks_exact_mut(width)) {
            slopes.iter_mut().zip(y).zip(&means).for_each(|((slope, y), mean)| *slope += x * (y - mean) / n);
        }
    }
    let most = slopes.iter().fold(0.0, |most: f64, slope| most.max(slope.abs()));
    Ok((most / params.l1_ratio.max(1e-3)).max(f64::MIN_POSITIVE))
}

/// A model for each penalty. They should descend. Stops early, with the models so far, when the caller says so.
///
/// # Errors
/// [`FitError`] for rows and targets that do not go together, and parameters out of range.
pub fn fit_path(
    rows: &Rows,
    target: &Target,
    penalties: &[f64],
    params: &Params,
    stop: &dyn Stop,
) -> Result<Vec<Linear>, FitError> {
    fit_path_while(rows, target, penalties, params, &mut |_| !stop.now())
}

/// As [`fit_path`], as long as `more` says so of the last model.
///
/// # Errors
/// As [`fit_path`].
pub fn fit_path_while(
    rows: &Rows,
    target: &Target,
    penalties: &[f64],
    params: &Params,
    more: &mut dyn FnMut(&Linear) -> bool,
) -> Result<Vec<Linear>, FitError> {
    rows.fits(target)?;
    if !(0.0..=1.0).contains(&params.l1_ratio) {
        return Err(FitError::BadParam { name: "l1_ratio", value: params.l1_ratio, rule: "from 0 to 1" });
    }
    if let Some(bad) = penalties.iter().find(|penalty| !(penalty.is_finite() && **penalty >= 0.0)) {
        return Err(FitError::BadParam { name: "penalty", value: *bad, rule: "a finite number, 0 or more" });
    }
    Ok(match target.values() {
        Values::Numbers(y) => squares::path(rows, y, penalties, params, more),
        Values::Classes { codes, classes } => logistic::path(rows, codes, *classes, penalties, params, more),
    })
}
