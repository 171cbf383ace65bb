//! The job that removes the deleted, and when the jobs of this slice run.

use std::time::Duration;

use async_trait::async_trait;
use rhiza_platform::jobs::{JobContext, JobError, JobHandler, Schedule};
use rhiza_store::Db;
use serde_json::Value;

use super::service;
use crate::artifacts::CollectGarbage;

const HOUR: Duration = Duration::from_secs(3600);

/// When the deleted are removed. The grace period is counted in days, so an hour more or less does not matter.
pub const PURGE_SCHEDULE: Schedule =
    Schedule { name: PurgeDeleted::KIND, kind: PurgeDeleted::KIND, every: HOUR, input: Value::Null };

/// When garbage is collected. It lists every blob there is.
pub const COLLECT_SCHEDULE: Schedule = Schedule {
    name: CollectGarbage::KIND,
    kind: CollectGarbage::KIND,
    every: HOUR.saturating_mul(6),
    input: Value::Null,
};

/// Removes for good what has been deleted longer than a grace period.
pub struct PurgeDeleted {
    db: Db,
    grace: Duration,
}

impl PurgeDeleted {
    /// The job's kind.
    pub const KIND: &'static str = "tracking.purge_deleted";

    /// A job that waits `grace`.
    #[must_use]
    pub const fn new(db: Db, grace: Duration) -> Self {
        Self { db, grace }
    }
}

#[async_trait]
impl JobHandler for PurgeDeleted {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    async fn run(&self, context: JobContext) -> Result<Value, JobError> {
        let cancelled = context.cancelled().clone();
        let env = context.env().clone();
        let purged = service::purge(&self.db, &env, self.grace, move || !cancelled.is_cancelled())
            .await
            .map_err(JobError::retry)?;
        context.check()?;
        serde_json::to_value(purged).map_err(JobError::retry)
    }
}
