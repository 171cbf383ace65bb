//! Password hashing with Argon2id on a bounded pool: never on the async runtime, never more at once than memory
//! allows, and always the same work whether or not the account exists. Hashes that were imported from bcrypt are checked
//! on the same pool; the first right password replaces them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use rhiza_kernel::Env;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

/// What one hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Hashes computed at the same moment; the rest waits.
    pub at_once: usize,
}

impl Default for PasswordCost {
    fn default() -> Self {
        // OWASP's Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane. Two at once: a flood of
        // sign-ins occupies 38 MiB and two threads, whatever its size.
        Self { memory_kib: 19_456, passes: 2, at_once: 2 }
    }
}

/// Callers who may wait for a turn. At some 30 ms a hash the last of them waits a second; more would wait longer
/// than a browser's patience, so they are turned away at once.
const MAX_WAITING: usize = 64;

/// Too many sign-ins at once; trying again in a moment will work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("password hashing is saturated")]
pub struct PasswordsBusy;

/// Hashes and checks passwords. Cheap to clone; clones share the bound.
#[derive(Clone)]
pub struct Passwords {
    inner: Arc<Inner>,
}

struct Inner {
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    computed: AtomicUsize,
    // What a caller without an account is checked against, so that the answer takes as long as any other.
    dummy: String,
    prefix: String,
    env: Env,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords")
    }
}

impl Passwords {
    /// A pool whose hashes cost `cost`.
    ///
    /// # Errors
    /// When Argon2 does not know such a cost.
    pub fn new(cost: PasswordCost, env: Env) -> Result<Self, argon2::Error> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = hash(&argon2, &env.random_bytes::<16>(), b"nobody's password")
            .map_err(|_| argon2::Error::OutputTooShort)?;
        Ok(Self {
            inner: Arc::new(Inner {
                argon2,
                turns: Arc::new(Semaphore::new(cost.at_once.max(1))),
                waiting: AtomicUsize::new(0),
                computed: AtomicUsize::new(0),
                dummy,
                prefix: format!("$argon2id$v=19$m={},t={},p=1$", cost.memory_kib, cost.passes),
                env,
            }),
        })
    }

    /// The hash to store for `password`, as a PHC string with its own random salt.
    ///
    /// # Errors
    /// [`PasswordsBusy`] when too many callers wait already.
    pub async fn hash(&self, password: SecretString) -> Result<String, PasswordsBusy> {
        let salt = self.inner.env.random_bytes::<16>();
        self.run(move |inner| hash(&inner.argon2, &salt, password.expose_secret().as_bytes()).ok())
            .await?
            .ok_or(PasswordsBusy)
    }

    /// Whether `password` belongs to `stored`. Without a stored hash the answer is no, after the same work.
    ///
    /// # Errors
    /// [`PasswordsBusy`] when too many callers wait already.
    pub async fn verify(&self, password: SecretString, stored: Option<String>) -> Result<bool, PasswordsBusy> {
        self.run(move |inner| {
            let known = stored.is_some();
            let text = stored.unwrap_or_else(|| inner.dummy.clone());
            matches(&inner.argon2, password.expose_secret(), &text) && known
        })
        .await
    }

    /// Hashes computed since the start, whatever came of them: what a request costs, and what tests compare to see that
    /// two requests cost the same.
    #[must_use]
    pub fn computed(&self) -> usize {
        self.inner.computed.load(Ordering::SeqCst)
    }

    /// Whether `stored` was made at another cost than today's and should be replaced at the next sign-in.
    #[must_use]
    pub fn is_outdated(&self, stored: &str) -> bool {
        !stored.starts_with(&self.inner.prefix)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> T + Send + 'static,
    ) -> Result<T, PasswordsBusy> {
        let turn = {
            let _place = Place::take(&self.inner.waiting)?;
            Arc::clone(&self.inner.turns).acquire_owned().await.map_err(|_| PasswordsBusy)?
        };
        let inner = Arc::clone(&self.inner);
        // The turn goes into the closure: a caller who hangs up cannot free it while the work still runs.
        let task = tokio::task::spawn_blocking(move || {
            inner.computed.fetch_add(1, Ordering::SeqCst);
            let result = work(&inner);
            drop(turn);
            result
        });
        task.await.map_err(|_| PasswordsBusy)
    }
}

/// A place in the queue, given back when its holder leaves, by whatever way.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, PasswordsBusy> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::SeqCst) >= MAX_WAITING {
            return Err(PasswordsBusy);
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn hash(argon2: &Argon2<'_>, salt: &[u8], password: &[u8]) -> Result<String, argon2::password_hash::Error> {
    Ok(argon2.hash_password_with_salt(password, salt)?.to_string())
}

fn matches(argon2: &Argon2<'_>, password: &str, stored: &str) -> bool {
    if stored.starts_with("$2") {
        // 2^14 rounds take a second; what claims more was not made to be checked.
        let cost = stored.split('$').nth(2).and_then(|cost| cost.parse::<u32>().ok());
        return cost.is_some_and(|cost| cost <= MAX_BCRYPT_COST) && bcrypt::verify(password, stored).unwrap_or(false);
    }
    PasswordHash::new(stored).is_ok_and(|hash| argon2.verify_password(password.as_bytes(), &hash).is_ok())
}

/// The most expensive bcrypt hash that is checked.
const MAX_BCRYPT_COST: u32 = 14;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn pool(at_once: usize) -> Passwords {
        let (env, _) = Env::fixed(chrono::DateTime::from_timestamp(1_780_000_000, 0).unwrap(), 1);
        Passwords::new(PasswordCost { memory_kib: 64, passes: 1, at_once }, env).unwrap()
    }

    #[tokio::test]
    async fn only_the_password_itself_opens() {
        let pool = pool(2);
        let stored = pool.hash("tin kettle orbit".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{stored}");
        assert!(pool.verify("tin kettle orbit".into(), Some(stored.clone())).await.unwrap());
        assert!(!pool.verify("tin kettle orbi".into(), Some(stored.clone())).await.unwrap());
        assert!(!pool.verify("".into(), Some(stored)).await.unwrap());
        assert!(!pool.verify("x".into(), Some("not a hash".into())).await.unwrap());
    }

    #[tokio::test]
    async fn the_dummy_hash_opens_to_nobody_and_costs_what_a_real_one_does() {
        assert!(!pool(1).is_outdated(&pool(1).inner.dummy));
        assert!(!pool(1).verify("nobody's password".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn two_hashes_of_one_password_differ() {
        let pool = pool(2);
        assert_ne!(pool.hash("same".into()).await.unwrap(), pool.hash("same".into()).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_is_outdated() {
        let pool = pool(1);
        assert!(!pool.is_outdated(&pool.hash("x".into()).await.unwrap()));
        assert!(pool.is_outdated("$argon2id$v=19$m=32,t=1,p=1$c2FsdHNhbHQ$aGFzaA"));
    }

    #[tokio::test]
    async fn a_hash_from_bcrypt_opens_and_is_outdated() {
        let pool = pool(1);
        // Made by Python's bcrypt and by PHP: `$2b$` and `$2y$` are one algorithm.
        let stored = bcrypt::hash("tin kettle orbit 9", 4).unwrap();
        for stored in [stored.clone(), stored.replacen("$2b$", "$2y$", 1), stored.replacen("$2b$", "$2a$", 1)] {
            assert!(pool.verify("tin kettle orbit 9".into(), Some(stored.clone())).await.unwrap(), "{stored}");
            assert!(!pool.verify("tin kettle orbit 8".into(), Some(stored.clone())).await.unwrap());
            assert!(pool.is_outdated(&stored));
        }
        for broken in ["$2", "$2b$", "$2b$xx$abc", &stored[..40], &stored.replacen("$04$", "$31$", 1)] {
            assert!(!pool.verify("tin kettle orbit 9".into(), Some(broken.to_owned())).await.unwrap(), "{broken}");
        }
    }

    #[tokio::test]
    async fn a_flood_is_turned_away_and_the_pool_recovers() {
        let pool = pool(1);
        let turn = Arc::clone(&pool.inner.turns).acquire_owned().await.unwrap();
        let waiting: Vec<_> = (0..MAX_WAITING)
            .map(|_| {
                let pool = pool.clone();
                Box::pin(async move { pool.verify("x".into(), None).await })
            })
            .collect();
        let mut waiting = waiting;
        for place in &mut waiting {
            let polled = tokio::time::timeout(Duration::from_millis(1), place).await;
            assert!(polled.is_err(), "it should wait for its turn");
        }
        assert_eq!(pool.verify("x".into(), None).await, Err(PasswordsBusy));
        drop(waiting);
        drop(turn);
        assert_eq!(pool.verify("x".into(), None).await, Ok(false));
    }
}
