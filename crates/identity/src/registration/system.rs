//! The SQL of new people: they come before they belong to any organisation.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgId, TypedId as _, UserId};
use rhiza_store::{Db, StoreError, Tx, binds};
use uuid::Uuid;

/// Opens the transaction in which somebody comes.
pub(super) async fn begin(db: &Db) -> Result<Tx, StoreError> {
    db.system_write().await
}

/// The installation's first organisation.
pub(super) async fn founding_organization(tx: &Tx) -> Result<Option<OrgId>, StoreError> {
    let id: Option<Uuid> =
        tx.fetch_scalar("SELECT org_id FROM organizations ORDER BY created_at, org_id LIMIT 1", binds![]).await?;
    Ok(id.map(OrgId::from_uuid))
}

/// Whether a slug is an organisation's.
pub(super) async fn slug_is_taken(tx: &Tx, slug: &str) -> Result<bool, StoreError> {
    let taken: Option<i64> =
        tx.fetch_scalar("SELECT COUNT(*) FROM organizations WHERE slug = $1", binds![slug]).await?;
    Ok(taken.unwrap_or(0) > 0)
}

/// Marks a person's address as theirs.
pub(super) async fn verify(tx: &Tx, user: UserId, email_key: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let changed = tx
        .execute(
            "UPDATE users SET email_verified_at = COALESCE(email_verified_at, $3)
              WHERE user_id = $1 AND email_key = $2 AND disabled_at IS NULL",
            binds![user.uuid(), email_key, now],
        )
        .await?;
    Ok(changed == 1)
}
