//! Counting against quotas, and telling what is used.

use std::sync::Arc;
use std::time::Duration;

use rhiza_kernel::{Env, OrgId, OrgScope};
use rhiza_store::{Db, StoreError};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::super::plans::{Plan, Plans};
use super::super::system;
use super::counters::{Counted, Counters, Key};
use super::model::{Quota, QuotaError, QuotaExceeded, Usage};
use super::store;

/// How often counts are written down.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// The quotas of all organisations. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Quotas(Arc<Parts>);

struct Parts {
    db: Db,
    env: Env,
    plans: Arc<Plans>,
    counters: Counters,
    /// Names this process in the database, for as long as it lives.
    process: Uuid,
    /// One batch is written at a time.
    writing: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Quotas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Quotas")
    }
}

impl Quotas {
    /// The quotas that `plans` set, counted in `db`.
    #[must_use]
    pub fn new(db: Db, env: Env, plans: Arc<Plans>) -> Self {
        let process = env.new_uuid();
        let writing = tokio::sync::Mutex::new(());
        Self(Arc::new(Parts { db, env, plans, counters: Counters::default(), process, writing }))
    }

    /// The plan of that name, or the default plan.
    #[must_use]
    pub fn plan(&self, name: &str) -> &Plan {
        self.0.plans.get(name)
    }

    /// Counts `n` units of a monthly quota against an organisation with this plan, unless that would exceed it.
    ///
    /// # Errors
    /// [`QuotaExceeded`]. While the database cannot say what is used, everything is let through and counted.
    pub async fn charge(&self, org: OrgId, plan: &str, quota: Quota, n: u64) -> Result<(), QuotaExceeded> {
        let now = self.0.env.now();
        let key = Key { org, quota, period: quota.period(now) };
        let limit = quota.limit(&self.plan(plan).allowances);
        let counted = match self.0.counters.count(key, n, limit) {
            Counted::Unknown => {
                self.load(key).await;
                self.0.counters.count(key, n, limit)
            }
            counted => counted,
        };
        match (counted, limit) {
            (Counted::Exceeded(used), Some(limit)) => {
                metrics::counter!("rhiza_quota_refused_total", "quota" => quota.name()).increment(1);
                Err(QuotaExceeded { name: quota, limit, used, resets_at: quota.resets_at(now) })
            }
            (Counted::Unknown, _) => {
                self.0.counters.count(key, n, None);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn load(&self, key: Key) {
        match self.stored(key).await {
            Ok(stored) => self.0.counters.load(key, stored),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "what is used of a quota cannot be read");
            }
        }
    }

    async fn stored(&self, key: Key) -> Result<u64, StoreError> {
        let scope = OrgScope::new(key.org);
        let tx = self.0.db.read(&scope).await?;
        let stored = store::used(&tx, &scope, key.quota, key.period).await?;
        tx.rollback().await?;
        Ok(stored)
    }

    /// How many more bytes an organisation may store; `None` when its plan does not say. Fails when `wanted` bytes are
    /// more than that. What is true at this moment need not be so at the end of an upload:
    /// [`QuotaExceeded::check_storage`] decides then.
    ///
    /// # Errors
    /// [`QuotaExceeded`], and database failures.
    pub async fn room_for_bytes(&self, org: OrgId, plan: &str, wanted: u64) -> Result<Option<u64>, QuotaError> {
        let Some(limit) = self.plan(plan).allowances.storage_bytes else { return Ok(None) };
        let used = self.stored(Key { org, quota: Quota::Storage, period: 0 }).await?;
        let room = limit.saturating_sub(used);
        if room == 0 || wanted > room {
            return Err(QuotaExceeded { name: Quota::Storage, limit, used, resets_at: None }.into());
        }
        Ok(Some(room))
    }

    /// Everything an organisation with this plan has used.
    ///
    /// # Errors
    /// Database failures.
    pub async fn usage(&self, org: OrgId, plan: &str) -> Result<Vec<Usage>, StoreError> {
        let (scope, now) = (OrgScope::new(org), self.0.env.now());
        let allowances = &self.plan(plan).allowances;
        // What this process has counted shall be seen by who counted it.
        self.flush().await?;
        let tx = self.0.db.read(&scope).await?;
        let mut usage = Vec::with_capacity(Quota::ALL.len());
        for quota in Quota::ALL {
            let used = match quota {
                Quota::Jobs => store::unfinished_jobs(&tx, &scope).await?,
                _ => store::used(&tx, &scope, quota, quota.period(now)).await?,
            };
            usage.push(Usage { name: quota, limit: quota.limit(allowances), used, resets_at: quota.resets_at(now) });
        }
        tx.rollback().await?;
        Ok(usage)
    }

    /// Writes down what was counted, and learns what other processes have.
    ///
    /// # Errors
    /// Database failures; the same counts are written the next time, once.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let Parts { db, env, counters, process, writing, .. } = &*self.0;
        let _one = writing.lock().await;
        let (batch, keys) = counters.batch();
        if let Some(batch) = batch {
            system::add(db, *process, &batch, env.now()).await?;
            counters.written(batch.number);
        }
        if !keys.is_empty() {
            counters.refresh(&system::used(db, &keys).await?);
        }
        Ok(())
    }

    /// Writes counts down every second until `shutdown`. Belongs to the task tracker. What the last requests count is
    /// written by a last [`Quotas::flush`] after they have ended.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut told = false;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(FLUSH_EVERY) => {}
            }
            match self.flush().await {
                Ok(()) => told = false,
                // Once an outage is enough: it is a line a second otherwise.
                Err(error) if !told => {
                    told = true;
                    tracing::error!(error = &error as &dyn std::error::Error, "uses were not written down yet");
                }
                Err(_) => {}
            }
        }
    }
}
