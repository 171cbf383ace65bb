//! The SQL of limits that belongs to no organisation: known places, and writing down what all organisations used.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgId, TypedId as _};
use rhiza_store::{Db, FromQueryResult, StoreError, Value, binds, in_list, sea_orm};
use uuid::Uuid;

use super::key::Subject;
use super::quota::{Batch, Key, Quota};

/// Notes that the owner of `account` was at `place` at `now`.
pub(super) async fn remember_place(
    db: &Db,
    account: Subject,
    place: Subject,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tx = db.system_write().await?;
    tx.execute(
        "INSERT INTO known_places (account, place, last_at) VALUES ($1, $2, $3)
         ON CONFLICT (account, place) DO UPDATE SET last_at = excluded.last_at",
        binds![account.bytes().to_vec(), place.bytes().to_vec(), now],
    )
    .await?;
    tx.commit().await
}

/// Whether the owner of `account` was at `place` after `since`.
pub(super) async fn knows_place(
    db: &Db,
    account: Subject,
    place: Subject,
    since: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let tx = db.system_read().await?;
    let found: Option<i32> = tx
        .fetch_scalar(
            "SELECT 1 FROM known_places WHERE account = $1 AND place = $2 AND last_at > $3",
            binds![account.bytes().to_vec(), place.bytes().to_vec(), since],
        )
        .await?;
    tx.rollback().await?;
    Ok(found.is_some())
}

/// Forgets every place of `account`.
pub(super) async fn forget_places(db: &Db, account: Subject) -> Result<(), StoreError> {
    let tx = db.system_write().await?;
    tx.execute("DELETE FROM known_places WHERE account = $1", binds![account.bytes().to_vec()]).await?;
    tx.commit().await
}

/// Removes places and batch marks older than `before`; tells how many.
pub(super) async fn purge(db: &Db, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let tx = db.system_write().await?;
    let places = tx.execute("DELETE FROM known_places WHERE last_at <= $1", binds![before]).await?;
    let marks = tx.execute("DELETE FROM quota_batches WHERE at <= $1", binds![before]).await?;
    tx.commit().await?;
    Ok(places + marks)
}

/// Rows one statement writes or asks for.
const CHUNK: usize = 100;

/// Adds the counts of `batch` to what is stored, unless this very batch was added before.
pub(super) async fn add(db: &Db, process: Uuid, batch: &Batch, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tx = db.system_write().await?;
    let written: Option<i64> =
        tx.fetch_scalar("SELECT batch FROM quota_batches WHERE process_id = $1", binds![process]).await?;
    if written.is_some_and(|written| written >= batch.number) {
        return tx.rollback().await;
    }
    // The counts are in order of their keys, so that two processes never wait for each other crosswise.
    for chunk in batch.counts.chunks(CHUNK) {
        let mut values: Vec<Value> = Vec::with_capacity(chunk.len() * 4);
        let mut rows = Vec::with_capacity(chunk.len());
        for (key, count) in chunk {
            let at = values.len();
            rows.push(format!("(${}, ${}, ${}, ${})", at + 1, at + 2, at + 3, at + 4));
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            values.extend(binds![key.org.uuid(), key.quota.name(), key.period, count]);
        }
        let sql = format!(
            "INSERT INTO quota_usage (org_id, quota, period, used) VALUES {}
             ON CONFLICT (org_id, quota, period) DO UPDATE SET used = quota_usage.used + excluded.used",
            rows.join(", ")
        );
        tx.execute(&sql, values).await?;
    }
    tx.execute(
        "INSERT INTO quota_batches (process_id, batch, at) VALUES ($1, $2, $3)
         ON CONFLICT (process_id) DO UPDATE SET batch = excluded.batch, at = excluded.at",
        binds![process, batch.number, now],
    )
    .await?;
    tx.commit().await
}

#[derive(FromQueryResult)]
struct UsedRow {
    org_id: Uuid,
    quota: String,
    period: i64,
    used: i64,
}

/// What the organisations of `keys` have used according to the database, all processes together.
pub(super) async fn used(db: &Db, keys: &[Key]) -> Result<Vec<(Key, u64)>, StoreError> {
    let mut orgs: Vec<Uuid> = keys.iter().map(|key| key.org.uuid()).collect();
    orgs.sort_unstable();
    orgs.dedup();
    let since = keys.iter().map(|key| key.period).min().unwrap_or(0);
    let tx = db.system_read().await?;
    let mut found = Vec::new();
    for chunk in orgs.chunks(CHUNK) {
        let sql = format!(
            "SELECT org_id, quota, period, used FROM quota_usage WHERE org_id IN ({}) AND period >= $1",
            in_list(2, chunk.len())
        );
        let mut values = binds![since];
        values.extend(chunk.iter().map(|org| Value::from(*org)));
        for row in tx.fetch_all::<UsedRow>(&sql, values).await? {
            let Some(quota) = Quota::parse(&row.quota) else { continue };
            let key = Key { org: OrgId::from_uuid(row.org_id), quota, period: row.period };
            found.push((key, u64::try_from(row.used).unwrap_or(0)));
        }
    }
    tx.rollback().await?;
    Ok(found)
}
