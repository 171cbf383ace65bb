//! Removing what is no longer kept, for all organisations.

use rhiza_kernel::Env;
use rhiza_store::{Db, StoreError, binds};

/// Removes expired keys and tells how many there were.
///
/// # Errors
/// Database failures.
pub async fn purge(db: &Db, env: &Env) -> Result<u64, StoreError> {
    let tx = db.system_write().await?;
    let removed = tx.execute("DELETE FROM idempotency_keys WHERE expires_at <= $1", binds![env.now()]).await?;
    tx.commit().await?;
    Ok(removed)
}
