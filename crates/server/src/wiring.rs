//! Where one slice meets another: each seam is a port of the consumer, put on the provider here.

use std::sync::Arc;

use async_trait::async_trait;
use rhiza_identity::{Identity, IdentityError, ProjectRef};
use rhiza_kernel::OrgScope;
use rhiza_platform::authz::Principal;
use rhiza_platform::config::Config;
use rhiza_platform::mail::{Delivery, MailFault, Recipients, SmtpAddress, SmtpOptions};
use rhiza_store::{Db, StoreError};
use rhiza_tracking::workspaces::{Workspace, Workspaces, WorkspacesState};
use rhiza_tracking::{TrackingError, TrackingResult};
use secrecy::ExposeSecret as _;

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

/// The developer's mailbox shows the letters to identity's people.
struct MembersAsRecipients(Db);

pub(crate) fn recipients(db: &Db) -> Arc<dyn Recipients> {
    Arc::new(MembersAsRecipients(db.clone()))
}

#[async_trait]
impl Recipients for MembersAsRecipients {
    async fn addresses(&self, scope: &OrgScope) -> Result<Vec<String>, StoreError> {
        rhiza_identity::member_addresses(&self.0, scope.org).await
    }
}

/// Where letters go, as the settings say.
pub(crate) fn delivery(config: &Config) -> Result<Delivery, MailFault> {
    let mail = &config.mail;
    if mail.smtp_url.is_empty() {
        return Ok(Delivery::show());
    }
    let address = SmtpAddress::parse(&mail.smtp_url).map_err(|e| MailFault::Settings(format!("mail.smtp_url {e}")))?;
    let authority = match mail.smtp_ca_file.as_str() {
        "" => None,
        file => Some(std::fs::read(file).map_err(|e| MailFault::Settings(format!("mail.smtp_ca_file {file}: {e}")))?),
    };
    let user = (!mail.smtp_user.is_empty()).then(|| mail.smtp_user.clone());
    Delivery::smtp(&SmtpOptions {
        address,
        credentials: user.map(|user| (user, mail.smtp_password.expose_secret().into())),
        from: mail.from.clone(),
        authority,
        timeout: std::time::Duration::from_secs(mail.smtp_timeout_seconds),
    })
}
