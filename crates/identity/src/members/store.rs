//! The SQL of memberships and what hangs on them.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgScope, ProjectId, Role, RoleRef, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{StoreError, Tx, binds};
use uuid::Uuid;

use crate::access::system::read_role;

/// A member's role in the organisation; nothing when they are no member.
pub(crate) async fn role(tx: &Tx, scope: &OrgScope, user: UserId) -> Result<Option<RoleRef>, StoreError> {
    let sql = "SELECT role FROM memberships WHERE org_id = $1 AND user_id = $2";
    let found: Option<String> = tx.fetch_scalar(sql, binds![scope.org.uuid(), user.uuid()]).await?;
    found.map(|text| read_role(&text)).transpose()
}

/// Gives a member another role.
pub(crate) async fn update_role(tx: &Tx, scope: &OrgScope, user: UserId, role: RoleRef) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE memberships SET role = $3 WHERE org_id = $1 AND user_id = $2",
        binds![scope.org.uuid(), user.uuid(), role.to_string()],
    )
    .await?;
    Ok(())
}

/// How many own the organisation.
pub(crate) async fn owners(tx: &Tx, scope: &OrgScope) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM memberships WHERE org_id = $1 AND role = $2";
    Ok(tx.fetch_scalar(sql, binds![scope.org.uuid(), Role::Owner.as_str()]).await?.unwrap_or(0))
}

#[derive(Debug, FromQueryResult)]
struct ProjectRoleRow {
    project_id: Uuid,
    role: String,
}

/// A member's roles in single projects, through teams too.
pub(crate) async fn project_roles(
    tx: &Tx,
    scope: &OrgScope,
    user: UserId,
) -> Result<Vec<(ProjectId, RoleRef)>, StoreError> {
    let rows: Vec<ProjectRoleRow> = tx
        .fetch_all(
            "SELECT project_id, role FROM project_roles
              WHERE org_id = $1 AND subject_kind = 'user' AND subject_id = $2
              UNION
             SELECT p.project_id, p.role FROM project_roles p
               JOIN team_members t ON t.org_id = p.org_id AND t.team_id = p.subject_id
              WHERE p.org_id = $1 AND p.subject_kind = 'team' AND t.user_id = $2",
            binds![scope.org.uuid(), user.uuid()],
        )
        .await?;
    rows.into_iter().map(|row| Ok((ProjectId::from_uuid(row.project_id), read_role(&row.role)?))).collect()
}

/// Takes everything from a member that the organisation gave to them, the membership last. Sessions and keys are ended
/// where they are kept.
pub(crate) async fn remove(tx: &Tx, scope: &OrgScope, user: UserId, now: DateTime<Utc>) -> Result<(), StoreError> {
    const STATEMENTS: [&str; 3] = [
        "DELETE FROM team_members WHERE org_id = $1 AND user_id = $2",
        "DELETE FROM project_roles WHERE org_id = $1 AND subject_kind = 'user' AND subject_id = $2",
        "DELETE FROM memberships WHERE org_id = $1 AND user_id = $2",
    ];
    const TIMED: [&str; 2] = [
        "UPDATE token_families SET revoked_at = $3, revoked_because = 'left'
          WHERE org_id = $1 AND user_id = $2 AND revoked_at IS NULL",
        // Whom they had asked in, they would still be letting in.
        "UPDATE invitations SET revoked_at = $3
          WHERE org_id = $1 AND invited_by = $2 AND accepted_at IS NULL AND revoked_at IS NULL",
    ];
    for sql in TIMED {
        tx.execute(sql, binds![scope.org.uuid(), user.uuid(), now]).await?;
    }
    for sql in STATEMENTS {
        tx.execute(sql, binds![scope.org.uuid(), user.uuid()]).await?;
    }
    Ok(())
}
