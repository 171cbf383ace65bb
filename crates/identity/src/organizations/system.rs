//! The organisation rows that set-up writes before there is a tenant to write them as.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgId, Role, UserId};
use rhiza_store::{StoreError, Tx, binds};

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
    role: Role,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO memberships (org_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)",
        binds![org.uuid(), user.uuid(), role.as_str(), at],
    )
    .await?;
    Ok(())
}
