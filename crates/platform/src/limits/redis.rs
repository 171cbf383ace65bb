//! Buckets shared by all processes, in Redis. While Redis does not answer, nobody waits for it: the first call that
//! runs into the time-out (or an error) declares it down, later ones do not even try, and a task in the background
//! tells when it is back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, Script};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::gcra::{Rate, Verdict};
use super::key::BucketKey;

/// Waits between attempts to reach Redis again, doubling from the first to the last.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// A fresh connection may take this many times the time-out of a call: it resolves names and shakes hands.
const CONNECT_FACTOR: u32 = 10;

/// The buckets in Redis.
pub(super) struct Shared {
    client: Client,
    timeout: Duration,
    script: Script,
    /// Present while Redis is believed to answer.
    connection: Mutex<Option<Connection>>,
    lost: Notify,
    /// Whether the present outage was told already.
    told: AtomicBool,
}

#[derive(Clone)]
struct Connection {
    inner: MultiplexedConnection,
    /// Tells one connection from the next, so that a late failure of an old one does not take down the new one.
    number: u64,
}

impl Shared {
    /// Buckets at `url` (`redis://…` or `rediss://…`). Nothing is connected before [`Shared::run`].
    pub(super) fn new(url: &SecretString, timeout: Duration) -> Result<Self, RedisError> {
        let url = url.expose_secret();
        if url.starts_with("rediss://") {
            // Redis's client takes the provider of the process; that there is one already is just as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        Ok(Self {
            client: Client::open(url)?,
            timeout,
            script: Script::new(include_str!("gcra.lua")),
            connection: Mutex::new(None),
            lost: Notify::new(),
            told: AtomicBool::new(false),
        })
    }

    /// Takes `cost` units from the bucket of `key`; `None` while Redis does not answer.
    pub(super) async fn take(&self, key: BucketKey, rate: Rate, cost: u32) -> Option<Verdict> {
        let Connection { mut inner, number } = self.current()?;
        let mut call = self.script.key(format!("rhiza:limit:{key}"));
        // Nanoseconds as microseconds, exactly.
        let unit = format!("{}.{:03}", rate.unit() / 1000, rate.unit() % 1000);
        call.arg(rate.limit()).arg(unit).arg(cost);
        // If the script is unknown (a restart, SCRIPT FLUSH), the client sends it and calls again.
        let answer = tokio::time::timeout(self.timeout, call.invoke_async::<(u8, i64, i64, i64)>(&mut inner)).await;
        let reason = match answer {
            Ok(Ok(numbers)) => return Some(verdict(rate, numbers)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {:?}", self.timeout),
        };
        self.give_up(number, &reason);
        None
    }

    fn current(&self) -> Option<Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn give_up(&self, number: u64, reason: &str) {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if connection.as_ref().is_some_and(|current| current.number == number) {
            *connection = None;
            drop(connection);
            self.report_down(reason);
            self.lost.notify_one();
        }
    }

    fn report_down(&self, reason: &str) {
        metrics::gauge!("rhiza_limits_redis_up").set(0.0);
        metrics::counter!("rhiza_limits_redis_failures_total").increment(1);
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(reason, "Redis does not answer; each process limits by itself until it does");
        }
    }

    /// Keeps a connection until `shutdown`.
    pub(super) async fn run(&self, shutdown: CancellationToken) {
        let mut number = 0;
        let mut wait = RETRY.0;
        loop {
            let connected = tokio::select! {
                () = shutdown.cancelled() => return,
                connected = self.connect() => connected,
            };
            match connected {
                Ok(inner) => {
                    number += 1;
                    wait = RETRY.0;
                    *self.connection.lock().unwrap_or_else(PoisonError::into_inner) =
                        Some(Connection { inner, number });
                    metrics::gauge!("rhiza_limits_redis_up").set(1.0);
                    self.told.store(false, Ordering::Relaxed);
                    tracing::info!("limits are shared through Redis");
                    tokio::select! {
                        () = shutdown.cancelled() => return,
                        () = self.lost.notified() => {}
                    }
                }
                Err(reason) => self.report_down(&reason),
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = (wait * 2).min(RETRY.1);
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, String> {
        let limit = self.timeout.saturating_mul(CONNECT_FACTOR);
        // The time limits are ours, around each call.
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(limit)).set_response_timeout(None);
        let connect = async {
            let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
            self.script.load_async(&mut connection).await?;
            Ok::<_, RedisError>(connection)
        };
        match tokio::time::timeout(limit, connect).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no connection within {limit:?}")),
        }
    }

    /// Whether Redis is believed to answer.
    pub(super) fn is_up(&self) -> bool {
        self.current().is_some()
    }
}

fn verdict(rate: Rate, (allowed, left, reset, retry): (u8, i64, i64, i64)) -> Verdict {
    Verdict {
        allowed: allowed == 1,
        limit: rate.limit(),
        remaining: u32::try_from(left.max(0)).unwrap_or(u32::MAX).min(rate.limit()),
        reset: Duration::from_micros(u64::try_from(reset).unwrap_or(0)),
        retry_after: u64::try_from(retry).ok().map(Duration::from_micros),
    }
}
