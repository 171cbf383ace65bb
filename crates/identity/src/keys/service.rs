//! Making, listing, replacing and withdrawing API keys.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, KeyId, OrgScope, Permission, Permissions, RoleRef, ServiceAccountId, TypedId as _, UserId};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::{Access, Caller, Policies, Principal};
use rhiza_platform::outbox::{self, Event};
use rhiza_store::{Db, StoreError, Tx};
use serde_json::json;

use super::grants::{giveable_role, manages_accounts, may_hold, read_scopes};
use super::store::{Maker, Visible};
use super::{ApiKey, KeyHash, KeyText, Networks, Scopes, store, system};
use crate::access::{self, Holder, Membership};
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
    /// The service account it acts for; absent means the maker.
    pub service_account: Option<String>,
    /// Addresses and networks from which it may be used; absent means anywhere the maker's own credential may.
    pub allowed_networks: Option<Vec<String>>,
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
        let principal = &access.principal;
        if new.organization_wide {
            may_be_organization_wide(principal)?;
        }
        let asker = Holder::of(&principal.actor).ok_or_else(nobody)?;
        let own = self.membership(&scope, asker).await?.ok_or(IdentityError::NotFound("member"))?;
        let account = match new.service_account.as_deref() {
            Some(text) => Some(self.account(&scope, principal, text).await?),
            // A program's key makes keys for the program.
            None => match asker {
                Holder::ServiceAccount(id) => Some((id, own.clone())),
                Holder::Person(_) => None,
            },
        };
        let tx = self.db.write(&scope).await?;
        let maker = store::maker(&tx, &scope, &principal.actor).await?.ok_or_else(nobody)?;
        let granted = self.grants(principal, &maker, &own, account.as_ref().map(|(_, m)| m), &new)?;
        let text = KeyText::generate(&self.env);
        let key = ApiKey {
            id: self.env.new_id(),
            project: (!new.organization_wide).then_some(access.scope.project),
            name: granted.name,
            prefix: text.shown(),
            scopes: granted.scopes,
            role: granted.role,
            created_by: maker.person,
            service_account: account.map(|(id, _)| id),
            allowed_networks: granted.networks,
            rotated_from: None,
            created_at: self.env.now(),
            expires_at: granted.expires_at,
            last_used_at: None,
            revoked_at: None,
        };
        store::insert(&tx, &scope, &key, text.hash()).await?;
        record_created(&tx, &scope, &access.caller, &key, &self.env).await?;
        tx.commit().await?;
        Ok((key, text))
    }

    /// The service account of this id and what it has been given, for a caller who may act for it.
    async fn account(
        &self,
        scope: &OrgScope,
        principal: &Principal,
        id: &str,
    ) -> Result<(ServiceAccountId, Membership), IdentityError> {
        let missing = || IdentityError::field("/service_account_id", "is no service account of this organisation");
        let id: ServiceAccountId = id.parse().map_err(|_| missing())?;
        if Holder::of(&principal.actor) != Some(Holder::ServiceAccount(id)) {
            manages_accounts(principal)?;
        }
        let membership = self.membership(scope, Holder::ServiceAccount(id)).await?.ok_or_else(missing)?;
        Ok((id, membership))
    }

    /// What a holder has been given, with what the organisation's own roles include.
    async fn membership(&self, scope: &OrgScope, holder: Holder) -> Result<Option<Membership>, StoreError> {
        access::system::find_with_roles(&self.db, scope.org, holder).await
    }

    /// What the new key gets, none of which may exceed what its maker has where the key will work.
    fn grants(
        &self,
        principal: &Principal,
        maker: &Maker,
        own: &Membership,
        account: Option<&Membership>,
        new: &NewKey,
    ) -> Result<Granted, IdentityError> {
        let mut faults = Faults::default();
        let name = faults.take("/name", people::display_name(&new.name));
        if new.expires_at.is_some_and(|at| at <= self.env.now()) {
            faults.push("/expires_at", "must be in the future");
        }
        let grants = if new.organization_wide { &principal.in_organization } else { &principal.in_project };
        let role = new.role.as_deref();
        let role = role.and_then(|role| faults.take("/role", giveable_role(&self.policies, own, role, grants.held)));
        let within = role.map_or(Permissions::ALL, |role| own.of_role(&self.policies, role));
        let grantable = grants.allowed.intersect(within);
        let scopes = match &new.scopes {
            None => Scopes::for_work(|p| grantable.contains(p)),
            Some(names) => read_scopes(names, grants, grantable, &mut faults),
        };
        let too_much = |account: &Membership| !account.anywhere(&self.policies).is_within(grants.allowed);
        if scopes == Scopes::All && role.is_none() && account.is_some_and(too_much) {
            faults.push("/scopes", "cannot be *: the service account may do things that you may not");
        }
        let expires_at = maker.ending(new.expires_at, &mut faults);
        let networks = maker.networks(new.allowed_networks.as_deref(), &mut faults);
        match name {
            Some(name) => faults.finish().map(|()| Granted { name, role, scopes, expires_at, networks }),
            None => Err(faults.into_error()),
        }
    }

    /// Makes a key that does what another does, which ends after `overlap`. Nothing can be widened on the way: whoever
    /// asks must have all that the key has.
    pub(crate) async fn rotate(
        &self,
        access: &Access,
        id: KeyId,
        overlap: Duration,
    ) -> Result<(ApiKey, KeyText), IdentityError> {
        let scope = access.scope.org_scope();
        let principal = &access.principal;
        let now = self.env.now();
        let tx = self.db.write(&scope).await?;
        let old = store::for_update(&tx, &scope, visible_to(access), id).await?;
        let old = old.ok_or(IdentityError::NotFound("key"))?;
        if old.revoked_at.is_some() || old.expires_at.is_some_and(|at| at <= now) {
            return Err(IdentityError::Conflict("A key that has ended cannot be replaced; make a new one.".to_owned()));
        }
        let maker = store::maker(&tx, &scope, &principal.actor).await?.ok_or_else(nobody)?;
        let membership = access::system::with_roles(&tx, scope.org, old.holder()).await?;
        let membership = membership.ok_or(IdentityError::NotFound("key"))?;
        may_hold(&self.policies, principal, &maker, &old, &membership)?;
        let text = KeyText::generate(&self.env);
        let key = ApiKey {
            id: self.env.new_id(),
            prefix: text.shown(),
            rotated_from: Some(old.id),
            created_at: now,
            last_used_at: None,
            ..old.clone()
        };
        store::insert(&tx, &scope, &key, text.hash()).await.map_err(|error| match error {
            error if error.is_unique() => {
                IdentityError::Conflict("This key has been replaced already; replace the newer one.".to_owned())
            }
            error => IdentityError::Store(error),
        })?;
        let ends = old.expires_at.map_or(now + overlap, |at| at.min(now + overlap));
        let hash = store::end_at(&tx, &scope, old.id, ends).await?;
        let data = json!({ "id": key.id, "rotated_from": old.id, "old_key_ends_at": ends });
        let event = Event::new("rhiza.identity.key.rotated", key.id.to_string()).data(&data);
        outbox::emit(&tx, &scope, event, &self.env).await?;
        let entry = Entry::new(&access.caller, "identity.key.rotate", old.id.to_string());
        audit::record(&tx, &scope, entry.before(&shown(&old)).after(&data), &self.env).await?;
        tx.commit().await?;
        if let Some(hash) = hash {
            self.known.forget(&hash);
        }
        Ok((key, text))
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
    let shown = shown(key);
    let event = Event::new("rhiza.identity.key.created", key.id.to_string()).data(&shown);
    outbox::emit(tx, scope, event, env).await?;
    let entry = Entry::new(caller, "identity.key.create", key.id.to_string()).after(&shown);
    audit::record(tx, scope, entry, env).await?;
    Ok(())
}

/// A key as the audit chain and events show it.
fn shown(key: &ApiKey) -> serde_json::Value {
    json!({
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "project": key.project,
        "role": key.role,
        "scopes": key.scopes.names(),
        "service_account": key.service_account,
        "allowed_networks": key.allowed_networks.as_ref().map(Networks::names),
        "expires_at": key.expires_at,
    })
}

/// What a new key has been granted.
struct Granted {
    name: String,
    role: Option<RoleRef>,
    scopes: Scopes,
    expires_at: Option<DateTime<Utc>>,
    networks: Option<Networks>,
}

fn nobody() -> IdentityError {
    IdentityError::Denied("A key needs a person who answers for it.".to_owned())
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
            // Nobody's keys for a caller without anybody behind it.
            false => Some(Holder::of(&principal.actor).unwrap_or(Holder::Person(UserId::from_uuid(uuid::Uuid::nil())))),
        },
    }
}
