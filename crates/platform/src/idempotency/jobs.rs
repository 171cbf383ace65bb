//! The job that removes expired keys.

use std::time::Duration;

use async_trait::async_trait;
use rhiza_store::Db;
use serde_json::{Value, json};

use super::system::purge;
use crate::jobs::{JobContext, JobError, JobHandler, Schedule};

const KIND: &str = "platform.purge_idempotency_keys";

/// When the job runs. Expired keys are ignored anyway; hourly keeps the table small.
pub const PURGE_SCHEDULE: Schedule =
    Schedule { name: KIND, kind: KIND, every: Duration::from_secs(3600), input: Value::Null };

/// Removes expired keys.
#[derive(Debug, Clone)]
pub struct Purge(pub Db);

#[async_trait]
impl JobHandler for Purge {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, context: JobContext) -> Result<Value, JobError> {
        Ok(json!({ "removed": purge(&self.0, context.env()).await? }))
    }
}
