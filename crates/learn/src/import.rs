//! Models trained elsewhere, read into an [`Ensemble`]: LightGBM's text, XGBoost's JSON and UBJSON, ONNX tree ensembles.
//!
//! Rows go down the foreign trees exactly as in the library that wrote them: the same comparisons, the same precision of the input,
//! the same ways for missing values. Raw outputs are sums in `f64`; XGBoost and ONNX sum in `f32` and differ by its rounding.
//!
//! ```
//! let text = include_bytes!("../../../fixtures/learn/import/lightgbm_binary.txt");
//! let imported = rhiza_learn::import::read(text)?;
//! assert_eq!(imported.ensemble.trees.len(), 6);
//! # Ok::<(), rhiza_learn::import::ImportError>(())
//! ```

use crate::ensemble::{Ensemble, EnsembleError};

mod assemble;
pub mod lightgbm;
pub mod onnx;
mod ubjson;
pub mod xgboost;

/// A model that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The trees.
    pub ensemble: Ensemble,
    /// The names of the classes, in the order of the outputs (two for a single output with the logistic link), where the file
    /// tells them.
    pub labels: Vec<String>,
}

/// Why a foreign file cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ImportError {
    /// None of the kinds of file that are known.
    #[error("this is neither a LightGBM text model nor XGBoost JSON or UBJSON nor an ONNX model")]
    Unknown,
    /// The file is of a known kind, but damaged or of a sort that is not read.
    #[error("{format}: {fault}")]
    Bad {
        /// The kind of file.
        format: &'static str,
        /// What is wrong, and where.
        fault: String,
    },
    /// The trees do not make an ensemble.
    #[error("{format}: {fault}")]
    Unsound {
        /// The kind of file.
        format: &'static str,
        /// What is wrong.
        fault: EnsembleError,
    },
}

/// Reads a model, finding out by its first bytes what kind it is.
///
/// # Errors
/// [`ImportError`] says what is wrong.
pub fn read(file: &[u8]) -> Result<Imported, ImportError> {
    let text = file.trim_ascii_start();
    if text.starts_with(b"tree\n") || text.starts_with(b"tree\r\n") {
        return lightgbm::read(file);
    }
    if xgboost::is_ubjson(file) || text.starts_with(b"{") {
        return xgboost::read(file);
    }
    // A protobuf message begins with the tag of one of ModelProto's fields.
    if onnx::may_be_onnx(file) { onnx::read(file) } else { Err(ImportError::Unknown) }
}

/// The ensemble, checked.
fn sound(format: &'static str, ensemble: Ensemble, labels: Vec<String>) -> Result<Imported, ImportError> {
    match ensemble.validate() {
        Ok(()) => Ok(Imported { ensemble, labels }),
        Err(fault) => Err(ImportError::Unsound { format, fault }),
    }
}

#[cfg(test)]
mod tests;
