//! What goes wrong, in words for the person whose table or model it is.

use rhiza_explain::ExplainError;
use rhiza_learn::automl::AutomlError;
use rhiza_learn::evaluate::PredictError;
use rhiza_learn::format::FormatError;
use rhiza_learn::import::ImportError;
use rhiza_learn::model::ModelError;
use rhiza_learn::table::TableError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum MlopsError {
    /// The table cannot be read, or lacks what is asked of it.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A file that is no table of a kind we read.
    #[error("{0}")]
    NoTable(String),
    /// A file that is no model of a kind we read.
    #[error("the model cannot be read: {0}")]
    NoModel(String),
    /// No model can be found for this table.
    #[error(transparent)]
    Automl(#[from] AutomlError),
    /// The model does not take this table.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The trees do not take these rows.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// The explanation cannot be made.
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// What was asked does not go with the model or the table.
    #[error("{0}")]
    Asked(String),
    /// A result that cannot be written: our fault.
    #[error("a result cannot be written: {0}")]
    Unwritable(String),
}

impl From<FormatError> for MlopsError {
    fn from(error: FormatError) -> Self {
        Self::NoModel(error.to_string())
    }
}

impl From<ImportError> for MlopsError {
    fn from(error: ImportError) -> Self {
        Self::NoModel(error.to_string())
    }
}
