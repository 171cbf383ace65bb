//! The SQL of roles in projects.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgScope, ProjectId, RoleRef};
use rhiza_store::{StoreError, Tx, binds};

use super::Subject;
use crate::access::system::read_role;

/// The role somebody has in a project, if any.
pub(crate) async fn role(
    tx: &Tx,
    scope: &OrgScope,
    project: ProjectId,
    subject: Subject,
) -> Result<Option<RoleRef>, StoreError> {
    let found: Option<String> = tx
        .fetch_scalar(
            "SELECT role FROM project_roles
              WHERE org_id = $1 AND project_id = $2 AND subject_kind = $3 AND subject_id = $4",
            binds![scope.org.uuid(), project.uuid(), subject.kind(), subject.uuid()],
        )
        .await?;
    found.map(|text| read_role(&text)).transpose()
}

/// Gives a role in a project, in place of another.
pub(crate) async fn give(
    tx: &Tx,
    scope: &OrgScope,
    project: ProjectId,
    subject: Subject,
    role: RoleRef,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO project_roles (org_id, project_id, subject_kind, subject_id, role, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (project_id, subject_kind, subject_id) DO UPDATE SET role = excluded.role",
        binds![scope.org.uuid(), project.uuid(), subject.kind(), subject.uuid(), role.to_string(), now],
    )
    .await?;
    Ok(())
}

/// Takes a role in a project away.
pub(crate) async fn take(tx: &Tx, scope: &OrgScope, project: ProjectId, subject: Subject) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM project_roles
          WHERE org_id = $1 AND project_id = $2 AND subject_kind = $3 AND subject_id = $4",
        binds![scope.org.uuid(), project.uuid(), subject.kind(), subject.uuid()],
    )
    .await?;
    Ok(())
}

/// Whether the organisation has such a person, team or service account.
pub(crate) async fn exists(tx: &Tx, scope: &OrgScope, subject: Subject) -> Result<bool, StoreError> {
    let sql = match subject {
        Subject::User(_) => "SELECT COUNT(*) FROM memberships WHERE org_id = $1 AND user_id = $2",
        Subject::Team(_) => "SELECT COUNT(*) FROM teams WHERE org_id = $1 AND team_id = $2",
        Subject::ServiceAccount(_) => {
            "SELECT COUNT(*) FROM service_accounts WHERE org_id = $1 AND service_account_id = $2"
        }
    };
    Ok(tx.fetch_scalar::<i64>(sql, binds![scope.org.uuid(), subject.uuid()]).await?.unwrap_or(0) > 0)
}
