//! Roles in a project with the names of who has them; people's names belong to no organisation.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgId, ProjectId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, Value, binds};
use uuid::Uuid;

use super::{Given, Subject};
use crate::access::system::read_role;

#[derive(Debug, FromQueryResult)]
struct Row {
    subject_kind: String,
    subject_id: Uuid,
    role: String,
    created_at: DateTime<Utc>,
    name: String,
    email: Option<String>,
}

impl Row {
    fn into_given(self) -> Result<Given, StoreError> {
        let subject = Subject::of(&self.subject_kind, self.subject_id);
        Ok(Given {
            subject: subject.ok_or_else(|| StoreError::Decode(format!("subject {:?}", self.subject_kind)))?,
            role: read_role(&self.role)?,
            name: self.name,
            email: self.email,
            created_at: self.created_at,
        })
    }
}

/// A page of a project's roles.
pub(super) async fn list(
    db: &Db,
    org: OrgId,
    project: ProjectId,
    after: Option<Subject>,
    limit: i64,
) -> Result<Vec<Given>, StoreError> {
    let tx = db.system_read().await?;
    let mut values: Vec<Value> = binds![org.uuid(), project.uuid(), limit];
    let mut sql = String::from(
        "SELECT r.subject_kind, r.subject_id, r.role, r.created_at, u.email,
                COALESCE(u.name, t.name, s.name, '') AS name
           FROM project_roles r
           LEFT JOIN users u ON r.subject_kind = 'user' AND u.user_id = r.subject_id
           LEFT JOIN teams t ON r.subject_kind = 'team' AND t.org_id = r.org_id AND t.team_id = r.subject_id
           LEFT JOIN service_accounts s ON r.subject_kind = 'service_account' AND s.org_id = r.org_id
                 AND s.service_account_id = r.subject_id
          WHERE r.org_id = $1 AND r.project_id = $2",
    );
    if let Some(after) = after {
        values.extend(binds![after.kind(), after.uuid()]);
        sql.push_str(" AND (r.subject_kind > $4 OR (r.subject_kind = $4 AND r.subject_id > $5))");
    }
    sql.push_str(" ORDER BY r.subject_kind, r.subject_id LIMIT $3");
    let rows: Vec<Row> = tx.fetch_all(&sql, values).await?;
    tx.rollback().await?;
    rows.into_iter().map(Row::into_given).collect()
}
