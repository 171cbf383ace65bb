//! Places from which an account's owner has signed in. They set the owner apart from strangers who try to guess.

use std::time::Duration;

use async_trait::async_trait;
use rhiza_kernel::Env;
use rhiza_store::{Db, StoreError};
use serde_json::{Value, json};

use super::key::Subject;
use super::system;
use crate::jobs::{JobContext, JobError, JobHandler, Schedule};

/// A place where nobody has signed in for so long is a stranger's again.
const REMEMBERED: chrono::Duration = chrono::Duration::days(90);

/// The known places of all accounts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KnownPlaces {
    db: Db,
    env: Env,
}

impl KnownPlaces {
    /// The known places in `db`.
    #[must_use]
    pub const fn new(db: Db, env: Env) -> Self {
        Self { db, env }
    }

    /// Notes that the owner of `account` was at `place`.
    ///
    /// # Errors
    /// Database failures.
    pub async fn remember(&self, account: Subject, place: Subject) -> Result<(), StoreError> {
        system::remember_place(&self.db, account, place, self.env.now()).await
    }

    /// Whether the owner of `account` was at `place` in the last 90 days.
    ///
    /// # Errors
    /// Database failures.
    pub async fn knows(&self, account: Subject, place: Subject) -> Result<bool, StoreError> {
        system::knows_place(&self.db, account, place, self.env.now() - REMEMBERED).await
    }

    /// Forgets all places of `account`: its owner says that somebody else was there, or deletes it.
    ///
    /// # Errors
    /// Database failures.
    pub async fn forget(&self, account: Subject) -> Result<(), StoreError> {
        system::forget_places(&self.db, account).await
    }
}

/// Removes places that are no longer remembered, and the last batches of processes that are long gone.
#[derive(Debug, Clone)]
pub struct Purge(pub Db);

/// When [`Purge`] runs.
pub const PURGE_SCHEDULE: Schedule =
    Schedule { name: "limits.purge", kind: Purge::KIND, every: Duration::from_secs(24 * 3600), input: Value::Null };

impl Purge {
    /// The job's kind.
    pub const KIND: &'static str = "limits.purge";
}

#[async_trait]
impl JobHandler for Purge {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    async fn run(&self, context: JobContext) -> Result<Value, JobError> {
        let removed = system::purge(&self.0, context.env().now() - REMEMBERED).await?;
        Ok(json!({ "removed": removed }))
    }
}
