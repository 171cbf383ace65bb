//! Models are searched for, explained and used.
//!
//! - [`files`]: tables and models as files, whatever wrote them.
//! - [`automl`]: from a table to a leaderboard and a model: searches that run as jobs.
//! - [`explanations`]: why a model says what it says, in terms of a table's own columns.
//! - [`serving`]: registered models that answer.

pub mod automl;
pub mod explanations;
pub mod files;
pub mod http;
pub mod models;
pub mod serving;

mod error;
mod state;

use rhiza_store::{Migration, MigrationSet};

pub use error::{MlopsError, MlopsResult};
pub use http::router;
pub use state::MlopsState;

/// The schema of searches and explanations.
pub const MIGRATIONS: MigrationSet = MigrationSet {
    slice: "mlops",
    migrations: &[Migration { version: 1, name: "init", sql: include_str!("migrations/0001_init.sql") }],
};
