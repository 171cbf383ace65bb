//! Random forests (Breiman, "Random forests", 2001) and extremely randomised trees (Geurts, Ernst and Wehenkel, 2006) on binned
//! columns. Each tree sees other rows or other thresholds; the forest predicts their mean: class shares, or a number.
//!
//! A tree depends on nothing but its number and the seed, and means are taken in the trees' order: the same bits at any number of
//! threads.
//!
//! ```
//! use rhiza_learn::forest::{self, Params};
//! use rhiza_learn::matrix::{Column, Matrix, Target};
//! use rhiza_learn::stop::Never;
//! let x: Vec<f64> = (0..100).map(f64::from).collect();
//! let classes = x.iter().map(|x| u32::from(*x >= 50.0)).collect();
//! let matrix = Matrix::new(vec![Column::numeric("x", x)])?;
//! let forest = forest::fit(&matrix, &Target::classes(classes, 2)?, &Params::random(), &Never)?;
//! let mut shares = [0.0; 2];
//! forest.ensemble.raw(&[80.0], &mut shares);
//! assert!(shares[1] > 0.99);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::bins::{BinError, BinParams, Bins};
use crate::ensemble::{Ensemble, Link, Tree};
use crate::matrix::{Matrix, Target, Values};
use crate::random::Random;
use crate::stop::Stop;
use grow::{Grower, OneTree};
use rayon::prelude::*;

mod grow;
mod search;

/// Trees that are grown between two questions whether to stop. A constant, so that a run ends at the same trees everywhere.
const BATCH: usize = 16;
/// Rows one thread adds up at a time.
const CHUNK: usize = 4096;
/// Stands for a row the tree was grown on.
const IN_BAG: u32 = u32::MAX;

/// How to grow a forest. The defaults are scikit-learn's.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// How many trees.
    pub trees: usize,
    /// How thresholds are found.
    pub thresholds: Thresholds,
    /// What a split of classes is judged by; numbers are always judged by variance.
    pub criterion: Criterion,
    /// Columns looked at for each split.
    pub columns: Columns,
    /// Which rows a tree is grown on.
    pub rows: Rows,
    /// Most forks between the root and a leaf; `None`: no limit.
    pub max_depth: Option<usize>,
    /// A leaf keeps at least this many rows (repeated ones count repeatedly; with weights, rows of mean weight).
    pub min_leaf_rows: f64,
    /// A node with fewer rows than this is not split.
    pub min_split_rows: f64,
    /// How columns are cut into bins.
    pub bins: BinParams,
    /// Where the random choices come from.
    pub seed: u64,
}

/// How thresholds are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thresholds {
    /// The best of all.
    Best,
    /// One drawn at random for each column, the best column of these.
    Drawn,
}

/// What a split of classes is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Criterion {
    /// How often two rows of a node differ in class.
    Gini,
    /// The information the split gives about the class.
    Entropy,
}

/// Columns looked at for each split; more are tried when none of these parts the rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Columns {
    /// All.
    All,
    /// The square root of their number.
    Root,
    /// This share, in `(0, 1]`; at least one.
    Share(f64),
}

/// Which rows a tree is grown on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rows {
    /// Every row once.
    All,
    /// As many draws with replacement as this share of the rows, in `(0, 1]`.
    Bootstrap(f64),
    /// This share of the rows without replacement, in `(0, 1]`.
    Sample(f64),
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    /// The trees. Raw outputs are the shares of the classes, one output per class, or the number.
    pub ensemble: Ensemble,
    /// For each row the mean over the trees that were not grown on it, row by row, as many values as raw outputs; NaN for a row
    /// that every tree was grown on. Empty when all trees are grown on all rows.
    pub out_of_bag: Vec<f64>,
    /// The caller said stop before all trees were grown.
    pub stopped: bool,
}

/// What keeps a forest from being grown.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ForestError {
    /// A parameter out of range.
    #[error("parameter {name}: {rule}")]
    BadParam {
        /// The parameter.
        name: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// The table cannot be cut into bins.
    #[error(transparent)]
    Bins(#[from] BinError),
    /// No rows, or all of them weigh nothing.
    #[error("there are no rows to learn from")]
    NoRows,
    /// Target or weights of another length than the table.
    #[error("{what}: {found} rows found, {expected} expected")]
    Mismatch {
        /// Target or weights.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The table's.
        expected: usize,
    },
}

impl Params {
    /// A random forest: bootstrap rows, best thresholds, the square root of the columns.
    #[must_use]
    pub fn random() -> Self {
        Self {
            trees: 100,
            thresholds: Thresholds::Best,
            criterion: Criterion::Gini,
            columns: Columns::Root,
            rows: Rows::Bootstrap(1.0),
            max_depth: None,
            min_leaf_rows: 1.0,
            min_split_rows: 2.0,
            bins: BinParams { min_rows: 1, ..BinParams::default() },
            seed: 0,
        }
    }

    /// Extremely randomised trees: all rows, drawn thresholds.
    #[must_use]
    pub fn extra() -> Self {
        Self { thresholds: Thresholds::Drawn, rows: Rows::All, ..Self::random() }
    }

    /// Checks every number against what is said of it above.
    ///
    /// # Errors
    /// [`ForestError::BadParam`] names the first that is out of range.
    pub fn check(&self) -> Result<(), ForestError> {
        let share = |x: f64| x > 0.0 && x <= 1.0;
        let rows_good = match self.rows {
            Rows::All => true,
            Rows::Bootstrap(x) | Rows::Sample(x) => share(x),
        };
        let columns_good = !matches!(self.columns, Columns::Share(x) if !share(x));
        let checks = [
            ((1..=1_000_000).contains(&self.trees), "trees", "from 1 to 1,000,000"),
            (rows_good, "rows", "a share greater than 0, at most 1"),
            (columns_good, "columns", "a share greater than 0, at most 1"),
            (self.max_depth != Some(0), "max_depth", "at least 1"),
            (
                self.min_leaf_rows.is_finite() && self.min_leaf_rows >= 0.0,
                "min_leaf_rows",
                "a finite number, 0 or more",
            ),
            (
                self.min_split_rows.is_finite() && self.min_split_rows >= 0.0,
                "min_split_rows",
                "a finite number, 0 or more",
            ),
        ];
        match checks.into_iter().find(|(good, ..)| !good) {
            None => Ok(()),
            Some((_, name, rule)) => Err(ForestError::BadParam { name, rule }),
        }
    }
}

/// Grows a forest on `matrix`; its weights count.
///
/// `stop` is asked before every 16 trees; a forest that was stopped consists of the first trees of the one that was not. The first
/// 16 trees are grown in any case.
///
/// # Errors
/// [`ForestError`] when parameters are out of range or there is nothing to learn from.
pub fn fit(matrix: &Matrix, target: &Target, params: &Params, stop: &dyn Stop) -> Result<Forest, ForestError> {
    params.check()?;
    let bins = Bins::new(matrix, &params.bins)?;
    fit_binned(&bins, target, matrix.weights(), params, stop)
}

/// As [`fit`], on columns that have been cut into bins before; [`Params::bins`] has no effect any more.
///
/// # Errors
/// As [`fit`].
pub fn fit_binned(
    bins: &Bins,
    target: &Target,
    weights: Option<&[f64]>,
    params: &Params,
    stop: &dyn Stop,
) -> Result<Forest, ForestError> {
    params.check()?;
    let (rows, total) = (bins.rows(), weights.map_or(bins.rows() as f64, |w| w.iter().sum()));
    for (what, found) in [("target", target.len()), ("weights", weights.map_or(rows, <[f64]>::len))] {
        if found != rows {
            return Err(ForestError::Mismatch { what, found, expected: rows });
        }
    }
    if rows == 0 || total <= 0.0 {
        return Err(ForestError::NoRows);
    }
    let (truth, outputs) = match target.values() {
        Values::Numbers(y) => (y.clone(), 1),
        Values::Classes { codes, classes } => (codes.iter().map(|c| f64::from(*c)).collect(), *classes as usize),
    };
    // Of mean 1, so that "rows" means the same with and without weights.
    let weights = weights.map(|w| w.iter().map(|w| w * rows as f64 / total).collect::<Vec<f64>>());
    let grower = Grower::new(bins, params, &truth, weights.as_deref(), outputs);
    let mut votes = Votes::new(params.rows, rows, outputs);
    let (mut trees, mut stopped) = (Vec::with_capacity(params.trees), false);
    for first in (0..params.trees).step_by(BATCH) {
        if first > 0 && stop.now() {
            stopped = true;
            break;
        }
        let batch: Vec<OneTree> =
            (first..(first + BATCH).min(params.trees)).into_par_iter().map(|number| grower.grow(number)).collect();
        votes.add(&batch);
        trees.extend(batch.into_iter().map(|one| one.tree));
    }
    scale(&mut trees);
    let ensemble = Ensemble {
        features: bins.features(),
        base: vec![0.0; outputs],
        link: Link::Identity,
        trees,
        single_precision_input: false,
    };
    Ok(Forest { ensemble, out_of_bag: votes.means(), stopped })
}

/// A forest predicts the mean of its trees, an ensemble their sum.
fn scale(trees: &mut [Tree]) {
    let count = trees.len() as f64;
    trees.par_iter_mut().for_each(|tree| tree.leaf_values.iter_mut().for_each(|value| *value /= count));
}

/// Sums of what trees say of rows they were not grown on.
struct Votes {
    outputs: usize,
    sums: Vec<f64>,
    counts: Vec<u32>,
}

impl Votes {
    fn new(sampling: Rows, rows: usize, outputs: usize) -> Self {
        let rows = if sampling == Rows::All { 0 } else { rows };
        Self { outputs, sums: vec![0.0; rows * outputs], counts: vec![0; rows] }
    }

    fn add(&mut self, batch: &[OneTree]) {
        let outputs = self.outputs;
        let parts = self.sums.par_chunks_mut(CHUNK * outputs).zip(self.counts.par_chunks_mut(CHUNK)).enumerate();
        parts.for_each(|(chunk, (sums, counts))| {
            for one in batch {
                let leaves = &one.out_of_bag[chunk * CHUNK..];
                for ((sums, count), leaf) in sums.chunks_mut(outputs).zip(counts.iter_mut()).zip(leaves) {
                    if *leaf == IN_BAG {
                        continue;
                    }
                    let values = &one.tree.leaf_values[*leaf as usize * outputs..];
                    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                    *count += 1;
                }
            }
        });
    }

    fn means(mut self) -> Vec<f64> {
        for (sums, count) in self.sums.chunks_mut(self.outputs).zip(&self.counts) {
            // 0 / 0 is the NaN that is promised.
            sums.iter_mut().for_each(|sum| *sum /= f64::from(*count));
        }
        self.sums
    }
}

/// How often each row is in the bag of tree `number`, as a factor on its weight.
fn bag(rows: usize, sampling: Rows, seed: u64, number: usize) -> Option<Vec<f64>> {
    let mut random = Random::stream(seed, "rows of a tree", number as u64);
    let mut times = vec![0.0; rows];
    let count = |share: f64| ((rows as f64 * share).round() as usize).max(1);
    match sampling {
        Rows::All => return None,
        Rows::Bootstrap(share) => (0..count(share)).for_each(|_| times[random.below(rows)] += 1.0),
        Rows::Sample(share) => random.sample(rows, count(share)).into_iter().for_each(|row| times[row] = 1.0),
    }
    Some(times)
}

#[cfg(test)]
mod tests;
