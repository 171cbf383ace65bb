//! Where one slice meets another: each seam is a port of the consumer, put on the provider here.

use std::sync::Arc;

use async_trait::async_trait;
use rhiza_identity::{Identity, IdentityError, ProjectRef};
use rhiza_platform::authz::Principal;
use rhiza_tracking::workspaces::{Workspace, Workspaces, WorkspacesState};
use rhiza_tracking::{TrackingError, TrackingResult};

/// Tracking's workspaces are identity's projects.
struct ProjectsAsWorkspaces(Identity);

pub(crate) fn workspaces(identity: &Identity, presigning: bool) -> WorkspacesState {
    WorkspacesState::new(Arc::new(ProjectsAsWorkspaces(identity.clone())), presigning)
}

#[async_trait]
impl Workspaces for ProjectsAsWorkspaces {
    async fn list(&self, principal: &Principal) -> TrackingResult<Vec<Workspace>> {
        let projects = self.0.projects().list_projects(principal).await.map_err(failure)?;
        Ok(projects.into_iter().map(workspace).collect())
    }

    async fn find(&self, principal: &Principal, name: &str) -> TrackingResult<Option<Workspace>> {
        let project = self.0.projects().find_project(principal, name).await.map_err(failure)?;
        Ok(project.map(workspace))
    }
}

fn workspace(project: ProjectRef) -> Workspace {
    Workspace { name: project.slug, description: Some(project.name) }
}

/// Reading projects refuses nothing; what remains is the database.
fn failure(error: IdentityError) -> TrackingError {
    match error {
        IdentityError::Store(store) => TrackingError::Store(store),
        other => TrackingError::Internal(other.to_string()),
    }
}
