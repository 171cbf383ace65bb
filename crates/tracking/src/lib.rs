//! Experiment tracking and the model registry, speaking MLflow's protocol so exactly that its clients cannot tell.
//!
//! Each folder is one part of it: `experiments`, `runs` (with parameters, tags, batches and search), `metrics`
//! (series, segments, histories), `datasets`, `logged_models`, `registry`, `artifacts`. `protocol` holds MLflow's
//! manners, `search` its filter grammar, `console` what the web console needs beyond MLflow.

pub mod error;
pub mod protocol;
mod state;

use rhiza_store::{Migration, MigrationSet};

pub use error::{Code, TrackingError, TrackingResult};
pub use state::{TrackingParts, TrackingState, Workspace, Workspaces};

/// The schema of tracking and registry.
pub const MIGRATIONS: MigrationSet = MigrationSet {
    slice: "tracking",
    migrations: &[Migration { version: 1, name: "init", sql: include_str!("migrations/0001_init.sql") }],
};
