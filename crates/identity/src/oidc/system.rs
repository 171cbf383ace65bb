//! The SQL of accounts at providers. Like the people behind them they belong to no organisation.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgId, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, Tx, binds};
use uuid::Uuid;

use super::model::Claims;
use crate::people::Email;

/// An account at a provider that opens an account here.
#[derive(Debug, Clone, FromQueryResult)]
pub(super) struct ExternalIdentity {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) email: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) last_used_at: Option<DateTime<Utc>>,
}

/// The account that has an address.
#[derive(Debug, FromQueryResult)]
struct Holder {
    user_id: Uuid,
    email_verified_at: Option<DateTime<Utc>>,
}

/// A writing transaction.
pub(super) async fn begin(db: &Db) -> Result<Tx, StoreError> {
    db.system_write().await
}

/// Whose account the provider's account opens, noting that it is being used.
pub(super) async fn owner(tx: &Tx, claims: &Claims, at: DateTime<Utc>) -> Result<Option<UserId>, StoreError> {
    let id: Option<Uuid> = tx
        .fetch_scalar(
            "UPDATE external_identities SET last_used_at = $3 WHERE issuer = $1 AND subject = $2 RETURNING user_id",
            binds![claims.issuer.clone(), claims.subject.clone(), at],
        )
        .await?;
    Ok(id.map(UserId::from_uuid))
}

/// Who has the address here, and whether they have proved it.
pub(super) async fn holder(tx: &Tx, email: &Email) -> Result<Option<(UserId, bool)>, StoreError> {
    let sql = "SELECT user_id, email_verified_at FROM users WHERE email_key = $1";
    let row: Option<Holder> = tx.fetch_optional(sql, binds![email.key()]).await?;
    Ok(row.map(|row| (UserId::from_uuid(row.user_id), row.email_verified_at.is_some())))
}

/// Ties the provider's account to one here.
pub(super) async fn link(tx: &Tx, claims: &Claims, user: UserId, at: DateTime<Utc>) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO external_identities (issuer, subject, user_id, email, created_at, last_used_at)
         VALUES ($1, $2, $3, $4, $5, $5)",
        binds![
            claims.issuer.clone(),
            claims.subject.clone(),
            user.uuid(),
            claims.verified_email.clone().unwrap_or_default(),
            at,
        ],
    )
    .await?;
    Ok(())
}

/// Writes a person who has no password, with an address that the provider has verified.
pub(super) async fn insert_person(
    tx: &Tx,
    id: UserId,
    email: &Email,
    name: &str,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO users (user_id, email, email_key, name, password_hash, created_at, disabled_at, email_verified_at)
         VALUES ($1, $2, $3, $4, NULL, $5, NULL, $5)",
        binds![id.uuid(), email.as_str(), email.key(), name, at],
    )
    .await?;
    Ok(())
}

/// The organisation of a slug.
pub(super) async fn organization(tx: &Tx, slug: &str) -> Result<Option<OrgId>, StoreError> {
    let id: Option<Uuid> = tx.fetch_scalar("SELECT org_id FROM organizations WHERE slug = $1", binds![slug]).await?;
    Ok(id.map(OrgId::from_uuid))
}

/// A person's accounts at providers, oldest first.
pub(super) async fn of_person(db: &Db, user: UserId) -> Result<Vec<ExternalIdentity>, StoreError> {
    let tx = db.system_read().await?;
    let rows = tx
        .fetch_all(
            "SELECT issuer, subject, email, created_at, last_used_at FROM external_identities
              WHERE user_id = $1 ORDER BY created_at, issuer, subject",
            binds![user.uuid()],
        )
        .await?;
    tx.rollback().await?;
    Ok(rows)
}

/// Unties one of a person's accounts at providers.
pub(super) async fn unlink(tx: &Tx, user: UserId, issuer: &str, subject: &str) -> Result<bool, StoreError> {
    let sql = "DELETE FROM external_identities WHERE user_id = $1 AND issuer = $2 AND subject = $3";
    Ok(tx.execute(sql, binds![user.uuid(), issuer, subject]).await? > 0)
}
