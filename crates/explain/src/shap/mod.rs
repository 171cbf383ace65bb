//! Shapley values of models that can only be asked.

use crate::Explanation;

mod game;
mod kernel;
mod linear;
mod permutation;

pub use kernel::KernelShap;
pub use linear::{LinearExplainer, LinearModel};
pub use permutation::PermutationShap;

/// An explanation found by sampling, and how sure it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The estimate. It adds up to the prediction exactly, up to rounding.
    pub explanation: Explanation,
    /// The standard error of each value of the explanation, in the same order; 0 where nothing was left to chance.
    pub errors: Vec<f64>,
}

impl Estimate {
    /// The standard errors of one row's output, one per column; empty when there is no such row or output.
    #[must_use]
    pub fn errors_of(&self, row: usize, output: usize) -> &[f64] {
        if output >= self.explanation.outputs() {
            return &[];
        }
        let columns = self.explanation.columns();
        let start = (row * self.explanation.outputs() + output) * columns;
        self.errors.get(start..start + columns).unwrap_or(&[])
    }
}
