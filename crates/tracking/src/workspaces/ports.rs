//! The port to whoever knows which projects a caller may enter.

use async_trait::async_trait;
use rhiza_platform::authz::Principal;

use super::model::Workspace;
use crate::error::TrackingResult;

/// Knows the projects of an organisation.
#[async_trait]
pub trait Workspaces: Send + Sync {
    /// Those the caller may enter.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn list(&self, principal: &Principal) -> TrackingResult<Vec<Workspace>>;

    /// The one of that name, if the caller may enter it. `default` always names one when there is any.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn find(&self, principal: &Principal, name: &str) -> TrackingResult<Option<Workspace>>;
}
