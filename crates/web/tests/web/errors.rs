//! Errors on the wire: one shape, a request id, nothing of the cause; logged once.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderValue, header};
use rhiza_kernel::{Coded, ErrorCode};
use rhiza_web::{ApiError, ApiResult, ErrorContext, ErrorShape, Json, Path, ServeConfig, WebConfig, reported};
use serde::Deserialize;

use crate::support::{Log, Server};

#[derive(Debug, thiserror::Error)]
#[error("connection to 10.1.2.3:5432 refused")]
struct Refused;

#[derive(Debug, thiserror::Error)]
#[error("cannot read the run")]
struct StorageDown(#[source] Refused);

impl Coded for StorageDown {
    fn code(&self) -> ErrorCode {
        ErrorCode::Unavailable
    }
    fn public_detail(&self) -> String {
        "The run cannot be read at the moment.".into()
    }
}

async fn fails() -> ApiResult<()> {
    Err(StorageDown(Refused))?
}

async fn panics() {
    panic!("index 7 of the secret list");
}

async fn limited() -> ApiError {
    ApiError::new(ErrorCode::RateLimited, "Slow down.").with_header(header::RETRY_AFTER, HeaderValue::from_static("3"))
}

fn router() -> Router {
    Router::new()
        .route("/fails", get(fails))
        .route("/panics", get(panics))
        .route("/limited", get(limited))
        .route("/slow", get(|| tokio::time::sleep(Duration::from_secs(60))))
        .route("/runs/{id}", get(|Path(id): Path<u32>| async move { id.to_string() }))
        .route("/runs", post(|Json(run): Json<Run>| async move { run.name }))
}

#[derive(Deserialize)]
struct Run {
    name: String,
}

#[tokio::test]
async fn an_unknown_path_is_a_problem_with_a_request_id() {
    let server = Server::start(router()).await;
    let problem = server.get("/nowhere").await.problem(404, "not_found");
    assert_eq!(problem["type"], "/docs/errors#not_found");
    assert!(problem["request_id"].as_str().unwrap().starts_with("req_"));
}

#[tokio::test]
async fn a_wrong_method_says_which_ones_are_right() {
    let server = Server::start(router()).await;
    let reply = server.request("DELETE", "/fails", &[], b"").await;
    reply.problem(405, "not_found");
    assert_eq!(reply.header("allow"), Some("GET,HEAD"));
}

#[tokio::test]
async fn the_callers_request_id_is_kept_when_it_is_sane() {
    let server = Server::start(router()).await;
    let reply = server.get_with("/nowhere", &[("x-request-id", "job-7.step_2")]).await;
    assert_eq!(reply.problem(404, "not_found")["request_id"], "job-7.step_2");
    let reply = server.get_with("/nowhere", &[("x-request-id", "<script>")]).await;
    assert!(reply.header("x-request-id").unwrap().starts_with("req_"));
}

#[tokio::test]
async fn the_cause_is_logged_once_and_not_told() {
    let (log, _guard) = Log::catch();
    let server = Server::start(router()).await;
    let reply = server.get_with("/fails", &[("x-request-id", "find-me")]).await;
    let problem = reply.problem(503, "unavailable");
    assert_eq!(problem["detail"], "The run cannot be read at the moment.");
    assert!(!reply.text().contains("10.1.2.3"));
    let errors = log.errors();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(errors[0].contains("cannot read the run: connection to 10.1.2.3:5432 refused"), "{}", errors[0]);
    assert!(errors[0].contains("find-me"), "{}", errors[0]);
}

#[tokio::test]
async fn the_callers_own_faults_are_no_errors_in_the_log() {
    let (log, _guard) = Log::catch();
    let server = Server::start(router()).await;
    server.get("/nowhere").await.problem(404, "not_found");
    assert_eq!(log.errors(), Vec::<String>::new());
    assert!(log.lines().iter().any(|line| line.contains("not_found")));
}

#[tokio::test]
async fn a_panic_is_an_internal_error_that_leaks_nothing_and_the_server_goes_on() {
    let (log, _guard) = Log::catch();
    let server = Server::start(router()).await;
    let reply = server.get("/panics").await;
    reply.problem(500, "internal");
    assert!(!reply.text().contains("secret"));
    let errors = log.errors();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(errors[0].contains("index 7 of the secret list"));
    assert_eq!(server.get("/runs/4").await.text(), "4");
}

#[tokio::test]
async fn an_errors_own_headers_are_sent_once() {
    let server = Server::start(router()).await;
    let reply = server.get("/limited").await;
    reply.problem(429, "rate_limited");
    let sent: Vec<_> = reply.headers.iter().filter(|(name, _)| name == "retry-after").collect();
    assert_eq!(sent.len(), 1, "{:?}", reply.headers);
}

#[tokio::test]
async fn bodies_are_refused_with_a_pointer_to_the_fault() {
    let server = Server::start(router()).await;
    assert_eq!(server.post_json("/runs", r#"{"name":"a"}"#).await.text(), "a");
    server.post_json("/runs", "{").await.problem(400, "malformed");
    let problem = server.post_json("/runs", r#"{"name":7}"#).await.problem(422, "invalid_argument");
    assert_eq!(problem["errors"][0]["pointer"], "/name");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    server.request("POST", "/runs", &form, b"name=a").await.problem(400, "malformed");
    server.request("POST", "/runs", &[], b"").await.problem(400, "malformed");
}

#[tokio::test]
async fn a_path_that_names_nothing_is_not_found() {
    let server = Server::start(router()).await;
    let problem = server.get("/runs/first").await.problem(404, "not_found");
    assert_eq!(problem["errors"][0]["pointer"], "id");
}

/// A protocol with its own idea of an error.
struct Legacy;

impl ErrorShape for Legacy {
    fn render(&self, error: &ApiError, context: &ErrorContext<'_>) -> Response {
        let body = serde_json::json!({
            "error_code": error.reason().unwrap_or(error.code().as_str()),
            "message": error.detail(),
            "where": format!("{} {}", context.method, context.path),
        });
        (error.status(), axum::Json(body)).into_response()
    }
}

#[tokio::test]
async fn every_error_under_a_protocols_prefix_speaks_that_protocol() {
    let clash = || async { ApiError::new(ErrorCode::Conflict, "Taken.").with_reason("RESOURCE_ALREADY_EXISTS") };
    let router = Router::new().nest("/legacy", router().route("/clash", get(clash))).merge(router());
    let web = WebConfig { timeout: Duration::from_millis(50), ..WebConfig::default() };
    let server = Server::with(router, web.shape("/legacy", Arc::new(Legacy)), ServeConfig::default()).await;

    let reply = server.get("/legacy/clash").await;
    assert_eq!(
        reply.json(),
        serde_json::json!({"error_code": "RESOURCE_ALREADY_EXISTS", "message": "Taken.", "where": "GET /legacy/clash"})
    );
    for (path, status, code) in [
        ("/legacy/fails", 503, "unavailable"),
        ("/legacy/panics", 500, "internal"),
        ("/legacy/slow", 504, "deadline_exceeded"),
        ("/legacy/nowhere", 404, "not_found"),
        ("/legacy/limited", 429, "rate_limited"),
    ] {
        let reply = server.get(path).await;
        assert_eq!((reply.status, &reply.json()["error_code"]), (status, &code.into()), "{path}");
        assert!(reply.header("x-request-id").is_some());
    }
    let large = format!(r#"{{"name":"{}"}}"#, "a".repeat(1024 * 1024));
    let reply = server.post_json("/legacy/runs", &large).await;
    assert_eq!((reply.status, &reply.json()["error_code"]), (413, &"too_large".into()));
    assert_eq!(server.get("/legacy/limited").await.header("retry-after"), Some("3"));
    server.get("/limited").await.problem(429, "rate_limited");
}

#[tokio::test]
async fn a_handler_may_render_its_own_error_and_still_have_it_logged() {
    let (log, _guard) = Log::catch();
    let own = || async {
        reported((http::StatusCode::BAD_GATEWAY, "<Response/>").into_response(), ApiError::internal(Refused))
    };
    let server = Server::start(Router::new().route("/own", get(own))).await;
    let reply = server.get("/own").await;
    assert_eq!((reply.status, reply.text().as_str()), (502, "<Response/>"));
    assert!(log.errors()[0].contains("10.1.2.3"));
}
