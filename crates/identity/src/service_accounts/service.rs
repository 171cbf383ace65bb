//! Making, changing and removing service accounts.

use rhiza_kernel::{Env, OrgScope, RoleRef, ServiceAccountId};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::{OrgAccess, Policies};
use rhiza_platform::outbox::{self, Event};
use rhiza_store::{Db, StoreError, Tx};
use serde_json::{Value, json};

use super::{ServiceAccount, model, store};
use crate::access::{self, Holder};
use crate::errors::{Faults, IdentityError};
use crate::keys::grants::giveable_role;
use crate::keys::{self, KnownKeys};
use crate::people;

/// An account to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewAccount {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) role: String,
}

/// What to change of an account; what is absent stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct AccountChange {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) disabled: Option<bool>,
}

/// The use cases around service accounts. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ServiceAccounts {
    db: Db,
    env: Env,
    policies: Policies,
    known: KnownKeys,
}

impl ServiceAccounts {
    pub(crate) fn new(db: Db, env: Env, policies: Policies, known: KnownKeys) -> Self {
        Self { db, env, policies, known }
    }

    /// A page of the organisation's service accounts, newest first.
    pub(crate) async fn page(
        &self,
        access: &OrgAccess,
        before: Option<ServiceAccountId>,
        limit: i64,
    ) -> Result<Vec<ServiceAccount>, IdentityError> {
        let tx = self.db.read(&access.scope).await?;
        let found = store::list(&tx, &access.scope, before, limit).await?;
        tx.rollback().await?;
        Ok(found)
    }

    /// One service account.
    pub(crate) async fn get(&self, access: &OrgAccess, id: ServiceAccountId) -> Result<ServiceAccount, IdentityError> {
        let tx = self.db.read(&access.scope).await?;
        let found = store::get(&tx, &access.scope, id, false).await?;
        tx.rollback().await?;
        found.ok_or_else(missing)
    }

    /// Makes a service account, whose role includes nothing that its maker lacks.
    pub(crate) async fn create(&self, access: &OrgAccess, new: NewAccount) -> Result<ServiceAccount, IdentityError> {
        must_not_be_confined(access)?;
        let mut faults = Faults::default();
        let name = faults.take("/name", people::display_name(&new.name));
        let description =
            faults.take("/description", model::description(new.description.as_deref().unwrap_or_default()));
        let role = self.role(access, &new.role, &mut faults).await?;
        let (Some(name), Some(description), Some(role)) = (name, description, role) else {
            return Err(faults.into_error());
        };
        let tx = self.db.write(&access.scope).await?;
        let maker = keys::store::maker(&tx, &access.scope, &access.principal.actor).await?;
        let maker =
            maker.ok_or_else(|| IdentityError::Denied("A service account needs a person who made it.".into()))?;
        let account = ServiceAccount {
            id: self.env.new_id(),
            name,
            description,
            role,
            created_by: maker.person,
            revision: 1,
            created_at: self.env.now(),
            disabled_at: None,
        };
        store::insert(&tx, &access.scope, &account).await.map_err(|error| taken(error, &account))?;
        self.record(&tx, access, "create", None, Some(&account)).await?;
        tx.commit().await?;
        Ok(account)
    }

    /// Changes a service account, if `still_as_seen` accepts the revision it finds.
    pub(crate) async fn update(
        &self,
        access: &OrgAccess,
        id: ServiceAccountId,
        change: AccountChange,
        still_as_seen: impl FnOnce(i64) -> bool + Send,
    ) -> Result<ServiceAccount, IdentityError> {
        must_not_be_confined(access)?;
        let mut faults = Faults::default();
        let name = change.name.as_deref().and_then(|text| faults.take("/name", people::display_name(text)));
        let described = change.description.as_deref();
        let described = described.and_then(|text| faults.take("/description", model::description(text)));
        let role = match &change.role {
            Some(role) => self.role(access, role, &mut faults).await?,
            None => None,
        };
        faults.finish()?;
        let tx = self.db.write(&access.scope).await?;
        let before = store::get(&tx, &access.scope, id, true).await?.ok_or_else(missing)?;
        if !still_as_seen(before.revision) {
            return Err(IdentityError::Stale);
        }
        let mut after = before.clone();
        after.name = name.unwrap_or(after.name);
        after.description = described.unwrap_or(after.description);
        after.role = role.unwrap_or(after.role);
        match change.disabled {
            Some(true) => after.disabled_at = after.disabled_at.or_else(|| Some(self.env.now())),
            Some(false) => after.disabled_at = None,
            None => {}
        }
        if after == before {
            return Ok(before);
        }
        after.revision += 1;
        store::update(&tx, &access.scope, &after).await.map_err(|error| taken(error, &after))?;
        self.record(&tx, access, "update", Some(&before), Some(&after)).await?;
        tx.commit().await?;
        Ok(after)
    }

    /// Removes a service account, its keys and its tokens.
    pub(crate) async fn delete(&self, access: &OrgAccess, id: ServiceAccountId) -> Result<(), IdentityError> {
        must_not_be_confined(access)?;
        let tx = self.db.write(&access.scope).await?;
        let before = store::get(&tx, &access.scope, id, true).await?.ok_or_else(missing)?;
        let keys = store::delete(&tx, &access.scope, id).await?;
        self.record(&tx, access, "delete", Some(&before), None).await?;
        tx.commit().await?;
        keys.iter().for_each(|hash| self.known.forget(hash));
        Ok(())
    }

    async fn role(
        &self,
        access: &OrgAccess,
        role: &str,
        faults: &mut Faults,
    ) -> Result<Option<RoleRef>, IdentityError> {
        let holder = Holder::of(&access.principal.actor);
        let holder = holder.ok_or_else(|| IdentityError::Denied("A role needs somebody who gives it.".to_owned()))?;
        let own = access::system::find_with_roles(&self.db, access.scope.org, holder).await?;
        let own = own.ok_or(IdentityError::NotFound("member"))?;
        let most = access.principal.in_organization.allowed;
        Ok(faults.take("/role", giveable_role(&self.policies, &own, role, most)))
    }

    async fn record(
        &self,
        tx: &Tx,
        access: &OrgAccess,
        verb: &str,
        before: Option<&ServiceAccount>,
        after: Option<&ServiceAccount>,
    ) -> Result<(), IdentityError> {
        let Some(id) = after.or(before).map(|account| account.id.to_string()) else { return Ok(()) };
        let scope: &OrgScope = &access.scope;
        let (before, after) = (before.map(shown), after.map(shown));
        let event = Event::new(&format!("rhiza.identity.service_account.{verb}d"), id.clone());
        outbox::emit(tx, scope, event.data(after.as_ref().or(before.as_ref()).unwrap_or(&Value::Null)), &self.env)
            .await?;
        let mut entry = Entry::new(&access.caller, &format!("identity.service_account.{verb}"), id);
        if let Some(before) = &before {
            entry = entry.before(before);
        }
        if let Some(after) = &after {
            entry = entry.after(after);
        }
        audit::record(tx, scope, entry, &self.env).await?;
        Ok(())
    }
}

fn shown(account: &ServiceAccount) -> Value {
    json!({
        "id": account.id,
        "name": account.name,
        "description": account.description,
        "role": account.role,
        "disabled_at": account.disabled_at,
    })
}

fn missing() -> IdentityError {
    IdentityError::NotFound("service account")
}

fn taken(error: StoreError, account: &ServiceAccount) -> IdentityError {
    match error {
        error if error.is_unique() => {
            IdentityError::Conflict(format!("There is a service account named {:?} already.", account.name))
        }
        error => IdentityError::Store(error),
    }
}

/// A service account reaches every project; a credential of one project must not make a way out of it.
fn must_not_be_confined(access: &OrgAccess) -> Result<(), IdentityError> {
    if access.principal.confined_to.is_none() {
        return Ok(());
    }
    Err(IdentityError::Denied("A credential that belongs to one project cannot change service accounts.".to_owned()))
}
