//! Members as people: their rows belong to no organisation, so these statements run as the system and name the
//! organisation themselves.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgId, TeamId, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, Tx, Value, binds, in_list};
use uuid::Uuid;

use super::Listed;
use crate::access::system::read_role;

#[derive(Debug, FromQueryResult)]
struct Row {
    user_id: Uuid,
    email: String,
    email_key: String,
    name: String,
    role: String,
    created_at: DateTime<Utc>,
    last_seen_at: Option<DateTime<Utc>>,
    factors: i64,
    disabled_at: Option<DateTime<Utc>>,
}

#[derive(Debug, FromQueryResult)]
struct TeamRow {
    user_id: Uuid,
    team_id: Uuid,
    name: String,
}

impl Row {
    fn into_listed(self, teams: &[TeamRow]) -> Result<Listed, StoreError> {
        let own = teams.iter().filter(|team| team.user_id == self.user_id);
        Ok(Listed {
            user: UserId::from_uuid(self.user_id),
            email: self.email,
            email_key: self.email_key,
            name: self.name,
            role: read_role(&self.role)?,
            teams: own.map(|team| (TeamId::from_uuid(team.team_id), team.name.clone())).collect(),
            joined_at: self.created_at,
            last_seen_at: self.last_seen_at,
            second_factor: self.factors > 0,
            disabled: self.disabled_at.is_some(),
        })
    }
}

const MEMBER: &str = "SELECT u.user_id, u.email, u.email_key, u.name, u.disabled_at, m.role, m.created_at,
        (SELECT MAX(s.last_seen_at) FROM sessions s WHERE s.org_id = m.org_id AND s.user_id = m.user_id) AS last_seen_at,
        (SELECT COUNT(*) FROM totp_factors t WHERE t.user_id = m.user_id AND t.confirmed_at IS NOT NULL)
          + (SELECT COUNT(*) FROM passkeys k WHERE k.user_id = m.user_id) AS factors
   FROM memberships m JOIN users u ON u.user_id = m.user_id
  WHERE m.org_id = $1";

/// Which members are asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Part of the name or the address.
    pub(crate) text: Option<String>,
    /// Only those of a team.
    pub(crate) team: Option<TeamId>,
    /// Only those after this address.
    pub(crate) after: Option<String>,
}

/// A page of members, by address.
pub(crate) async fn list(db: &Db, org: OrgId, wanted: Wanted, limit: i64) -> Result<Vec<Listed>, StoreError> {
    let tx = db.system_read().await?;
    let mut values: Vec<Value> = binds![org.uuid(), limit];
    let mut sql = MEMBER.to_owned();
    if let Some(text) = wanted.text {
        values.push(Value::from(format!("%{text}%")));
        let pattern = format!("${}", values.len());
        let (name, email) = (tx.dialect().ilike("u.name", &pattern), tx.dialect().ilike("u.email", &pattern));
        sql.push_str(&format!(" AND ({name} OR {email})"));
    }
    if let Some(team) = wanted.team {
        values.push(Value::from(team.uuid()));
        sql.push_str(&format!(
            " AND EXISTS (SELECT 1 FROM team_members x
                           WHERE x.org_id = m.org_id AND x.user_id = m.user_id AND x.team_id = ${})",
            values.len()
        ));
    }
    if let Some(after) = wanted.after {
        values.push(Value::from(after));
        sql.push_str(&format!(" AND u.email_key > ${}", values.len()));
    }
    sql.push_str(" ORDER BY u.email_key LIMIT $2");
    let rows: Vec<Row> = tx.fetch_all(&sql, values).await?;
    let found = with_teams(&tx, org, rows).await?;
    tx.rollback().await?;
    Ok(found)
}

/// One member.
pub(crate) async fn find(db: &Db, org: OrgId, user: UserId) -> Result<Option<Listed>, StoreError> {
    let tx = db.system_read().await?;
    let sql = format!("{MEMBER} AND m.user_id = $2");
    let rows: Vec<Row> = tx.fetch_all(&sql, binds![org.uuid(), user.uuid()]).await?;
    let found = with_teams(&tx, org, rows).await?;
    tx.rollback().await?;
    Ok(found.into_iter().next())
}

async fn with_teams(tx: &Tx, org: OrgId, rows: Vec<Row>) -> Result<Vec<Listed>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut values: Vec<Value> = binds![org.uuid()];
    values.extend(rows.iter().map(|row| Value::from(row.user_id)));
    let sql = format!(
        "SELECT m.user_id, t.team_id, t.name FROM team_members m JOIN teams t ON t.team_id = m.team_id
          WHERE m.org_id = $1 AND m.user_id IN ({}) ORDER BY t.name_key",
        in_list(2, rows.len())
    );
    let teams: Vec<TeamRow> = tx.fetch_all(&sql, values).await?;
    rows.into_iter().map(|row| row.into_listed(&teams)).collect()
}

/// The names of those who have one of `roles` in the organisation, by address: whom to ask.
pub(crate) async fn named(db: &Db, org: OrgId, roles: &[String], limit: i64) -> Result<Vec<String>, StoreError> {
    let tx = db.system_read().await?;
    let mut values: Vec<Value> = binds![org.uuid(), limit];
    values.extend(roles.iter().map(|role| Value::from(role.clone())));
    let sql = format!(
        "SELECT u.name FROM memberships m JOIN users u ON u.user_id = m.user_id
          WHERE m.org_id = $1 AND u.disabled_at IS NULL AND m.role IN ({}) ORDER BY u.email_key LIMIT $2",
        in_list(3, roles.len())
    );
    let rows = tx.fetch_rows(&sql, values).await?;
    let names = rows.iter().map(|row| row.try_get_by_index(0).map_err(StoreError::from)).collect();
    tx.rollback().await?;
    names
}
