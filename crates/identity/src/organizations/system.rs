//! The organisation rows that are written before there is a tenant to write them as, and read by the operator.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgId, ProjectId, ProjectScope, RoleRef, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, Tx, binds};
use uuid::Uuid;

use super::Organization;

/// Writes a new organisation.
pub(crate) async fn insert_organization(
    tx: &Tx,
    organization: &Organization,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO organizations (org_id, name, slug, created_at) VALUES ($1, $2, $3, $4)",
        binds![organization.id.uuid(), organization.name.clone(), organization.slug.clone(), at],
    )
    .await?;
    Ok(())
}

/// Makes a person a member.
pub(crate) async fn insert_membership(
    tx: &Tx,
    org: OrgId,
    user: UserId,
    role: RoleRef,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO memberships (org_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)",
        binds![org.uuid(), user.uuid(), role.to_string(), at],
    )
    .await?;
    Ok(())
}

/// A project as the operator of the installation names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedProject {
    /// Where it is.
    pub scope: ProjectScope,
    /// Its organisation's slug.
    pub organization: String,
    /// Its own slug.
    pub slug: String,
}

#[derive(FromQueryResult)]
struct PlacedRow {
    org_id: Uuid,
    project_id: Uuid,
    organization: String,
    slug: String,
}

/// The projects of every organisation that are not archived, oldest first: for commands of the operator, who has no
/// organisation.
///
/// # Errors
/// When the database does not answer.
pub async fn placed_projects(db: &Db) -> Result<Vec<PlacedProject>, StoreError> {
    let tx = db.system_read().await?;
    let rows: Vec<PlacedRow> = tx
        .fetch_all(
            "SELECT o.org_id, p.project_id, o.slug AS organization, p.slug FROM projects p \
             JOIN organizations o ON o.org_id = p.org_id WHERE p.archived_at IS NULL ORDER BY p.project_id",
            binds![],
        )
        .await?;
    tx.rollback().await?;
    let placed = |row: PlacedRow| PlacedProject {
        scope: ProjectScope { org: OrgId::from_uuid(row.org_id), project: ProjectId::from_uuid(row.project_id) },
        organization: row.organization,
        slug: row.slug,
    };
    Ok(rows.into_iter().map(placed).collect())
}
