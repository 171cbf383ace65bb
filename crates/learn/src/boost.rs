//! Gradient boosting of decision trees: each tree goes a step down the gradient of a loss (Friedman, "Greedy function
//! approximation: a gradient boosting machine", 2001), found among histograms of binned columns and grown leaf by leaf (Ke et
//! al., "LightGBM", 2017).
//!
//! The same input gives the same bits at any number of threads: see [`crate::bins`] and the unit arithmetic of the histograms.
//!
//! ```
//! use rhiza_learn::boost::{self, Loss, Params};
//! use rhiza_learn::matrix::{Column, Matrix, Target};
//! use rhiza_learn::stop::Never;
//! let x: Vec<f64> = (0..200).map(f64::from).collect();
//! let y: Vec<f64> = x.iter().map(|x| if *x < 100.0 { 1.0 } else { 3.0 }).collect();
//! let matrix = Matrix::new(vec![Column::numeric("x", x)])?;
//! let boosted = boost::fit(&matrix, &Target::numbers(y)?, &Params::new(Loss::Squared), &Never)?;
//! let mut raw = [0.0];
//! boosted.ensemble.raw(&[150.0], &mut raw);
//! assert!((raw[0] - 3.0).abs() < 1e-3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::bins::Bins;
use crate::matrix::{Matrix, Target};
use crate::stop::Stop;

mod grow;
mod histogram;
mod loss;
mod params;
mod partition;
mod rounds;
mod slopes;
mod split;
mod tree;

pub use loss::Loss;
pub use params::{BoostError, Boosted, CategoryParams, End, History, Params, RowSampling};

/// Rows that are not learnt from but predicted after each round, to stop when they are predicted no better.
#[derive(Debug, Clone, Copy)]
pub struct Watch<'a> {
    /// The rows, with the same columns as those learnt from; its weights count.
    pub matrix: &'a Matrix,
    /// Their truth.
    pub target: &'a Target,
    /// Rounds without a lower loss before the end.
    pub patience: usize,
}

/// Boosting on columns that have been cut into bins before, as when many trials share a fold.
#[derive(Debug, Clone, Copy)]
pub struct Training<'a> {
    /// The rows learnt from. [`Params::bins`] has no effect any more.
    pub bins: &'a Bins,
    /// Their truth.
    pub target: &'a Target,
    /// Their weights: finite, 0 or more.
    pub weights: Option<&'a [f64]>,
    /// Rows to stop by.
    pub watch: Option<Watch<'a>>,
}

/// Boosts on `matrix` (its weights count) for all rounds.
///
/// `stop` is asked before each round; a run that was stopped is the prefix of the run that was not, possibly without any tree.
///
/// # Errors
/// [`BoostError`] when the parameters are out of range or do not go with the target, or there is nothing to learn from.
pub fn fit(matrix: &Matrix, target: &Target, params: &Params, stop: &dyn Stop) -> Result<Boosted, BoostError> {
    fit_watched(matrix, target, None, params, stop)
}

/// As [`fit`], but ends when `watch` is predicted no better for as many rounds as its patience, and keeps the trees up to the
/// best round.
///
/// # Errors
/// As [`fit`]; also when the watched table does not go with the other.
pub fn fit_watched(
    matrix: &Matrix,
    target: &Target,
    watch: Option<Watch<'_>>,
    params: &Params,
    stop: &dyn Stop,
) -> Result<Boosted, BoostError> {
    params.check(matrix.width())?;
    let bins = Bins::new(matrix, &params.bins)?;
    Training { bins: &bins, target, weights: matrix.weights(), watch }.run(params, stop)
}

#[cfg(test)]
mod tests;
