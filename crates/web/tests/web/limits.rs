//! Limits: bodies, time, heads, and clients that go away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use futures::StreamExt;
use rhiza_kernel::{Coded, ErrorCode};
use rhiza_web::{
    ApiError, ApiResult, RawBody, ServeConfig, Upload, UploadError, WebConfig, body_limit, no_timeout, timeout,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::support::{PATIENCE, Reply, Server, read_until, request};

async fn length(RawBody(body): RawBody) -> String {
    body.len().to_string()
}

fn small() -> WebConfig {
    WebConfig { body_limit: 1000, timeout: Duration::from_millis(100), ..WebConfig::default() }
}

#[tokio::test]
async fn a_body_up_to_the_limit_passes_and_one_byte_more_does_not() {
    let server = Server::with(Router::new().route("/", post(length)), small(), ServeConfig::default()).await;
    assert_eq!(server.request("POST", "/", &[], &[b'a'; 1000]).await.text(), "1000");
    let problem = server.request("POST", "/", &[], &[b'a'; 1001]).await.problem(413, "too_large");
    assert_eq!(problem["detail"], "The body must not exceed 1000 bytes.");
}

#[tokio::test]
async fn a_body_without_announced_length_is_counted() {
    let server = Server::with(Router::new().route("/", post(length)), small(), ServeConfig::default()).await;
    let chunked = |size: usize| {
        let head = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
        format!("{head}{:x}\r\n{}\r\n1\r\nb\r\n0\r\n\r\n", size, "a".repeat(size))
    };
    assert_eq!(server.raw(chunked(999)).await.text(), "1000");
    server.raw(chunked(1000)).await.problem(413, "too_large");
}

#[tokio::test]
async fn a_client_that_sends_first_and_listens_later_hears_too_large() {
    let server = Server::start(Router::new().route("/", post(length))).await;
    server.request("POST", "/", &[], &vec![b'a'; 5 * 1024 * 1024]).await.problem(413, "too_large");
}

#[tokio::test]
async fn a_refused_upload_reads_its_refusal() {
    let refuse = || async { ApiError::new(ErrorCode::Unauthenticated, "The key has been revoked.") };
    let server = Server::start(Router::new().route("/", post(refuse))).await;
    // More than the sockets' buffers hold: the client is still sending when the answer is ready.
    let body = vec![b'a'; 40 * 1024 * 1024];
    server.request("POST", "/", &[], &body).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_client_that_waits_for_leave_is_refused_without_sending() {
    let refuse = || async { ApiError::new(ErrorCode::Unauthenticated, "The key has been revoked.") };
    let server = Server::start(Router::new().route("/", post(refuse))).await;
    let head = "POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 90000000\r\n\r\n";
    server.raw(head).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_route_may_take_more() {
    let router = Router::new().route("/", post(length)).layer(body_limit(5000));
    let server = Server::with(router, small(), ServeConfig::default()).await;
    assert_eq!(server.request("POST", "/", &[], &[b'a'; 4000]).await.text(), "4000");
    server.request("POST", "/", &[], &[b'a'; 5001]).await.problem(413, "too_large");
}

#[tokio::test]
async fn a_route_that_takes_too_long_is_cut_off_unless_it_says_otherwise() {
    let slow = |ms: u64| {
        move || async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            "done"
        }
    };
    let router = Router::new()
        .route("/slow", get(slow(5000)))
        .route("/free", get(slow(300)).layer(no_timeout()))
        .route("/short", get(slow(60)).layer(timeout(Duration::from_millis(20))));
    let server = Server::with(router, small(), ServeConfig::default()).await;
    server.get("/slow").await.problem(504, "deadline_exceeded");
    server.get("/short").await.problem(504, "deadline_exceeded");
    assert_eq!(server.get("/free").await.text(), "done");
}

#[tokio::test]
async fn a_client_that_dawdles_over_its_head_is_hung_up_on() {
    let serving = ServeConfig { header_timeout: Duration::from_millis(100), ..ServeConfig::default() };
    let server = Server::with(Router::new().route("/", get(|| async { "hi" })), WebConfig::default(), serving).await;
    for beginning in ["", "P", "PRI * HT", "GET / HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let mut stream = server.connect().await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{beginning:?} holds a connection");
    }
    assert_eq!(server.get("/").await.text(), "hi");
}

#[tokio::test]
async fn a_head_with_too_many_fields_is_refused() {
    let server = Server::start(Router::new().route("/", get(|| async { "hi" }))).await;
    let many: Vec<(String, String)> = (0..200).map(|i| (format!("x-{i}"), "a".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(server.get_with("/", &many).await.status, 431);
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_told_from_one_that_ends() {
    let (seen, mut outcome) = mpsc::unbounded_channel();
    let receive = move |upload: Upload| {
        let seen = seen.clone();
        async move {
            let mut stream = upload.limit(100).stream();
            let result = async {
                while let Some(chunk) = stream.next().await {
                    chunk?;
                }
                Ok::<_, UploadError>(())
            }
            .await;
            let _ = seen.send(result.as_ref().map_or_else(|e| e.code().as_str(), |()| "whole").to_owned());
            ApiResult::Ok(result.map(|()| "kept")?)
        }
    };
    let server = Server::start(Router::new().route("/", post(receive).layer(no_timeout()))).await;
    assert_eq!(server.request("POST", "/", &[], b"12345").await.text(), "kept");
    assert_eq!(outcome.recv().await.unwrap(), "whole");

    let mut stream = server.connect().await;
    stream.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\nhalf").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, outcome.recv()).await.unwrap().unwrap(), "cancelled");

    server.request("POST", "/", &[], &[b'a'; 101]).await.problem(413, "too_large");
    assert_eq!(outcome.recv().await.unwrap(), "too_large");
}

/// Set when dropped.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_request_and_is_counted() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let counted = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&dropped);
    let (begun, mut begins) = mpsc::unbounded_channel();
    let slow = move || {
        let flag = Flag(Arc::clone(&flag));
        let begun = begun.clone();
        async move {
            let _flag = flag;
            let _ = begun.send(());
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    };
    let server = Server::start(Router::new().route("/slow/{id}", get(slow))).await;
    let mut stream = server.connect().await;
    stream.write_all(&request("GET", "/slow/7", &[], b"")).await.unwrap();
    begins.recv().await.unwrap();
    drop(stream);
    let gone = async {
        while !dropped.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the handler is dropped");
    let text = counted.render();
    assert!(text.contains(r#"rhiza_http_requests_total{method="GET",path="/slow/{id}",status="499"} 1"#), "{text}");
}

#[tokio::test]
async fn requests_are_counted_by_route_and_not_by_path() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let counted = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let server = Server::start(Router::new().nest("/api", Router::new().route("/runs/{id}", get(|| async {})))).await;
    server.get("/api/runs/1").await;
    server.get("/api/runs/2").await;
    server.get("/nowhere").await;
    server.request("BREW", "/pot", &[], b"").await;
    let text = counted.render();
    assert!(text.contains(r#"rhiza_http_requests_total{method="GET",path="/api/runs/{id}",status="200"} 2"#), "{text}");
    assert!(text.contains(r#"rhiza_http_requests_total{method="GET",path="unmatched",status="404"} 1"#), "{text}");
    assert!(text.contains(r#"rhiza_http_requests_total{method="other",path="unmatched",status="404"} 1"#), "{text}");
    assert!(text.contains("rhiza_http_request_duration_seconds"), "{text}");
}

#[tokio::test]
async fn a_kept_alive_connection_serves_many_requests() {
    let server = Server::start(Router::new().route("/", get(|| async { "hi" }))).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        read_until(&mut stream, "\r\n\r\nhi").await;
    }
    stream.write_all(&request("GET", "/", &[], b"")).await.unwrap();
    assert_eq!(Reply::read(stream).await.text(), "hi");
}
