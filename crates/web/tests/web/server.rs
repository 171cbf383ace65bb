//! The server loop: draining, TLS with renewal, HTTP/2.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rhiza_web::{ServeConfig, Tls, TlsError, TlsFiles, WebConfig};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::task::TaskTracker;

use crate::support::{PATIENCE, Reply, Server, request};

fn slow() -> Router {
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        "finished"
    };
    let endless = || async { tokio::time::sleep(Duration::from_secs(3600)).await };
    Router::new().route("/slow", get(slow)).route("/endless", get(endless)).route("/", get(|| async { "hi" }))
}

#[tokio::test]
async fn shutdown_finishes_what_has_begun_and_takes_nothing_new() {
    let server = Server::start(slow()).await;
    let mut busy = server.connect().await;
    busy.write_all(&request("GET", "/slow", &[], b"")).await.unwrap();
    let mut idle = server.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    crate::support::read_until(&mut idle, "hi").await;
    let _silent = server.connect().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.shutdown.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(TcpStream::connect(server.addr).await.is_err(), "the door is closed");
    let reply = Reply::read(busy).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "finished"));
    server.stopped().await;
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut_off() {
    let web = WebConfig { timeout: Duration::from_secs(3600), ..WebConfig::default() };
    // Full as well: waiting for a free place must not keep the server from stopping.
    let serving = ServeConfig { drain: Duration::from_millis(100), max_connections: 1, ..ServeConfig::default() };
    let server = Server::with(slow(), web, serving).await;
    let mut stuck = server.connect().await;
    stuck.write_all(&request("GET", "/endless", &[], b"")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.shutdown.cancel();
    server.stopped().await;
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_their_turn() {
    let serving = ServeConfig { max_connections: 1, ..ServeConfig::default() };
    let server = Server::with(slow(), WebConfig::default(), serving).await;
    let (first, second) = tokio::join!(server.get("/slow"), server.get("/slow"));
    assert_eq!((first.text(), second.text()), ("finished".into(), "finished".into()));
}

/// Writes a fresh self-signed certificate for localhost into `folder`.
fn certificate(folder: &Path) -> TlsFiles {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}

/// A TLS connection that trusts the certificate now in `files` and nothing else.
async fn connect(server: &Server, files: &TlsFiles, protocol: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&files.certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, server.connect().await).await
}

async fn with_tls(files: &TlsFiles) -> Server {
    let serving = ServeConfig {
        tls: Some(Tls::load(files.clone()).unwrap()),
        tls_reload_every: Duration::from_millis(20),
        ..ServeConfig::default()
    };
    Server::with(slow(), WebConfig::default(), serving).await
}

async fn get_over(stream: TlsStream<TcpStream>) -> Reply {
    let mut stream = stream;
    stream.write_all(&request("GET", "/", &[], b"")).await.unwrap();
    Reply::read(stream).await
}

#[tokio::test]
async fn tls_serves_http1_and_promises_to_stay() {
    let folder = tempfile::tempdir().unwrap();
    let files = certificate(folder.path());
    let server = with_tls(&files).await;
    let reply = get_over(connect(&server, &files, "http/1.1").await.unwrap()).await;
    assert_eq!(reply.text(), "hi");
    assert_eq!(reply.header("strict-transport-security"), Some("max-age=31536000; includeSubDomains"));
    let mut plain = server.connect().await;
    plain.write_all(&request("GET", "/", &[], b"")).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut plain, &mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "plain HTTP on a TLS port gets no page");
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let files = certificate(folder.path());
    let server = with_tls(&files).await;
    assert!(connect(&server, &files, "http/1.1").await.is_ok());

    std::fs::write(&files.key, "not a key").unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(connect(&server, &files, "http/1.1").await.is_ok(), "the old one stays in use");

    certificate(folder.path());
    let renewed = async {
        // The client trusts the new certificate only.
        while connect(&server, &files, "http/1.1").await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, renewed).await.expect("the new certificate is served");
}

#[tokio::test]
async fn certificates_that_cannot_work_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let (files, others) = (certificate(folder.path()), certificate(other.path()));
    let load = |certificate: &Path, key: &Path| {
        Tls::load(TlsFiles { certificate: certificate.to_owned(), key: key.to_owned() }).map(drop).unwrap_err()
    };
    assert!(matches!(load(&files.certificate, &others.key), TlsError::Pair(_)));
    assert!(matches!(load(&files.key, &files.key), TlsError::Pem { wanted: "certificate", .. }));
    assert!(matches!(load(&files.certificate, &files.certificate), TlsError::Pem { wanted: "private key", .. }));
    assert!(matches!(load(&folder.path().join("gone.pem"), &files.key), TlsError::Read { .. }));
}

async fn over_http2<S>(stream: S) -> (http::StatusCode, http::Version, String)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    TaskTracker::new().spawn(connection);
    let request = http::Request::get("http://localhost/").body(Body::empty()).unwrap();
    let reply = tokio::time::timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap();
    let (status, version) = (reply.status(), reply.version());
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    (status, version, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn http2_is_spoken_over_tls_and_to_those_who_know() {
    let expected = (http::StatusCode::OK, http::Version::HTTP_2, "hi".to_owned());
    let folder = tempfile::tempdir().unwrap();
    let files = certificate(folder.path());
    let encrypted = with_tls(&files).await;
    assert_eq!(over_http2(connect(&encrypted, &files, "h2").await.unwrap()).await, expected);
    let plain = Server::start(slow()).await;
    assert_eq!(over_http2(plain.connect().await).await, expected);
}
