//! The job that drops what the policy does not keep.

use std::time::Duration;

use async_trait::async_trait;
use rhiza_kernel::Env;
use rhiza_store::Db;
use serde_json::{Value, json};

use super::store_checkpoints::{self, Dropped, Policy};
use super::system;
use crate::jobs::{JobContext, JobError, JobHandler, Schedule};
use crate::secrets::Sealer;

const KIND: &str = "audit.retain";

/// Every few hours; a day more or less of keeping is no matter.
pub const RETAIN_SCHEDULE: Schedule =
    Schedule { name: KIND, kind: KIND, every: Duration::from_secs(6 * 3600), input: Value::Null };

/// Drops entries of the audit chains that are older than the policy, each time leaving a signed checkpoint.
pub struct Retain {
    db: Db,
    sealer: Sealer,
    days: u32,
}

impl Retain {
    /// Keeps entries for `days`; for ever when 0.
    #[must_use]
    pub const fn new(db: Db, sealer: Sealer, days: u32) -> Self {
        Self { db, sealer, days }
    }

    /// Drops what is too old. Tells how many entries went and how many chains were left alone because they are broken.
    ///
    /// # Errors
    /// Database failures; a signing key that cannot be opened.
    pub async fn run_once(&self, env: &Env, cancelled: impl Fn() -> bool) -> Result<(i64, usize), JobError> {
        if self.days == 0 {
            return Ok((0, 0));
        }
        let days = i64::from(self.days);
        let policy = Policy { days, before: env.now() - chrono::TimeDelta::days(days) };
        let signer = system::signer(&self.db, &self.sealer, env).await.map_err(JobError::retry)?;
        let trusted = system::trusted_keys(&self.db, &self.sealer).await.map_err(JobError::retry)?;
        let (mut dropped, mut broken) = (0, 0);
        for scope in system::chains_older_than(&self.db, policy.before).await.map_err(JobError::retry)? {
            loop {
                if cancelled() {
                    return Err(JobError::Cancelled);
                }
                let tx = self.db.write(&scope).await.map_err(JobError::retry)?;
                let outcome = store_checkpoints::drop_old(&tx, &scope, policy, &signer, &trusted, env).await;
                match outcome.map_err(JobError::retry)? {
                    Dropped::Some(count) => {
                        tx.commit().await.map_err(JobError::retry)?;
                        dropped += count;
                    }
                    Dropped::Nothing => {
                        tx.rollback().await.map_err(JobError::retry)?;
                        break;
                    }
                    Dropped::Broken(faults) => {
                        tx.rollback().await.map_err(JobError::retry)?;
                        let first = faults.first().map(ToString::to_string);
                        tracing::error!(organization = %scope.org, first, "an audit chain is broken; nothing is dropped from it");
                        broken += 1;
                        break;
                    }
                }
            }
        }
        Ok((dropped, broken))
    }
}

#[async_trait]
impl JobHandler for Retain {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, ctx: JobContext) -> Result<Value, JobError> {
        let (dropped, broken) = self.run_once(ctx.env(), || ctx.cancelled().is_cancelled()).await?;
        Ok(json!({ "dropped": dropped, "broken_chains": broken }))
    }
}
