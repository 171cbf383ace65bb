//! What can be chosen about boosting, what comes out, and what can go wrong.

use super::loss::Loss;
use crate::bins::{BinError, BinParams};
use crate::ensemble::Ensemble;

/// How to boost. The defaults are LightGBM's, except that the loss must be chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// What is minimised.
    pub loss: Loss,
    /// Rounds; each adds a tree, or one per class for [`Loss::Softmax`].
    pub rounds: usize,
    /// What each tree's outputs are multiplied by, in `(0, 1]`.
    pub learning_rate: f64,
    /// Most leaves of a tree, 2 or more.
    pub max_leaves: usize,
    /// Most forks between the root and a leaf; `None`: no limit.
    pub max_depth: Option<usize>,
    /// A leaf keeps at least this many rows (estimated from the hessians before a split, as LightGBM does).
    pub min_rows: usize,
    /// A leaf keeps at least this sum of hessians.
    pub min_hessian: f64,
    /// L1 penalty on leaf outputs.
    pub l1: f64,
    /// L2 penalty on leaf outputs.
    pub l2: f64,
    /// A split must gain more than this.
    pub min_gain: f64,
    /// How columns are cut into bins.
    pub bins: BinParams,
    /// Which rows a round looks at.
    pub rows: RowSampling,
    /// Share of the columns a tree may use, in `(0, 1]`; at least one.
    pub columns: f64,
    /// How categorical columns are split.
    pub categories: CategoryParams,
    /// For each column +1 (the prediction must not fall when the value rises), -1 (must not rise) or 0; empty: no constraint.
    pub monotone: Vec<i8>,
    /// Where the random choices come from.
    pub seed: u64,
}

/// Which rows a round looks at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RowSampling {
    /// Every row.
    All,
    /// Each row with this probability, in `(0, 1]`.
    Bagging(f64),
    /// Gradient-based one-side sampling: the share `top` of rows with the largest gradients and the share `other` of all rows,
    /// drawn from the rest and weighted up to stand for all of it (Ke et al. 2017, algorithm 2).
    Goss {
        /// Share that is always taken.
        top: f64,
        /// Share drawn from the rest; `top + other` is at most 1.
        other: f64,
    },
}

/// How categorical columns are split (LightGBM's rules and defaults).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CategoryParams {
    /// Columns with at most this many categories are split one against the rest.
    pub one_against_rest: usize,
    /// Added to a category's hessian before categories are sorted by gradient over hessian; categories with fewer rows than
    /// this are left out of every set.
    pub smoothing: f64,
    /// Added to [`Params::l2`] for many-against-many splits.
    pub l2: f64,
    /// Most categories on the smaller side.
    pub max_set: usize,
    /// A many-against-many split takes up categories in groups of at least this many rows.
    pub min_group_rows: usize,
}

impl Default for CategoryParams {
    fn default() -> Self {
        Self { one_against_rest: 4, smoothing: 10.0, l2: 10.0, max_set: 32, min_group_rows: 100 }
    }
}

impl Params {
    /// 100 rounds of 31 leaves at the learning rate 0.1.
    #[must_use]
    pub fn new(loss: Loss) -> Self {
        Self {
            loss,
            rounds: 100,
            learning_rate: 0.1,
            max_leaves: 31,
            max_depth: None,
            min_rows: 20,
            min_hessian: 1e-3,
            l1: 0.0,
            l2: 0.0,
            min_gain: 0.0,
            bins: BinParams::default(),
            rows: RowSampling::All,
            columns: 1.0,
            categories: CategoryParams::default(),
            monotone: Vec::new(),
            seed: 0,
        }
    }

    /// Checks every number against what is said of it above; `width` is the number of columns.
    ///
    /// # Errors
    /// [`BoostError::BadParam`] names the first that is out of range.
    pub fn check(&self, width: usize) -> Result<(), BoostError> {
        let share = |x: f64| x > 0.0 && x <= 1.0;
        let penalty = |x: f64| x.is_finite() && x >= 0.0;
        let c = &self.categories;
        let rows_good = match self.rows {
            RowSampling::All => true,
            RowSampling::Bagging(p) => share(p),
            RowSampling::Goss { top, other } => penalty(top) && share(other) && top + other <= 1.0,
        };
        let checks: [(bool, &'static str, &'static str); 12] = [
            (self.loss.is_good(), "loss", "a quantile lies between 0 and 1, Huber's delta is greater than 0"),
            (self.rounds >= 1, "rounds", "at least 1"),
            (share(self.learning_rate), "learning_rate", "greater than 0, at most 1"),
            ((2..=1 << 20).contains(&self.max_leaves), "max_leaves", "from 2 to 1,048,576"),
            (self.max_depth != Some(0), "max_depth", "at least 1"),
            (penalty(self.min_hessian), "min_hessian", "a finite number, 0 or more"),
            (penalty(self.l1) && penalty(self.l2), "l1, l2", "finite numbers, 0 or more"),
            (penalty(self.min_gain), "min_gain", "a finite number, 0 or more"),
            (rows_good, "rows", "shares greater than 0 that add up to at most 1"),
            (share(self.columns), "columns", "greater than 0, at most 1"),
            (
                penalty(c.smoothing) && penalty(c.l2) && c.max_set >= 1,
                "categories",
                "finite, 0 or more; a set of 1 or more",
            ),
            (
                self.monotone.iter().all(|m| (-1..=1).contains(m))
                    && (self.monotone.is_empty() || self.monotone.len() == width),
                "monotone",
                "-1, 0 or 1 for each column, or empty",
            ),
        ];
        match checks.iter().find(|(good, ..)| !good) {
            None if self.is_monotone() && self.loss.renews() => Err(BoostError::BadParam {
                name: "monotone",
                rule: "does not go with absolute and quantile loss, whose leaves are renewed after growing",
            }),
            None => Ok(()),
            Some((_, name, rule)) => Err(BoostError::BadParam { name, rule }),
        }
    }

    pub(super) fn is_monotone(&self) -> bool {
        self.monotone.iter().any(|m| *m != 0)
    }
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Boosted {
    /// The trees up to the best round.
    pub ensemble: Ensemble,
    /// How the rounds went.
    pub history: History,
}

/// How the rounds went.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// Mean loss on the watched rows after each round; empty when none are watched.
    pub watched: Vec<f64>,
    /// Rounds kept: those up to the best on the watched rows, or all that were made.
    pub rounds: usize,
    /// Why no more rounds were made.
    pub end: End,
}

/// Why no more rounds were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum End {
    /// All rounds were made.
    #[default]
    Finished,
    /// The watched loss did not fall for as many rounds as the patience allows.
    NoProgress,
    /// No tree found a split that gains.
    NoGain,
    /// The caller said stop.
    Stopped,
}

/// What keeps boosting from beginning.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BoostError {
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
    /// Target, weights or watched columns do not go with the table.
    #[error("{what}: {found} found, {expected} expected")]
    Mismatch {
        /// Rows of the target, of the weights; columns watched.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// The loss asks for another kind of target.
    #[error("{loss} loss needs {needs}")]
    WrongTarget {
        /// The loss.
        loss: &'static str,
        /// The target it needs.
        needs: &'static str,
    },
}
