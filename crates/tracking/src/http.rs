//! The slice's routes, put together.

use utoipa_axum::router::OpenApiRouter;

use crate::state::TrackingState;
use crate::{
    artifacts, console, datasets, example, experiments, logged_models, metrics, protocol, registry, run_datasets, runs,
};

/// All routes with their full paths. MLflow's are served under `/ajax-api` and again under `/api`.
pub fn router() -> OpenApiRouter<TrackingState> {
    protocol::twins(mlflow, &[("/ajax-api/2.0/mlflow", ""), ("/api/2.0/mlflow", "Client")])
        .nest("/ajax-api/2.0/mlflow", metrics::ajax_router())
        .merge(protocol::twins(
            artifacts::proxy_router,
            &[("/ajax-api/2.0/mlflow-artifacts", ""), ("/api/2.0/mlflow-artifacts", "Client")],
        ))
        .merge(artifacts::root_router())
        .nest("/api/v1/tracking", native())
        .nest("/api/v1", datasets::router())
}

fn mlflow() -> OpenApiRouter<TrackingState> {
    experiments::router()
        .merge(runs::router())
        .merge(metrics::router())
        .merge(logged_models::http::router())
        .merge(registry::http::router())
        .merge(artifacts::router())
        .merge(run_datasets::router())
}

/// Routes of our own, for the console.
fn native() -> OpenApiRouter<TrackingState> {
    artifacts::native_router().merge(registry::native_router()).merge(example::router()).merge(console::router())
}
