//! What the routes of this slice share.

use std::sync::Arc;

use rhiza_kernel::Env;
use rhiza_platform::limits::quota::Quotas;
use rhiza_store::{Blobs, Db};
use tokio_util::sync::CancellationToken;

use crate::experiments::ids::Ids;
use crate::runs::ingest::{self, Ingest};

/// What the routes share; cheap to clone.
#[derive(Clone)]
pub struct TrackingState(Arc<TrackingParts>);

/// The parts of a [`TrackingState`].
#[derive(Clone)]
pub struct TrackingParts {
    /// The database.
    pub db: Db,
    /// Time and randomness.
    pub env: Env,
    /// Where the bytes of artifacts are.
    pub blobs: Blobs,
    /// What organisations may store; without it, as much as they like.
    pub(crate) quotas: Option<Quotas>,
    /// The longest file, in bytes.
    pub(crate) upload_limit: Option<u64>,
    pub(crate) ids: Ids,
    pub(crate) ingest: Ingest,
    /// Ends answers that have no end of their own.
    pub(crate) streams: CancellationToken,
}

/// The task that writes what clients log. Without it nothing is logged.
pub struct Worker(ingest::Worker);

impl Worker {
    /// Runs until the last [`TrackingState`] is gone.
    pub async fn run(self) {
        self.0.run().await;
    }
}

impl TrackingState {
    /// The state, and the task that must run beside it.
    #[must_use]
    pub fn new(db: Db, env: Env, blobs: Blobs) -> (Self, Worker) {
        let (ingest, worker) = Ingest::new(db.clone());
        let ids = Ids::new(db.clone(), env.clone());
        let streams = CancellationToken::new();
        (
            Self(Arc::new(TrackingParts { db, env, blobs, quotas: None, upload_limit: None, ids, ingest, streams })),
            Worker(worker),
        )
    }

    /// The same state, whose event streams end when `shutdown` is cancelled.
    #[must_use]
    pub fn with_shutdown(self, shutdown: CancellationToken) -> Self {
        let mut parts = Arc::unwrap_or_clone(self.0);
        parts.streams = shutdown;
        Self(Arc::new(parts))
    }
}

impl TrackingState {
    /// The same state, which stores no more than `quotas` allow.
    #[must_use]
    pub fn with_quotas(self, quotas: Quotas) -> Self {
        let mut parts = Arc::unwrap_or_clone(self.0);
        parts.quotas = Some(quotas);
        Self(Arc::new(parts))
    }

    /// The same state, which stores no file longer than `bytes`; any length when absent.
    #[must_use]
    pub fn with_upload_limit(self, bytes: Option<u64>) -> Self {
        let mut parts = Arc::unwrap_or_clone(self.0);
        parts.upload_limit = bytes;
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for TrackingState {
    type Target = TrackingParts;

    fn deref(&self) -> &TrackingParts {
        &self.0
    }
}
