//! Making, changing and removing service accounts.

use rhiza_kernel::{RoleRef, ServiceAccountId};
use rhiza_platform::authz::OrgAccess;
use rhiza_store::StoreError;
use serde_json::{Value, json};

use super::{ServiceAccount, model, store};
use crate::access::{Change, Giver, Governance};
use crate::errors::{Faults, IdentityError};
use crate::{keys, people};

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
    pub(crate) governance: Governance,
}

impl ServiceAccounts {
    /// A page of the organisation's service accounts, newest first.
    pub(crate) async fn page(
        &self,
        access: &OrgAccess,
        before: Option<ServiceAccountId>,
        limit: i64,
    ) -> Result<Vec<ServiceAccount>, IdentityError> {
        let tx = self.governance.db.read(&access.scope).await?;
        let found = store::list(&tx, &access.scope, before, limit).await?;
        tx.rollback().await?;
        Ok(found)
    }

    /// One service account.
    pub(crate) async fn get(&self, access: &OrgAccess, id: ServiceAccountId) -> Result<ServiceAccount, IdentityError> {
        let tx = self.governance.db.read(&access.scope).await?;
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
        let (Some(name), Some(description)) = (name, description) else { return Err(faults.into_error()) };
        let (tx, giver) = self.governance.begin(access).await?;
        let role = given(&giver, &new.role)?;
        let maker = keys::store::maker(&tx, &access.scope, &access.principal.actor).await?;
        let maker =
            maker.ok_or_else(|| IdentityError::Denied("A service account needs a person who made it.".into()))?;
        let account = ServiceAccount {
            id: self.governance.env.new_id(),
            name,
            description,
            role,
            created_by: maker.person,
            revision: 1,
            created_at: self.governance.env.now(),
            disabled_at: None,
        };
        store::insert(&tx, &access.scope, &account).await.map_err(|error| taken(error, &account))?;
        let change = Change::created("service_account", account.id.to_string(), shown(&account));
        self.governance.commit(tx, access, &[change]).await?;
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
        faults.finish()?;
        let (tx, giver) = self.governance.begin(access).await?;
        let before = store::get(&tx, &access.scope, id, true).await?.ok_or_else(missing)?;
        giver.may_change_holder_of(before.role)?;
        let role = change.role.as_deref().map(|role| given(&giver, role)).transpose()?;
        if !still_as_seen(before.revision) {
            return Err(IdentityError::Stale);
        }
        let mut after = before.clone();
        after.name = name.unwrap_or(after.name);
        after.description = described.unwrap_or(after.description);
        after.role = role.unwrap_or(after.role);
        match change.disabled {
            Some(true) => after.disabled_at = after.disabled_at.or_else(|| Some(self.governance.env.now())),
            Some(false) => after.disabled_at = None,
            None => {}
        }
        if after == before {
            return Ok(before);
        }
        after.revision += 1;
        store::update(&tx, &access.scope, &after).await.map_err(|error| taken(error, &after))?;
        let change = Change::updated("service_account", after.id.to_string(), shown(&before), shown(&after));
        self.governance.commit(tx, access, &[change]).await?;
        Ok(after)
    }

    /// Removes a service account, its keys and its tokens.
    pub(crate) async fn delete(&self, access: &OrgAccess, id: ServiceAccountId) -> Result<(), IdentityError> {
        must_not_be_confined(access)?;
        let (tx, giver) = self.governance.begin(access).await?;
        let before = store::get(&tx, &access.scope, id, true).await?.ok_or_else(missing)?;
        giver.may_change_holder_of(before.role)?;
        let keys = store::delete(&tx, &access.scope, id).await?;
        let change = Change::deleted("service_account", id.to_string(), shown(&before));
        self.governance.commit(tx, access, &[change]).await?;
        keys.iter().for_each(|hash| self.governance.known_keys.forget(hash));
        Ok(())
    }
}

/// The role that `text` names, which the caller must be able to give.
fn given(giver: &Giver<'_>, text: &str) -> Result<RoleRef, IdentityError> {
    let role = giver.find_role("/role", text)?;
    giver.may_give(role)?;
    Ok(role)
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
