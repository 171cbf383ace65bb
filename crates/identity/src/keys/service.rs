//! Making, listing and withdrawing API keys.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, KeyId, OrgScope, Permission, Permissions, RoleRef, TypedId as _, UserId};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::{Access, Caller, Grants, Policies, Principal};
use rhiza_platform::outbox::{self, Event};
use rhiza_store::{Db, StoreError, Tx};
use serde_json::json;

use super::model::ALL;
use super::store::Visible;
use super::{ApiKey, KeyHash, KeyText, Scopes, store, system};
use crate::access::{self, Membership};
use crate::errors::{Faults, IdentityError};
use crate::fresh::Fresh;
use crate::people;

/// A key to be made.
#[derive(Debug, Clone, Default)]
pub struct NewKey {
    /// What people will call it.
    pub name: String,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// Names of permissions, or `*`; absent means what everyday work needs.
    pub scopes: Option<Vec<String>>,
    /// The role it acts in; absent means the maker's own.
    pub role: Option<String>,
    /// Whether it belongs to the whole organisation instead of the chosen project.
    pub organization_wide: bool,
}

/// What each key opens, remembered for a second.
pub(crate) type KnownKeys = Fresh<KeyHash, Option<Arc<system::Opens>>>;

/// The use cases around keys. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Keys {
    db: Db,
    env: Env,
    policies: Policies,
    known: KnownKeys,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    pub(crate) fn new(db: Db, env: Env, policies: Policies, known: KnownKeys) -> Self {
        Self { db, env, policies, known }
    }

    /// Makes a key. Its text is in the result and nowhere else.
    pub(crate) async fn create(&self, access: &Access, new: NewKey) -> Result<(ApiKey, KeyText), IdentityError> {
        let scope = access.scope.org_scope();
        let owner = access.principal.actor.user();
        let owner = owner.ok_or_else(|| IdentityError::Denied("A key needs a person who answers for it.".into()))?;
        let membership = access::system::find(&self.db, scope.org, owner).await?;
        let (name, role, scopes) = self.grants(&access.principal, membership.as_ref(), &new)?;
        let tx = self.db.write(&scope).await?;
        if new.organization_wide {
            may_be_organization_wide(&access.principal)?;
        }
        let text = KeyText::generate(&self.env);
        let key = ApiKey {
            id: self.env.new_id(),
            project: (!new.organization_wide).then_some(access.scope.project),
            name,
            prefix: text.shown(),
            scopes,
            role,
            created_by: owner,
            created_at: self.env.now(),
            expires_at: new.expires_at,
            last_used_at: None,
            revoked_at: None,
        };
        store::insert(&tx, &scope, &key, text.hash()).await?;
        record_created(&tx, &scope, &access.caller, &key, &self.env).await?;
        tx.commit().await?;
        Ok((key, text))
    }

    /// Name, role and scopes of the new key, none of which may exceed what its maker has where the key will work.
    fn grants(
        &self,
        maker: &Principal,
        membership: Option<&Membership>,
        new: &NewKey,
    ) -> Result<(String, Option<RoleRef>, Scopes), IdentityError> {
        let mut faults = Faults::default();
        let name = faults.take("/name", people::display_name(&new.name));
        if new.expires_at.is_some_and(|at| at <= self.env.now()) {
            faults.push("/expires_at", "must be in the future");
        }
        let grants = if new.organization_wide { &maker.in_organization } else { &maker.in_project };
        let includes = |role| membership.map_or(Permissions::ALL, |m| m.of_role(&self.policies, role));
        let role = match new.role.as_deref().map(str::parse::<RoleRef>) {
            None => None,
            Some(Ok(role)) if includes(role).is_within(grants.held) => Some(role),
            Some(Ok(_)) => {
                faults.push("/role", "may do things that you may not");
                None
            }
            Some(Err(_)) => {
                faults.push("/role", "must be a role: owner, admin, engineer, scientist, reviewer, analyst, viewer or the id of one of your own");
                None
            }
        };
        let within = role.map_or(Permissions::ALL, includes);
        let grantable = grants.allowed.intersect(within);
        let scopes = match &new.scopes {
            None => Scopes::for_work(|p| grantable.contains(p)),
            Some(names) => read_scopes(names, grants, grantable, &mut faults),
        };
        match name {
            Some(name) => faults.finish().map(|()| (name, role, scopes)),
            None => Err(faults.into_error()),
        }
    }

    /// A page of the keys the caller may see, newest first.
    pub(crate) async fn page(
        &self,
        access: &Access,
        before: Option<KeyId>,
        limit: i64,
    ) -> Result<Vec<ApiKey>, IdentityError> {
        let scope = access.scope.org_scope();
        let tx = self.db.read(&scope).await?;
        let visible = visible_to(access);
        let found = store::list(&tx, &scope, visible, before, limit).await?;
        tx.rollback().await?;
        Ok(found)
    }

    /// Withdraws a key. One that is withdrawn already stays so, and that is success.
    pub(crate) async fn revoke(&self, access: &Access, id: KeyId) -> Result<(), IdentityError> {
        let scope = access.scope.org_scope();
        let tx = self.db.write(&scope).await?;
        let visible = visible_to(access);
        let Some(hash) = store::revoke(&tx, &scope, visible, id, self.env.now()).await? else {
            return match store::exists(&tx, &scope, visible, id).await? {
                true => Ok(()),
                false => Err(IdentityError::NotFound("key")),
            };
        };
        let event = Event::new("rhiza.identity.key.revoked", id.to_string()).data(&json!({ "key": id }));
        outbox::emit(&tx, &scope, event, &self.env).await?;
        audit::record(&tx, &scope, Entry::new(&access.caller, "identity.key.revoke", id.to_string()), &self.env)
            .await?;
        tx.commit().await?;
        self.known.forget(&hash);
        Ok(())
    }
}

/// Writes what the audit chain and other slices learn of a new key.
pub(crate) async fn record_created(
    tx: &Tx,
    scope: &OrgScope,
    caller: &Caller,
    key: &ApiKey,
    env: &Env,
) -> Result<(), StoreError> {
    let shown = json!({
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "project": key.project,
        "role": key.role,
        "scopes": key.scopes.names(),
        "expires_at": key.expires_at,
    });
    let event = Event::new("rhiza.identity.key.created", key.id.to_string()).data(&shown);
    outbox::emit(tx, scope, event, env).await?;
    let entry = Entry::new(caller, "identity.key.create", key.id.to_string()).after(&shown);
    audit::record(tx, scope, entry, env).await?;
    Ok(())
}

fn read_scopes(names: &[String], maker: &Grants, grantable: Permissions, faults: &mut Faults) -> Scopes {
    if names.iter().any(|name| name == ALL) {
        if maker.allowed != maker.held {
            faults.push("/scopes", "cannot be * when the credential you make it with is limited itself");
        }
        return Scopes::All;
    }
    let mut listed = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let pointer = format!("/scopes/{at}");
        match name.parse::<Permission>() {
            Err(_) => faults.push(&pointer, format!("{name:?} is not a permission")),
            Ok(permission) if !grantable.contains(permission) => {
                faults.push(&pointer, format!("{permission} is more than you may grant with this role"));
            }
            Ok(permission) if !listed.contains(&permission) => listed.push(permission),
            Ok(_) => {}
        }
    }
    if names.is_empty() {
        faults.push("/scopes", "must not be empty: such a key could do nothing");
    }
    Scopes::Listed(listed)
}

/// A key of the whole organisation reaches every project, so its maker must be one who manages projects, and must
/// not be confined to one.
fn may_be_organization_wide(maker: &Principal) -> Result<(), IdentityError> {
    if maker.may_in_organization(Permission::ProjectManage) && maker.confined_to.is_none() {
        return Ok(());
    }
    Err(IdentityError::Denied("Only those who manage projects may make a key for all of them.".to_owned()))
}

fn visible_to(access: &Access) -> Visible {
    let principal = &access.principal;
    Visible {
        project: access.scope.project,
        organization_wide: principal.confined_to.is_none() && principal.may_in_organization(Permission::ProjectManage),
        only_of: match principal.may_in_organization(Permission::MemberManage) {
            true => None,
            // Nobody's keys for a caller without a person behind it.
            false => Some(principal.actor.user().unwrap_or(UserId::from_uuid(uuid::Uuid::nil()))),
        },
    }
}
