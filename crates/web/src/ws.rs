//! WebSockets that do not leak: pinged, closed when the other side has gone silent or the server stops, limited in
//! message size, and known to the task tracker so that shutdown waits for their goodbye.

use std::future::Future;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use bytes::Bytes;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What outlives a request: who waits for it, and what tells it to stop.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    /// Shutdown waits for its tasks.
    pub tasks: TaskTracker,
    /// Cancelled when the server stops.
    pub shutdown: CancellationToken,
}

/// How a socket is kept.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The most bytes a message may have.
    pub max_message: usize,
    /// How often the other side is pinged.
    pub ping: Duration,
    /// Pings in a row that may stay without any sign of life.
    pub missed_pings: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_message: 1024 * 1024, ping: Duration::from_secs(20), missed_pings: 2 }
    }
}

/// How long a goodbye or one message may take to leave; a peer that reads nothing must not hold us.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// Accepts the handshake and runs `serve` on the socket, inside the lifecycle. Check the origin first
/// ([`OriginPolicy`](crate::OriginPolicy)) when the caller is known by a cookie.
pub fn upgrade<F, Fut>(handshake: WebSocketUpgrade, options: Options, lifecycle: &Lifecycle, serve: F) -> Response
where
    F: FnOnce(Socket) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    // axum runs the socket in a task of its own; the token makes the tracker wait for it all the same.
    let tracked = lifecycle.tasks.token();
    let shutdown = lifecycle.shutdown.clone();
    let handshake = handshake.max_message_size(options.max_message).max_frame_size(options.max_message);
    handshake.on_upgrade(move |socket| async move {
        let _tracked = tracked;
        serve(Socket::new(socket, options, shutdown)).await;
    })
}

/// What arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
}

/// An open socket.
#[derive(Debug)]
pub struct Socket {
    inner: WebSocket,
    ticks: Interval,
    unanswered: u32,
    missed_pings: u32,
    shutdown: CancellationToken,
    closed: bool,
}

enum Turn {
    Message(Option<Result<Message, axum::Error>>),
    Tick,
    Shutdown,
}

impl Socket {
    fn new(inner: WebSocket, options: Options, shutdown: CancellationToken) -> Self {
        let mut ticks = interval(options.ping);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick of an interval is immediate; nobody needs a ping at once.
        ticks.reset();
        Self { inner, ticks, unanswered: 0, missed_pings: options.missed_pings, shutdown, closed: false }
    }

    /// The next message; `None` when the socket is closed, silent for too long, broken, or the server stops.
    pub async fn receive(&mut self) -> Option<Received> {
        while !self.closed {
            let turn = tokio::select! {
                message = self.inner.recv() => Turn::Message(message),
                _ = self.ticks.tick() => Turn::Tick,
                () = self.shutdown.cancelled() => Turn::Shutdown,
            };
            match turn {
                Turn::Message(Some(Ok(message))) => {
                    // Anything at all is a sign of life.
                    self.unanswered = 0;
                    match message {
                        Message::Text(text) => return Some(Received::Text(text.as_str().to_owned())),
                        Message::Binary(bytes) => return Some(Received::Binary(bytes)),
                        Message::Ping(_) | Message::Pong(_) => {}
                        Message::Close(_) => self.closed = true,
                    }
                }
                Turn::Message(Some(Err(error))) => {
                    tracing::debug!(cause = %error, "a socket broke");
                    self.close(close_code::PROTOCOL, "the connection broke or a message was too large").await;
                }
                Turn::Message(None) => self.closed = true,
                Turn::Tick if self.unanswered >= self.missed_pings => {
                    self.close(close_code::POLICY, "no sign of life").await;
                }
                Turn::Tick => {
                    self.unanswered += 1;
                    self.put(Message::Ping(Bytes::new())).await;
                }
                Turn::Shutdown => self.close(close_code::AWAY, "the server stops").await,
            }
        }
        None
    }

    /// Sends text; false when the socket is closed.
    pub async fn send_text(&mut self, text: impl Into<String>) -> bool {
        self.put(Message::Text(text.into().into())).await
    }

    /// Sends bytes; false when the socket is closed.
    pub async fn send_binary(&mut self, bytes: impl Into<Bytes>) -> bool {
        self.put(Message::Binary(bytes.into())).await
    }

    /// Says goodbye with a close code (RFC 6455, 7.4) and a reason of at most 123 bytes.
    pub async fn close(&mut self, code: u16, reason: &'static str) {
        if !self.closed {
            self.put(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
            self.closed = true;
        }
    }

    async fn put(&mut self, message: Message) -> bool {
        if self.closed {
            return false;
        }
        let sent = matches!(timeout(SEND_LIMIT, self.inner.send(message)).await, Ok(Ok(())));
        self.closed = !sent;
        sent
    }
}
