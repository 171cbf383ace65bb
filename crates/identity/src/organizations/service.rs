//! Projects: which ones a caller may enter, making them, changing them.

use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, OrgScope, ProjectId};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::{Actor, OrgAccess, Principal};
use rhiza_platform::outbox::{self, Event};
use rhiza_store::{Db, StoreError};
use serde::Serialize;

use super::directory::choose;
use super::{DEFAULT_SLUG, Project, ProjectDirectory, ProjectRef, Slug, store};
use crate::errors::{Faults, IdentityError};
use crate::keys;
use crate::people;

/// A project to be made.
#[derive(Debug, Clone)]
pub struct NewProject {
    /// Shown to people.
    pub name: String,
    /// Its name in URLs; made from the name when absent.
    pub slug: Option<String>,
}

/// What to change of a project; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct ProjectChange {
    /// A new name.
    pub name: Option<String>,
    /// Whether it is put away.
    pub archived: Option<bool>,
}

/// The use cases around projects. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Projects {
    db: Db,
    env: Env,
    directory: ProjectDirectory,
}

/// A project as the audit chain and events show it.
#[derive(Serialize)]
struct Shown<'a> {
    id: ProjectId,
    name: &'a str,
    slug: &'a str,
    archived_at: Option<DateTime<Utc>>,
}

impl<'a> From<&'a Project> for Shown<'a> {
    fn from(project: &'a Project) -> Self {
        Self { id: project.id, name: &project.name, slug: &project.slug, archived_at: project.archived_at }
    }
}

impl Projects {
    pub(crate) fn new(db: Db, env: Env, directory: ProjectDirectory) -> Self {
        Self { db, env, directory }
    }

    /// The projects `principal` may enter, oldest first: all that are not archived, or the one its key belongs to.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_projects(&self, principal: &Principal) -> Result<Vec<ProjectRef>, IdentityError> {
        let all = self.directory.of(principal.org).await?;
        let only = self.bound_to(principal).await?;
        Ok(all.iter().filter(|p| only.is_none_or(|only| only == p.id)).cloned().collect())
    }

    /// The project named `slug`, if `principal` may enter it. `default` names the oldest one when no project is
    /// called so.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_project(&self, principal: &Principal, slug: &str) -> Result<Option<ProjectRef>, IdentityError> {
        let all = self.directory.of(principal.org).await?;
        let only = self.bound_to(principal).await?;
        Ok(choose(&all, slug, |p| only.is_none_or(|only| only == p.id)).cloned())
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

    /// The project a key belongs to; `None` for people and for keys of the whole organisation.
    async fn bound_to(&self, principal: &Principal) -> Result<Option<ProjectId>, StoreError> {
        let Actor::Key { id, .. } = &principal.actor else { return Ok(None) };
        let scope = OrgScope::new(principal.org);
        let tx = self.db.read(&scope).await?;
        let project = keys::store::project_of(&tx, &scope, *id).await?;
        tx.rollback().await?;
        Ok(project)
    }

    /// A page of the projects the caller may know of, archived ones too, oldest first.
    pub(crate) async fn page(
        &self,
        access: &OrgAccess,
        after: Option<ProjectId>,
        limit: i64,
    ) -> Result<Vec<Project>, IdentityError> {
        let only = self.bound_to(&access.principal).await?;
        let tx = self.db.read(&access.scope).await?;
        let found = store::projects(&tx, &access.scope, only, after, limit).await?;
        tx.rollback().await?;
        Ok(found)
    }

    /// One project the caller may know of.
    pub(crate) async fn get(&self, access: &OrgAccess, id: ProjectId) -> Result<Project, IdentityError> {
        self.must_be_visible(access, id).await?;
        let tx = self.db.read(&access.scope).await?;
        let found = store::project(&tx, &access.scope, id).await?;
        tx.rollback().await?;
        found.ok_or(IdentityError::NotFound("project"))
    }

    async fn must_be_visible(&self, access: &OrgAccess, id: ProjectId) -> Result<(), IdentityError> {
        match self.bound_to(&access.principal).await? {
            Some(only) if only != id => Err(IdentityError::NotFound("project")),
            _ => Ok(()),
        }
    }

    /// Makes a project.
    pub(crate) async fn create(&self, access: &OrgAccess, new: NewProject) -> Result<Project, IdentityError> {
        if self.bound_to(&access.principal).await?.is_some() {
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
        self.must_be_visible(access, id).await?;
        let mut faults = Faults::default();
        let name = change.name.as_deref().and_then(|name| faults.take("/name", people::display_name(name)));
        faults.finish()?;
        let tx = self.db.write(&access.scope).await?;
        store::lock_projects(&tx, &access.scope).await?;
        let before =
            store::project_for_update(&tx, &access.scope, id).await?.ok_or(IdentityError::NotFound("project"))?;
        if !still_as_seen(before.revision) {
            return Err(IdentityError::Stale);
        }
        let mut after = before.clone();
        after.name = name.unwrap_or(after.name);
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
