//! The installation's own rows, which belong to no organisation.

use chrono::{DateTime, Utc};
use rhiza_store::{Db, StoreError, Tx, binds};

/// Opens the transaction that founds an organisation.
pub(crate) async fn begin(db: &Db) -> Result<Tx, StoreError> {
    db.system_write().await
}

/// Whether the installation still waits for its owner.
pub(crate) async fn is_unclaimed(db: &Db) -> Result<bool, StoreError> {
    let tx = db.system_read().await?;
    let open: Option<i64> = tx
        .fetch_scalar("SELECT COUNT(*) FROM installation WHERE installation_id = 1 AND claimed_at IS NULL", binds![])
        .await?;
    tx.rollback().await?;
    Ok(open == Some(1))
}

/// Takes the installation. Only one transaction ever gets `true`: the others wait for it and find the row taken.
pub(crate) async fn claim(tx: &Tx, at: DateTime<Utc>) -> Result<bool, StoreError> {
    let taken = tx
        .execute("UPDATE installation SET claimed_at = $1 WHERE installation_id = 1 AND claimed_at IS NULL", binds![at])
        .await?;
    tx.execute("DELETE FROM setup_tokens", binds![]).await?;
    Ok(taken == 1)
}

/// Whether `hash` is the token of the newest link.
pub(crate) async fn knows_token(tx: &Tx, hash: [u8; 32]) -> Result<bool, StoreError> {
    let found: Option<i64> =
        tx.fetch_scalar("SELECT COUNT(*) FROM setup_tokens WHERE token_hash = $1", binds![hash.to_vec()]).await?;
    Ok(found == Some(1))
}

/// As [`knows_token`], in a transaction of its own.
pub(crate) async fn token_is_good(db: &Db, hash: [u8; 32]) -> Result<bool, StoreError> {
    let tx = db.system_read().await?;
    let good = knows_token(&tx, hash).await?;
    tx.rollback().await?;
    Ok(good)
}

/// Makes `hash` the one token that is good, unless the installation has an owner.
pub(crate) async fn replace_token(db: &Db, hash: [u8; 32], at: DateTime<Utc>) -> Result<bool, StoreError> {
    let tx = db.system_write().await?;
    let open: Option<i64> = tx
        .fetch_scalar("SELECT COUNT(*) FROM installation WHERE installation_id = 1 AND claimed_at IS NULL", binds![])
        .await?;
    if open != Some(1) {
        return Ok(false);
    }
    tx.execute("DELETE FROM setup_tokens", binds![]).await?;
    tx.execute("INSERT INTO setup_tokens (token_hash, created_at) VALUES ($1, $2)", binds![hash.to_vec(), at]).await?;
    tx.commit().await?;
    Ok(true)
}
