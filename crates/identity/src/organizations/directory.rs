//! Which projects an organisation has, remembered for a second: every request names one.

use std::sync::Arc;

use rhiza_kernel::{OrgId, OrgScope, ProjectId};
use rhiza_store::{Db, StoreError};

use super::{DEFAULT_SLUG, Project, store};
use crate::fresh::Fresh;
use crate::freshness::Freshness;

/// A project that may be entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRef {
    /// The id.
    pub id: ProjectId,
    /// Its name in URLs and headers.
    pub slug: String,
    /// Shown to people.
    pub name: String,
    /// Whether only those with a role in it may enter.
    pub is_private: bool,
}

impl From<Project> for ProjectRef {
    fn from(project: Project) -> Self {
        Self { id: project.id, slug: project.slug, name: project.name, is_private: project.is_private }
    }
}

/// The projects of each organisation that are not archived, oldest first.
#[derive(Clone)]
pub struct ProjectDirectory {
    db: Db,
    known: Fresh<OrgId, Arc<[ProjectRef]>>,
}

impl std::fmt::Debug for ProjectDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProjectDirectory")
    }
}

impl ProjectDirectory {
    pub(crate) fn new(db: Db, freshness: Freshness) -> Self {
        Self { db, known: Fresh::new(freshness, 1024) }
    }

    /// The organisation's projects, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of(&self, org: OrgId) -> Result<Arc<[ProjectRef]>, StoreError> {
        self.known.get(org, || read(&self.db, org)).await
    }

    /// Forgets what is remembered of `org`, after a change to it.
    pub(crate) fn forget(&self, org: OrgId) {
        self.known.forget(&org);
    }
}

async fn read(db: &Db, org: OrgId) -> Result<Arc<[ProjectRef]>, StoreError> {
    let scope = OrgScope::new(org);
    let tx = db.read(&scope).await?;
    let found = store::active_projects(&tx, &scope).await?;
    tx.rollback().await?;
    Ok(found.into_iter().map(ProjectRef::from).collect())
}

/// The project that `slug` names among `all`, of which the caller may enter those that `may_enter` says. `default`
/// names the oldest he may enter when no project has that name.
pub(crate) fn choose<'a>(
    all: &'a [ProjectRef],
    slug: &str,
    may_enter: impl Fn(&ProjectRef) -> bool,
) -> Option<&'a ProjectRef> {
    match all.iter().find(|p| p.slug == slug) {
        Some(project) => may_enter(project).then_some(project),
        None if slug == DEFAULT_SLUG => all.iter().find(|p| may_enter(p)),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(number: u128, slug: &str) -> ProjectRef {
        use rhiza_kernel::TypedId as _;
        let id = ProjectId::from_uuid(uuid::Uuid::from_u128(number));
        ProjectRef { id, slug: slug.to_owned(), name: slug.to_owned(), is_private: false }
    }

    #[test]
    fn default_is_the_oldest_unless_a_project_has_that_name() {
        let all = [project(1, "fraud"), project(2, "churn")];
        assert_eq!(choose(&all, "churn", |_| true), Some(&all[1]));
        assert_eq!(choose(&all, "default", |_| true), Some(&all[0]));
        assert_eq!(choose(&all, "default", |p| p.slug == "churn"), Some(&all[1]));
        assert_eq!(choose(&all, "other", |_| true), None);
        let named = [project(1, "fraud"), project(2, "default")];
        assert_eq!(choose(&named, "default", |_| true), Some(&named[1]));
        // A key of `fraud` that asks for `default` must not be given `fraud` under another project's name.
        assert_eq!(choose(&named, "default", |p| p.slug == "fraud"), None);
    }
}
