//! Rows of finite numbers, as the learners of the dense view read them.

use crate::matrix::{Matrix, Target, Values};

/// Why such a learner does not learn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// No row or no column.
    #[error("there is nothing to learn from: {rows} rows of {columns} columns")]
    Empty {
        /// Rows.
        rows: usize,
        /// Columns.
        columns: usize,
    },
    /// A value that is missing or infinite.
    #[error("column {column}, row {row}: {value} is not a finite number")]
    NotFinite {
        /// Name of the column.
        column: String,
        /// Row, from 1.
        row: usize,
        /// The value.
        value: f64,
    },
    /// A target of another length.
    #[error("{found} targets for {expected} rows")]
    Lengths {
        /// Targets.
        found: usize,
        /// Rows.
        expected: usize,
    },
    /// A parameter out of its range.
    #[error("{name} is {value}: {rule}")]
    BadParam {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        rule: &'static str,
    },
    /// More rows than the method can hold.
    #[error("{rows} rows are more than {limit}, which is what this method can hold")]
    TooManyRows {
        /// Rows.
        rows: usize,
        /// Most rows.
        limit: usize,
    },
    /// Equations without a solution in double precision.
    #[error("the equations cannot be solved: raise the penalty")]
    Singular,
}

/// Rows of finite numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    pub(crate) values: Vec<f64>,
    pub(crate) rows: usize,
    pub(crate) width: usize,
}

impl Rows {
    /// The rows of a matrix whose values are all finite.
    ///
    /// # Errors
    /// [`FitError::Empty`] and [`FitError::NotFinite`].
    pub fn new(matrix: &Matrix) -> Result<Self, FitError> {
        let (rows, width) = (matrix.rows(), matrix.width());
        if rows == 0 || width == 0 {
            return Err(FitError::Empty { rows, columns: width });
        }
        for column in matrix.columns() {
            if let Some(row) = column.values().iter().position(|v| !v.is_finite()) {
                let value = column.values()[row];
                return Err(FitError::NotFinite { column: column.feature.name.clone(), row: row + 1, value });
            }
        }
        Ok(Self { values: matrix.to_rows(), rows, width })
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Number of columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// A row.
    pub(crate) fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.width)
    }

    pub(crate) fn fits(&self, target: &Target) -> Result<(), FitError> {
        if target.len() == self.rows {
            Ok(())
        } else {
            Err(FitError::Lengths { found: target.len(), expected: self.rows })
        }
    }
}

/// Numbers predicted for a row: one, or one per class.
pub(crate) fn outputs(target: &Target) -> usize {
    target.class_count().map_or(1, |classes| classes as usize)
}

/// The truth as numbers, one or one per class a row: the number, or 1 for the own class and 0 for others.
pub(crate) fn indicators(target: &Target) -> Vec<f64> {
    match target.values() {
        Values::Numbers(values) => values.clone(),
        Values::Classes { codes, classes } => {
            let width = *classes as usize;
            let mut out = vec![0.0; codes.len() * width];
            codes.iter().enumerate().for_each(|(row, code)| out[row * width + *code as usize] = 1.0);
            out
        }
    }
}

/// Scores of a row become probabilities, in place; stable for large scores.
pub(crate) fn softmax(scores: &mut [f64]) {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - most).exp();
        sum += *score;
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}
