//! Sessions before it is known whose they are: look-ups by the token's hash cross organisations.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgId, SessionId, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, binds};
use uuid::Uuid;

use super::SessionHash;
use crate::access::{self, Membership};

/// What a session opens, and whether it still does.
#[derive(Debug, Clone)]
pub(crate) struct Opens {
    pub(crate) session: SessionId,
    pub(crate) org: OrgId,
    pub(crate) user: UserId,
    pub(crate) email: String,
    /// What the organisation has given to the person, today; nothing once they have left it.
    pub(crate) membership: Option<Membership>,
    pub(crate) second_factor: bool,
    pub(crate) last_seen_at: DateTime<Utc>,
    pub(crate) idle_expires_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) revoked: bool,
}

#[derive(Debug, FromQueryResult)]
struct Row {
    session_id: Uuid,
    org_id: Uuid,
    user_id: Uuid,
    email: String,
    last_seen_at: DateTime<Utc>,
    idle_expires_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
    disabled_at: Option<DateTime<Utc>>,
    second_factor_at: Option<DateTime<Utc>>,
}

/// What the session of this hash opens. Nothing when there is none.
pub(crate) async fn find(db: &Db, hash: SessionHash) -> Result<Option<Opens>, StoreError> {
    let tx = db.system_read().await?;
    let row: Option<Row> = tx
        .fetch_optional(
            "SELECT s.session_id, s.org_id, s.user_id, u.email, s.last_seen_at, s.idle_expires_at, s.expires_at,
                    s.revoked_at, u.disabled_at, s.second_factor_at
               FROM sessions s
               JOIN users u ON u.user_id = s.user_id
              WHERE s.token_hash = $1",
            binds![hash.0.to_vec()],
        )
        .await?;
    let Some(row) = row else {
        tx.rollback().await?;
        return Ok(None);
    };
    let (org, user) = (OrgId::from_uuid(row.org_id), UserId::from_uuid(row.user_id));
    let membership = access::system::of_person(&tx, org, user).await?;
    tx.rollback().await?;
    Ok(Some(Opens {
        session: SessionId::from_uuid(row.session_id),
        org,
        user,
        email: row.email,
        membership,
        second_factor: row.second_factor_at.is_some(),
        last_seen_at: row.last_seen_at,
        idle_expires_at: row.idle_expires_at,
        expires_at: row.expires_at,
        revoked: row.revoked_at.is_some() || row.disabled_at.is_some(),
    }))
}

/// Ends the session that a browser held before it signed in anew, whosever it was.
pub(crate) async fn replace(db: &Db, hash: SessionHash, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let tx = db.system_write().await?;
    let ended = tx
        .execute(
            "UPDATE sessions SET revoked_at = $2 WHERE token_hash = $1 AND revoked_at IS NULL",
            binds![hash.0.to_vec(), now],
        )
        .await?;
    tx.commit().await?;
    Ok(ended > 0)
}
