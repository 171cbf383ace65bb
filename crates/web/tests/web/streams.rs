//! Event streams and sockets: prompt, uncompressed, ended by shutdown.

use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::routing::{any, get};
use futures::StreamExt;
use rhiza_web::ws::{Options, Received};
use rhiza_web::{LastEventId, Lifecycle, ServeConfig, WebConfig, sse, ws};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::support::{PATIENCE, Server, read_until, request};

fn event(n: u64) -> sse::Event {
    sse::Event::json("tick", &serde_json::json!({"n": n, "padding": "x".repeat(2000)})).unwrap().id(n)
}

#[tokio::test]
async fn events_arrive_when_they_happen_and_are_not_compressed() {
    let shutdown = CancellationToken::new();
    let (publish, _) = broadcast::channel::<u64>(16);
    let source = publish.clone();
    let stop = shutdown.clone();
    let events = move |LastEventId(last): LastEventId| {
        let receiver = source.subscribe();
        let stop = stop.clone();
        async move {
            let first = last.map_or(0, |id| id.parse::<u64>().unwrap() + 1);
            let live = futures::stream::unfold(receiver, |mut r| async { r.recv().await.ok().map(|n| (event(n), r)) });
            sse::respond(futures::stream::iter([event(first)]).chain(live), stop)
        }
    };
    let web = WebConfig { compress_local: true, timeout: Duration::from_millis(50), ..WebConfig::default() };
    let router = Router::new().route("/events", get(events));
    let server = Server::until(router, web, ServeConfig::default(), shutdown.clone()).await;
    let mut stream = server.connect().await;
    let headers = [("accept-encoding", "gzip, zstd, br"), ("last-event-id", "41")];
    stream.write_all(&request("GET", "/events", &headers, b"")).await.unwrap();
    let head = read_until(&mut stream, "id: 42\n").await;
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    assert!(!head.contains("content-encoding"), "{head}");
    assert!(head.contains("x-accel-buffering: no"), "{head}");
    assert!(head.contains("retry: 2000"), "{head}");
    // Longer than the route's time limit: that ends with the head of the answer.
    tokio::time::sleep(Duration::from_millis(120)).await;
    publish.send(43).unwrap();
    read_until(&mut stream, "id: 43\n").await;
    shutdown.cancel();
    read_until(&mut stream, "0\r\n\r\n").await;
    server.stopped().await;
}

const HANDSHAKE: [(&str, &str); 3] =
    [("upgrade", "websocket"), ("sec-websocket-version", "13"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")];

async fn open(server: &Server) -> TcpStream {
    let mut stream = server.connect().await;
    let text = String::from_utf8(request("GET", "/ws", &HANDSHAKE, b"")).unwrap();
    stream.write_all(text.replace("connection: close", "connection: upgrade").as_bytes()).await.unwrap();
    let head = read_until(&mut stream, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    stream
}

/// A client's frame: masked, with a mask that changes nothing.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match payload.len() {
        n @ 0..126 => bytes.push(0x80 | n as u8),
        n => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(n as u16).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

async fn next(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let reading = async {
        let head = [stream.read_u8().await.unwrap(), stream.read_u8().await.unwrap()];
        let mut payload = vec![0; usize::from(head[1] & 0x7f)];
        stream.read_exact(&mut payload).await.unwrap();
        (head[0] & 0x0f, payload)
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("a frame comes in time")
}

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

async fn sockets(options: Options) -> (Server, Lifecycle) {
    let lifecycle = Lifecycle::default();
    let shared = lifecycle.clone();
    let echo = move |handshake: WebSocketUpgrade| {
        let shared = shared.clone();
        async move {
            ws::upgrade(handshake, options, &shared, |mut socket| async move {
                while let Some(message) = socket.receive().await {
                    let sent = match message {
                        Received::Text(text) => socket.send_text(text).await,
                        Received::Binary(bytes) => socket.send_binary(bytes).await,
                    };
                    if !sent {
                        break;
                    }
                }
            })
        }
    };
    let shutdown = lifecycle.shutdown.clone();
    let router = Router::new().route("/ws", any(echo));
    let server = Server::until(router, WebConfig::default(), ServeConfig::default(), shutdown).await;
    (server, lifecycle)
}

#[tokio::test]
async fn a_socket_echoes_and_says_goodbye_at_shutdown() {
    let (server, lifecycle) = sockets(Options::default()).await;
    let mut stream = open(&server).await;
    stream.write_all(&frame(TEXT, b"hello")).await.unwrap();
    assert_eq!(next(&mut stream).await, (TEXT, b"hello".to_vec()));
    assert_eq!(lifecycle.tasks.len(), 1, "shutdown knows the socket");
    lifecycle.shutdown.cancel();
    let (opcode, payload) = next(&mut stream).await;
    assert_eq!((opcode, &payload[..2]), (CLOSE, &1001_u16.to_be_bytes()[..]));
    lifecycle.tasks.close();
    tokio::time::timeout(PATIENCE, lifecycle.tasks.wait()).await.expect("the socket's task ends");
    server.stopped().await;
}

#[tokio::test]
async fn a_silent_socket_is_pinged_and_then_closed() {
    let options = Options { ping: Duration::from_millis(30), missed_pings: 2, ..Options::default() };
    let (server, _lifecycle) = sockets(options).await;
    let mut stream = open(&server).await;
    // Answered pings keep it open.
    for _ in 0..4 {
        assert_eq!(next(&mut stream).await.0, PING);
        stream.write_all(&frame(PONG, b"")).await.unwrap();
    }
    let mut pings = 0;
    loop {
        match next(&mut stream).await {
            (PING, _) => pings += 1,
            (opcode, payload) => {
                assert_eq!((opcode, &payload[..2]), (CLOSE, &1008_u16.to_be_bytes()[..]));
                break;
            }
        }
    }
    assert!(pings <= 2, "{pings}");
}

#[tokio::test]
async fn a_message_that_is_too_large_closes_the_socket() {
    let (server, lifecycle) = sockets(Options { max_message: 1000, ..Options::default() }).await;
    let mut stream = open(&server).await;
    stream.write_all(&frame(TEXT, &[b'a'; 2000])).await.unwrap();
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the socket is closed");
    lifecycle.tasks.close();
    tokio::time::timeout(PATIENCE, lifecycle.tasks.wait()).await.expect("the socket's task ends");
}
