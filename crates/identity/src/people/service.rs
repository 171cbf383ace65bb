//! Who am I: what the console needs to know about its user, and a program about its key.

use rhiza_kernel::{KeyId, OrgScope, Permissions, RoleRef};
use rhiza_platform::authz::{Actor, Principal, ServiceAccount};
use rhiza_store::Db;

use super::{User, system};
use crate::errors::IdentityError;
use crate::organizations::{Organization, ProjectRef, Projects, store};

/// A caller's view of themselves.
#[derive(Debug, Clone)]
pub struct Me {
    /// The person; for a key or token, the person it acts for, if it acts for one.
    pub user: Option<User>,
    /// The service account that the key or token acts for, if it acts for one.
    pub service_account: Option<ServiceAccount>,
    /// The key the call was made with, if it was one.
    pub key: Option<KeyId>,
    /// The organisation.
    pub organization: Organization,
    /// The projects that can be entered, with the roles that count in each.
    pub projects: Vec<(ProjectRef, Vec<RoleRef>)>,
    /// The role in the organisation.
    pub role: RoleRef,
    /// What may be done in the chosen project.
    pub permissions: Permissions,
    /// What may be done to the organisation as a whole.
    pub organization_permissions: Permissions,
}

/// What `principal` may know of itself.
pub(crate) async fn me(db: &Db, projects: &Projects, principal: &Principal) -> Result<Me, IdentityError> {
    let user = match principal.actor.user() {
        Some(user) => {
            let member = system::member(db, principal.org, user).await?;
            Some(member.ok_or(IdentityError::NotFound("person"))?)
        }
        None => None,
    };
    let scope = OrgScope::new(principal.org);
    let tx = db.read(&scope).await?;
    let organization = store::organization(&tx, &scope).await?.ok_or(IdentityError::NotFound("organization"))?;
    tx.rollback().await?;
    let key = match &principal.actor {
        Actor::Key { id, .. } => Some(*id),
        _ => None,
    };
    Ok(Me {
        user,
        service_account: principal.actor.service_account().cloned(),
        key,
        organization,
        projects: projects.roles_by_project(principal).await?,
        role: principal.role,
        permissions: principal.in_project.allowed,
        organization_permissions: principal.in_organization.allowed,
    })
}
