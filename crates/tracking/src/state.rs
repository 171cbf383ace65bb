//! What the routes of this slice share, and the seam through which it learns about projects.

use std::sync::Arc;

use async_trait::async_trait;
use rhiza_kernel::{Env, ProjectScope};
use rhiza_store::Db;

use crate::error::TrackingResult;

/// A project as MLflow's clients see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// The project's slug.
    pub name: String,
    /// The project's display name.
    pub description: String,
}

/// Tells which projects there are. Implemented where the projects live.
#[async_trait]
pub trait Workspaces: Send + Sync {
    /// The slug of the project.
    async fn name(&self, scope: &ProjectScope) -> TrackingResult<String>;
}

/// What a [`TrackingState`] is made of.
pub struct TrackingParts {
    /// The database.
    pub db: Db,
    /// Time and randomness.
    pub env: Env,
    /// The projects.
    pub workspaces: Arc<dyn Workspaces>,
}

/// What the routes share; cheap to clone.
#[derive(Clone)]
pub struct TrackingState(Arc<TrackingParts>);

impl TrackingState {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: TrackingParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for TrackingState {
    type Target = TrackingParts;

    fn deref(&self) -> &TrackingParts {
        &self.0
    }
}
