//! The SQL of second factors. Like people, they belong to no organisation.

use chrono::{DateTime, Utc};
use rhiza_kernel::{TypedId as _, UserId};
use rhiza_platform::secrets::{KeyKind, KeyValue, SealedColumn};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, Tx, binds};
use uuid::Uuid;

use super::model::purpose;

/// Where the secrets of authenticator apps are kept, for the rotation of the master key.
pub const SEALED_TOTP: SealedColumn = SealedColumn {
    table: "totp_factors",
    key: &[("user_id", KeyKind::Uuid)],
    column: "sealed_secret",
    purpose: |key| match key {
        [KeyValue::Uuid(id)] => purpose(UserId::from_uuid(*id)),
        _ => String::new(),
    },
};

/// Attempts that a sign-in under way has at its second factor.
const ATTEMPTS: i64 = 5;

const KIND: &str = "second_factor";

/// A sign-in that waits for its second factor.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) user: UserId,
    pub(super) sealed: Vec<u8>,
}

#[derive(FromQueryResult)]
struct BegunRow {
    user_id: Uuid,
    sealed_state: Vec<u8>,
}

/// Writes a sign-in that waits, and removes those that nobody finished.
pub(super) async fn insert_challenge(
    db: &Db,
    hash: Vec<u8>,
    user: UserId,
    sealed: Vec<u8>,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tx = db.system_write().await?;
    tx.execute("DELETE FROM sign_in_challenges WHERE expires_at <= $1", binds![now]).await?;
    tx.execute(
        "INSERT INTO sign_in_challenges (token_hash, kind, user_id, sealed_state, attempts, created_at, expires_at)
         VALUES ($1, $2, $3, $4, 0, $5, $6)",
        binds![hash, KIND, user.uuid(), sealed, now, expires_at],
    )
    .await?;
    tx.commit().await
}

/// Whose sign-in waits under this hash, if one does.
pub(super) async fn challenged(db: &Db, hash: Vec<u8>, now: DateTime<Utc>) -> Result<Option<UserId>, StoreError> {
    let tx = db.system_read().await?;
    let user: Option<Uuid> = tx
        .fetch_scalar(
            "SELECT user_id FROM sign_in_challenges
              WHERE token_hash = $1 AND kind = $2 AND user_id IS NOT NULL AND expires_at > $3 AND attempts < $4",
            binds![hash, KIND, now, ATTEMPTS],
        )
        .await?;
    tx.rollback().await?;
    Ok(user.map(UserId::from_uuid))
}

/// Counts an attempt, before it is known whether the code is right: of many at the same moment, five count.
pub(super) async fn take_attempt(db: &Db, hash: Vec<u8>, now: DateTime<Utc>) -> Result<Option<Begun>, StoreError> {
    let tx = db.system_write().await?;
    let row: Option<BegunRow> = tx
        .fetch_optional(
            "UPDATE sign_in_challenges SET attempts = attempts + 1
              WHERE token_hash = $1 AND kind = $2 AND user_id IS NOT NULL AND expires_at > $3 AND attempts < $4
              RETURNING user_id, sealed_state",
            binds![hash, KIND, now, ATTEMPTS],
        )
        .await?;
    tx.commit().await?;
    Ok(row.map(|row| Begun { user: UserId::from_uuid(row.user_id), sealed: row.sealed_state }))
}

/// Ends a sign-in under way. Only one caller ever gets `true`.
pub(super) async fn end_challenge(tx: &Tx, hash: Vec<u8>) -> Result<bool, StoreError> {
    Ok(tx.execute("DELETE FROM sign_in_challenges WHERE token_hash = $1 AND kind = $2", binds![hash, KIND]).await? == 1)
}

/// Ends everything that a person has under way: what was right before need not be right now.
pub(crate) async fn end_challenges_of(tx: &Tx, user: UserId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM sign_in_challenges WHERE user_id = $1", binds![user.uuid()]).await?;
    Ok(())
}

/// The secret of a person's authenticator app.
#[derive(Debug, FromQueryResult)]
pub(super) struct Factor {
    pub(super) sealed_secret: Vec<u8>,
    pub(super) confirmed_at: Option<DateTime<Utc>>,
}

pub(super) async fn factor(tx: &Tx, user: UserId) -> Result<Option<Factor>, StoreError> {
    tx.fetch_optional("SELECT sealed_secret, confirmed_at FROM totp_factors WHERE user_id = $1", binds![user.uuid()])
        .await
}

/// Writes a secret that waits for its first code; `false` when there is a factor already.
pub(super) async fn propose(tx: &Tx, user: UserId, sealed: Vec<u8>, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let written = tx
        .execute(
            "INSERT INTO totp_factors (user_id, sealed_secret, created_at, confirmed_at, last_step)
             VALUES ($1, $2, $3, NULL, 0)
             ON CONFLICT (user_id) DO UPDATE SET sealed_secret = excluded.sealed_secret, created_at = excluded.created_at
             WHERE totp_factors.confirmed_at IS NULL",
            binds![user.uuid(), sealed, now],
        )
        .await?;
    Ok(written == 1)
}

/// Makes the secret a factor; `false` when it is one.
pub(super) async fn confirm(tx: &Tx, user: UserId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let changed = tx
        .execute(
            "UPDATE totp_factors SET confirmed_at = $2 WHERE user_id = $1 AND confirmed_at IS NULL",
            binds![user.uuid(), now],
        )
        .await?;
    Ok(changed == 1)
}

/// Takes the code of `step`. Of two who show it, one gets `true`: a later step, or the same, was not taken before.
pub(super) async fn take_step(tx: &Tx, user: UserId, step: i64) -> Result<bool, StoreError> {
    let taken = tx
        .execute(
            "UPDATE totp_factors SET last_step = $2 WHERE user_id = $1 AND last_step < $2",
            binds![user.uuid(), step],
        )
        .await?;
    Ok(taken == 1)
}

/// Removes the app and the recovery codes; `false` when there was no app.
pub(super) async fn remove(tx: &Tx, user: UserId) -> Result<bool, StoreError> {
    tx.execute("DELETE FROM recovery_codes WHERE user_id = $1", binds![user.uuid()]).await?;
    let removed = tx
        .execute("DELETE FROM totp_factors WHERE user_id = $1 AND confirmed_at IS NOT NULL", binds![user.uuid()])
        .await?;
    Ok(removed == 1)
}

/// Writes a new set of recovery codes in place of the old one.
pub(super) async fn replace_codes(
    tx: &Tx,
    user: UserId,
    hashes: Vec<Vec<u8>>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute("DELETE FROM recovery_codes WHERE user_id = $1", binds![user.uuid()]).await?;
    for hash in hashes {
        tx.execute(
            "INSERT INTO recovery_codes (user_id, code_hash, created_at, used_at) VALUES ($1, $2, $3, NULL)",
            binds![user.uuid(), hash, now],
        )
        .await?;
    }
    Ok(())
}

/// Uses a recovery code. Of two who show it, one gets `true`.
pub(super) async fn use_code(tx: &Tx, user: UserId, hash: Vec<u8>, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let used = tx
        .execute(
            "UPDATE recovery_codes SET used_at = $3 WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL",
            binds![user.uuid(), hash, now],
        )
        .await?;
    Ok(used == 1)
}

/// Recovery codes that are left.
pub(crate) async fn codes_left(tx: &Tx, user: UserId) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL";
    Ok(tx.fetch_scalar(sql, binds![user.uuid()]).await?.unwrap_or(0))
}

/// Opens the transaction in which a person's factors change.
pub(super) async fn begin_write(db: &Db) -> Result<Tx, StoreError> {
    db.system_write().await
}
