//! What an additive explanation says: for each row and output a base value and a part for each column.

use crate::ExplainError;

/// Parts of predictions, one per row, output and column, which add up, with the base value, to what is explained.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    rows: usize,
    columns: usize,
    base: Vec<f64>,
    values: Vec<f64>,
}

impl Explanation {
    /// `values` in the order row, output, column; `base` has one entry per output.
    pub(crate) fn new(rows: usize, columns: usize, base: Vec<f64>, values: Vec<f64>) -> Self {
        debug_assert_eq!(values.len(), rows * columns * base.len(), "one value per row, output and column");
        Self { rows, columns, base, values }
    }

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

    /// How many outputs the model has.
    #[must_use]
    pub const fn outputs(&self) -> usize {
        self.base.len()
    }

    /// The value before any part, per output.
    #[must_use]
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// All parts, in the order row, output, column.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The parts of one row's output, one per column; empty when there is no such row or output.
    #[must_use]
    pub fn parts(&self, row: usize, output: usize) -> &[f64] {
        if output >= self.outputs() {
            return &[];
        }
        let start = (row * self.outputs() + output) * self.columns;
        self.values.get(start..start + self.columns).unwrap_or(&[])
    }

    /// Base value plus parts: what the model says, if the explanation is right.
    #[must_use]
    pub fn sum(&self, row: usize, output: usize) -> f64 {
        self.base.get(output).copied().unwrap_or(0.0) + self.parts(row, output).iter().sum::<f64>()
    }

    /// Compares the sums with `predictions` (row by row, one per output). `tolerance` is relative to the largest of 1, the
    /// prediction and the row's parts in absolute value.
    ///
    /// # Errors
    /// [`ExplainError::NotAdditive`] for the first sum that is off; [`ExplainError::Length`] when the predictions are not as many.
    pub fn check_additivity(&self, predictions: &[f64], tolerance: f64) -> Result<(), ExplainError> {
        let expected = self.rows * self.outputs();
        if predictions.len() != expected {
            return Err(ExplainError::Length { what: "predictions", found: predictions.len(), expected });
        }
        for (at, prediction) in predictions.iter().enumerate() {
            let (row, output) = (at / self.outputs(), at % self.outputs());
            let sum = self.sum(row, output);
            let scale = self.parts(row, output).iter().fold(prediction.abs().max(1.0), |m, v| m.max(v.abs()));
            let off = (sum - prediction).abs();
            if off.is_nan() || off > tolerance * scale {
                return Err(ExplainError::NotAdditive { row, output, sum, prediction: *prediction });
            }
        }
        Ok(())
    }
}
