//! Garbage collection, which looks at every organisation's artifacts because blobs know no organisation.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use rhiza_kernel::{BlobId, Env, TypedId as _};
use rhiza_store::{Blobs, Conflict, Db, FromQueryResult, Value, binds, in_list, sea_orm};
use serde::Serialize;
use uuid::Uuid;

use crate::error::{TrackingError, TrackingResult};

/// What a collection did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Blobs removed.
    pub removed: u64,
    /// Blobs found that nothing refers to; they go when the grace period is over.
    pub found: u64,
    /// Uploads in parts that were given up.
    pub abandoned: u64,
}

#[derive(Debug, FromQueryResult)]
struct BlobRow {
    blob_id: Uuid,
}

#[derive(Debug, FromQueryResult)]
struct UploadRow {
    upload_id: String,
    blob_id: Uuid,
}

/// How many blobs one transaction looks at.
const BATCH: usize = 500;

/// Removes the blobs that have been garbage for `grace`, and notes those that nothing refers to: what is left of
/// uploads whose row was never written. `keep_going` is asked between batches.
///
/// # Errors
/// Failures of the database or the blob storage; what was done until then stays done.
pub async fn collect(
    db: &Db,
    blobs: &Blobs,
    env: &Env,
    grace: Duration,
    keep_going: impl Fn() -> bool + Send,
) -> TrackingResult<Collected> {
    let grace = chrono::Duration::from_std(grace).map_err(|e| TrackingError::Internal(e.to_string()))?;
    let before = env.now() - grace;
    let mut done = Collected { abandoned: abandon(db, blobs, before).await?, ..Collected::default() };
    while keep_going() {
        let removed = remove_batch(db, blobs, before).await?;
        done.removed += removed;
        if removed < BATCH as u64 {
            break;
        }
    }
    let mut listing = blobs.list().ready_chunks(BATCH);
    while let Some(chunk) = listing.next().await {
        if !keep_going() {
            break;
        }
        let mut old: Vec<BlobId> = Vec::with_capacity(chunk.len());
        for entry in chunk {
            let entry = entry.map_err(blob_failure)?;
            if entry.modified < before {
                old.push(entry.id);
            }
        }
        done.found += note_orphans(db, &old, env.now()).await?;
    }
    Ok(done)
}

fn blob_failure(error: rhiza_store::BlobError) -> TrackingError {
    TrackingError::Internal(error.to_string())
}

/// Removes one batch of garbage. The row goes last: a kill in between makes the next collection try again.
async fn remove_batch(db: &Db, blobs: &Blobs, before: DateTime<Utc>) -> TrackingResult<u64> {
    let tx = db.system_read().await?;
    let rows: Vec<BlobRow> = tx
        .fetch_all(
            "SELECT g.blob_id FROM artifact_garbage g WHERE g.since < $1 \
             AND NOT EXISTS (SELECT 1 FROM artifacts a WHERE a.blob_id = g.blob_id) ORDER BY g.since LIMIT $2",
            binds![before, BATCH as i64],
        )
        .await?;
    tx.rollback().await?;
    if rows.is_empty() {
        return Ok(0);
    }
    for row in &rows {
        blobs.delete(BlobId::from_uuid(row.blob_id)).await.map_err(blob_failure)?;
    }
    let tx = db.system_write().await?;
    let sql = format!("DELETE FROM artifact_garbage WHERE blob_id IN ({})", in_list(1, rows.len()));
    tx.execute(&sql, rows.iter().map(|r| Value::from(r.blob_id)).collect()).await?;
    tx.commit().await?;
    Ok(rows.len() as u64)
}

/// Notes those of the blobs that no artifact and no upload refers to. They belong to nobody: the nil organisation.
async fn note_orphans(db: &Db, ids: &[BlobId], now: DateTime<Utc>) -> TrackingResult<u64> {
    if ids.is_empty() {
        return Ok(0);
    }
    let list = in_list(1, ids.len());
    let values: Vec<Value> = ids.iter().map(|id| Value::from(id.uuid())).collect();
    let tx = db.system_read().await?;
    let mut known: Vec<Uuid> = Vec::new();
    for table in ["artifacts", "artifact_uploads", "artifact_garbage"] {
        let sql = format!("SELECT blob_id FROM {table} WHERE blob_id IN ({list})");
        known.extend(tx.fetch_all::<BlobRow>(&sql, values.clone()).await?.into_iter().map(|r| r.blob_id));
    }
    tx.rollback().await?;
    let orphans: Vec<Vec<Value>> =
        ids.iter().filter(|id| !known.contains(&id.uuid())).map(|id| binds![Uuid::nil(), id.uuid(), now]).collect();
    if orphans.is_empty() {
        return Ok(0);
    }
    let found = orphans.len() as u64;
    let tx = db.system_write().await?;
    tx.insert_many("artifact_garbage", &["org_id", "blob_id", "since"], orphans, Conflict::Ignore).await?;
    tx.commit().await?;
    Ok(found)
}

/// Gives up uploads in parts that nobody completed.
async fn abandon(db: &Db, blobs: &Blobs, before: DateTime<Utc>) -> TrackingResult<u64> {
    let tx = db.system_read().await?;
    let rows: Vec<UploadRow> = tx
        .fetch_all("SELECT upload_id, blob_id FROM artifact_uploads WHERE created_at < $1 LIMIT 1000", binds![before])
        .await?;
    tx.rollback().await?;
    for row in &rows {
        let blob = BlobId::from_uuid(row.blob_id);
        // The bucket may have expired it by its own rule; then there is nothing to give up.
        if let Err(error) = blobs.multipart_abort(blob, &row.upload_id).await {
            tracing::debug!(%error, upload = row.upload_id, "an abandoned upload could not be aborted");
        }
        let tx = db.system_write().await?;
        tx.execute(
            "DELETE FROM artifact_uploads WHERE upload_id = $1 AND blob_id = $2",
            binds![row.upload_id.as_str(), row.blob_id],
        )
        .await?;
        tx.commit().await?;
    }
    Ok(rows.len() as u64)
}
