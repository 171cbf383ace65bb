//! Which models to try: what can be chosen about each, good choices to begin with, and better ones from what was learnt.
//!
//! A choice is a [`Config`]. Its free parameters are a point in a unit cube ([`Config::point`], [`Config::at`]), in which the
//! search moves; how the coordinates map to parameters is written in `space`.

mod portfolio;
mod propose;
mod space;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::kernel::Shape;
use crate::prepare::Scale;

pub use self::portfolio::{Traits, portfolio};
pub use self::propose::{Past, propose};

/// A way to learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Mean or class shares: what every other model has to beat.
    Baseline,
    /// Linear and logistic regression.
    Linear,
    /// Gradient-boosted trees.
    Boost,
    /// Random forests.
    Forest,
    /// Extremely randomised trees.
    ExtraTrees,
    /// Kernel ridge regression.
    Kernel,
    /// Nearest neighbours.
    Neighbours,
    /// Small networks.
    Network,
}

impl Family {
    /// All, in the order in which they are introduced to a table.
    pub const ALL: [Self; 8] = [
        Self::Baseline,
        Self::Linear,
        Self::Boost,
        Self::ExtraTrees,
        Self::Kernel,
        Self::Forest,
        Self::Network,
        Self::Neighbours,
    ];

    /// The name in leaderboards.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Linear => "linear",
            Self::Boost => "boosted trees",
            Self::Forest => "random forest",
            Self::ExtraTrees => "extra trees",
            Self::Kernel => "kernel",
            Self::Neighbours => "neighbours",
            Self::Network => "network",
        }
    }
}

/// What is chosen about a model before it learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "snake_case")]
pub enum Config {
    /// Mean or class shares.
    Baseline,
    /// Linear and logistic regression; the penalty is found along a path.
    Linear {
        /// Share of the lasso in the penalty.
        l1_ratio: f64,
        /// How columns are scaled.
        scale: Scale,
    },
    /// Gradient-boosted trees; the number of rounds is found on the rows left out.
    Boost {
        /// Step size.
        learning_rate: f64,
        /// Leaves of a tree.
        max_leaves: u32,
        /// Rows of a leaf.
        min_rows: u32,
        /// Ridge penalty on leaves.
        l2: f64,
        /// Lasso penalty on leaves.
        l1: f64,
        /// Share of the columns a tree sees.
        columns: f64,
        /// Share of the rows a tree sees.
        rows: f64,
        /// Bins of a column.
        bins: u32,
        /// Most rounds.
        rounds: u32,
    },
    /// Random forests and extremely randomised trees.
    Forest {
        /// Thresholds are drawn, not searched.
        extra: bool,
        /// Share of the columns looked at for a split.
        columns: f64,
        /// Rows of a leaf.
        min_leaf: f64,
        /// Splits go by entropy, not by Gini's index.
        entropy: bool,
        /// Trees.
        trees: u32,
    },
    /// Kernel ridge regression; the penalty is found along a path.
    Kernel {
        /// How nearness falls.
        shape: Shape,
        /// How fast it falls.
        width: f64,
        /// A linear part.
        linear: f64,
        /// How columns are scaled.
        scale: Scale,
    },
    /// Nearest neighbours; how many is found along a path.
    Neighbours {
        /// Near ones count more.
        by_distance: bool,
        /// Sum of differences instead of the root of their squares.
        manhattan: bool,
        /// How columns are scaled.
        scale: Scale,
    },
    /// Small networks.
    Network {
        /// Units of each hidden layer.
        hidden: u32,
        /// Hidden layers.
        layers: u32,
        /// First step size.
        learning_rate: f64,
        /// Decay of weights.
        weight_decay: f64,
        /// Share of units left out in training.
        dropout: f64,
        /// Rows a step.
        batch: u32,
        /// How columns are scaled.
        scale: Scale,
    },
}

impl Config {
    /// The family it belongs to.
    #[must_use]
    pub fn family(&self) -> Family {
        match self {
            Self::Baseline => Family::Baseline,
            Self::Linear { .. } => Family::Linear,
            Self::Boost { .. } => Family::Boost,
            Self::Forest { extra: false, .. } => Family::Forest,
            Self::Forest { extra: true, .. } => Family::ExtraTrees,
            Self::Kernel { .. } => Family::Kernel,
            Self::Neighbours { .. } => Family::Neighbours,
            Self::Network { .. } => Family::Network,
        }
    }
}
