//! Founding: the first organisation, its owner and its first project, exactly once.

use rhiza_kernel::{Env, OrgScope, Role};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::Caller;
use rhiza_platform::outbox::{self, Event};
use rhiza_store::{Db, Tx};
use serde_json::json;
use url::Url;

use super::model::Founding;
use super::{NewOwner, Owner, SetupToken, system};
use crate::errors::IdentityError;
use crate::keys::{self, ApiKey, KeyText, Scopes};
use crate::organizations::{self, Organization, Project};
use crate::people::{self, Passwords, User};
use crate::sessions::{self, Browser, How, Opened, Sessions};

/// The link that makes whoever follows it the owner; nothing once there is one. Each call makes a new link and
/// spoils the one before, so the newest in the log is the one that works.
///
/// # Errors
/// When the database does not answer.
pub async fn ensure_link(db: &Db, env: &Env, public_url: &Url) -> Result<Option<String>, IdentityError> {
    if !system::is_unclaimed(db).await? {
        return Ok(None);
    }
    let token = SetupToken::generate(env);
    if !system::replace_token(db, token.hash(), env.now()).await? {
        return Ok(None);
    }
    Ok(Some(format!("{}/setup?token={}", public_url.as_str().trim_end_matches('/'), token.expose())))
}

/// Makes the first owner without a browser, with a key of the whole organisation.
///
/// # Errors
/// [`IdentityError::AlreadySetUp`] when there is an owner, [`IdentityError::Invalid`] with every unacceptable field.
pub async fn init_owner(db: &Db, env: &Env, passwords: &Passwords, owner: NewOwner) -> Result<Owner, IdentityError> {
    let founding = owner.check()?;
    if !system::is_unclaimed(db).await? {
        return Err(IdentityError::AlreadySetUp);
    }
    let hash = passwords.hash(founding.password.clone()).await?;
    let tx = system::begin(db).await?;
    let founded = found(&tx, env, &founding, &hash).await?;
    let text = KeyText::generate(env);
    let key = ApiKey {
        id: env.new_id(),
        project: None,
        name: "rhiza admin init".to_owned(),
        prefix: text.shown(),
        scopes: Scopes::All,
        role: None,
        created_by: founded.owner.id,
        service_account: None,
        allowed_networks: None,
        rotated_from: None,
        created_at: env.now(),
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    };
    keys::store::insert(&tx, &founded.scope, &key, text.hash()).await?;
    let caller = Caller::system();
    record(&tx, env, &founded, &caller).await?;
    keys::record_created(&tx, &founded.scope, &caller, &key, env).await?;
    tx.commit().await?;
    Ok(Owner {
        organization_id: founded.scope.org,
        project_id: founded.project.id,
        user_id: founded.owner.id,
        api_key: text.expose().to_owned(),
    })
}

/// Set-up by the link. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    db: Db,
    env: Env,
    passwords: Passwords,
    sessions: Sessions,
}

impl Setup {
    pub(crate) fn new(db: Db, env: Env, passwords: Passwords, sessions: Sessions) -> Self {
        Self { db, env, passwords, sessions }
    }

    /// Whether the installation still waits for its owner.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn is_needed(&self) -> Result<bool, IdentityError> {
        Ok(system::is_unclaimed(&self.db).await?)
    }

    /// Founds the installation and signs its owner in. Of two who follow one link, one succeeds.
    ///
    /// # Errors
    /// [`IdentityError::SetupToken`], [`IdentityError::AlreadySetUp`], or every unacceptable field.
    pub(crate) async fn complete(
        &self,
        token: &str,
        owner: NewOwner,
        browser: &Browser,
    ) -> Result<Opened, IdentityError> {
        if !system::is_unclaimed(&self.db).await? {
            return Err(IdentityError::AlreadySetUp);
        }
        let token = SetupToken::parse(token).ok_or(IdentityError::SetupToken)?;
        // Before the password is hashed: strangers cannot make us do that work.
        if !system::token_is_good(&self.db, token.hash()).await? {
            return Err(IdentityError::SetupToken);
        }
        let founding = owner.check()?;
        let hash = self.passwords.hash(founding.password.clone()).await?;
        let tx = system::begin(&self.db).await?;
        if !system::knows_token(&tx, token.hash()).await? {
            return Err(match system::is_unclaimed(&self.db).await? {
                true => IdentityError::SetupToken,
                false => IdentityError::AlreadySetUp,
            });
        }
        let founded = found(&tx, &self.env, &founding, &hash).await?;
        let opened = self.sessions.write(&tx, &founded.scope, &founded.owner, How::PASSWORD, browser).await?;
        record(&tx, &self.env, &founded, &sessions::caller(&opened.actor, browser)).await?;
        tx.commit().await?;
        Ok(opened)
    }
}

/// What founding made.
struct Founded {
    scope: OrgScope,
    organization: Organization,
    owner: User,
    project: Project,
}

async fn found(tx: &Tx, env: &Env, founding: &Founding, hash: &str) -> Result<Founded, IdentityError> {
    let now = env.now();
    if !system::claim(tx, now).await? {
        return Err(IdentityError::AlreadySetUp);
    }
    let organization = Organization {
        id: env.new_id(),
        name: founding.organization.clone(),
        slug: founding.organization_slug.to_string(),
    };
    let user =
        User { id: env.new_id(), email: founding.email.as_str().to_owned(), name: founding.name.as_str().to_owned() };
    let project = Project {
        id: env.new_id(),
        name: founding.project.clone(),
        slug: founding.project_slug.to_string(),
        is_private: false,
        revision: 1,
        created_at: now,
        archived_at: None,
    };
    let scope = OrgScope::new(organization.id);
    organizations::system::insert_organization(tx, &organization, now).await?;
    people::system::insert_user(tx, user.id, &founding.email, &user.name, hash, now).await?;
    organizations::system::insert_membership(tx, scope.org, user.id, Role::Owner.into(), now).await?;
    organizations::store::insert_project(tx, &scope, &project).await?;
    Ok(Founded { scope, organization, owner: user, project })
}

/// Writes what the audit chain and other slices learn of the founding.
async fn record(tx: &Tx, env: &Env, founded: &Founded, caller: &Caller) -> Result<(), IdentityError> {
    let Founded { scope, organization, owner, project } = founded;
    let shown = json!({
        "organization": { "id": organization.id, "name": organization.name, "slug": organization.slug },
        "owner": { "id": owner.id, "email": owner.email },
        "project": { "id": project.id, "name": project.name, "slug": project.slug },
    });
    let created = [
        ("rhiza.identity.organization.created", organization.id.to_string(), &shown["organization"]),
        ("rhiza.identity.project.created", project.id.to_string(), &shown["project"]),
    ];
    for (kind, subject, data) in created {
        outbox::emit(tx, scope, Event::new(kind, subject).data(data), env).await?;
    }
    let entry = Entry::new(caller, "identity.installation.set_up", organization.id.to_string()).after(&shown);
    audit::record(tx, scope, entry, env).await?;
    Ok(())
}
