//! What the routes and jobs of this slice share.

use std::sync::Arc;

use rhiza_kernel::Env;
use rhiza_platform::limits::quota::Quotas;
use rhiza_store::Db;
use rhiza_tracking::TrackingState;
use tokio_util::sync::CancellationToken;

use crate::models::Loaded;

/// What the routes share; cheap to clone.
#[derive(Clone)]
pub struct MlopsState(Arc<Parts>);

/// The parts of an [`MlopsState`].
#[derive(Clone)]
pub struct Parts {
    /// The database.
    pub db: Db,
    /// Time and randomness.
    pub env: Env,
    /// Datasets, runs, files and the registry.
    pub tracking: TrackingState,
    /// How many jobs an organisation may have waiting; without it, as many as it likes.
    pub(crate) quotas: Option<Quotas>,
    /// Models that were asked lately.
    pub(crate) loaded: Loaded,
    /// Ends answers that have no end of their own.
    pub(crate) streams: CancellationToken,
}

impl MlopsState {
    /// The state over what tracking keeps.
    #[must_use]
    pub fn new(tracking: &TrackingState) -> Self {
        Self(Arc::new(Parts {
            db: tracking.db.clone(),
            env: tracking.env.clone(),
            tracking: tracking.clone(),
            quotas: None,
            loaded: Loaded::new(),
            streams: CancellationToken::new(),
        }))
    }

    /// The same state, whose event streams end when `shutdown` is cancelled.
    #[must_use]
    pub fn with_shutdown(self, shutdown: CancellationToken) -> Self {
        let mut parts = Arc::unwrap_or_clone(self.0);
        parts.streams = shutdown;
        Self(Arc::new(parts))
    }

    /// The same state, which queues no more jobs than `quotas` allow.
    #[must_use]
    pub fn with_quotas(self, quotas: Quotas) -> Self {
        let mut parts = Arc::unwrap_or_clone(self.0);
        parts.quotas = Some(quotas);
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for MlopsState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
