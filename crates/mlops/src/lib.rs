//! Models are searched for, explained and used.
//!
//! - [`files`]: tables and models as files, whatever wrote them.
//! - [`automl`]: from a table to a leaderboard and a model.
//! - [`explanations`]: why a model says what it says, in terms of a table's own columns.

pub mod automl;
pub mod explanations;
pub mod files;

mod error;

pub use error::MlopsError;
