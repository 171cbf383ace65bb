//! Good choices to begin with. Their order and parameters come from what won most often among public searches (the defaults of
//! LightGBM, scikit-learn and the zero-shot portfolios of FLAML and TabRepo), chosen by what a table is like.

use super::{Config, Family};
use crate::kernel::{self, Shape};
use crate::prepare::Scale;

/// What a table is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    /// Rows learnt from.
    pub rows: usize,
    /// Columns of the dense view, about.
    pub columns: usize,
    /// Classes; 0 for numbers.
    pub classes: u32,
}

/// Most rows that neighbours are looked for in by exact search.
const NEIGHBOURS_ROWS: usize = 30_000;
/// Most values of a dense table that a small network learns from.
const NETWORK_VALUES: usize = 20_000_000;

impl Traits {
    /// Whether a family can learn from such a table at all in reasonable time and memory.
    #[must_use]
    pub fn allow(&self, family: Family) -> bool {
        let values = self.rows.saturating_mul(self.columns);
        match family {
            Family::Kernel => self.rows <= kernel::MAX_ROWS && values <= 20_000_000,
            Family::Neighbours => self.rows <= NEIGHBOURS_ROWS && values <= 3_000_000,
            Family::Network => values <= NETWORK_VALUES,
            Family::Linear => values <= 200_000_000,
            _ => true,
        }
    }

    /// A smallest leaf that suits the number of rows.
    fn leaf(&self) -> u32 {
        match self.rows {
            0..1_000 => 5,
            1_000..10_000 => 10,
            _ => 20,
        }
    }
}

fn boost(traits: &Traits, learning_rate: f64, max_leaves: u32, columns: f64, rows: f64, l2: f64) -> Config {
    Config::Boost {
        learning_rate,
        max_leaves,
        min_rows: traits.leaf(),
        l2,
        l1: 0.0,
        columns,
        rows,
        bins: 255,
        rounds: rounds(learning_rate),
    }
}

/// Enough rounds for any step size to come to its best.
pub(super) fn rounds(learning_rate: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "30 to 3,000")]
    let rounds = (40.0 / learning_rate).clamp(100.0, 3_000.0) as u32;
    rounds
}

/// The choices to begin with, those first that say most for least work.
#[must_use]
pub fn portfolio(traits: &Traits) -> Vec<Config> {
    let numbers = traits.classes == 0;
    let small = traits.rows <= 2_000;
    let kernel = |shape, width, linear, scale| Config::Kernel { shape, width, linear, scale };
    let forest = |extra, columns, min_leaf, trees| Config::Forest { extra, columns, min_leaf, entropy: false, trees };
    let network = |hidden, layers, dropout, weight_decay, scale| Config::Network {
        hidden,
        layers,
        learning_rate: 4e-3,
        weight_decay,
        dropout,
        batch: if small { 32 } else { 128 },
        scale,
    };
    #[expect(clippy::cast_precision_loss, reason = "a number of columns")]
    let root = (1.0 / (traits.columns.max(1) as f64).sqrt()).clamp(0.05, 1.0);
    let share = if numbers { 0.5 } else { root };
    let trees = if small { 300 } else { 150 };
    let mut all = vec![
        Config::Baseline,
        Config::Linear { l1_ratio: 0.0, scale: Scale::Standard },
        boost(traits, 0.1, if small { 8 } else { 31 }, 0.8, 0.8, 1.0),
        forest(true, share, if numbers { 2.0 } else { 1.0 }, trees),
        kernel(Shape::Gauss, 1.5, 0.0, Scale::Standard),
        forest(false, share, if numbers { 2.0 } else { 1.0 }, trees),
        network(64, 2, 0.1, 0.05, Scale::Standard),
        Config::Neighbours { by_distance: true, manhattan: true, scale: Scale::Standard },
        boost(traits, 0.05, if small { 4 } else { 63 }, 0.6, 0.8, 5.0),
        kernel(Shape::Matern, 3.0, 0.5, Scale::Normal),
        Config::Linear { l1_ratio: 1.0, scale: Scale::Normal },
        boost(traits, 0.05, 16, 0.5, 0.7, 10.0),
        network(128, 2, 0.25, 0.2, Scale::Normal),
        forest(true, 1.0, if numbers { 5.0 } else { 2.0 }, trees),
        kernel(Shape::Gauss, 0.8, 0.1, Scale::Normal),
        Config::Linear { l1_ratio: 0.5, scale: Scale::Standard },
        forest(false, (2.0 * share).min(1.0), 4.0, trees),
        boost(traits, 0.03, if small { 12 } else { 127 }, 0.4, 0.9, 0.1),
        kernel(Shape::Exponential, 3.0, 0.0, Scale::Standard),
    ];
    all.retain(|config| traits.allow(config.family()));
    all
}
