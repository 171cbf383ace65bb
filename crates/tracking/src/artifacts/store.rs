//! The tree of artifacts as rows, and the list of blobs that became garbage.

use chrono::{DateTime, Utc};
use rhiza_kernel::{BlobId, ProjectScope, TypedId as _};
use rhiza_platform::limits::quota;
use rhiza_store::{Conflict, FromQueryResult, StoreError, Tx, Value, binds, in_list, sea_orm};
use uuid::Uuid;

use super::model::{Artifact, Entry};
use super::path;
use crate::error::TrackingResult;

#[derive(Debug, FromQueryResult)]
struct Row {
    path: String,
    blob_id: Uuid,
    size_bytes: i64,
    checksum: String,
}

impl From<Row> for Artifact {
    fn from(row: Row) -> Self {
        Self {
            path: row.path,
            blob: BlobId::from_uuid(row.blob_id),
            size: u64::try_from(row.size_bytes).unwrap_or(0),
            checksum: row.checksum,
        }
    }
}

#[derive(Debug, FromQueryResult)]
struct PathRow {
    path: String,
    size_bytes: i64,
}

/// How many rows of a folder one statement reads.
const LIST_CHUNK: usize = 1000;

/// The root of a run's artifacts; `None` when there is no such run in the project.
///
/// # Errors
/// Database failures.
pub async fn run_root(tx: &Tx, scope: &ProjectScope, run_id: &str) -> TrackingResult<Option<String>> {
    let location: Option<String> = tx
        .fetch_scalar(
            "SELECT e.artifact_location FROM runs r JOIN experiments e ON e.id = r.experiment_id \
             WHERE r.org_id = $1 AND r.project_id = $2 AND r.run_id = $3",
            binds![scope.org.uuid(), scope.project.uuid(), run_id],
        )
        .await?;
    Ok(location.map(|l| format!("{}/{run_id}/artifacts", l.trim_end_matches('/'))))
}

/// The longest of the paths that is the place of an experiment of the project.
///
/// # Errors
/// Database failures.
pub async fn experiment_at(tx: &Tx, scope: &ProjectScope, places: &[&str]) -> TrackingResult<Option<String>> {
    let mut values = binds![scope.org.uuid(), scope.project.uuid()];
    for place in places {
        values.push(Value::from(format!("mlflow-artifacts:/{place}")));
        values.push(Value::from(format!("mlflow-artifacts:/{place}/")));
    }
    let sql = format!(
        "SELECT artifact_location FROM experiments WHERE org_id = $1 AND project_id = $2 \
         AND artifact_location IN ({}) ORDER BY length(artifact_location) DESC LIMIT 1",
        in_list(3, places.len() * 2)
    );
    let location: Option<String> = tx.fetch_scalar(&sql, values).await?;
    Ok(location.as_deref().and_then(path::of_uri))
}

/// The file at a path.
///
/// # Errors
/// Database failures.
pub async fn find(tx: &Tx, scope: &ProjectScope, path: &str) -> TrackingResult<Option<Artifact>> {
    let row: Option<Row> = tx
        .fetch_optional(
            "SELECT path, blob_id, size_bytes, checksum FROM artifacts \
             WHERE org_id = $1 AND project_id = $2 AND path = $3",
            binds![scope.org.uuid(), scope.project.uuid(), path],
        )
        .await?;
    Ok(row.map(Artifact::from))
}

/// The texts between which every path below a folder lies: `/` is followed by `0` in byte order.
fn below(folder: &str) -> (String, String) {
    if folder.is_empty() {
        (String::new(), "\u{10ffff}".to_owned())
    } else {
        (format!("{folder}/"), format!("{folder}0"))
    }
}

/// Whether there is anything below a folder.
///
/// # Errors
/// Database failures.
pub async fn is_folder(tx: &Tx, scope: &ProjectScope, folder: &str) -> TrackingResult<bool> {
    let (from, to) = below(folder);
    let found: Option<String> = tx
        .fetch_scalar(
            "SELECT path FROM artifacts WHERE org_id = $1 AND project_id = $2 AND path >= $3 AND path < $4 LIMIT 1",
            binds![scope.org.uuid(), scope.project.uuid(), from, to],
        )
        .await?;
    Ok(found.is_some())
}

/// What lies in a folder, sorted by name. A sub-folder is skipped in one step, however much is in it.
///
/// # Errors
/// Database failures.
pub async fn list(tx: &Tx, scope: &ProjectScope, folder: &str) -> TrackingResult<Vec<Entry>> {
    let (mut from, to) = below(folder);
    let prefix = from.len();
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let rows: Vec<PathRow> = tx
            .fetch_all(
                "SELECT path, size_bytes FROM artifacts \
                 WHERE org_id = $1 AND project_id = $2 AND path >= $3 AND path < $4 ORDER BY path LIMIT $5",
                binds![scope.org.uuid(), scope.project.uuid(), from.clone(), to.clone(), LIST_CHUNK as i64],
            )
            .await?;
        let whole = rows.len() < LIST_CHUNK;
        for row in rows {
            let rest = row.path.get(prefix..).unwrap_or_default();
            match rest.split_once('/') {
                Some((name, _)) => {
                    if entries.last().is_none_or(|e| e.name != name) {
                        entries.push(Entry { name: name.to_owned(), size: None });
                    }
                    from = below(row.path.get(..prefix + name.len()).unwrap_or_default()).1;
                }
                None => {
                    entries.push(Entry { name: rest.to_owned(), size: u64::try_from(row.size_bytes).ok() });
                    // The next path in byte order.
                    from = format!("{}\u{1}", row.path);
                }
            }
        }
        if whole {
            break;
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries.dedup_by(|a, b| a.name == b.name && a.is_dir() == b.is_dir());
    Ok(entries)
}

/// Every file below a folder, sorted by path.
///
/// # Errors
/// Database failures.
pub async fn tree(tx: &Tx, scope: &ProjectScope, folder: &str) -> TrackingResult<Vec<Artifact>> {
    let (from, to) = below(folder);
    let rows: Vec<Row> = tx
        .fetch_all(
            "SELECT path, blob_id, size_bytes, checksum FROM artifacts \
             WHERE org_id = $1 AND project_id = $2 AND path >= $3 AND path < $4 ORDER BY path",
            binds![scope.org.uuid(), scope.project.uuid(), from, to],
        )
        .await?;
    Ok(rows.into_iter().map(Artifact::from).collect())
}

/// Whether a path cannot be a file because something above it is one, or because it is a folder.
///
/// # Errors
/// Database failures.
pub async fn clashes(tx: &Tx, scope: &ProjectScope, file: &str) -> TrackingResult<bool> {
    let above = path::ancestors(file);
    if !above.is_empty() {
        let mut values = binds![scope.org.uuid(), scope.project.uuid()];
        values.extend(above.iter().map(|p| Value::from(*p)));
        let sql = format!(
            "SELECT path FROM artifacts WHERE org_id = $1 AND project_id = $2 AND path IN ({}) LIMIT 1",
            in_list(3, above.len())
        );
        if tx.fetch_scalar::<String>(&sql, values).await?.is_some() {
            return Ok(true);
        }
    }
    is_folder(tx, scope, file).await
}

/// What a change did to the bytes that an organisation stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// All of them, after the change.
    pub total: u64,
    /// By how many they grew.
    pub growth: i64,
}

/// Puts a file at its path; what was there becomes garbage.
///
/// # Errors
/// Database failures.
pub async fn put(tx: &Tx, scope: &ProjectScope, artifact: &Artifact, now: DateTime<Utc>) -> TrackingResult<Stored> {
    // The lock comes first: what two uploads to one path replace must not be given back twice.
    quota::change_storage(tx, &scope.org_scope(), 0).await?;
    let replaced: Option<i64> = tx
        .fetch_scalar(
            "SELECT size_bytes FROM artifacts WHERE org_id = $1 AND project_id = $2 AND path = $3",
            binds![scope.org.uuid(), scope.project.uuid(), artifact.path.as_str()],
        )
        .await?;
    let growth = i64::try_from(artifact.size).unwrap_or(i64::MAX).saturating_sub(replaced.unwrap_or(0));
    let total = quota::change_storage(tx, &scope.org_scope(), growth).await?;
    discard(tx, scope, "path = $4", binds![artifact.path.as_str()], now).await?;
    tx.insert_many(
        "artifacts",
        &["org_id", "project_id", "path", "blob_id", "size_bytes", "checksum", "created_at"],
        vec![binds![
            scope.org.uuid(),
            scope.project.uuid(),
            artifact.path.as_str(),
            artifact.blob.uuid(),
            i64::try_from(artifact.size).unwrap_or(i64::MAX),
            artifact.checksum.as_str(),
            now
        ]],
        Conflict::Replace(&["project_id", "path"]),
    )
    .await?;
    Ok(Stored { total, growth })
}

/// Removes a file, or a folder with all that is in it; tells how many files went.
///
/// # Errors
/// Database failures.
pub async fn remove_tree(tx: &Tx, scope: &ProjectScope, path: &str, now: DateTime<Utc>) -> TrackingResult<u64> {
    let (from, to) = below(path);
    quota::change_storage(tx, &scope.org_scope(), 0).await?;
    let freed: Option<i64> = tx
        .fetch_scalar(
            "SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM artifacts \
             WHERE org_id = $1 AND project_id = $2 AND (path = $3 OR (path >= $4 AND path < $5))",
            binds![scope.org.uuid(), scope.project.uuid(), path, from.clone(), to.clone()],
        )
        .await?;
    quota::change_storage(tx, &scope.org_scope(), freed.map_or(0, |freed| -freed)).await?;
    let which = "(path = $4 OR (path >= $5 AND path < $6))";
    discard(tx, scope, which, binds![path, from.clone(), to.clone()], now).await?;
    Ok(tx
        .execute(
            "DELETE FROM artifacts WHERE org_id = $1 AND project_id = $2 \
             AND (path = $3 OR (path >= $4 AND path < $5))",
            binds![scope.org.uuid(), scope.project.uuid(), path, from, to],
        )
        .await?)
}

/// Notes the blobs of the chosen files as garbage.
async fn discard(
    tx: &Tx,
    scope: &ProjectScope,
    which: &str,
    chosen: Vec<Value>,
    now: DateTime<Utc>,
) -> TrackingResult<()> {
    let sql = format!(
        "INSERT INTO artifact_garbage (org_id, blob_id, since) \
         SELECT org_id, blob_id, $3 FROM artifacts WHERE org_id = $1 AND project_id = $2 AND {which} \
         ON CONFLICT DO NOTHING"
    );
    let mut values = binds![scope.org.uuid(), scope.project.uuid(), now];
    values.extend(chosen);
    tx.execute(&sql, values).await?;
    Ok(())
}

/// An upload in parts that has not been completed.
#[derive(Debug, Clone, FromQueryResult)]
pub struct PartialUpload {
    /// Where the file will be.
    pub path: String,
    /// Where its bytes go.
    pub blob_id: Uuid,
}

/// Notes that an upload in parts has begun.
///
/// # Errors
/// Database failures.
pub async fn begin_upload(
    tx: &Tx,
    scope: &ProjectScope,
    upload_id: &str,
    path: &str,
    blob: BlobId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO artifact_uploads (org_id, project_id, upload_id, path, blob_id, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        binds![scope.org.uuid(), scope.project.uuid(), upload_id, path, blob.uuid(), now],
    )
    .await?;
    Ok(())
}

/// The upload in parts of that id.
///
/// # Errors
/// Database failures.
pub async fn find_upload(tx: &Tx, scope: &ProjectScope, upload_id: &str) -> Result<Option<PartialUpload>, StoreError> {
    tx.fetch_optional(
        "SELECT path, blob_id FROM artifact_uploads WHERE org_id = $1 AND project_id = $2 AND upload_id = $3",
        binds![scope.org.uuid(), scope.project.uuid(), upload_id],
    )
    .await
}

/// Forgets an upload in parts.
///
/// # Errors
/// Database failures.
pub async fn end_upload(tx: &Tx, scope: &ProjectScope, upload_id: &str) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM artifact_uploads WHERE org_id = $1 AND project_id = $2 AND upload_id = $3",
        binds![scope.org.uuid(), scope.project.uuid(), upload_id],
    )
    .await?;
    Ok(())
}
