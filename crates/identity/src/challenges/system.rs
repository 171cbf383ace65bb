//! The SQL of sign-ins under way: who signs in belongs to no organisation yet.

use chrono::{DateTime, Utc};
use rhiza_kernel::{TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, binds};
use uuid::Uuid;

/// A challenge about to be written.
pub(super) struct NewChallenge {
    pub(super) hash: [u8; 32],
    pub(super) kind: &'static str,
    pub(super) user: Option<UserId>,
    pub(super) sealed: Vec<u8>,
    pub(super) now: DateTime<Utc>,
    pub(super) expires_at: DateTime<Utc>,
}

#[derive(Debug, FromQueryResult)]
struct Row {
    user_id: Option<Uuid>,
    sealed_state: Vec<u8>,
}

pub(super) async fn insert(db: &Db, new: NewChallenge) -> Result<(), StoreError> {
    let tx = db.system_write().await?;
    tx.execute(
        "INSERT INTO sign_in_challenges (token_hash, kind, user_id, sealed_state, attempts, created_at, expires_at)
         VALUES ($1, $2, $3, $4, 0, $5, $6)",
        binds![new.hash.to_vec(), new.kind, new.user.map(|u| u.uuid()), new.sealed, new.now, new.expires_at],
    )
    .await?;
    tx.commit().await
}

/// Removes the challenge and gives what it held. Of several who ask at the same moment, one gets it.
pub(super) async fn take(
    db: &Db,
    kind: &str,
    hash: [u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<(Option<UserId>, Vec<u8>)>, StoreError> {
    let tx = db.system_write().await?;
    let row: Option<Row> = tx
        .fetch_optional(
            "DELETE FROM sign_in_challenges WHERE token_hash = $1 AND kind = $2 AND expires_at > $3
             RETURNING user_id, sealed_state",
            binds![hash.to_vec(), kind, now],
        )
        .await?;
    tx.commit().await?;
    Ok(row.map(|row| (row.user_id.map(UserId::from_uuid), row.sealed_state)))
}

pub(super) async fn purge(db: &Db, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tx = db.system_read().await?;
    let some: Option<i64> =
        tx.fetch_scalar("SELECT COUNT(*) FROM sign_in_challenges WHERE expires_at <= $1", binds![now]).await?;
    tx.rollback().await?;
    // Usually there is nothing, and then nobody has to wait for the one writer that SQLite has.
    if some.unwrap_or(0) == 0 {
        return Ok(());
    }
    let tx = db.system_write().await?;
    tx.execute("DELETE FROM sign_in_challenges WHERE expires_at <= $1", binds![now]).await?;
    tx.commit().await
}
