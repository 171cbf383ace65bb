//! The limiter itself: one call, answered by Redis while it is there and by this process otherwise.

use std::sync::Arc;
use std::time::Duration;

use rhiza_kernel::Env;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::gcra::{Rate, Verdict, nanos};
use super::key::{BucketKey, Subject};
use super::local::Local;
use super::redis::Shared;

/// Where buckets are kept.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// `redis://…` or `rediss://…`.
    pub url: SecretString,
    /// How long one decision may take.
    pub timeout: Duration,
}

/// The address of Redis is none.
#[derive(Debug, thiserror::Error)]
#[error("limits.redis_url is no address of a Redis server: {0}")]
pub struct RedisAddressError(String);

/// Limits how often something is done. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Limiter(Arc<Parts>);

struct Parts {
    env: Env,
    local: Local,
    shared: Option<Shared>,
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter").field("shared", &self.is_shared()).finish_non_exhaustive()
    }
}

impl Limiter {
    /// Counts in this process only.
    #[must_use]
    pub fn local(env: Env) -> Self {
        Self(Arc::new(Parts { env, local: Local::new(), shared: None }))
    }

    /// Counts in Redis, and in this process while Redis does not answer: N processes then let through up to N times
    /// as much, which is better than nothing and better than refusing everybody. Needs [`Limiter::run`].
    ///
    /// # Errors
    /// The address is none.
    pub fn shared(env: Env, options: &RedisOptions) -> Result<Self, RedisAddressError> {
        let shared = Shared::new(&options.url, options.timeout).map_err(|e| RedisAddressError(e.to_string()))?;
        Ok(Self(Arc::new(Parts { env, local: Local::new(), shared: Some(shared) })))
    }

    /// Keeps the connection to Redis until `shutdown`; does nothing without Redis. Belongs to the task tracker.
    pub async fn run(self, shutdown: CancellationToken) {
        match &self.0.shared {
            Some(shared) => shared.run(shutdown).await,
            None => shutdown.cancelled().await,
        }
    }

    /// Whether decisions are made in Redis at this moment.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.0.shared.as_ref().is_some_and(Shared::is_up)
    }

    /// Takes `cost` units from the bucket `name` of `subject`. A cost of 0 only looks. A bucket's name must always
    /// come with the same kind of rate.
    pub async fn take(&self, name: &'static str, subject: Subject, rate: Rate, cost: u32) -> Verdict {
        if rate.is_unlimited() {
            return Verdict::UNLIMITED;
        }
        let key = BucketKey::new(name, subject);
        let shared = match &self.0.shared {
            Some(shared) => shared.take(key, rate, cost).await,
            None => None,
        };
        let verdict = shared.unwrap_or_else(|| self.0.local.take(key, rate, self.now(), cost));
        counted(key, verdict)
    }

    /// As [`Limiter::take`], always in this process: for limits that protect the process itself.
    pub fn take_here(&self, name: &'static str, subject: Subject, rate: Rate, cost: u32) -> Verdict {
        let key = BucketKey::new(name, subject);
        counted(key, self.0.local.take(key, rate, self.now(), cost))
    }

    /// Notes `subject` in a bucket of one, for as long as the bucket takes to fill.
    pub(super) fn remember(&self, name: &'static str, subject: Subject, rate: Rate) {
        self.0.local.take(BucketKey::new(name, subject), rate, self.now(), 1);
    }

    /// Whether `subject` was noted with [`Limiter::remember`] and the bucket has not filled since.
    pub(super) fn remembers(&self, name: &'static str, subject: Subject, rate: Rate) -> bool {
        self.0.local.take(BucketKey::new(name, subject), rate, self.now(), 0).remaining == 0
    }

    /// The clock that never goes back: what people do to the wall clock refuses and frees nobody. One second in, so
    /// that a bucket written in the first moment of a process is told from an empty one.
    fn now(&self) -> u64 {
        nanos(self.0.env.monotonic()).saturating_add(1_000_000_000)
    }
}

/// Only refusals are counted: what is let through is in the metrics of requests already, and this path is hot.
fn counted(key: BucketKey, verdict: Verdict) -> Verdict {
    if !verdict.allowed {
        metrics::counter!("rhiza_limits_refused_total", "bucket" => key.name()).increment(1);
    }
    verdict
}
