//! One cell, as a caller has it.

use serde::{Deserialize, Serialize};

use crate::table::{Column, NO_TIME, Values};

/// A value of one row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell<'a> {
    /// No value.
    Missing,
    /// True or false.
    Truth(bool),
    /// A number; of a datetime column: seconds since 1970-01-01T00:00:00Z.
    Number(f64),
    /// A category, a text, or any other value as it is written.
    Text(&'a str),
}

impl<'a> Cell<'a> {
    /// The cell of a table's row (missing past its end).
    #[must_use]
    pub fn of(column: &'a Column, row: usize) -> Self {
        if column.is_missing(row) {
            return Self::Missing;
        }
        match &column.values {
            Values::Numeric(values) => Self::Number(values[row]),
            Values::Boolean(values) => values[row].map_or(Self::Missing, Self::Truth),
            #[expect(clippy::cast_precision_loss, reason = "microseconds are exact for 285 years around 1970")]
            Values::Datetime(values) if values[row] != NO_TIME => Self::Number(values[row] as f64 / 1e6),
            Values::Datetime(_) => Self::Missing,
            Values::Categorical(strings) | Values::Text(strings) => strings.get(row).map_or(Self::Missing, Self::Text),
        }
    }
}
