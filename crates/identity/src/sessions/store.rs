//! The SQL of an organisation's sessions.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgScope, SessionId, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{StoreError, Tx, Value, binds};
use uuid::Uuid;

use super::{How, Method, Session, SessionHash};

/// A session about to be written.
pub(crate) struct NewSession {
    pub(crate) id: SessionId,
    pub(crate) user: UserId,
    pub(crate) hash: SessionHash,
    pub(crate) now: DateTime<Utc>,
    pub(crate) idle_expires_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) user_agent: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) how: How,
}

#[derive(Debug, FromQueryResult)]
struct SessionRow {
    session_id: Uuid,
    created_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    idle_expires_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    user_agent: Option<String>,
    address: Option<String>,
    method: String,
    second_factor_at: Option<DateTime<Utc>>,
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            id: SessionId::from_uuid(row.session_id),
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.idle_expires_at.min(row.expires_at),
            address: row.address,
            user_agent: row.user_agent,
            method: Method::read(&row.method),
            second_factor: row.second_factor_at.is_some(),
        }
    }
}

/// Writes a new session.
pub(crate) async fn insert(tx: &Tx, scope: &OrgScope, new: NewSession) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO sessions (session_id, org_id, user_id, token_hash, created_at, last_seen_at, idle_expires_at,
                               expires_at, user_agent, address, revoked_at, method, second_factor_at,
                               confirmed_at)
         VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9, NULL, $10, $11, $5)",
        binds![
            new.id.uuid(),
            scope.org.uuid(),
            new.user.uuid(),
            new.hash.0.to_vec(),
            new.now,
            new.idle_expires_at,
            new.expires_at,
            new.user_agent,
            new.address,
            new.how.method.as_str(),
            new.how.second_factor.then_some(new.now),
        ],
    )
    .await?;
    Ok(())
}

/// Removes a person's sessions that ended by themselves, so that the table does not grow with every sign-in.
pub(crate) async fn delete_ended(
    tx: &Tx,
    scope: &OrgScope,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM sessions WHERE org_id = $1 AND user_id = $2 AND (expires_at <= $3 OR idle_expires_at <= $3)",
        binds![scope.org.uuid(), user.uuid(), now],
    )
    .await
}

/// A page of a person's sessions that still open something, newest first.
pub(crate) async fn active(
    tx: &Tx,
    scope: &OrgScope,
    user: UserId,
    now: DateTime<Utc>,
    before: Option<SessionId>,
    limit: i64,
) -> Result<Vec<Session>, StoreError> {
    let mut values: Vec<Value> = binds![scope.org.uuid(), user.uuid(), now, limit];
    let mut sql = String::from(
        "SELECT session_id, created_at, last_seen_at, idle_expires_at, expires_at, user_agent, address, method,
                second_factor_at
           FROM sessions
         WHERE org_id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > $3 AND idle_expires_at > $3",
    );
    if let Some(before) = before {
        values.push(Value::from(before.uuid()));
        sql.push_str(" AND session_id < $5");
    }
    sql.push_str(" ORDER BY session_id DESC LIMIT $4");
    let rows: Vec<SessionRow> = tx.fetch_all(&sql, values).await?;
    Ok(rows.into_iter().map(Session::from).collect())
}

/// Ends a person's session; its hash when there was one to end.
pub(crate) async fn revoke(
    tx: &Tx,
    scope: &OrgScope,
    user: UserId,
    session: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<SessionHash>, StoreError> {
    let hash: Option<Vec<u8>> = tx
        .fetch_scalar(
            "UPDATE sessions SET revoked_at = $4
             WHERE org_id = $1 AND user_id = $2 AND session_id = $3 AND revoked_at IS NULL RETURNING token_hash",
            binds![scope.org.uuid(), user.uuid(), session.uuid(), now],
        )
        .await?;
    hash.map(|hash| to_hash(&hash)).transpose()
}

/// Whether a second factor was shown in a session.
pub(crate) async fn has_second_factor(tx: &Tx, scope: &OrgScope, session: SessionId) -> Result<bool, StoreError> {
    let sql = "SELECT COUNT(*) FROM sessions WHERE org_id = $1 AND session_id = $2 AND second_factor_at IS NOT NULL";
    Ok(tx.fetch_scalar::<i64>(sql, binds![scope.org.uuid(), session.uuid()]).await?.unwrap_or(0) > 0)
}

/// Ends every session of a person in this organisation; their hashes.
pub(crate) async fn revoke_all(
    tx: &Tx,
    scope: &OrgScope,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<SessionHash>, StoreError> {
    let rows = tx
        .fetch_rows(
            "UPDATE sessions SET revoked_at = $3
             WHERE org_id = $1 AND user_id = $2 AND revoked_at IS NULL RETURNING token_hash",
            binds![scope.org.uuid(), user.uuid(), now],
        )
        .await?;
    rows.iter().map(|row| to_hash(&row.try_get_by_index::<Vec<u8>>(0)?)).collect()
}

pub(super) fn to_hash(bytes: &[u8]) -> Result<SessionHash, StoreError> {
    bytes.try_into().map(SessionHash).map_err(|_| StoreError::Decode("session hash".to_owned()))
}
