//! Shapley interaction values: what two columns say together beyond what each says alone.
//!
//! For columns `i ≠ j` the value is `½ ∫₀¹ ∂²F/∂x_i∂x_j (t, …, t) dt` of the multilinear extension `F` of the game in `plan.rs`,
//! half of the pair's Shapley interaction index (Fujimoto, Kojadinovic and Marichal, 2006) in either place. At a fork that tests `i`
//! it is the fork's contribution to `i` at each point `t`, times `(o_j − z_j) / g_j(t)` for every other feature `j` above.

use super::kernel::LANES;
use super::plan::Plan;
use super::task::{Interacting, Task, with_vectors};
use super::{ExplainError, Rows, TreeExplainer};
use fearless_simd::Level;
use rayon::prelude::*;

/// Numbers of a result at most.
const MOST: usize = 1 << 30;

/// Interaction values: a symmetric matrix of columns for each row and output, which adds up to the prediction less the base value.
#[derive(Debug, Clone, PartialEq)]
pub struct Interactions {
    rows: usize,
    columns: usize,
    base: Vec<f64>,
    values: Vec<f64>,
}

impl Interactions {
    /// How many rows are explained.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns a row has.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// The value before any part, per output.
    #[must_use]
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// All values, in the order row, output, column, column.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The matrix of one row's output, row by row: the main effects on the diagonal, half of a pair's joint effect in either
    /// place. A line adds up to the column's Shapley value. Empty when there is no such row or output.
    #[must_use]
    pub fn matrix(&self, row: usize, output: usize) -> &[f64] {
        if output >= self.base.len() {
            return &[];
        }
        let size = self.columns * self.columns;
        let start = (row * self.base.len() + output) * size;
        self.values.get(start..start + size).unwrap_or(&[])
    }
}

impl TreeExplainer {
    /// The exact interaction values of each pair of columns, for each row and raw output, under the same averaging as
    /// [`TreeExplainer::explain`]. The result has `columns²` numbers per row and output.
    ///
    /// # Errors
    /// [`ExplainError::Columns`] when the rows are not as wide as the ensemble's table, [`ExplainError::Setting`] when the result would
    /// have more than 2^30 numbers: explain fewer rows at once.
    pub fn interactions(&self, rows: Rows<'_>) -> Result<Interactions, ExplainError> {
        let columns = self.ensemble.features.len();
        rows.expect("the table to explain", columns)?;
        let size = columns.saturating_mul(columns).saturating_mul(self.ensemble.outputs());
        if size.saturating_mul(rows.len()) > MOST {
            let fault = format!("{} rows of {size} interactions each are too many at once", rows.len());
            return Err(ExplainError::Setting { setting: "rows", fault });
        }
        let plan = Plan::new(&self.ensemble, true);
        let mut values = vec![0.0; rows.len() * size];
        let level = Level::new();
        values.par_chunks_mut(LANES * size).zip(rows.values().par_chunks(LANES * columns)).for_each(
            |(values, rows)| {
                let task = Task { ensemble: &self.ensemble, plan: &plan };
                with_vectors(level, Interacting { task, rows, values });
            },
        );
        Ok(Interactions { rows: rows.len(), columns, base: plan.base, values })
    }
}
