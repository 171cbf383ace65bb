//! The SQL of teams.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgScope, ProjectId, RoleRef, TeamId, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{StoreError, Tx, Value, binds};
use uuid::Uuid;

use super::Team;
use crate::access::system::read_role;
use crate::people;

#[derive(Debug, FromQueryResult)]
struct TeamRow {
    team_id: Uuid,
    name: String,
    description: String,
    members: i64,
    revision: i64,
    created_at: DateTime<Utc>,
}

impl From<TeamRow> for Team {
    fn from(row: TeamRow) -> Self {
        Self {
            id: TeamId::from_uuid(row.team_id),
            name: row.name,
            description: row.description,
            members: row.members,
            revision: row.revision,
            created_at: row.created_at,
        }
    }
}

const TEAM: &str = "SELECT t.team_id, t.name, t.description, t.revision, t.created_at,
        (SELECT COUNT(*) FROM team_members m WHERE m.team_id = t.team_id) AS members
   FROM teams t WHERE t.org_id = $1";

/// A page of teams, by name.
pub(crate) async fn list(
    tx: &Tx,
    scope: &OrgScope,
    after: Option<String>,
    limit: i64,
) -> Result<Vec<Team>, StoreError> {
    let mut values: Vec<Value> = binds![scope.org.uuid(), limit];
    let mut sql = TEAM.to_owned();
    if let Some(after) = after {
        values.push(Value::from(after));
        sql.push_str(" AND t.name_key > $3");
    }
    sql.push_str(" ORDER BY t.name_key LIMIT $2");
    let rows: Vec<TeamRow> = tx.fetch_all(&sql, values).await?;
    Ok(rows.into_iter().map(Team::from).collect())
}

/// One team.
pub(crate) async fn find(tx: &Tx, scope: &OrgScope, id: TeamId) -> Result<Option<Team>, StoreError> {
    let sql = format!("{TEAM} AND t.team_id = $2");
    let row: Option<TeamRow> = tx.fetch_optional(&sql, binds![scope.org.uuid(), id.uuid()]).await?;
    Ok(row.map(Team::from))
}

/// Writes a new team.
pub(crate) async fn insert(tx: &Tx, scope: &OrgScope, team: &Team) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO teams (team_id, org_id, name, name_key, description, revision, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        binds![
            team.id.uuid(),
            scope.org.uuid(),
            team.name.clone(),
            people::fold(&team.name),
            team.description.clone(),
            team.revision,
            team.created_at,
        ],
    )
    .await?;
    Ok(())
}

/// Writes the changeable part of a team.
pub(crate) async fn update(tx: &Tx, scope: &OrgScope, team: &Team) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE teams SET name = $3, name_key = $4, description = $5, revision = $6 WHERE org_id = $1 AND team_id = $2",
        binds![
            scope.org.uuid(),
            team.id.uuid(),
            team.name.clone(),
            people::fold(&team.name),
            team.description.clone(),
            team.revision,
        ],
    )
    .await?;
    Ok(())
}

/// Removes a team and what it was given.
pub(crate) async fn delete(tx: &Tx, scope: &OrgScope, id: TeamId) -> Result<(), StoreError> {
    const STATEMENTS: [&str; 3] = [
        "DELETE FROM project_roles WHERE org_id = $1 AND subject_kind = 'team' AND subject_id = $2",
        "DELETE FROM team_members WHERE org_id = $1 AND team_id = $2",
        "DELETE FROM teams WHERE org_id = $1 AND team_id = $2",
    ];
    for sql in STATEMENTS {
        tx.execute(sql, binds![scope.org.uuid(), id.uuid()]).await?;
    }
    Ok(())
}

/// Puts a member into a team; whether they were not in it.
pub(crate) async fn join(
    tx: &Tx,
    scope: &OrgScope,
    team: TeamId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let joined = tx
        .execute(
            "INSERT INTO team_members (org_id, team_id, user_id, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (team_id, user_id) DO NOTHING",
            binds![scope.org.uuid(), team.uuid(), user.uuid(), now],
        )
        .await?;
    Ok(joined > 0)
}

/// Takes a member out of a team; whether they were in it.
pub(crate) async fn part(tx: &Tx, scope: &OrgScope, team: TeamId, user: UserId) -> Result<bool, StoreError> {
    let sql = "DELETE FROM team_members WHERE org_id = $1 AND team_id = $2 AND user_id = $3";
    Ok(tx.execute(sql, binds![scope.org.uuid(), team.uuid(), user.uuid()]).await? > 0)
}

#[derive(Debug, FromQueryResult)]
struct ProjectRoleRow {
    project_id: Uuid,
    role: String,
}

/// The roles that a team has in projects.
pub(crate) async fn project_roles(
    tx: &Tx,
    scope: &OrgScope,
    team: TeamId,
) -> Result<Vec<(ProjectId, RoleRef)>, StoreError> {
    let rows: Vec<ProjectRoleRow> = tx
        .fetch_all(
            "SELECT project_id, role FROM project_roles
              WHERE org_id = $1 AND subject_kind = 'team' AND subject_id = $2",
            binds![scope.org.uuid(), team.uuid()],
        )
        .await?;
    rows.into_iter().map(|row| Ok((ProjectId::from_uuid(row.project_id), read_role(&row.role)?))).collect()
}
