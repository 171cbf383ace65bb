//! Making teams, and who belongs to them.

use rhiza_kernel::{Permission, TeamId, UserId};
use rhiza_platform::authz::OrgAccess;
use rhiza_store::{StoreError, Tx};
use serde_json::{Value, json};

use super::{NewTeam, Team, TeamChange, store};
use crate::access::{Change, Giver, Governance};
use crate::errors::{Faults, IdentityError};
use crate::members;
use crate::people;
use crate::roles::description;

fn shown(team: &Team) -> Value {
    json!({ "id": team.id, "name": team.name, "description": team.description })
}

fn taken(name: &str) -> impl FnOnce(StoreError) -> IdentityError {
    let why = format!("There is a team called {name:?} already.");
    |error| if error.is_unique() { IdentityError::Conflict(why) } else { IdentityError::Store(error) }
}

impl Governance {
    /// A page of teams, by name.
    pub(crate) async fn teams(
        &self,
        access: &OrgAccess,
        after: Option<String>,
        limit: i64,
    ) -> Result<Vec<Team>, IdentityError> {
        let tx = self.db.read(&access.scope).await?;
        let found = store::list(&tx, &access.scope, after, limit).await?;
        tx.rollback().await?;
        Ok(found)
    }

    /// One team.
    pub(crate) async fn team(&self, access: &OrgAccess, id: TeamId) -> Result<Team, IdentityError> {
        let tx = self.db.read(&access.scope).await?;
        let found = store::find(&tx, &access.scope, id).await?;
        tx.rollback().await?;
        found.ok_or(IdentityError::NotFound("team"))
    }

    /// Makes a team. It has no members and no roles yet.
    pub(crate) async fn create_team(&self, access: &OrgAccess, new: NewTeam) -> Result<Team, IdentityError> {
        let mut faults = Faults::default();
        let name = faults.take("/name", people::display_name(&new.name));
        let text = faults.take("/description", description(new.description.as_deref().unwrap_or_default()));
        let (Some(name), Some(description)) = (name, text) else { return Err(faults.into_error()) };
        let (tx, giver) = self.begin(access).await?;
        giver.needs(Permission::MemberManage)?;
        let team =
            Team { id: self.env.new_id(), name, description, members: 0, revision: 1, created_at: self.env.now() };
        store::insert(&tx, &access.scope, &team).await.map_err(taken(&team.name))?;
        self.commit(tx, access, &[Change::created("team", team.id.to_string(), shown(&team))]).await?;
        Ok(team)
    }

    /// Renames or describes a team, if `still_as_seen` accepts the revision it finds.
    pub(crate) async fn update_team(
        &self,
        access: &OrgAccess,
        id: TeamId,
        change: TeamChange,
        still_as_seen: impl FnOnce(i64) -> bool + Send,
    ) -> Result<Team, IdentityError> {
        let mut faults = Faults::default();
        let name = change.name.as_deref().and_then(|name| faults.take("/name", people::display_name(name)));
        let text = change.description.as_deref().and_then(|text| faults.take("/description", description(text)));
        faults.finish()?;
        let (tx, giver) = self.begin(access).await?;
        giver.needs(Permission::MemberManage)?;
        let before = store::find(&tx, &access.scope, id).await?.ok_or(IdentityError::NotFound("team"))?;
        if !still_as_seen(before.revision) {
            return Err(IdentityError::Stale);
        }
        let mut after = before.clone();
        after.name = name.unwrap_or(after.name);
        after.description = text.unwrap_or(after.description);
        if after == before {
            return Ok(before);
        }
        after.revision += 1;
        store::update(&tx, &access.scope, &after).await.map_err(taken(&after.name))?;
        self.commit(tx, access, &[Change::updated("team", id.to_string(), shown(&before), shown(&after))]).await?;
        Ok(after)
    }

    /// Removes a team, and with it the roles that its members had through it.
    pub(crate) async fn delete_team(&self, access: &OrgAccess, id: TeamId) -> Result<(), IdentityError> {
        let (tx, giver) = self.begin(access).await?;
        giver.needs(Permission::MemberManage)?;
        let team = store::find(&tx, &access.scope, id).await?.ok_or(IdentityError::NotFound("team"))?;
        self.may_take_from_team(&tx, &giver, access, id).await?;
        store::delete(&tx, &access.scope, id).await?;
        self.commit(tx, access, &[Change::deleted("team", id.to_string(), shown(&team))]).await?;
        Ok(())
    }

    /// Puts a member into a team: that gives them the team's roles in projects, so the caller must have all of those.
    pub(crate) async fn join_team(&self, access: &OrgAccess, id: TeamId, user: UserId) -> Result<(), IdentityError> {
        let (tx, giver) = self.begin(access).await?;
        giver.needs(Permission::MemberManage)?;
        store::find(&tx, &access.scope, id).await?.ok_or(IdentityError::NotFound("team"))?;
        members::store::role(&tx, &access.scope, user).await?.ok_or(IdentityError::NotFound("member"))?;
        self.may_give_team(&tx, &giver, access, id).await?;
        if !store::join(&tx, &access.scope, id, user, self.env.now()).await? {
            return Ok(());
        }
        let after = json!({ "team": id, "user": user });
        self.commit(tx, access, &[Change::created("team_member", id.to_string(), after).named("add", "added")]).await?;
        Ok(())
    }

    /// Takes a member out of a team.
    pub(crate) async fn part_team(&self, access: &OrgAccess, id: TeamId, user: UserId) -> Result<(), IdentityError> {
        let (tx, giver) = self.begin(access).await?;
        giver.needs(Permission::MemberManage)?;
        store::find(&tx, &access.scope, id).await?.ok_or(IdentityError::NotFound("team"))?;
        self.may_take_from_team(&tx, &giver, access, id).await?;
        if !store::part(&tx, &access.scope, id, user).await? {
            return Err(IdentityError::NotFound("member of that team"));
        }
        let before = json!({ "team": id, "user": user });
        let change = Change::deleted("team_member", id.to_string(), before).named("remove", "removed");
        self.commit(tx, access, &[change]).await?;
        Ok(())
    }

    /// Fails unless the caller could give every role that the team has.
    pub(crate) async fn may_give_team(
        &self,
        tx: &Tx,
        giver: &Giver<'_>,
        access: &OrgAccess,
        team: TeamId,
    ) -> Result<(), IdentityError> {
        for (project, role) in store::project_roles(tx, &access.scope, team).await? {
            if let Some(project) = self.project_ref(tx, access, project).await? {
                giver.may_give_in(&project, role)?;
            }
        }
        Ok(())
    }

    async fn may_take_from_team(
        &self,
        tx: &Tx,
        giver: &Giver<'_>,
        access: &OrgAccess,
        team: TeamId,
    ) -> Result<(), IdentityError> {
        for (project, role) in store::project_roles(tx, &access.scope, team).await? {
            if let Some(project) = self.project_ref(tx, access, project).await? {
                giver.may_change_holder_in(&project, role)?;
            }
        }
        Ok(())
    }
}
