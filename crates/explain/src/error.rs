//! What can be wrong with what an explainer is given.

use rhiza_learn::ensemble::EnsembleError;

/// Why there is no explanation.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExplainError {
    /// The ensemble contradicts itself.
    #[error(transparent)]
    Ensemble(#[from] EnsembleError),
    /// Numbers that do not fill whole rows.
    #[error("{values} values do not fill rows of {columns} columns")]
    Ragged {
        /// How many values came.
        values: usize,
        /// How many columns a row has.
        columns: usize,
    },
    /// Rows of another width than the model, or than another table they belong with.
    #[error("{what} has {found} columns, expected {expected}")]
    Columns {
        /// Which table.
        what: &'static str,
        /// Its columns.
        found: usize,
        /// The columns it should have.
        expected: usize,
    },
    /// A list of another length than it should have.
    #[error("{what} has {found} entries, expected {expected}")]
    Length {
        /// Which list.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length it should have.
        expected: usize,
    },
    /// A value that the method cannot work with.
    #[error("{what}, row {row}, column {column}: {fault}")]
    Value {
        /// Which table.
        what: &'static str,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// What is wrong.
        fault: String,
    },
    /// Nothing to work on: no rows, no columns, no background.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// A setting outside its range.
    #[error("{setting}: {fault}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What is wrong with it.
        fault: String,
    },
    /// The model could not say what it predicts, or not as many numbers as it was asked for.
    #[error("the model gave no usable prediction: {0}")]
    Model(String),
    /// The parts do not add up to the prediction.
    #[error("row {row}, output {output}: the parts add up to {sum}, the prediction is {prediction}")]
    NotAdditive {
        /// The row, from 0.
        row: usize,
        /// The output, from 0.
        output: usize,
        /// Base value plus parts.
        sum: f64,
        /// What the model says.
        prediction: f64,
    },
    /// A system of equations without a single solution.
    #[error("{0} has no single solution: too few rows, or columns that say the same")]
    Singular(&'static str),
}
