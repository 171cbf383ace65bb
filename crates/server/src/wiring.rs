//! Where one slice meets another: each seam is a port of the consumer, put on the provider here.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rhiza_identity::{Identity, IdentityError, OidcProvider, ProjectRef};
use rhiza_kernel::{Env, OrgScope};
use rhiza_platform::authz::Principal;
use rhiza_platform::child::{ChildLimits, Children, Workshop};
use rhiza_platform::config::{Config, OutboundConfig};
use rhiza_platform::mail::{Delivery, MailFault, Recipients, SmtpAddress, SmtpOptions};
use rhiza_platform::outbound::{GuardedClient, Limits, Outbound, OutboundError, Purpose};
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
        timeout: Duration::from_secs(mail.smtp_timeout_seconds),
    })
}

/// The OpenID providers of the settings.
pub(crate) fn providers(config: &Config) -> Vec<OidcProvider> {
    let settings = config.identity.oidc.iter();
    let provider = settings.map(|(name, provider)| OidcProvider {
        name: name.clone(),
        label: if provider.label.is_empty() { name.clone() } else { provider.label.clone() },
        issuer: provider.issuer.clone(),
        client_id: provider.client_id.clone(),
        client_secret: provider.client_secret.clone(),
        scopes: provider.scopes.clone(),
        allowed_domains: provider.allowed_domains.iter().map(|domain| domain.to_lowercase()).collect(),
        organization: provider.organization.clone(),
        trusted_emails: provider.trusted_emails,
        trusted_second_factor: provider.trusted_second_factor,
    });
    provider.collect()
}

/// The way to the providers. The operator has chosen them, so their own hosts may be on an inner network; where a
/// provider sends us on to is held to the rule for everybody.
pub(crate) fn outbound_to_providers(config: &Config, env: &Env) -> Result<Outbound, OutboundError> {
    let issuers = config.identity.oidc.values().filter_map(|provider| url::Url::parse(&provider.issuer).ok());
    let hosts = issuers.filter_map(|url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?)));
    let allow = config.outbound.allow.iter().cloned().chain(hosts).collect();
    Outbound::new(&OutboundConfig { allow, ..config.outbound.clone() }, env.clone())
}

/// Where child processes work, and what each may use.
pub(crate) fn workshop(config: &Config, env: &Env) -> std::io::Result<Workshop> {
    let jobs = &config.jobs;
    let threads = match jobs.child_threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    };
    let limits = ChildLimits {
        memory: jobs.child_memory_mib.saturating_mul(MIB),
        processor: Duration::from_secs(jobs.child_processor_seconds),
        file: CHILD_FILE,
        open_files: CHILD_FILES,
        threads,
    };
    Workshop::open(&config.data_dir.join("work"), Children::of_this_program()?, limits, env.clone())
}

const MIB: u64 = 1 << 20;
/// A model of the largest kind is a fraction of this.
const CHILD_FILE: u64 = 4 << 30;
/// Children open their input and their results, one after the other.
const CHILD_FILES: u64 = 256;

/// The way to the files that people name by address. Large ones take their time; none may hang.
pub(crate) fn outbound_to_files(config: &Config, env: &Env) -> Result<GuardedClient, OutboundError> {
    let limits = Limits {
        first_byte: Duration::from_secs(60),
        silence: Duration::from_secs(30),
        total: Some(Duration::from_secs(3600)),
        ..Limits::default()
    };
    Outbound::new(&config.outbound, env.clone())?.client(Purpose::Other(limits))
}
