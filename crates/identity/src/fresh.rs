//! A small cache of what the database says, believed only as long as [`Freshness`] allows. It is what makes a credential
//! cheap to check on every request and still dead everywhere within two seconds of its revocation: a change made through
//! this process is forgotten at once, one made by another process as soon as it is heard of, or within the second.

use std::hash::Hash;

use moka::sync::Cache;

use crate::freshness::{Freshness, ReadAt};

/// Answers by key.
pub(crate) struct Fresh<K, V> {
    freshness: Freshness,
    // It only bounds the memory; age is judged by the injected clock, which tests can move.
    entries: Cache<K, (ReadAt, V)>,
}

impl<K, V> Clone for Fresh<K, V> {
    fn clone(&self) -> Self {
        Self { freshness: self.freshness.clone(), entries: self.entries.clone() }
    }
}

impl<K, V> Fresh<K, V>
where
    K: Hash + Eq + Copy + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A cache of at most `capacity` answers.
    pub(crate) fn new(freshness: Freshness, capacity: u64) -> Self {
        Self { freshness, entries: Cache::new(capacity) }
    }

    /// The answer for `key`: the remembered one while it is fresh, else what `read` finds.
    pub(crate) async fn get<E, F>(&self, key: K, read: impl FnOnce() -> F + Send) -> Result<V, E>
    where
        F: Future<Output = Result<V, E>> + Send,
    {
        let now = self.freshness.now();
        if let Some((read_at, value)) = self.entries.get(&key)
            && self.freshness.holds(read_at, now)
        {
            return Ok(value);
        }
        let value = read().await?;
        self.entries.insert(key, (now, value.clone()));
        Ok(value)
    }

    /// Forgets the answer for `key`, after a change to what it tells of.
    pub(crate) fn forget(&self, key: &K) {
        self.entries.invalidate(key);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use rhiza_kernel::Env;

    use super::*;

    #[tokio::test]
    async fn an_answer_is_remembered_for_a_second_and_not_longer() {
        let (env, clock) = Env::fixed(chrono::DateTime::from_timestamp(0, 0).unwrap(), 1);
        let fresh = Fresh::new(Freshness::new(env), 10);
        let ask = |answer: i32| {
            let fresh = fresh.clone();
            async move { fresh.get("key", || async move { Ok::<_, Infallible>(answer) }).await.unwrap() }
        };
        assert_eq!(ask(1).await, 1);
        clock.advance(Duration::from_millis(999));
        assert_eq!(ask(2).await, 1);
        clock.advance(Duration::from_millis(1));
        assert_eq!(ask(3).await, 3);
        fresh.forget(&"key");
        assert_eq!(ask(4).await, 4);
    }

    #[tokio::test]
    async fn a_failed_read_is_not_remembered() {
        let (env, _) = Env::fixed(chrono::DateTime::from_timestamp(0, 0).unwrap(), 1);
        let fresh: Fresh<&str, i32> = Fresh::new(Freshness::new(env), 10);
        assert_eq!(fresh.get("key", || async { Err("down") }).await, Err("down"));
        assert_eq!(fresh.get("key", || async { Ok::<_, &str>(1) }).await, Ok(1));
    }
}
