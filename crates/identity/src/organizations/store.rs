//! The SQL of an organisation's own rows.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgId, OrgScope, ProjectId, TypedId as _};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{StoreError, Tx, Value, binds, in_list};
use uuid::Uuid;

use super::{Organization, Project};

#[derive(Debug, FromQueryResult)]
struct OrganizationRow {
    org_id: Uuid,
    name: String,
    slug: String,
}

#[derive(Debug, FromQueryResult)]
struct ProjectRow {
    project_id: Uuid,
    name: String,
    slug: String,
    is_private: bool,
    revision: i64,
    created_at: DateTime<Utc>,
    archived_at: Option<DateTime<Utc>>,
}

impl From<ProjectRow> for Project {
    fn from(row: ProjectRow) -> Self {
        Self {
            id: ProjectId::from_uuid(row.project_id),
            name: row.name,
            slug: row.slug,
            is_private: row.is_private,
            revision: row.revision,
            created_at: row.created_at,
            archived_at: row.archived_at,
        }
    }
}

const PROJECT: &str = "SELECT project_id, name, slug, is_private, revision, created_at, archived_at FROM projects";

/// The organisation itself.
pub(crate) async fn organization(tx: &Tx, scope: &OrgScope) -> Result<Option<Organization>, StoreError> {
    let row: Option<OrganizationRow> = tx
        .fetch_optional("SELECT org_id, name, slug FROM organizations WHERE org_id = $1", binds![scope.org.uuid()])
        .await?;
    Ok(row.map(|r| Organization { id: OrgId::from_uuid(r.org_id), name: r.name, slug: r.slug }))
}

/// An organisation in full.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) slug: String,
    pub(crate) plan: String,
    pub(crate) require_second_factor: bool,
    pub(crate) revision: i64,
    pub(crate) created_at: DateTime<Utc>,
}

/// The organisation's settings.
pub(crate) async fn settings(tx: &Tx, scope: &OrgScope) -> Result<Settings, StoreError> {
    tx.fetch_one(
        "SELECT name, slug, plan, require_second_factor, revision, created_at FROM organizations WHERE org_id = $1",
        binds![scope.org.uuid()],
    )
    .await
}

/// Writes the changeable part of an organisation.
pub(crate) async fn update_settings(tx: &Tx, scope: &OrgScope, settings: &Settings) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE organizations SET name = $2, require_second_factor = $3, revision = $4 WHERE org_id = $1",
        binds![scope.org.uuid(), settings.name.clone(), settings.require_second_factor, settings.revision],
    )
    .await?;
    Ok(())
}

/// The projects that can be entered, oldest first.
pub(crate) async fn active_projects(tx: &Tx, scope: &OrgScope) -> Result<Vec<Project>, StoreError> {
    let sql = format!("{PROJECT} WHERE org_id = $1 AND archived_at IS NULL ORDER BY project_id");
    let rows: Vec<ProjectRow> = tx.fetch_all(&sql, binds![scope.org.uuid()]).await?;
    Ok(rows.into_iter().map(Project::from).collect())
}

/// Which projects a caller may know of.
#[derive(Debug, Default)]
pub(crate) struct Visible {
    /// The one that their credential is confined to.
    pub(crate) only: Option<ProjectId>,
    /// Those of the private ones in which they have a role; `None` when they may know of all.
    pub(crate) private: Option<Vec<ProjectId>>,
}

/// A page of the projects that are visible, oldest first.
pub(crate) async fn projects(
    tx: &Tx,
    scope: &OrgScope,
    visible: &Visible,
    after: Option<ProjectId>,
    limit: i64,
) -> Result<Vec<Project>, StoreError> {
    let mut sql = format!("{PROJECT} WHERE org_id = $1");
    let mut values: Vec<Value> = binds![scope.org.uuid(), limit];
    if let Some(only) = visible.only {
        values.push(Value::from(only.uuid()));
        sql.push_str(&format!(" AND project_id = ${}", values.len()));
    }
    if let Some(private) = &visible.private {
        sql.push_str(" AND (is_private = FALSE");
        if !private.is_empty() {
            sql.push_str(&format!(" OR project_id IN ({})", in_list(values.len() + 1, private.len())));
            values.extend(private.iter().map(|id| Value::from(id.uuid())));
        }
        sql.push(')');
    }
    if let Some(after) = after {
        values.push(Value::from(after.uuid()));
        sql.push_str(&format!(" AND project_id > ${}", values.len()));
    }
    // Ids are made in the order of time, so the order by id is the order of age.
    sql.push_str(" ORDER BY project_id LIMIT $2");
    let rows: Vec<ProjectRow> = tx.fetch_all(&sql, values).await?;
    Ok(rows.into_iter().map(Project::from).collect())
}

/// One project, archived or not.
pub(crate) async fn project(tx: &Tx, scope: &OrgScope, id: ProjectId) -> Result<Option<Project>, StoreError> {
    let sql = format!("{PROJECT} WHERE org_id = $1 AND project_id = $2");
    let row: Option<ProjectRow> = tx.fetch_optional(&sql, binds![scope.org.uuid(), id.uuid()]).await?;
    Ok(row.map(Project::from))
}

/// One project, kept from changing until the transaction ends.
pub(crate) async fn project_for_update(
    tx: &Tx,
    scope: &OrgScope,
    id: ProjectId,
) -> Result<Option<Project>, StoreError> {
    let sql = format!("{PROJECT} WHERE org_id = $1 AND project_id = $2{}", tx.dialect().for_update());
    let row: Option<ProjectRow> = tx.fetch_optional(&sql, binds![scope.org.uuid(), id.uuid()]).await?;
    Ok(row.map(Project::from))
}

/// Makes other changes of the organisation, its projects and its members wait for this transaction.
pub(crate) async fn lock(tx: &Tx, scope: &OrgScope) -> Result<(), StoreError> {
    let sql = format!("SELECT org_id, name, slug FROM organizations WHERE org_id = $1{}", tx.dialect().for_update());
    tx.fetch_one::<OrganizationRow>(&sql, binds![scope.org.uuid()]).await?;
    Ok(())
}

/// Writes a new project.
pub(crate) async fn insert_project(tx: &Tx, scope: &OrgScope, project: &Project) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO projects (project_id, org_id, name, slug, revision, created_at, archived_at, is_private)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        binds![
            project.id.uuid(),
            scope.org.uuid(),
            project.name.clone(),
            project.slug.clone(),
            project.revision,
            project.created_at,
            project.archived_at,
            project.is_private,
        ],
    )
    .await?;
    Ok(())
}

/// Writes the changeable part of a project.
pub(crate) async fn update_project(tx: &Tx, scope: &OrgScope, project: &Project) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE projects SET name = $3, revision = $4, archived_at = $5, is_private = $6
         WHERE org_id = $1 AND project_id = $2",
        binds![
            scope.org.uuid(),
            project.id.uuid(),
            project.name.clone(),
            project.revision,
            project.archived_at,
            project.is_private
        ],
    )
    .await?;
    Ok(())
}
