//! Experiment tracking and the model registry, speaking MLflow's protocol so exactly that its clients cannot tell.
//!
//! Each folder is one part of it: `experiments`, `runs` (with parameters, tags, batches and search), `metrics`
//! (series, segments, histories), `logged_models`, `registry`, `artifacts`, `run_datasets` (what went into runs, as clients
//! tell it), `datasets` (those that are kept here, with versions). `protocol` holds MLflow's manners, `search` its filter
//! grammar.

pub mod artifacts;
pub mod console;
pub mod datasets;
pub mod error;
pub mod example;
pub mod experiments;
pub mod http;
pub mod importer;
pub mod journal;
pub mod logged_models;
pub mod maintenance;
pub mod metrics;
pub mod protocol;
pub mod registry;
pub mod run_datasets;
pub mod runs;
pub mod search;
mod state;
pub mod workspaces;

use rhiza_store::{Migration, MigrationSet};

pub use error::{Code, TrackingError, TrackingResult};
pub use http::router;
pub use state::{TrackingParts, TrackingState, Worker};

/// The schema of tracking and registry.
pub const MIGRATIONS: MigrationSet = MigrationSet {
    slice: "tracking",
    migrations: &[
        Migration { version: 1, name: "init", sql: include_str!("migrations/0001_init.sql") },
        Migration {
            version: 2,
            name: "models and artifacts",
            sql: include_str!("migrations/0002_models_and_artifacts.sql"),
        },
        Migration { version: 3, name: "console", sql: include_str!("migrations/0003_console.sql") },
        Migration { version: 4, name: "datasets", sql: include_str!("migrations/0004_datasets.sql") },
    ],
};

#[cfg(test)]
mod tests;
