//! The SQL of the secrets that letters carry, and of registrations that wait for theirs to be followed. They belong to
//! people, who belong to no organisation.

use chrono::{DateTime, Utc};
use rhiza_kernel::{TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, Tx, binds};
use serde_json::Value;
use uuid::Uuid;

/// What the secret of a letter is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    VerifyEmail,
    ChangeEmail,
    ResetPassword,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ChangeEmail => "change_email",
            Self::ResetPassword => "reset_password",
        }
    }
}

/// Opens the transaction in which letters are written, or what they carried is used.
pub(crate) async fn begin(db: &Db) -> Result<Tx, StoreError> {
    db.system_write().await
}

/// Writes the hash of a secret, which makes those before it worthless: the newest letter counts.
pub(crate) async fn insert_token(
    tx: &Tx,
    hash: Vec<u8>,
    user: UserId,
    purpose: Purpose,
    data: Value,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    spoil(tx, user, purpose).await?;
    tx.execute(
        "INSERT INTO user_tokens (token_hash, user_id, purpose, data, created_at, expires_at, used_at)
         VALUES ($1, $2, $3, $4, $5, $6, NULL)",
        binds![hash, user.uuid(), purpose.as_str(), data, now, expires_at],
    )
    .await?;
    Ok(())
}

/// Makes a person's secrets of one kind worthless.
pub(crate) async fn spoil(tx: &Tx, user: UserId, purpose: Purpose) -> Result<(), StoreError> {
    tx.execute("DELETE FROM user_tokens WHERE user_id = $1 AND purpose = $2", binds![user.uuid(), purpose.as_str()])
        .await?;
    Ok(())
}

/// Removes everybody's secrets that are too old to work.
pub(crate) async fn delete_expired(tx: &Tx, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.execute("DELETE FROM user_tokens WHERE expires_at <= $1", binds![now]).await?;
    tx.execute("DELETE FROM registrations WHERE expires_at <= $1", binds![now]).await?;
    Ok(())
}

/// Whose secret it is, if it is one that works.
pub(crate) async fn whose(
    db: &Db,
    hash: Vec<u8>,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, StoreError> {
    let tx = db.system_read().await?;
    let user: Option<Uuid> = tx
        .fetch_scalar(
            "SELECT user_id FROM user_tokens
              WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3",
            binds![hash, purpose.as_str(), now],
        )
        .await?;
    tx.rollback().await?;
    Ok(user.map(UserId::from_uuid))
}

/// What a used secret was good for.
#[derive(Debug)]
pub(crate) struct Used {
    pub(crate) user: UserId,
    pub(crate) data: Value,
}

/// Uses a secret. Of two who follow one link at the same moment, one gets it.
pub(crate) async fn use_token(
    tx: &Tx,
    hash: Vec<u8>,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<Option<Used>, StoreError> {
    #[derive(FromQueryResult)]
    struct Row {
        user_id: Uuid,
        data: Value,
    }
    let row: Option<Row> = tx
        .fetch_optional(
            "UPDATE user_tokens SET used_at = $3
              WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3
              RETURNING user_id, data",
            binds![hash, purpose.as_str(), now],
        )
        .await?;
    Ok(row.map(|row| Used { user: UserId::from_uuid(row.user_id), data: row.data }))
}

/// A registration that waits for its letter to be followed.
#[derive(Debug, FromQueryResult)]
pub(crate) struct Registration {
    pub(crate) registration_id: Uuid,
    pub(crate) email: String,
    pub(crate) email_key: String,
    pub(crate) name: String,
    pub(crate) password_hash: String,
    pub(crate) organization: Option<String>,
}

const REGISTRATION: &str =
    "SELECT registration_id, email, email_key, name, password_hash, organization FROM registrations";

/// Writes a registration, which waits until `expires_at`.
pub(crate) async fn insert_registration(
    tx: &Tx,
    new: &Registration,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO registrations (registration_id, email, email_key, name, password_hash, organization, token_hash,
                                    created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, $8)",
        binds![
            new.registration_id,
            new.email.clone(),
            new.email_key.clone(),
            new.name.clone(),
            new.password_hash.clone(),
            new.organization.clone(),
            now,
            expires_at,
        ],
    )
    .await?;
    Ok(())
}

/// One registration, if it still waits.
pub(crate) async fn registration(tx: &Tx, id: Uuid, now: DateTime<Utc>) -> Result<Option<Registration>, StoreError> {
    let sql = format!("{REGISTRATION} WHERE registration_id = $1 AND expires_at > $2");
    tx.fetch_optional(&sql, binds![id, now]).await
}

/// The newest registration of an address that still waits.
pub(crate) async fn newest_registration(
    tx: &Tx,
    email_key: &str,
    now: DateTime<Utc>,
) -> Result<Option<Registration>, StoreError> {
    let sql = format!(
        "{REGISTRATION} WHERE email_key = $1 AND expires_at > $2 ORDER BY created_at DESC, registration_id DESC LIMIT 1"
    );
    tx.fetch_optional(&sql, binds![email_key, now]).await
}

/// Ties a registration to the secret of its newest letter.
pub(crate) async fn tie(tx: &Tx, id: Uuid, hash: Vec<u8>, expires_at: DateTime<Utc>) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE registrations SET token_hash = $2, expires_at = $3 WHERE registration_id = $1",
        binds![id, hash, expires_at],
    )
    .await?;
    Ok(())
}

/// Takes the registration of a secret out of the table. Of two who follow one link, one gets it.
pub(crate) async fn take_registration(
    tx: &Tx,
    hash: Vec<u8>,
    now: DateTime<Utc>,
) -> Result<Option<Registration>, StoreError> {
    let email_key: Option<String> = tx
        .fetch_scalar(
            "SELECT email_key FROM registrations WHERE token_hash = $1 AND expires_at > $2",
            binds![hash.clone(), now],
        )
        .await?;
    let Some(email_key) = email_key else { return Ok(None) };
    lock_registrations(tx, &email_key).await?;
    tx.fetch_optional(
        "DELETE FROM registrations WHERE token_hash = $1 AND expires_at > $2
         RETURNING registration_id, email, email_key, name, password_hash, organization",
        binds![hash, now],
    )
    .await
}

/// Makes whoever else comes with this address wait for this transaction. Comes before the account is written: two who
/// take the same locks in different orders would wait for each other.
pub(crate) async fn lock_registrations(tx: &Tx, email_key: &str) -> Result<(), StoreError> {
    let sql = format!("{REGISTRATION} WHERE email_key = $1 ORDER BY registration_id{}", tx.dialect().for_update());
    tx.fetch_all::<Registration>(&sql, binds![email_key]).await?;
    Ok(())
}

/// Removes the registrations of an address, which has its account now.
pub(crate) async fn delete_registrations(tx: &Tx, email_key: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM registrations WHERE email_key = $1", binds![email_key]).await?;
    Ok(())
}
