//! The SQL of an organisation's own roles.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgScope, RoleId, TypedId as _};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{StoreError, Tx, Value, binds};
use uuid::Uuid;

use super::OwnRole;
use crate::access::system::read_permissions;
use crate::people;

#[derive(Debug, FromQueryResult)]
struct RoleRow {
    role_id: Uuid,
    name: String,
    description: String,
    permissions: serde_json::Value,
    revision: i64,
    created_at: DateTime<Utc>,
}

impl From<RoleRow> for OwnRole {
    fn from(row: RoleRow) -> Self {
        Self {
            id: RoleId::from_uuid(row.role_id),
            name: row.name,
            description: row.description,
            permissions: read_permissions(&row.permissions),
            revision: row.revision,
            created_at: row.created_at,
        }
    }
}

/// Every role that the organisation made, by name.
pub(crate) async fn all(tx: &Tx, scope: &OrgScope) -> Result<Vec<OwnRole>, StoreError> {
    let rows: Vec<RoleRow> = tx
        .fetch_all(
            "SELECT role_id, name, description, permissions, revision, created_at FROM roles
              WHERE org_id = $1 ORDER BY name_key",
            binds![scope.org.uuid()],
        )
        .await?;
    Ok(rows.into_iter().map(OwnRole::from).collect())
}

/// Writes a new role.
pub(crate) async fn insert(tx: &Tx, scope: &OrgScope, role: &OwnRole) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO roles (role_id, org_id, name, name_key, description, permissions, revision, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        binds![
            role.id.uuid(),
            scope.org.uuid(),
            role.name.clone(),
            people::fold(&role.name),
            role.description.clone(),
            serde_json::Value::from(role.permissions.names()),
            role.revision,
            role.created_at,
        ],
    )
    .await?;
    Ok(())
}

/// Writes the changeable part of a role.
pub(crate) async fn update(tx: &Tx, scope: &OrgScope, role: &OwnRole) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE roles SET name = $3, name_key = $4, description = $5, permissions = $6, revision = $7
          WHERE org_id = $1 AND role_id = $2",
        binds![
            scope.org.uuid(),
            role.id.uuid(),
            role.name.clone(),
            people::fold(&role.name),
            role.description.clone(),
            serde_json::Value::from(role.permissions.names()),
            role.revision,
        ],
    )
    .await?;
    Ok(())
}

/// Removes a role.
pub(crate) async fn delete(tx: &Tx, scope: &OrgScope, id: RoleId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM roles WHERE org_id = $1 AND role_id = $2", binds![scope.org.uuid(), id.uuid()]).await?;
    Ok(())
}

/// Where a role is given, and how often.
pub(crate) async fn uses(
    tx: &Tx,
    scope: &OrgScope,
    id: RoleId,
    now: DateTime<Utc>,
) -> Result<Vec<(&'static str, i64)>, StoreError> {
    // With whether the statement asks for the time.
    const PLACES: [(&str, &str, bool); 5] = [
        ("members", "SELECT COUNT(*) FROM memberships WHERE org_id = $1 AND role = $2", false),
        ("roles in projects", "SELECT COUNT(*) FROM project_roles WHERE org_id = $1 AND role = $2", false),
        (
            "open invitations",
            "SELECT COUNT(*) FROM invitations WHERE org_id = $1 AND role = $2 AND accepted_at IS NULL
                AND revoked_at IS NULL AND expires_at > $3",
            true,
        ),
        ("service accounts", "SELECT COUNT(*) FROM service_accounts WHERE org_id = $1 AND role = $2", false),
        (
            "API keys",
            "SELECT COUNT(*) FROM api_keys WHERE org_id = $1 AND role = $2 AND revoked_at IS NULL
                AND (expires_at IS NULL OR expires_at > $3)",
            true,
        ),
    ];
    let mut found = Vec::new();
    for (place, sql, timed) in PLACES {
        let mut values: Vec<Value> = binds![scope.org.uuid(), id.to_string()];
        if timed {
            values.push(Value::from(now));
        }
        let count: i64 = tx.fetch_scalar(sql, values).await?.unwrap_or(0);
        if count > 0 {
            found.push((place, count));
        }
    }
    Ok(found)
}
