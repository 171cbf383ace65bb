//! A server on a free port and a client that sends exactly the bytes it is told to.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use chrono::DateTime;
use rhiza_kernel::Env;
use rhiza_web::{ServeConfig, WebConfig, serve, stack};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Nothing here takes longer, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn env() -> Env {
    Env::fixed(DateTime::from_timestamp(1_700_000_000, 0).unwrap(), 1).0
}

pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    running: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(router: Router) -> Self {
        Self::with(router, WebConfig::default(), ServeConfig::default()).await
    }

    pub(crate) async fn with(router: Router, web: WebConfig, serving: ServeConfig) -> Self {
        Self::until(router, web, serving, CancellationToken::new()).await
    }

    pub(crate) async fn until(
        router: Router,
        web: WebConfig,
        serving: ServeConfig,
        shutdown: CancellationToken,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let router = stack(router, &web, env());
        let running = TaskTracker::new().spawn(serve(vec![listener], router, serving, shutdown.clone()));
        Self { addr, shutdown, running }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// Sends `request` as it is, and reads until the server closes.
    pub(crate) async fn raw(&self, request: impl AsRef<[u8]>) -> Reply {
        let mut stream = self.connect().await;
        stream.write_all(request.as_ref()).await.unwrap();
        Reply::read(stream).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.request("GET", path, headers, b"").await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &str) -> Reply {
        self.request("POST", path, &[("content-type", "application/json")], body.as_bytes()).await
    }

    pub(crate) async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.raw(request(method, path, headers, body)).await
    }

    /// Waits for the server to have stopped.
    pub(crate) async fn stopped(self) {
        tokio::time::timeout(PATIENCE, self.running).await.expect("the server stops in time").unwrap();
    }
}

pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the body arrived as long as it was announced.
    pub(crate) whole: bool,
}

impl Reply {
    pub(crate) async fn read(mut stream: impl AsyncRead + Unpin) -> Self {
        let mut bytes = Vec::new();
        // A connection reset after the reply still leaves the reply.
        let _ =
            tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the server answers in time");
        Self::parse(&bytes)
    }

    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("no HTTP reply: {text:?}"));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned())).unwrap())
            .collect();
        let mut reply = Self { status, headers, body: bytes[end + 4..].to_vec(), whole: true };
        if reply.header("transfer-encoding") == Some("chunked") {
            (reply.body, reply.whole) = dechunk(&reply.body);
        } else if let Some(length) = reply.header("content-length") {
            reply.whole = length.parse::<usize>().unwrap() == reply.body.len();
        }
        reply
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// Checks that this is a problem of `code`, and gives its body.
    pub(crate) fn problem(&self, status: u16, code: &str) -> serde_json::Value {
        let body = self.json();
        assert_eq!((self.status, &body["code"]), (status, &code.into()), "{body}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(body["status"], status);
        assert_eq!(
            body["request_id"].as_str(),
            self.header("x-request-id"),
            "the body and the header name one request"
        );
        body
    }
}

fn dechunk(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = bytes.windows(2).position(|w| w == b"\r\n") else { return (body, false) };
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        let from = end + 2;
        if bytes.len() < from + size + 2 {
            body.extend_from_slice(&bytes[from..]);
            return (body, false);
        }
        body.extend_from_slice(&bytes[from..from + size]);
        bytes = &bytes[from + size + 2..];
    }
}

/// Reads from `stream` until `text` has come by.
pub(crate) async fn read_until(stream: &mut (impl AsyncRead + Unpin), text: &str) -> String {
    let mut seen = Vec::new();
    let reading = async {
        loop {
            let mut buffer = [0; 1024];
            let n = stream.read(&mut buffer).await.unwrap();
            seen.extend_from_slice(&buffer[..n]);
            let so_far = String::from_utf8_lossy(&seen).into_owned();
            if so_far.contains(text) {
                return so_far;
            }
            assert!(n > 0, "the stream ended without {text:?}: {so_far:?}");
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("{text:?} did not come in time"))
}

/// A log that a test can read.
#[derive(Clone, Default)]
pub(crate) struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Log {
    /// Catches what this thread logs from now on, while the guard lives.
    pub(crate) fn catch() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().filter(|line| line.contains("rhiza_web")).map(str::to_owned).collect()
    }

    pub(crate) fn errors(&self) -> Vec<String> {
        self.lines().into_iter().filter(|line| line.trim_start().starts_with("ERROR")).collect()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
