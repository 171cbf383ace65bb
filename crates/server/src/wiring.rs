//! Where slices meet. A slice that needs another owns a small trait for what it needs; here stands the adapter, one per
//! seam, so that every dependency between slices can be read on this page.

use async_trait::async_trait;
use rhiza_identity::Identity;
use rhiza_kernel::ProjectScope;
use rhiza_tracking::{TrackingError, TrackingResult, Workspaces};

/// MLflow's workspaces are identity's projects.
pub(crate) struct ProjectWorkspaces(pub(crate) Identity);

#[async_trait]
impl Workspaces for ProjectWorkspaces {
    async fn name(&self, scope: &ProjectScope) -> TrackingResult<String> {
        let found = self.0.projects().slug_of(&scope.org_scope(), scope.project).await;
        let slug = found.map_err(|e| TrackingError::Internal(e.to_string()))?;
        slug.ok_or_else(|| TrackingError::missing("Workspace not found"))
    }
}
