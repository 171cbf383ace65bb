//! What changed about a run since it was last looked at.

use chrono::{DateTime, Utc};
use rhiza_kernel::ProjectScope;
use rhiza_store::{FromQueryResult, StoreError, Tx, binds, sea_orm};

/// All of a run that can change, its metrics apart, as cheap to read as it gets. A parameter never changes its
/// value, and neither do inputs and outputs: their numbers tell.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub(crate) struct Glance {
    status: i16,
    name: String,
    user_id: String,
    deleted: bool,
    start_time: i64,
    end_time: Option<i64>,
    params: i64,
    datasets: i64,
    models: i64,
    tags: Option<String>,
}

/// The newest rows of a run's metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromQueryResult)]
pub(crate) struct Newest {
    /// In the log, which is emptied into segments now and then.
    pub(crate) log: i64,
    /// Among the segments.
    pub(crate) segment: i64,
}

/// The run now; nothing when it is gone.
pub(crate) async fn glance(tx: &Tx, scope: &ProjectScope, run_pk: i64) -> Result<Option<Glance>, StoreError> {
    let tags = tx.dialect().json_group(&[("k", "tag_key"), ("v", "tag_value")], "tag_key");
    let sql = format!(
        "SELECT r.status, r.name, r.user_id, r.deleted, r.start_time, r.end_time, \
         (SELECT COUNT(*) FROM run_params WHERE run_pk = r.id) AS params, \
         (SELECT COUNT(*) FROM run_datasets WHERE run_pk = r.id) AS datasets, \
         (SELECT COUNT(*) FROM run_models WHERE run_pk = r.id) AS models, \
         (SELECT {tags} FROM run_tags WHERE run_pk = r.id) AS tags \
         FROM runs r WHERE r.id = $1 AND r.project_id = $2 AND r.org_id = $3"
    );
    tx.fetch_optional(&sql, binds![run_pk, scope.project.uuid(), scope.org.uuid()]).await
}

/// The newest rows of the run's metrics, 0 where there are none.
pub(crate) async fn newest(tx: &Tx, scope: &ProjectScope, run_pk: i64) -> Result<Newest, StoreError> {
    let sql = "SELECT COALESCE((SELECT MAX(id) FROM metric_log WHERE run_pk = $1 AND org_id = $2), 0) AS log, \
               COALESCE((SELECT MAX(id) FROM metric_segments WHERE run_pk = $1 AND org_id = $2), 0) AS segment";
    tx.fetch_one(sql, binds![run_pk, scope.org.uuid()]).await
}

/// A segment, without its points.
#[derive(Debug, FromQueryResult)]
pub(crate) struct Segment {
    pub(crate) id: i64,
    pub(crate) metric_key: String,
    pub(crate) last_at: i64,
    pub(crate) last_step: i64,
}

/// All segments of the run.
pub(crate) async fn segments(tx: &Tx, scope: &ProjectScope, run_pk: i64) -> Result<Vec<Segment>, StoreError> {
    tx.fetch_all(
        "SELECT id, metric_key, last_at, last_step FROM metric_segments WHERE run_pk = $1 AND org_id = $2 \
         ORDER BY metric_key, id",
        binds![run_pk, scope.org.uuid()],
    )
    .await
}

/// A row of the run's log.
#[derive(Debug, FromQueryResult)]
pub(crate) struct LogRow {
    pub(crate) id: i64,
    pub(crate) data: Vec<u8>,
}

/// What the run's log has behind the row `after`.
pub(crate) async fn log(tx: &Tx, scope: &ProjectScope, run_pk: i64, after: i64) -> Result<Vec<LogRow>, StoreError> {
    tx.fetch_all(
        "SELECT id, data FROM metric_log WHERE run_pk = $1 AND id > $2 AND org_id = $3 ORDER BY id",
        binds![run_pk, after, scope.org.uuid()],
    )
    .await
}

/// How the files under a folder are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromQueryResult)]
pub(crate) struct Files {
    files: i64,
    newest: Option<DateTime<Utc>>,
}

/// How many files the folder has and when the newest came.
pub(crate) async fn files(tx: &Tx, scope: &ProjectScope, folder: &str) -> Result<Files, StoreError> {
    // Paths sort by their bytes, and 0 is the one behind the slash: the range is the folder.
    tx.fetch_one(
        "SELECT COUNT(*) AS files, MAX(created_at) AS newest FROM artifacts \
         WHERE project_id = $1 AND org_id = $2 AND path > $3 AND path < $4",
        binds![scope.project.uuid(), scope.org.uuid(), format!("{folder}/"), format!("{folder}0")],
    )
    .await
}
