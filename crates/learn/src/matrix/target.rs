//! What is to be predicted: a number or a class for each row.

use super::MatrixError;

/// A number or a class for each row, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    values: Values,
}

/// What the target holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// A finite number per row.
    Numbers(Vec<f64>),
    /// A class per row, each less than `classes`.
    Classes {
        /// The class of each row.
        codes: Vec<u32>,
        /// The number of classes, at least 2. A class may be without rows.
        classes: u32,
    },
}

impl Target {
    /// A number for each row.
    ///
    /// # Errors
    /// [`MatrixError::Value`] for one that is missing or infinite.
    pub fn numbers(values: Vec<f64>) -> Result<Self, MatrixError> {
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(Self { values: Values::Numbers(values) }),
            Some(row) => Err(MatrixError::Value {
                what: "the target".to_owned(),
                row,
                fault: format!("{} is no finite number", values[row]),
            }),
        }
    }

    /// A class for each row: `codes` are less than `classes`, of which there are at least 2.
    ///
    /// # Errors
    /// [`MatrixError::Value`] for a code that is too large, or fewer than two classes (row 0).
    pub fn classes(codes: Vec<u32>, classes: u32) -> Result<Self, MatrixError> {
        let what = "the target".to_owned();
        if classes < 2 {
            return Err(MatrixError::Value { what, row: 0, fault: "there are fewer than two classes".to_owned() });
        }
        match codes.iter().position(|c| *c >= classes) {
            None => Ok(Self { values: Values::Classes { codes, classes } }),
            Some(row) => {
                let fault = format!("class {} is not one of 0 to {}", codes[row], classes - 1);
                Err(MatrixError::Value { what, row, fault })
            }
        }
    }

    /// The numbers or classes.
    #[must_use]
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Numbers(values) => values.len(),
            Values::Classes { codes, .. } => codes.len(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of classes; `None` for numbers.
    #[must_use]
    pub fn class_count(&self) -> Option<u32> {
        match &self.values {
            Values::Numbers(_) => None,
            Values::Classes { classes, .. } => Some(*classes),
        }
    }

    /// The rows with these numbers (each less than [`Target::len`]), in this order.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        let values = match &self.values {
            Values::Numbers(values) => Values::Numbers(rows.iter().map(|i| values[*i]).collect()),
            Values::Classes { codes, classes } => {
                Values::Classes { codes: rows.iter().map(|i| codes[*i]).collect(), classes: *classes }
            }
        };
        Self { values }
    }
}
