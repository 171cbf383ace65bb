//! Sessions before it is known whose they are: look-ups by the token's hash cross organisations.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgId, SessionId, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, Tx, binds};
use uuid::Uuid;

use super::SessionHash;
use super::store::to_hash;
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

/// Opens the transaction in which a session goes over to another organisation.
pub(super) async fn begin(db: &Db) -> Result<Tx, StoreError> {
    db.system_write().await
}

/// A session that goes over to another organisation.
pub(super) struct Move {
    pub(super) from: SessionId,
    pub(super) to: OrgId,
    pub(super) user: UserId,
    pub(super) id: SessionId,
    pub(super) hash: SessionHash,
    pub(super) now: DateTime<Utc>,
}

/// What became of it.
pub(super) struct Moved {
    pub(super) old: SessionHash,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) second_factor: bool,
}

/// Ends a session and writes one like it in another organisation. Nothing when the person does not belong there, or the
/// session has ended.
pub(super) async fn switch(tx: &Tx, wanted: &Move) -> Result<Option<Moved>, StoreError> {
    #[derive(FromQueryResult)]
    struct Ended {
        token_hash: Vec<u8>,
        expires_at: DateTime<Utc>,
        second_factor_at: Option<DateTime<Utc>>,
    }
    // Who is being removed there is not let in behind the removal's back.
    let lock = format!("SELECT name FROM organizations WHERE org_id = $1{}", tx.dialect().for_update());
    let organization: Option<String> = tx.fetch_scalar(&lock, binds![wanted.to.uuid()]).await?;
    let member = "SELECT role FROM memberships WHERE org_id = $1 AND user_id = $2";
    let member: Option<String> = tx.fetch_scalar(member, binds![wanted.to.uuid(), wanted.user.uuid()]).await?;
    if organization.is_none() || member.is_none() {
        return Ok(None);
    }
    let ended: Option<Ended> = tx
        .fetch_optional(
            "UPDATE sessions SET revoked_at = $3 WHERE session_id = $1 AND user_id = $2 AND revoked_at IS NULL
             RETURNING token_hash, expires_at, second_factor_at",
            binds![wanted.from.uuid(), wanted.user.uuid(), wanted.now],
        )
        .await?;
    let Some(ended) = ended else { return Ok(None) };
    tx.execute(
        "INSERT INTO sessions (session_id, org_id, user_id, token_hash, created_at, last_seen_at, idle_expires_at,
                               expires_at, user_agent, address, second_factor_at, method, confirmed_at, revoked_at)
         SELECT $1, $2, user_id, $3, $4, $4, idle_expires_at, expires_at, user_agent, address, second_factor_at, method,
                COALESCE(confirmed_at, created_at), NULL
           FROM sessions WHERE session_id = $5",
        binds![wanted.id.uuid(), wanted.to.uuid(), wanted.hash.0.to_vec(), wanted.now, wanted.from.uuid()],
    )
    .await?;
    let old = ended.token_hash.as_slice().try_into().map(SessionHash);
    Ok(Some(Moved {
        old: old.map_err(|_| StoreError::Decode("session hash".to_owned()))?,
        expires_at: ended.expires_at,
        second_factor: ended.second_factor_at.is_some(),
    }))
}

/// When the person behind a session last proved who they are.
pub(crate) async fn confirmed_at(db: &Db, session: SessionId) -> Result<Option<DateTime<Utc>>, StoreError> {
    let tx = db.system_read().await?;
    let at: Option<Option<DateTime<Utc>>> = tx
        .fetch_scalar(
            "SELECT confirmed_at FROM sessions WHERE session_id = $1 AND revoked_at IS NULL",
            binds![session.uuid()],
        )
        .await?;
    tx.rollback().await?;
    Ok(at.flatten())
}

/// Writes down that they proved it now.
pub(crate) async fn confirm(tx: &Tx, session: SessionId, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.execute("UPDATE sessions SET confirmed_at = $2 WHERE session_id = $1", binds![session.uuid(), now]).await?;
    Ok(())
}

/// Gives a session a new token, because a second factor was shown in it; the hash of the old one.
pub(crate) async fn strengthen(
    tx: &Tx,
    session: SessionId,
    new: SessionHash,
    now: DateTime<Utc>,
) -> Result<Option<SessionHash>, StoreError> {
    let sql = format!(
        "SELECT token_hash FROM sessions WHERE session_id = $1 AND revoked_at IS NULL{}",
        tx.dialect().for_update()
    );
    let old: Option<Vec<u8>> = tx.fetch_scalar(&sql, binds![session.uuid()]).await?;
    tx.execute(
        "UPDATE sessions SET token_hash = $2, second_factor_at = $3, confirmed_at = $3 WHERE session_id = $1",
        binds![session.uuid(), new.0.to_vec(), now],
    )
    .await?;
    old.map(|hash| to_hash(&hash)).transpose()
}

/// Ends every session of a person, in whatever organisation, but one. Answers with what was ended.
pub(crate) async fn end_all(
    tx: &Tx,
    user: UserId,
    except: Option<SessionId>,
    now: DateTime<Utc>,
) -> Result<Vec<SessionHash>, StoreError> {
    #[derive(FromQueryResult)]
    struct Ended {
        token_hash: Vec<u8>,
    }
    let kept = except.map_or_else(Uuid::nil, |session| session.uuid());
    let rows: Vec<Ended> = tx
        .fetch_all(
            "UPDATE sessions SET revoked_at = $3
              WHERE user_id = $1 AND session_id <> $2 AND revoked_at IS NULL RETURNING token_hash",
            binds![user.uuid(), kept, now],
        )
        .await?;
    rows.iter().map(|row| to_hash(&row.token_hash)).collect()
}

/// Ends every chain of access tokens that a person got for their programs.
pub(crate) async fn end_token_families(
    tx: &Tx,
    user: UserId,
    because: &str,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE token_families SET revoked_at = $3, revoked_because = $2 WHERE user_id = $1 AND revoked_at IS NULL",
        binds![user.uuid(), because, now],
    )
    .await
}
