//! The rows that an explainer is given.

use crate::ExplainError;

/// A table of numbers, row by row, borrowed. NaN is "missing", categories are their codes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rows<'a> {
    values: &'a [f64],
    columns: usize,
}

impl<'a> Rows<'a> {
    /// `values` cut into rows of `columns`.
    ///
    /// # Errors
    /// [`ExplainError::Ragged`] when they do not fill whole rows.
    pub fn new(values: &'a [f64], columns: usize) -> Result<Self, ExplainError> {
        if columns == 0 || !values.len().is_multiple_of(columns) {
            return Err(ExplainError::Ragged { values: values.len(), columns });
        }
        Ok(Self { values, columns })
    }

    /// How many rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.values.len() / self.columns
    }

    /// Whether there are no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How many columns.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// All values, row by row.
    #[must_use]
    pub const fn values(&self) -> &'a [f64] {
        self.values
    }

    /// One row; empty when there is none of this number.
    #[must_use]
    pub fn row(&self, row: usize) -> &'a [f64] {
        self.values.get(row * self.columns..(row + 1) * self.columns).unwrap_or(&[])
    }

    /// The rows in order.
    pub fn iter(&self) -> std::slice::ChunksExact<'a, f64> {
        self.values.chunks_exact(self.columns)
    }

    /// The values of one column, copied.
    #[must_use]
    pub fn column(&self, column: usize) -> Vec<f64> {
        self.values.iter().skip(column).step_by(self.columns).copied().collect()
    }

    /// Checks that the width is `expected`.
    ///
    /// # Errors
    /// [`ExplainError::Columns`] naming `what`.
    pub(crate) const fn expect(&self, what: &'static str, expected: usize) -> Result<(), ExplainError> {
        if self.columns == expected {
            Ok(())
        } else {
            Err(ExplainError::Columns { what, found: self.columns, expected })
        }
    }
}

impl<'a> IntoIterator for Rows<'a> {
    type Item = &'a [f64];
    type IntoIter = std::slice::ChunksExact<'a, f64>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
