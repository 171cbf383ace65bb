//! The SQL of passkeys. Like their owners they belong to no organisation.

use chrono::{DateTime, Utc};
use rhiza_kernel::{PasskeyId, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, Tx, binds};
use uuid::Uuid;
use webauthn_rs::prelude::Passkey as Credential;

use super::Passkey;

#[derive(Debug, FromQueryResult)]
struct PasskeyRow {
    passkey_id: Uuid,
    name: String,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
}

impl From<PasskeyRow> for Passkey {
    fn from(row: PasskeyRow) -> Self {
        Self {
            id: PasskeyId::from_uuid(row.passkey_id),
            name: row.name,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        }
    }
}

#[derive(Debug, FromQueryResult)]
struct CredentialRow {
    passkey_id: Uuid,
    user_id: Uuid,
    credential: serde_json::Value,
}

/// A passkey somebody shows.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) id: PasskeyId,
    pub(super) owner: UserId,
    pub(super) credential: Credential,
}

/// A writing transaction for the caller's own things.
pub(super) async fn begin(db: &Db) -> Result<Tx, StoreError> {
    db.system_write().await
}

/// A person's passkeys, oldest first.
pub(super) async fn of_person(db: &Db, user: UserId) -> Result<Vec<Passkey>, StoreError> {
    let tx = db.system_read().await?;
    let rows: Vec<PasskeyRow> = tx
        .fetch_all(
            "SELECT passkey_id, name, created_at, last_used_at FROM passkeys WHERE user_id = $1 ORDER BY passkey_id",
            binds![user.uuid()],
        )
        .await?;
    tx.rollback().await?;
    Ok(rows.into_iter().map(Passkey::from).collect())
}

/// One of a person's passkeys.
pub(super) async fn find(tx: &Tx, user: UserId, id: PasskeyId) -> Result<Option<Passkey>, StoreError> {
    let row: Option<PasskeyRow> = tx
        .fetch_optional(
            "SELECT passkey_id, name, created_at, last_used_at FROM passkeys WHERE user_id = $1 AND passkey_id = $2",
            binds![user.uuid(), id.uuid()],
        )
        .await?;
    Ok(row.map(Passkey::from))
}

/// The credentials of a person, by the ids that authenticators know them by.
pub(super) async fn credential_ids(db: &Db, user: UserId) -> Result<Vec<Vec<u8>>, StoreError> {
    #[derive(FromQueryResult)]
    struct Id {
        credential_id: Vec<u8>,
    }
    let tx = db.system_read().await?;
    let rows: Vec<Id> =
        tx.fetch_all("SELECT credential_id FROM passkeys WHERE user_id = $1", binds![user.uuid()]).await?;
    tx.rollback().await?;
    Ok(rows.into_iter().map(|row| row.credential_id).collect())
}

/// Writes a new passkey.
pub(super) async fn insert(
    tx: &Tx,
    user: UserId,
    passkey: &Passkey,
    credential: &Credential,
) -> Result<(), StoreError> {
    let json = serde_json::to_value(credential).map_err(|e| StoreError::Decode(e.to_string()))?;
    tx.execute(
        "INSERT INTO passkeys (passkey_id, user_id, credential_id, name, credential, created_at, last_used_at)
         VALUES ($1, $2, $3, $4, $5, $6, NULL)",
        binds![
            passkey.id.uuid(),
            user.uuid(),
            credential.cred_id().to_vec(),
            passkey.name.clone(),
            json,
            passkey.created_at,
        ],
    )
    .await?;
    Ok(())
}

/// Gives one of a person's passkeys another name.
pub(super) async fn rename(tx: &Tx, user: UserId, id: PasskeyId, name: &str) -> Result<bool, StoreError> {
    let sql = "UPDATE passkeys SET name = $3 WHERE user_id = $1 AND passkey_id = $2";
    Ok(tx.execute(sql, binds![user.uuid(), id.uuid(), name]).await? > 0)
}

/// Removes one of a person's passkeys.
pub(super) async fn delete(tx: &Tx, user: UserId, id: PasskeyId) -> Result<bool, StoreError> {
    let sql = "DELETE FROM passkeys WHERE user_id = $1 AND passkey_id = $2";
    Ok(tx.execute(sql, binds![user.uuid(), id.uuid()]).await? > 0)
}

/// Notes that the credential is being used and holds its row, so that of two assertions with the same counter the
/// second sees what the first has left.
pub(super) async fn hold(tx: &Tx, credential_id: &[u8], at: DateTime<Utc>) -> Result<Option<Shown>, StoreError> {
    let row: Option<CredentialRow> = tx
        .fetch_optional(
            "UPDATE passkeys SET last_used_at = $2 WHERE credential_id = $1 RETURNING passkey_id, user_id, credential",
            binds![credential_id.to_vec(), at],
        )
        .await?;
    row.map(|row| {
        Ok(Shown {
            id: PasskeyId::from_uuid(row.passkey_id),
            owner: UserId::from_uuid(row.user_id),
            credential: serde_json::from_value(row.credential)
                .map_err(|e| StoreError::Decode(format!("passkey {}: {e}", row.passkey_id)))?,
        })
    })
    .transpose()
}

/// Writes what an assertion told of the credential: its counter, and whether it is kept elsewhere too.
pub(super) async fn update(tx: &Tx, shown: &Shown) -> Result<(), StoreError> {
    let json = serde_json::to_value(&shown.credential).map_err(|e| StoreError::Decode(e.to_string()))?;
    tx.execute("UPDATE passkeys SET credential = $2 WHERE passkey_id = $1", binds![shown.id.uuid(), json]).await?;
    Ok(())
}
