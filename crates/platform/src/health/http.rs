//! `/livez` and `/readyz`.

use axum::extract::State;
use axum::http::StatusCode;
use rhiza_web::Json;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::{Health, ProbeReport};

/// What the health routes need.
pub type HealthState = Health;

/// The process is alive.
#[derive(Debug, Serialize, ToSchema)]
struct Alive {
    /// Always true: a process that is not does not answer.
    ok: bool,
    /// The version that is running.
    version: &'static str,
}

/// Whether requests would be served, and what each dependency says.
#[derive(Debug, Serialize, ToSchema)]
struct Ready {
    /// Whether requests would be served.
    ready: bool,
    /// Each dependency with its latency.
    checks: Vec<ProbeReport>,
}

/// The routes.
pub fn router() -> OpenApiRouter<HealthState> {
    OpenApiRouter::new().routes(routes!(livez)).routes(routes!(readyz))
}

/// Tells that the process is alive; asks nothing else.
#[utoipa::path(get, path = "/livez", operation_id = "getLive", tag = "operations", security(()),
    responses((status = 200, body = Alive)))]
async fn livez() -> Json<Alive> {
    Json(Alive { ok: true, version: env!("CARGO_PKG_VERSION") })
}

/// Tells whether requests would be served.
#[utoipa::path(get, path = "/readyz", operation_id = "getReady", tag = "operations", security(()),
    responses((status = 200, body = Ready), (status = 503, body = Ready)))]
async fn readyz(State(health): State<HealthState>) -> (StatusCode, Json<Ready>) {
    let (ready, checks) = health.check().await;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready, checks }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use axum::body::Body;
    use axum::http::Request;
    use rhiza_kernel::Env;
    use tower::ServiceExt as _;

    use super::super::model::Probe;
    use super::*;

    struct Fixed(Result<(), String>);

    #[async_trait]
    impl Probe for Fixed {
        fn name(&self) -> &'static str {
            "fixed"
        }
        async fn check(&self) -> Result<(), String> {
            self.0.clone()
        }
    }

    async fn status(health: Health) -> StatusCode {
        let (router, _) = router().with_state(health).split_for_parts();
        let request = Request::get("/readyz").body(Body::empty()).unwrap();
        router.oneshot(request).await.unwrap().status()
    }

    fn health(answer: Result<(), String>) -> Health {
        let (env, _) = Env::fixed(chrono::DateTime::UNIX_EPOCH, 1);
        Health::new(env, vec![Arc::new(Fixed(answer))])
    }

    #[tokio::test]
    async fn ready_only_while_every_dependency_works_and_nobody_stops() {
        assert_eq!(status(health(Ok(()))).await, StatusCode::OK);
        assert_eq!(status(health(Err("down".to_owned()))).await, StatusCode::SERVICE_UNAVAILABLE);
        let stopping = health(Ok(()));
        stopping.stop();
        assert_eq!(status(stopping).await, StatusCode::SERVICE_UNAVAILABLE);
    }
}
