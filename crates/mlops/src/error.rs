//! What goes wrong, in words for the person whose table or model it is.

use rhiza_explain::ExplainError;
use rhiza_kernel::{Coded, ErrorCode, FieldError, QuotaFault};
use rhiza_learn::automl::AutomlError;
use rhiza_learn::evaluate::PredictError;
use rhiza_learn::format::FormatError;
use rhiza_learn::import::ImportError;
use rhiza_learn::model::ModelError;
use rhiza_learn::table::TableError;
use rhiza_platform::limits::quota::{QuotaError, QuotaExceeded};
use rhiza_store::StoreError;
use rhiza_tracking::TrackingError;

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
    /// There is no such thing here.
    #[error("{0}")]
    Missing(&'static str),
    /// The thing is in a state that does not allow this.
    #[error("{0}")]
    Conflict(String),
    /// Dataset, run or registered model is refused.
    #[error(transparent)]
    Tracking(#[from] TrackingError),
    /// The organisation's plan does not allow so much.
    #[error(transparent)]
    Quota(#[from] QuotaExceeded),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A result that cannot be written: our fault.
    #[error("a result cannot be written: {0}")]
    Unwritable(String),
    /// Anything else that is our fault.
    #[error("{0}")]
    Internal(String),
}

/// The result of everything here.
pub type MlopsResult<T> = Result<T, MlopsError>;

impl Coded for MlopsError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Tracking(inner) => inner.code(),
            Self::Store(inner) => inner.code(),
            Self::Quota(_) => ErrorCode::QuotaExceeded,
            Self::Missing(_) => ErrorCode::NotFound,
            Self::Conflict(_) => ErrorCode::Conflict,
            Self::Unwritable(_) | Self::Internal(_) => ErrorCode::Internal,
            _ => ErrorCode::InvalidArgument,
        }
    }

    fn public_detail(&self) -> String {
        match self {
            Self::Tracking(inner) => inner.public_detail(),
            Self::Store(inner) => inner.public_detail(),
            Self::Quota(exceeded) => exceeded.public_detail(),
            Self::Unwritable(_) | Self::Internal(_) => {
                "The server failed to answer; the request id finds the cause in its log.".to_owned()
            }
            other => other.to_string(),
        }
    }

    fn field_errors(&self) -> Vec<FieldError> {
        if let Self::Tracking(inner) = self { inner.field_errors() } else { Vec::new() }
    }

    fn quota(&self) -> Option<QuotaFault> {
        match self {
            Self::Tracking(inner) => inner.quota(),
            Self::Quota(exceeded) => exceeded.quota(),
            _ => None,
        }
    }
}

impl From<QuotaError> for MlopsError {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::Exceeded(exceeded) => Self::Quota(exceeded),
            QuotaError::Store(store) => Self::Store(store),
        }
    }
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
