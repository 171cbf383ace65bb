//! How long what is known of keys, sessions and memberships may be believed without asking the database again.
//!
//! A second, always: that alone makes every revocation hold everywhere within two. Where the database tells of changes
//! (PostgreSQL, by triggers on the tables concerned) it is longer, but only as long as news demonstrably arrives: a
//! heartbeat goes the same way as the news, and when it stays out for a second and a half, so may the news have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rhiza_kernel::Env;
use rhiza_store::{Db, Listener, StoreError};
use tokio_util::sync::CancellationToken;

/// How old an answer may be without news.
const WITHOUT_NEWS: Duration = Duration::from_secs(1);

/// How old an answer may be while news arrives and none of it was of a change.
const WITH_NEWS: Duration = Duration::from_secs(60);

/// How often a heartbeat is sent, and how long after one it is believed that news arrives.
const BEAT_EVERY: Duration = Duration::from_millis(500);
const BEAT_LASTS: Duration = Duration::from_millis(1500);

/// Where the triggers announce changes, and what a heartbeat says.
const CHANNEL: &str = "rhiza_access";
const BEAT: &str = "beat";

/// How long to wait before listening again after the connection was lost.
const LISTEN_AGAIN: Duration = Duration::from_secs(2);

/// When an answer was read, and at which state of the news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadAt {
    at: Duration,
    changes: u64,
}

/// Cheap to clone; clones share the news.
#[derive(Clone)]
pub(crate) struct Freshness {
    env: Env,
    news: Arc<News>,
}

#[derive(Default)]
struct News {
    /// Changes heard of so far.
    changes: AtomicU64,
    /// Until when, in milliseconds of the monotonic clock, it is believed that news arrives.
    trusted_until: AtomicU64,
}

impl Freshness {
    pub(crate) fn new(env: Env) -> Self {
        Self { env, news: Arc::default() }
    }

    /// The moment before reading: an answer is as old as the question.
    pub(crate) fn now(&self) -> ReadAt {
        ReadAt { at: self.env.monotonic(), changes: self.news.changes.load(Ordering::Acquire) }
    }

    /// Whether what was read at `then` may still be believed at `now`.
    pub(crate) fn holds(&self, then: ReadAt, now: ReadAt) -> bool {
        let age = now.at.saturating_sub(then.at);
        age < WITHOUT_NEWS || (age < WITH_NEWS && then.changes == now.changes && self.hears_news(now.at))
    }

    fn hears_news(&self, now: Duration) -> bool {
        now < Duration::from_millis(self.news.trusted_until.load(Ordering::Acquire))
    }

    /// Something has changed.
    fn changed(&self) {
        self.news.changes.fetch_add(1, Ordering::AcqRel);
    }

    fn heartbeat(&self) {
        let until = self.env.monotonic() + BEAT_LASTS;
        self.news.trusted_until.store(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// Listens until `shutdown`. Returns at once where there is no other process to hear from.
    pub(crate) async fn run(self, db: Db, shutdown: CancellationToken) {
        loop {
            let heard = tokio::select! {
                () = shutdown.cancelled() => return,
                heard = self.follow(&db) => heard,
            };
            let Err(error) = heard else { return };
            // Answers are believed for a second only until news arrives again: slower, not wrong.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "changes of access are not heard; listening again"
            );
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(LISTEN_AGAIN) => {}
            }
        }
    }

    async fn follow(&self, db: &Db) -> Result<(), StoreError> {
        let Some(listener) = db.listen(CHANNEL).await? else { return Ok(()) };
        // What happened before we listened was not heard.
        self.changed();
        tokio::try_join!(self.hear(listener), self.beat(db))?;
        Ok(())
    }

    async fn hear(&self, mut listener: Listener) -> Result<(), StoreError> {
        loop {
            match listener.next().await?.as_str() {
                BEAT => self.heartbeat(),
                _ => self.changed(),
            }
        }
    }

    async fn beat(&self, db: &Db) -> Result<(), StoreError> {
        loop {
            db.announce(CHANNEL, BEAT).await?;
            tokio::time::sleep(BEAT_EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn freshness() -> (Freshness, Arc<rhiza_kernel::FixedClock>) {
        let (env, clock) = Env::fixed(chrono::DateTime::from_timestamp(1_780_000_000, 0).unwrap(), 1);
        (Freshness::new(env), clock)
    }

    #[test]
    fn without_news_an_answer_holds_for_a_second() {
        let (fresh, clock) = freshness();
        let read = fresh.now();
        clock.advance(Duration::from_millis(999));
        assert!(fresh.holds(read, fresh.now()));
        clock.advance(Duration::from_millis(1));
        assert!(!fresh.holds(read, fresh.now()));
    }

    #[test]
    fn while_news_arrives_it_holds_until_something_changes() {
        let (fresh, clock) = freshness();
        let read = fresh.now();
        for _ in 0..50 {
            clock.advance(Duration::from_secs(1));
            fresh.heartbeat();
            assert!(fresh.holds(read, fresh.now()));
        }
        fresh.changed();
        assert!(!fresh.holds(read, fresh.now()));
        let read = fresh.now();
        clock.advance(Duration::from_secs(61));
        fresh.heartbeat();
        assert!(!fresh.holds(read, fresh.now()), "nothing is believed for ever");
    }

    #[test]
    fn silence_is_not_good_news() {
        let (fresh, clock) = freshness();
        fresh.heartbeat();
        let read = fresh.now();
        clock.advance(Duration::from_millis(1499));
        assert!(fresh.holds(read, fresh.now()));
        clock.advance(Duration::from_millis(1));
        assert!(!fresh.holds(read, fresh.now()));
    }
}
