//! Giving roles in a project and taking them away.

use rhiza_kernel::{Permission, Permissions, ProjectId, RoleRef};
use rhiza_platform::authz::OrgAccess;
use rhiza_store::Tx;
use serde_json::json;

use super::{Given, Subject, store, system};
use crate::access::{Change, Giver, Governance};
use crate::errors::IdentityError;
use crate::organizations::{self, ProjectRef};

/// Either lets somebody into a project: it is a matter of its people, and of the project.
const LETS_IN: Permissions = Permissions::NONE.with(Permission::MemberManage).with(Permission::ProjectManage);

impl Governance {
    /// A project of the organisation as it is now, archived or not.
    pub(crate) async fn project_ref(
        &self,
        tx: &Tx,
        access: &OrgAccess,
        id: ProjectId,
    ) -> Result<Option<ProjectRef>, IdentityError> {
        Ok(organizations::store::project(tx, &access.scope, id).await?.map(ProjectRef::from))
    }

    /// A page of those who have a role in a project that the caller may enter.
    pub(crate) async fn project_members(
        &self,
        access: &OrgAccess,
        project: ProjectId,
        after: Option<Subject>,
        limit: i64,
    ) -> Result<Vec<Given>, IdentityError> {
        let tx = self.db.read(&access.scope).await?;
        let giver = Giver::read(&tx, &self.policies, access).await?;
        self.enter(&tx, &giver, access, project).await?;
        tx.rollback().await?;
        Ok(system::list(&self.db, access.scope.org, project, after, limit).await?)
    }

    /// The project, if the caller may enter it, and what they may do there.
    async fn enter(
        &self,
        tx: &Tx,
        giver: &Giver<'_>,
        access: &OrgAccess,
        project: ProjectId,
    ) -> Result<(ProjectRef, Permissions), IdentityError> {
        let project = self.project_ref(tx, access, project).await?.ok_or(IdentityError::NotFound("project"))?;
        let power = giver.power_in(&project).ok_or(IdentityError::NotFound("project"))?;
        Ok((project, power))
    }

    /// Begins a change to who has a role in a project.
    async fn begin_in(
        &self,
        access: &OrgAccess,
        project: ProjectId,
    ) -> Result<(Tx, Giver<'_>, ProjectRef), IdentityError> {
        let (tx, giver) = self.begin(access).await?;
        let (project, power) = self.enter(&tx, &giver, access, project).await?;
        if power.intersect(LETS_IN).is_empty() {
            let permission = Permission::MemberManage;
            let why = "Who may enter a project is for those who manage its members or the project.".to_owned();
            return Err(IdentityError::Lacks { permission, why });
        }
        Ok((tx, giver, project))
    }

    /// Gives somebody a role in a project, in place of the one they may have there: one that the caller could hold there
    /// themselves.
    pub(crate) async fn give_in_project(
        &self,
        access: &OrgAccess,
        project: ProjectId,
        subject: Subject,
        role: &str,
    ) -> Result<(), IdentityError> {
        let (tx, giver, project) = self.begin_in(access, project).await?;
        if !store::exists(&tx, &access.scope, subject).await? {
            return Err(IdentityError::NotFound("member, team or service account"));
        }
        let role = giver.find_role("/role", role)?;
        let before = store::role(&tx, &access.scope, project.id, subject).await?;
        if let Some(before) = before {
            giver.may_change_holder_in(&project, before)?;
        }
        giver.may_give_in(&project, role)?;
        if before == Some(role) {
            return Ok(());
        }
        store::give(&tx, &access.scope, project.id, subject, role, self.env.now()).await?;
        let shown = |role: RoleRef| {
            json!({
                "project": project.id,
                "subject": subject.to_string(),
                "role": role,
                "role_name": giver.name_of(role),
            })
        };
        let change = match before {
            Some(before) => Change::updated("project_member", project.id.to_string(), shown(before), shown(role)),
            None => Change::created("project_member", project.id.to_string(), shown(role)).named("add", "added"),
        };
        self.commit(tx, access, &[change]).await?;
        Ok(())
    }

    /// Takes away the role that somebody has in a project.
    pub(crate) async fn take_in_project(
        &self,
        access: &OrgAccess,
        project: ProjectId,
        subject: Subject,
    ) -> Result<(), IdentityError> {
        let (tx, giver, project) = self.begin_in(access, project).await?;
        let role = store::role(&tx, &access.scope, project.id, subject).await?;
        let role = role.ok_or(IdentityError::NotFound("member of that project"))?;
        giver.may_change_holder_in(&project, role)?;
        store::take(&tx, &access.scope, project.id, subject).await?;
        let before = json!({ "project": project.id, "subject": subject.to_string(), "role": role });
        let change = Change::deleted("project_member", project.id.to_string(), before).named("remove", "removed");
        self.commit(tx, access, &[change]).await?;
        Ok(())
    }
}
