//! The SQL of one's own account. People belong to no organisation.

use chrono::{DateTime, Utc};
use rhiza_kernel::UserId;
use rhiza_store::{Db, StoreError, Tx, binds};

use crate::people::Email;
use crate::second_factor;

/// Opens the transaction in which an account changes.
pub(super) async fn begin(db: &Db) -> Result<Tx, StoreError> {
    db.system_write().await
}

/// Gives a person another name.
pub(super) async fn rename(tx: &Tx, user: UserId, name: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE users SET name = $2 WHERE user_id = $1", binds![user.uuid(), name]).await?;
    Ok(())
}

/// Gives a person another address, which is proved.
pub(super) async fn readdress(tx: &Tx, user: UserId, email: &Email, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let changed = tx
        .execute(
            "UPDATE users SET email = $2, email_key = $3, email_verified_at = $4
              WHERE user_id = $1 AND disabled_at IS NULL",
            binds![user.uuid(), email.as_str(), email.key(), now],
        )
        .await?;
    Ok(changed == 1)
}

/// What an account has besides a password.
#[derive(Debug, Clone, Copy)]
pub(super) struct Factors {
    pub(super) recovery_codes_left: i64,
    pub(super) passkeys: i64,
    pub(super) external_identities: i64,
}

/// What a person has besides a password.
pub(super) async fn factors(db: &Db, user: UserId) -> Result<Factors, StoreError> {
    let tx = db.system_read().await?;
    let count = async |table: &str| {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE user_id = $1");
        Ok::<i64, StoreError>(tx.fetch_scalar(&sql, binds![user.uuid()]).await?.unwrap_or(0))
    };
    let (passkeys, external_identities) = (count("passkeys").await?, count("external_identities").await?);
    let recovery_codes_left = second_factor::system::codes_left(&tx, user).await?;
    tx.rollback().await?;
    Ok(Factors { recovery_codes_left, passkeys, external_identities })
}
