//! Experiment tracking and the model registry, speaking MLflow's protocol so exactly that its clients cannot tell.
//!
//! Each folder is one part of it: `experiments`, `runs` (with parameters, tags, batches and search), `metrics`
//! (series, segments, histories). `protocol` holds MLflow's manners, `search` its filter grammar.

pub mod error;
pub mod experiments;
pub mod metrics;
pub mod protocol;
pub mod runs;
pub mod search;
mod state;

use rhiza_store::{Migration, MigrationSet};
use utoipa_axum::router::OpenApiRouter;

pub use error::{Code, TrackingError, TrackingResult};
pub use state::{TrackingParts, TrackingState, Worker};

/// The schema of tracking and registry.
pub const MIGRATIONS: MigrationSet = MigrationSet {
    slice: "tracking",
    migrations: &[Migration { version: 1, name: "init", sql: include_str!("migrations/0001_init.sql") }],
};

/// MLflow's routes with full paths: each under `/ajax-api` and again under `/api`.
pub fn router() -> OpenApiRouter<TrackingState> {
    protocol::twins(mlflow, &[("/ajax-api/2.0/mlflow", ""), ("/api/2.0/mlflow", "Client")])
        .nest("/ajax-api/2.0/mlflow", metrics::ajax_router())
}

fn mlflow() -> OpenApiRouter<TrackingState> {
    experiments::router().merge(runs::router()).merge(metrics::router())
}

#[cfg(test)]
mod tests;
