//! The SQL of quotas inside an organisation's own transactions.

use rhiza_kernel::OrgScope;
use rhiza_store::{StoreError, Tx, binds};

use super::model::{Quota, QuotaError, QuotaExceeded};

/// What the organisation has used of a quota in a period.
pub(super) async fn used(tx: &Tx, scope: &OrgScope, quota: Quota, period: i64) -> Result<u64, StoreError> {
    let used: Option<i64> = tx
        .fetch_scalar(
            "SELECT used FROM quota_usage WHERE org_id = $1 AND quota = $2 AND period = $3",
            binds![scope.org.uuid(), quota.name(), period],
        )
        .await?;
    Ok(used.and_then(|used| u64::try_from(used).ok()).unwrap_or(0))
}

/// Notes in the transaction that stores or deletes files by how many bytes the organisation's storage grows; negative
/// when it shrinks. Until the commit, other changes of the organisation's storage wait: with 0 it only takes the lock,
/// so that what is replaced can be measured first. Returns what is stored then.
///
/// # Errors
/// Database failures.
pub async fn change_storage(tx: &Tx, scope: &OrgScope, by: i64) -> Result<u64, StoreError> {
    let stored: Option<i64> = tx
        .fetch_scalar(
            "INSERT INTO quota_usage (org_id, quota, period, used) VALUES ($1, $2, 0, $3)
             ON CONFLICT (org_id, quota, period) DO UPDATE SET used = quota_usage.used + excluded.used
             RETURNING used",
            binds![scope.org.uuid(), Quota::Storage.name(), by],
        )
        .await?;
    Ok(stored.and_then(|stored| u64::try_from(stored).ok()).unwrap_or(0))
}

/// How many jobs of the organisation are not over.
pub(super) async fn unfinished_jobs(tx: &Tx, scope: &OrgScope) -> Result<u64, StoreError> {
    let count: Option<i64> = tx
        .fetch_scalar(
            "SELECT COUNT(*) FROM jobs WHERE org_id = $1 AND state IN ('queued', 'running')",
            binds![scope.org.uuid()],
        )
        .await?;
    Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

/// Fails when the organisation has more than `limit` unfinished jobs, the one just queued in `tx` included. Two that are
/// queued at the same moment wait for each other here, so that both count.
pub(crate) async fn check_jobs(tx: &Tx, scope: &OrgScope, limit: u64) -> Result<(), QuotaError> {
    // The row carries no count; it is there to be locked.
    tx.execute(
        "INSERT INTO quota_usage (org_id, quota, period, used) VALUES ($1, $2, 0, 0)
         ON CONFLICT (org_id, quota, period) DO UPDATE SET used = 0",
        binds![scope.org.uuid(), Quota::Jobs.name()],
    )
    .await?;
    let unfinished = unfinished_jobs(tx, scope).await?;
    if unfinished <= limit {
        return Ok(());
    }
    Err(QuotaExceeded { name: Quota::Jobs, limit, used: unfinished.saturating_sub(1), resets_at: None }.into())
}
