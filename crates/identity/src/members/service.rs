//! Listing members, giving them other roles, and their leaving.

use rhiza_kernel::{Permission, Role, RoleRef, UserId};
use rhiza_platform::authz::{Actor, OrgAccess};
use rhiza_store::Tx;
use serde_json::json;

use super::system::Wanted;
use super::{Listed, store, system};
use crate::access::{Change, Giver, Governance};
use crate::errors::IdentityError;
use crate::{keys, sessions};

const LAST_OWNER: &str = "An organisation needs an owner: make somebody else one first.";

impl Governance {
    /// A page of the organisation's members, by address.
    pub(crate) async fn members(
        &self,
        access: &OrgAccess,
        wanted: Wanted,
        limit: i64,
    ) -> Result<Vec<Listed>, IdentityError> {
        Ok(system::list(&self.db, access.scope.org, wanted, limit).await?)
    }

    /// One member.
    pub(crate) async fn member(&self, access: &OrgAccess, user: UserId) -> Result<Listed, IdentityError> {
        let found = system::find(&self.db, access.scope.org, user).await?;
        found.ok_or(IdentityError::NotFound("member"))
    }

    /// Gives a member another role: one that the caller could hold themselves, to somebody who holds no more than they.
    pub(crate) async fn change_member(
        &self,
        access: &OrgAccess,
        user: UserId,
        role: &str,
    ) -> Result<Listed, IdentityError> {
        let (tx, giver) = self.begin(access).await?;
        giver.needs(Permission::MemberManage)?;
        let before = store::role(&tx, &access.scope, user).await?.ok_or(IdentityError::NotFound("member"))?;
        let after = giver.find_role("/role", role)?;
        if after != before {
            giver.may_change_holder_of(before)?;
            giver.may_give(after)?;
            self.keep_an_owner(&tx, access, before).await?;
            store::update_role(&tx, &access.scope, user, after).await?;
            let shown = |role: RoleRef| json!({ "user": user, "role": role, "role_name": giver.name_of(role) });
            let change = Change::updated("member", user.to_string(), shown(before), shown(after));
            self.commit(tx, access, &[change]).await?;
        } else {
            tx.rollback().await?;
        }
        self.member(access, user).await
    }

    /// Removes a member, and at once ends whatever of theirs opens something here.
    pub(crate) async fn remove_member(&self, access: &OrgAccess, user: UserId) -> Result<(), IdentityError> {
        let (tx, giver) = self.begin(access).await?;
        giver.needs(Permission::MemberManage)?;
        let role = store::role(&tx, &access.scope, user).await?.ok_or(IdentityError::NotFound("member"))?;
        self.may_remove(&tx, &giver, access, user, role).await?;
        self.part(tx, access, user, role, ("delete", "deleted")).await
    }

    /// The caller leaves.
    pub(crate) async fn leave(&self, access: &OrgAccess) -> Result<(), IdentityError> {
        let Actor::User { id: user, .. } = &access.principal.actor else {
            return Err(IdentityError::Denied("Only people leave an organisation; revoke the key instead.".to_owned()));
        };
        let (tx, _) = self.begin(access).await?;
        let role = store::role(&tx, &access.scope, *user).await?.ok_or(IdentityError::NotFound("member"))?;
        self.part(tx, access, *user, role, ("leave", "left")).await
    }

    /// Somebody who holds more than the caller, here or in a project, is not theirs to remove.
    async fn may_remove(
        &self,
        tx: &Tx,
        giver: &Giver<'_>,
        access: &OrgAccess,
        user: UserId,
        role: RoleRef,
    ) -> Result<(), IdentityError> {
        giver.may_change_holder_of(role)?;
        let projects = self.directory.of(access.scope.org).await?;
        for (project, role) in store::project_roles(tx, &access.scope, user).await? {
            if let Some(project) = projects.iter().find(|p| p.id == project) {
                giver.may_change_holder_in(project, role)?;
            }
        }
        Ok(())
    }

    async fn part(
        &self,
        tx: Tx,
        access: &OrgAccess,
        user: UserId,
        role: RoleRef,
        (deed, done): (&'static str, &'static str),
    ) -> Result<(), IdentityError> {
        self.keep_an_owner(&tx, access, role).await?;
        let now = self.env.now();
        let sessions = sessions::store::revoke_all(&tx, &access.scope, user, now).await?;
        let keys = keys::store::revoke_all(&tx, &access.scope, user, now).await?;
        store::remove(&tx, &access.scope, user, now).await?;
        let before = json!({ "user": user, "role": role, "sessions": sessions.len(), "keys": keys.len() });
        let change = Change::deleted("member", user.to_string(), before).named(deed, done);
        self.commit(tx, access, &[change]).await?;
        sessions.iter().for_each(|hash| self.known_sessions.forget(hash));
        keys.iter().for_each(|hash| self.known_keys.forget(hash));
        Ok(())
    }

    /// Fails when somebody with `role` is about to lose it and it is the last owner's.
    async fn keep_an_owner(&self, tx: &Tx, access: &OrgAccess, role: RoleRef) -> Result<(), IdentityError> {
        if role == RoleRef::BuiltIn(Role::Owner) && store::owners(tx, &access.scope).await? <= 1 {
            return Err(IdentityError::Conflict(LAST_OWNER.to_owned()));
        }
        Ok(())
    }
}
