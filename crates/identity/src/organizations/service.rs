//! Projects: which ones a caller may enter, making them, changing them.

use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, OrgScope, Permission, ProjectId, RoleRef};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::{Actor, OrgAccess, Policies, Principal};
use rhiza_platform::outbox::{self, Event};
use rhiza_store::{Db, StoreError};
use serde::Serialize;

use super::directory::choose;
use super::{DEFAULT_SLUG, Project, ProjectDirectory, ProjectRef, Slug, store};
use crate::access::{self, Holder, Membership};
use crate::errors::{Faults, IdentityError};
use crate::people;

/// A project to be made.
#[derive(Debug, Clone)]
pub struct NewProject {
    /// Shown to people.
    pub name: String,
    /// Its name in URLs; made from the name when absent.
    pub slug: Option<String>,
    /// Whether only those with a role in it may enter.
    pub private: bool,
}

/// What to change of a project; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct ProjectChange {
    /// A new name.
    pub name: Option<String>,
    /// Whether it is put away.
    pub archived: Option<bool>,
    /// Whether only those with a role in it may enter.
    pub private: Option<bool>,
}

/// The use cases around projects. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Projects {
    db: Db,
    env: Env,
    policies: Policies,
    directory: ProjectDirectory,
}

/// A project as the audit chain and events show it.
#[derive(Serialize)]
struct Shown<'a> {
    id: ProjectId,
    name: &'a str,
    slug: &'a str,
    private: bool,
    archived_at: Option<DateTime<Utc>>,
}

impl<'a> From<&'a Project> for Shown<'a> {
    fn from(project: &'a Project) -> Self {
        Self {
            id: project.id,
            name: &project.name,
            slug: &project.slug,
            private: project.is_private,
            archived_at: project.archived_at,
        }
    }
}

impl Projects {
    pub(crate) fn new(db: Db, env: Env, policies: Policies, directory: ProjectDirectory) -> Self {
        Self { db, env, policies, directory }
    }

    /// The projects `principal` may enter, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_projects(&self, principal: &Principal) -> Result<Vec<ProjectRef>, IdentityError> {
        let all = self.directory.of(principal.org).await?;
        let may_enter = self.doors(principal).await?;
        Ok(all.iter().filter(|p| may_enter.opens(p)).cloned().collect())
    }

    /// The project named `slug`, if `principal` may enter it. `default` names the oldest one when no project is
    /// called so.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_project(&self, principal: &Principal, slug: &str) -> Result<Option<ProjectRef>, IdentityError> {
        let all = self.directory.of(principal.org).await?;
        let may_enter = self.doors(principal).await?;
        Ok(choose(&all, slug, |p| may_enter.opens(p)).cloned())
    }

    /// What `principal` may do in each project they may enter, oldest first.
    pub(crate) async fn roles_by_project(
        &self,
        principal: &Principal,
    ) -> Result<Vec<(ProjectRef, Vec<RoleRef>)>, IdentityError> {
        let all = self.directory.of(principal.org).await?;
        let doors = self.doors(principal).await?;
        Ok(all.iter().filter(|p| doors.opens(p)).map(|p| (p.clone(), doors.roles(p))).collect())
    }

    /// The slug of a project, archived or not; `None` when the organisation has no such project.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn slug_of(&self, scope: &OrgScope, id: ProjectId) -> Result<Option<String>, IdentityError> {
        if let Some(known) = self.directory.of(scope.org).await?.iter().find(|p| p.id == id) {
            return Ok(Some(known.slug.clone()));
        }
        let tx = self.db.read(scope).await?;
        let found = store::project(&tx, scope, id).await?;
        tx.rollback().await?;
        Ok(found.map(|p| p.slug))
    }

    async fn doors(&self, principal: &Principal) -> Result<Doors<'_>, StoreError> {
        let membership = match Holder::of(&principal.actor) {
            Some(holder) => access::system::find_holder(&self.db, principal.org, holder).await?,
            None => None,
        };
        let everywhere = matches!(principal.actor, Actor::System);
        Ok(Doors { policies: &self.policies, only: principal.confined_to, membership, everywhere })
    }

    /// A page of the projects the caller may know of, archived ones too, oldest first.
    pub(crate) async fn page(
        &self,
        access: &OrgAccess,
        after: Option<ProjectId>,
        limit: i64,
    ) -> Result<Vec<Project>, IdentityError> {
        let visible = self.doors(&access.principal).await?.visible();
        let tx = self.db.read(&access.scope).await?;
        let found = store::projects(&tx, &access.scope, &visible, after, limit).await?;
        tx.rollback().await?;
        Ok(found)
    }

    /// One project the caller may know of.
    pub(crate) async fn get(&self, access: &OrgAccess, id: ProjectId) -> Result<Project, IdentityError> {
        let tx = self.db.read(&access.scope).await?;
        let found = store::project(&tx, &access.scope, id).await?;
        tx.rollback().await?;
        let found = found.ok_or(IdentityError::NotFound("project"))?;
        self.must_be_visible(access, &found).await?;
        Ok(found)
    }

    async fn must_be_visible(&self, access: &OrgAccess, project: &Project) -> Result<(), IdentityError> {
        let doors = self.doors(&access.principal).await?;
        if doors.opens(&project.clone().into()) { Ok(()) } else { Err(IdentityError::NotFound("project")) }
    }

    /// Makes a project.
    pub(crate) async fn create(&self, access: &OrgAccess, new: NewProject) -> Result<Project, IdentityError> {
        if access.principal.confined_to.is_some() {
            return Err(IdentityError::Denied("A key that belongs to one project cannot make another.".to_owned()));
        }
        let project = self.compose(new)?;
        let tx = self.db.write(&access.scope).await?;
        store::insert_project(&tx, &access.scope, &project).await.map_err(|error| match error {
            error if error.is_unique() => {
                IdentityError::Conflict(format!("There is a project with the slug {:?} already.", project.slug))
            }
            error => IdentityError::Store(error),
        })?;
        let shown = Shown::from(&project);
        let event = Event::new("rhiza.identity.project.created", project.id.to_string()).data(&shown);
        outbox::emit(&tx, &access.scope, event, &self.env).await?;
        let entry = Entry::new(&access.caller, "identity.project.create", project.id.to_string()).after(&shown);
        audit::record(&tx, &access.scope, entry, &self.env).await?;
        tx.commit().await?;
        self.directory.forget(access.scope.org);
        Ok(project)
    }

    fn compose(&self, new: NewProject) -> Result<Project, IdentityError> {
        let mut faults = Faults::default();
        let name = faults.take("/name", people::display_name(&new.name));
        let slug = match (&new.slug, &name) {
            (Some(slug), _) => faults.take("/slug", Slug::parse(slug)),
            (None, Some(name)) => Some(Slug::from_name(name, "project")),
            (None, None) => None,
        };
        // `default` already names a project of every organisation; a later one of that name would take it over.
        if slug.as_ref().is_some_and(|s| s.as_str() == DEFAULT_SLUG) {
            faults.push("/slug", "is reserved and cannot be used");
        }
        match (name, slug) {
            (Some(name), Some(slug)) => {
                faults.finish()?;
                Ok(Project {
                    id: self.env.new_id(),
                    name,
                    slug: slug.to_string(),
                    is_private: new.private,
                    revision: 1,
                    created_at: self.env.now(),
                    archived_at: None,
                })
            }
            _ => Err(faults.into_error()),
        }
    }

    /// Changes a project, if `still_as_seen` accepts the revision it finds.
    pub(crate) async fn update(
        &self,
        access: &OrgAccess,
        id: ProjectId,
        change: ProjectChange,
        still_as_seen: impl FnOnce(i64) -> bool + Send,
    ) -> Result<Project, IdentityError> {
        let mut faults = Faults::default();
        let name = change.name.as_deref().and_then(|name| faults.take("/name", people::display_name(name)));
        faults.finish()?;
        let tx = self.db.write(&access.scope).await?;
        store::lock(&tx, &access.scope).await?;
        let before =
            store::project_for_update(&tx, &access.scope, id).await?.ok_or(IdentityError::NotFound("project"))?;
        self.must_be_visible(access, &before).await?;
        if !still_as_seen(before.revision) {
            return Err(IdentityError::Stale);
        }
        let mut after = before.clone();
        after.name = name.unwrap_or(after.name);
        after.is_private = change.private.unwrap_or(after.is_private);
        match change.archived {
            Some(true) => after.archived_at = after.archived_at.or_else(|| Some(self.env.now())),
            Some(false) => after.archived_at = None,
            None => {}
        }
        if after == before {
            return Ok(before);
        }
        if after.archived_at.is_some() && before.archived_at.is_none() {
            let others = store::active_projects(&tx, &access.scope).await?;
            if others.iter().all(|p| p.id == id) {
                return Err(IdentityError::Conflict("The last project of an organisation cannot be archived.".into()));
            }
        }
        after.revision += 1;
        store::update_project(&tx, &access.scope, &after).await?;
        let event = Event::new("rhiza.identity.project.updated", id.to_string()).data(&Shown::from(&after));
        outbox::emit(&tx, &access.scope, event, &self.env).await?;
        let entry = Entry::new(&access.caller, "identity.project.update", id.to_string())
            .before(&Shown::from(&before))
            .after(&Shown::from(&after));
        audit::record(&tx, &access.scope, entry, &self.env).await?;
        tx.commit().await?;
        self.directory.forget(access.scope.org);
        Ok(after)
    }
}

/// Which projects open to a caller.
struct Doors<'a> {
    policies: &'a Policies,
    only: Option<ProjectId>,
    membership: Option<Membership>,
    /// Rhiza itself, which is no member of anything.
    everywhere: bool,
}

impl Doors<'_> {
    fn roles(&self, project: &ProjectRef) -> Vec<RoleRef> {
        self.membership.as_ref().map(|m| m.roles_in(self.policies, project)).unwrap_or_default()
    }

    fn opens(&self, project: &ProjectRef) -> bool {
        self.only.is_none_or(|only| only == project.id) && (self.everywhere || !self.roles(project).is_empty())
    }

    fn visible(&self) -> store::Visible {
        let all = self.everywhere
            || self
                .membership
                .as_ref()
                .is_some_and(|m| m.of_role(self.policies, m.role).contains(Permission::ProjectManage));
        let with_role = || self.membership.iter().flat_map(|m| m.projects.iter().map(|(id, _)| *id)).collect();
        store::Visible { only: self.only, private: (!all).then(with_role) }
    }
}
