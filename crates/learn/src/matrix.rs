//! What learners read: a table of numbers, column by column, and what is to be predicted.
//!
//! ```
//! use rhiza_learn::matrix::{Column, Matrix, Target};
//! let matrix = Matrix::new(vec![
//!     Column::numeric("age", vec![31.0, f64::NAN, 58.0]),
//!     Column::categorical("colour", vec![0.0, 2.0, 1.0]),
//! ])?;
//! assert_eq!((matrix.rows(), matrix.width()), (3, 2));
//! let target = Target::classes(vec![0, 1, 1], 2)?;
//! assert_eq!(target.take(&[2, 0]).len(), 2);
//! # Ok::<(), rhiza_learn::matrix::MatrixError>(())
//! ```

use crate::ensemble::{Feature, FeatureKind};
use std::sync::Arc;

mod target;
pub use target::{Target, Values};

/// A table of numbers, column by column. NaN is "missing"; categories are whole-number codes from 0. Copies share the values.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: Vec<Column>,
    weights: Option<Arc<Vec<f64>>>,
}

/// A named column. Copies share the values.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The name and how to read the values.
    pub feature: Feature,
    values: Arc<Vec<f64>>,
}

/// What makes a matrix or a target unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatrixError {
    /// Columns, weights or target of different lengths.
    #[error("{what} has {found} rows, the table has {expected}")]
    Length {
        /// Which column, or "the weights", "the target".
        what: String,
        /// Its length.
        found: usize,
        /// The length it should have.
        expected: usize,
    },
    /// A value that its column cannot hold.
    #[error("{what}, row {row}: {fault}")]
    Value {
        /// Which column, or "the weights", "the target".
        what: String,
        /// The row, from 0.
        row: usize,
        /// What is wrong with the value.
        fault: String,
    },
    /// Numbers given row by row that do not fill whole rows.
    #[error("{values} values do not fill rows of {columns} columns")]
    Ragged {
        /// How many values came.
        values: usize,
        /// How many columns there are.
        columns: usize,
    },
}

/// Codes of categories must be exact in `f64` and fit what splits store; more than this many is no category but a key.
pub const MAX_CATEGORY: f64 = 16_777_216.0;

impl Column {
    /// A column of quantities. NaN is "missing"; infinities are allowed and order as one expects.
    #[must_use]
    pub fn numeric(name: impl Into<String>, values: Vec<f64>) -> Self {
        Self { feature: Feature { name: name.into(), kind: FeatureKind::Numeric }, values: Arc::new(values) }
    }

    /// A column of category codes: whole numbers from 0; NaN and negative numbers are "no known category".
    #[must_use]
    pub fn categorical(name: impl Into<String>, codes: Vec<f64>) -> Self {
        Self { feature: Feature { name: name.into(), kind: FeatureKind::Categorical }, values: Arc::new(codes) }
    }

    /// The values, one per row.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    fn check(&self) -> Result<(), MatrixError> {
        if self.feature.kind == FeatureKind::Numeric {
            return Ok(());
        }
        match self.values.iter().position(|v| *v > MAX_CATEGORY || (*v >= 0.0 && v.fract() != 0.0)) {
            None => Ok(()),
            Some(row) => Err(MatrixError::Value {
                what: format!("column `{}`", self.feature.name),
                row,
                fault: format!("{} is no category code (a whole number up to {MAX_CATEGORY})", self.values[row]),
            }),
        }
    }
}

impl Matrix {
    /// A table of these columns.
    ///
    /// # Errors
    /// [`MatrixError::Length`] when the columns differ in length, [`MatrixError::Value`] for a category that is no whole number
    /// or too large.
    pub fn new(columns: Vec<Column>) -> Result<Self, MatrixError> {
        let rows = columns.first().map_or(0, |c| c.values.len());
        for column in &columns {
            if column.values.len() != rows {
                return Err(MatrixError::Length {
                    what: format!("column `{}`", column.feature.name),
                    found: column.values.len(),
                    expected: rows,
                });
            }
            column.check()?;
        }
        Ok(Self { rows, columns, weights: None })
    }

    /// A table of quantities from numbers given row by row; column `j` is called `f{j}`.
    ///
    /// # Errors
    /// [`MatrixError::Ragged`] when the numbers do not fill whole rows.
    pub fn from_rows(values: &[f64], columns: usize) -> Result<Self, MatrixError> {
        if columns == 0 || !values.len().is_multiple_of(columns) {
            return Err(MatrixError::Ragged { values: values.len(), columns });
        }
        let column = |j: usize| {
            Column::numeric(format!("f{j}"), values.iter().skip(j).step_by(columns).copied().collect::<Vec<f64>>())
        };
        Self::new((0..columns).map(column).collect())
    }

    /// The same table with a weight for each row.
    ///
    /// # Errors
    /// [`MatrixError::Length`] for another number of weights than rows, [`MatrixError::Value`] for one that is negative or no
    /// finite number.
    pub fn with_weights(mut self, weights: Vec<f64>) -> Result<Self, MatrixError> {
        if weights.len() != self.rows {
            return Err(MatrixError::Length {
                what: "the weights".to_owned(),
                found: weights.len(),
                expected: self.rows,
            });
        }
        if let Some(row) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
            let fault = format!("{} is no weight (a finite number, 0 or more)", weights[row]);
            return Err(MatrixError::Value { what: "the weights".to_owned(), row, fault });
        }
        self.weights = Some(Arc::new(weights));
        Ok(self)
    }

    /// The same table without weights: every row counts once.
    #[must_use]
    pub fn without_weights(mut self) -> Self {
        self.weights = None;
        self
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The columns' names and kinds.
    #[must_use]
    pub fn features(&self) -> Vec<Feature> {
        self.columns.iter().map(|c| c.feature.clone()).collect()
    }

    /// A weight for each row, when there are any.
    #[must_use]
    pub fn weights(&self) -> Option<&[f64]> {
        self.weights.as_ref().map(|w| w.as_slice())
    }

    /// Copies row `row` (less than [`Matrix::rows`]) into `into`, as many values as both have.
    pub fn row(&self, row: usize, into: &mut [f64]) {
        into.iter_mut().zip(&self.columns).for_each(|(x, c)| *x = c.values[row]);
    }

    /// All values, row by row.
    #[must_use]
    pub fn to_rows(&self) -> Vec<f64> {
        let width = self.width();
        let mut out = vec![0.0; self.rows * width];
        for (j, column) in self.columns.iter().enumerate() {
            out.iter_mut().skip(j).step_by(width.max(1)).zip(column.values.iter()).for_each(|(x, v)| *x = *v);
        }
        out
    }

    /// The rows with these numbers (each less than [`Matrix::rows`]; repetition allowed), in this order, with their weights.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        let pick = |values: &[f64]| Arc::new(rows.iter().map(|i| values[*i]).collect::<Vec<f64>>());
        let columns = self.columns.iter().map(|c| Column { feature: c.feature.clone(), values: pick(&c.values) });
        Self { rows: rows.len(), columns: columns.collect(), weights: self.weights.as_ref().map(|w| pick(w)) }
    }

    /// The columns with these numbers (each less than [`Matrix::width`]), in this order; nothing is copied.
    #[must_use]
    pub fn select(&self, columns: &[usize]) -> Self {
        let columns = columns.iter().map(|j| self.columns[*j].clone()).collect();
        Self { rows: self.rows, columns, weights: self.weights.clone() }
    }

    /// This table with more columns at its right.
    ///
    /// # Errors
    /// As [`Matrix::new`].
    pub fn beside(mut self, more: Vec<Column>) -> Result<Self, MatrixError> {
        let weights = self.weights.take();
        self.columns.extend(more);
        let mut whole = Self::new(self.columns)?;
        whole.weights = weights;
        Ok(whole)
    }
}

#[cfg(test)]
mod tests;
