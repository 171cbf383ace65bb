//! Making, changing and removing an organisation's own roles.

use rhiza_kernel::{Permission, RoleId};
use rhiza_platform::authz::OrgAccess;
use rhiza_store::StoreError;
use serde_json::{Value, json};

use super::model::{description, read_permissions};
use super::{NewRole, OwnRole, RoleChange, store};
use crate::access::{Change, Governance};
use crate::errors::{Faults, IdentityError};
use crate::people;

/// Roles an organisation can have of its own. Each is read with every change of rights.
const MOST: usize = 100;

fn shown(role: &OwnRole) -> Value {
    json!({
        "id": role.id,
        "name": role.name,
        "description": role.description,
        "permissions": role.permissions.names(),
    })
}

fn taken(name: &str) -> impl FnOnce(StoreError) -> IdentityError {
    let why = format!("There is a role called {name:?} already.");
    |error| if error.is_unique() { IdentityError::Conflict(why) } else { IdentityError::Store(error) }
}

impl Governance {
    /// The organisation's own roles, by name.
    pub(crate) async fn own_roles(&self, access: &OrgAccess) -> Result<Vec<OwnRole>, IdentityError> {
        let tx = self.db.read(&access.scope).await?;
        let found = store::all(&tx, &access.scope).await?;
        tx.rollback().await?;
        Ok(found)
    }

    /// One of the organisation's own roles.
    pub(crate) async fn own_role(&self, access: &OrgAccess, id: RoleId) -> Result<OwnRole, IdentityError> {
        let found = self.own_roles(access).await?.into_iter().find(|role| role.id == id);
        found.ok_or(IdentityError::NotFound("role"))
    }

    /// Makes a role out of permissions that its maker has.
    pub(crate) async fn create_role(&self, access: &OrgAccess, new: NewRole) -> Result<OwnRole, IdentityError> {
        let mut faults = Faults::default();
        let name = faults.take("/name", role_name(&new.name));
        let text = faults.take("/description", description(new.description.as_deref().unwrap_or_default()));
        let permissions = read_permissions(&new.permissions, &mut faults);
        let (Some(name), Some(description)) = (name, text) else { return Err(faults.into_error()) };
        faults.finish()?;
        let (tx, giver) = self.begin(access).await?;
        giver.needs(Permission::RoleManage)?;
        giver.may_grant(permissions)?;
        if store::all(&tx, &access.scope).await?.len() >= MOST {
            return Err(IdentityError::Conflict(format!("An organisation can have {MOST} roles of its own.")));
        }
        let role =
            OwnRole { id: self.env.new_id(), name, description, permissions, revision: 1, created_at: self.env.now() };
        store::insert(&tx, &access.scope, &role).await.map_err(taken(&role.name))?;
        self.commit(tx, access, &[Change::created("role", role.id.to_string(), shown(&role))]).await?;
        Ok(role)
    }

    /// Changes a role, and what everybody who has it may do, if `still_as_seen` accepts the revision it finds.
    pub(crate) async fn update_role(
        &self,
        access: &OrgAccess,
        id: RoleId,
        change: RoleChange,
        still_as_seen: impl FnOnce(i64) -> bool + Send,
    ) -> Result<OwnRole, IdentityError> {
        let mut faults = Faults::default();
        let name = change.name.as_deref().and_then(|name| faults.take("/name", role_name(name)));
        let text = change.description.as_deref().and_then(|text| faults.take("/description", description(text)));
        let permissions = change.permissions.as_deref().map(|names| read_permissions(names, &mut faults));
        faults.finish()?;
        let (tx, giver) = self.begin(access).await?;
        giver.needs(Permission::RoleManage)?;
        let before = store::all(&tx, &access.scope).await?.into_iter().find(|role| role.id == id);
        let before = before.ok_or(IdentityError::NotFound("role"))?;
        if !still_as_seen(before.revision) {
            return Err(IdentityError::Stale);
        }
        let mut after = before.clone();
        after.name = name.unwrap_or(after.name);
        after.description = text.unwrap_or(after.description);
        after.permissions = permissions.unwrap_or(after.permissions);
        // What it includes now is given to all who have it; what it included is taken from people who may hold more.
        giver.may_grant(before.permissions.union(after.permissions))?;
        if after == before {
            return Ok(before);
        }
        after.revision += 1;
        store::update(&tx, &access.scope, &after).await.map_err(taken(&after.name))?;
        self.commit(tx, access, &[Change::updated("role", id.to_string(), shown(&before), shown(&after))]).await?;
        Ok(after)
    }

    /// Removes a role that nobody has.
    pub(crate) async fn delete_role(&self, access: &OrgAccess, id: RoleId) -> Result<(), IdentityError> {
        let (tx, giver) = self.begin(access).await?;
        giver.needs(Permission::RoleManage)?;
        let role = store::all(&tx, &access.scope).await?.into_iter().find(|role| role.id == id);
        let role = role.ok_or(IdentityError::NotFound("role"))?;
        giver.may_grant(role.permissions)?;
        let uses = store::uses(&tx, &access.scope, id, self.env.now()).await?;
        if !uses.is_empty() {
            let places: Vec<String> = uses.iter().map(|(place, count)| format!("{place} ({count})")).collect();
            let name = &role.name;
            return Err(IdentityError::Conflict(format!(
                "The role {name} is in use by {}. Give them another one first.",
                places.join(", ")
            )));
        }
        store::delete(&tx, &access.scope, id).await?;
        self.commit(tx, access, &[Change::deleted("role", id.to_string(), shown(&role))]).await?;
        Ok(())
    }
}

/// A name that is not a fixed role's: two roles of one name would be told apart by nobody.
fn role_name(name: &str) -> Result<String, &'static str> {
    let name = people::display_name(name)?;
    match people::fold(&name).parse::<rhiza_kernel::Role>() {
        Ok(_) => Err("is the name of a fixed role"),
        Err(_) => Ok(name),
    }
}
