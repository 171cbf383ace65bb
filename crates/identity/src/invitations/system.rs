//! Invitations in the hands of who got them: the secret leads to one of any organisation.

use chrono::{DateTime, Utc};
use rhiza_kernel::UserId;
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, Tx, binds};

use super::Invitation;
use super::store::{INVITATION, InvitationRow};

/// Opens the transaction in which an invitation is accepted.
pub(super) async fn begin(db: &Db) -> Result<Tx, StoreError> {
    db.system_write().await
}

/// Opens a transaction in which an invitation is looked at.
pub(super) async fn look(db: &Db) -> Result<Tx, StoreError> {
    db.system_read().await
}

/// The invitation of a secret, if it can still be accepted.
pub(super) async fn by_secret(tx: &Tx, hash: Vec<u8>, now: DateTime<Utc>) -> Result<Option<Invitation>, StoreError> {
    let sql = format!("{INVITATION} AND token_hash = $1 AND expires_at > $2");
    let row: Option<InvitationRow> = tx.fetch_optional(&sql, binds![hash, now]).await?;
    row.map(InvitationRow::into_invitation).transpose()
}

/// Uses an invitation up. Of two who try, one does.
pub(super) async fn use_up(
    tx: &Tx,
    invitation: &Invitation,
    hash: Vec<u8>,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let used = tx
        .execute(
            "UPDATE invitations SET accepted_at = $4, accepted_by = $3
              WHERE invitation_id = $1 AND token_hash = $2 AND accepted_at IS NULL AND revoked_at IS NULL
                AND expires_at > $4",
            binds![invitation.id.uuid(), hash, user.uuid(), now],
        )
        .await?;
    Ok(used == 1)
}

/// What counts of a person.
#[derive(Debug, FromQueryResult)]
pub(super) struct PersonRow {
    pub(super) name: String,
    pub(super) email_key: String,
    pub(super) email_verified_at: Option<DateTime<Utc>>,
    pub(super) disabled_at: Option<DateTime<Utc>>,
}

/// The person of an id.
pub(super) async fn person(tx: &Tx, user: UserId) -> Result<Option<PersonRow>, StoreError> {
    let sql = "SELECT name, email_key, email_verified_at, disabled_at FROM users WHERE user_id = $1";
    tx.fetch_optional(sql, binds![user.uuid()]).await
}

/// Whether an address has an account.
pub(super) async fn has_account(tx: &Tx, email_key: &str) -> Result<bool, StoreError> {
    let sql = "SELECT COUNT(*) FROM users WHERE email_key = $1";
    Ok(tx.fetch_scalar::<i64>(sql, binds![email_key]).await?.unwrap_or(0) > 0)
}

/// Whether somebody of this address is a member of the organisation already.
pub(super) async fn is_member(db: &Db, org: rhiza_kernel::OrgId, email_key: &str) -> Result<bool, StoreError> {
    let tx = db.system_read().await?;
    let sql = "SELECT COUNT(*) FROM memberships m JOIN users u ON u.user_id = m.user_id
                WHERE m.org_id = $1 AND u.email_key = $2";
    let found = tx.fetch_scalar::<i64>(sql, binds![org.uuid(), email_key]).await?.unwrap_or(0) > 0;
    tx.rollback().await?;
    Ok(found)
}
