//! The server loop: HTTP/1.1 and HTTP/2 on the sockets it is given, plain or TLS, until it is told to stop; then no new
//! connection, the requests in flight get their time, and what is left is cut off.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use futures::future::join_all;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use crate::request::TlsConnection;
use crate::tls::Tls;

/// How the server treats connections.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Encrypt, or speak plain HTTP.
    pub tls: Option<Tls>,
    /// How long requests in flight may take after shutdown began.
    pub drain: Duration,
    /// How long a client may take to send a request's head, and how long a kept-alive connection may be idle.
    pub header_timeout: Duration,
    /// Connections at a time; more wait in the listen queue.
    pub max_connections: usize,
    /// How often the certificate files are looked at.
    pub tls_reload_every: Duration,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            tls: None,
            // The process must be gone 30 s after SIGTERM, and has more to do than this.
            drain: Duration::from_secs(20),
            header_timeout: Duration::from_secs(60),
            max_connections: 8192,
            tls_reload_every: Duration::from_secs(10),
        }
    }
}

/// A head with more fields, or longer, is no honest request (a cookie has 4 KiB at most).
const MAX_HEADERS: usize = 100;
const MAX_HEAD: usize = 64 * 1024;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

struct Server {
    router: Router,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    header_timeout: Duration,
    permits: Arc<Semaphore>,
    connections: TaskTracker,
    shutdown: CancellationToken,
    abort: CancellationToken,
}

/// Serves `router` on `listeners` until `shutdown`, then drains. Handlers find the peer's address in their request
/// (see [`ClientAddr`](crate::ClientAddr)).
pub async fn serve(listeners: Vec<TcpListener>, router: Router, config: ServeConfig, shutdown: CancellationToken) {
    let server = Arc::new(Server::new(router, &config, shutdown));
    let accepting = join_all(listeners.into_iter().map(|listener| accept(listener, Arc::clone(&server))));
    let watching = async {
        match &config.tls {
            Some(tls) => tls.watch(config.tls_reload_every).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = accepting => {}
        () = watching => {}
    }
    server.connections.close();
    if timeout(config.drain, server.connections.wait()).await.is_err() {
        tracing::warn!(connections = server.connections.len(), "cutting off connections that did not finish in time");
        server.abort.cancel();
        server.connections.wait().await;
    }
}

impl Server {
    fn new(router: Router, config: &ServeConfig, shutdown: CancellationToken) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(config.header_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(20))
            .max_concurrent_streams(200)
            .max_header_list_size(MAX_HEAD as u32)
            // The default 64 KiB holds an upload to 64 KiB per round trip.
            .initial_stream_window_size(1024 * 1024)
            .initial_connection_window_size(4 * 1024 * 1024)
            .enable_connect_protocol();
        Self {
            router,
            http1,
            http2,
            tls: config.tls.as_ref().map(|tls| TlsAcceptor::from(tls.config())),
            header_timeout: config.header_timeout,
            permits: Arc::new(Semaphore::new(config.max_connections)),
            connections: TaskTracker::new(),
            shutdown,
            abort: CancellationToken::new(),
        }
    }

    /// One connection from its first byte to its last.
    async fn connection(&self, stream: TcpStream, peer: SocketAddr) {
        let outcome = match &self.tls {
            Some(tls) => self.tls_connection(tls, stream, peer).await,
            None => self.plain_connection(stream, peer).await,
        };
        if let Err(error) = outcome {
            // Scanners, dropped networks and impatient clients: daily business.
            tracing::debug!(%peer, cause = %error, "a connection ended early");
        }
    }

    async fn tls_connection(&self, tls: &TlsAcceptor, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        let Some(stream) = self.unless_stopped(HANDSHAKE, tls.accept(stream)).await? else { return Ok(()) };
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2".as_slice());
        self.speak(stream, peer, http2, true).await
    }

    async fn plain_connection(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        // Waiting for the first bytes here, under a time limit: hyper's own limit starts only after them.
        let Some(http2) = self.unless_stopped(self.header_timeout, speaks_http2(&stream)).await? else { return Ok(()) };
        self.speak(stream, peer, http2, false).await
    }

    /// `work` within `limit`; `None` when shutdown comes first.
    async fn unless_stopped<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = io::Result<T>>,
    ) -> io::Result<Option<T>> {
        tokio::select! {
            result = timeout(limit, work) => match result {
                Ok(done) => done.map(Some),
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            },
            () = self.shutdown.cancelled() => Ok(None),
        }
    }

    async fn speak<S>(&self, stream: S, peer: SocketAddr, http2: bool, tls: bool) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            if tls {
                request.extensions_mut().insert(TlsConnection);
            }
            router.clone().call(request.map(Body::new))
        });
        let stream = TokioIo::new(stream);
        let result = if http2 {
            self.drive(self.http2.serve_connection(stream, service), |connection| connection.graceful_shutdown()).await
        } else {
            let connection = self.http1.serve_connection(stream, service).with_upgrades();
            self.drive(connection, |connection| connection.graceful_shutdown()).await
        };
        result.map_err(io::Error::other)
    }

    /// Runs the connection to its end; after shutdown, to the end of the requests it has begun; after abort, no longer.
    async fn drive<C>(&self, connection: C, finish: fn(Pin<&mut C>)) -> Result<(), hyper::Error>
    where
        C: Future<Output = Result<(), hyper::Error>>,
    {
        let mut connection = pin!(connection);
        tokio::select! {
            biased;
            result = connection.as_mut() => return result,
            () = self.shutdown.cancelled() => finish(connection.as_mut()),
        }
        tokio::select! {
            biased;
            result = connection => result,
            () = self.abort.cancelled() => Ok(()),
        }
    }
}

/// Accepts until shutdown. The listener closes with it, so that later callers are refused instead of kept waiting.
async fn accept(listener: TcpListener, server: Arc<Server>) {
    loop {
        let next = async {
            let permit = Arc::clone(&server.permits).acquire_owned().await;
            (permit, listener.accept().await)
        };
        // Over both waits: a server that is full must stop as well.
        let (permit, accepted) = tokio::select! {
            next = next => next,
            () = server.shutdown.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Answers are written whole; waiting for more to send only delays them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%peer, cause = %error, "cannot set TCP_NODELAY");
                }
                let task_server = Arc::clone(&server);
                server.connections.spawn(async move {
                    task_server.connection(stream, peer).await;
                    drop(permit);
                });
            }
            Err(error) => pause_after(&error).await,
        }
    }
}

/// An accept that failed because of one caller concerns nobody else; one that failed for want of file descriptors
/// fails again at once, and looping on it would only eat the processor.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::error!(cause = %error, "cannot accept connections; trying again in a moment");
    sleep(Duration::from_millis(250)).await;
}

/// Whether the client begins with HTTP/2's preface. Looks without taking, so that hyper reads it all again.
async fn speaks_http2(stream: &TcpStream) -> io::Result<bool> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0";
    let mut head = [0; PREFACE.len()];
    let mut pause = Duration::from_millis(5);
    loop {
        let seen = stream.peek(&mut head).await?;
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if head[..seen] != PREFACE[..seen] {
            return Ok(false);
        }
        if seen == PREFACE.len() {
            return Ok(true);
        }
        // Half a preface: peek would return the same bytes again at once. The waits grow, so that many callers who
        // leave it at that do not keep the processor busy.
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}
