//! The background job that collects garbage.

use std::time::Duration;

use async_trait::async_trait;
use rhiza_platform::jobs::{JobContext, JobError, JobHandler};
use rhiza_store::{Blobs, Db};
use serde_json::Value;

use super::system;

/// Removes blobs that nothing refers to, a grace period after they became garbage.
pub struct CollectGarbage {
    db: Db,
    blobs: Blobs,
    grace: Duration,
}

impl CollectGarbage {
    /// The job's kind.
    pub const KIND: &'static str = "tracking.collect_garbage";

    /// A collector that waits `grace`.
    #[must_use]
    pub const fn new(db: Db, blobs: Blobs, grace: Duration) -> Self {
        Self { db, blobs, grace }
    }
}

#[async_trait]
impl JobHandler for CollectGarbage {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    async fn run(&self, context: JobContext) -> Result<Value, JobError> {
        let cancelled = context.cancelled().clone();
        let env = context.env().clone();
        let done = system::collect(&self.db, &self.blobs, &env, self.grace, move || !cancelled.is_cancelled())
            .await
            .map_err(JobError::retry)?;
        serde_json::to_value(done).map_err(JobError::retry)
    }
}
