//! Where the points of many curves are.

use rhiza_kernel::ProjectScope;
use rhiza_store::{FromQueryResult, StoreError, Tx, sea_orm};

use crate::search::sql::Binds;

/// A run as far as its curves are concerned.
#[derive(Debug, FromQueryResult)]
pub(crate) struct SeriesRun {
    pub(crate) id: i64,
    pub(crate) run_id: String,
    pub(crate) start_time: i64,
}

/// The runs among `run_ids` that the project has.
pub(crate) async fn runs(tx: &Tx, scope: &ProjectScope, run_ids: &[String]) -> Result<Vec<SeriesRun>, StoreError> {
    if run_ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut binds = Binds::new(tx.dialect());
    let sql = format!(
        "SELECT id, run_id, start_time FROM runs WHERE run_id IN ({}) AND project_id = {} AND org_id = {}",
        binds.words(run_ids),
        binds.add(scope.project.uuid()),
        binds.add(scope.org.uuid())
    );
    tx.fetch_all(&sql, binds.into_values()).await
}

/// A curve there is.
#[derive(Debug, FromQueryResult)]
pub(crate) struct SeriesName {
    pub(crate) run_pk: i64,
    pub(crate) metric_key: String,
}

fn of_keys(keys: &[String], binds: &mut Binds) -> String {
    if keys.is_empty() {
        return String::new();
    }
    format!(" AND metric_key IN ({})", binds.words(keys))
}

/// The curves of the runs, of all metrics when `keys` is empty, by name.
pub(crate) async fn names(
    tx: &Tx,
    scope: &ProjectScope,
    runs: &[i64],
    keys: &[String],
    limit: i64,
) -> Result<Vec<SeriesName>, StoreError> {
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let mut binds = Binds::new(tx.dialect());
    let sql = format!(
        "SELECT run_pk, metric_key FROM metric_series WHERE run_pk IN ({}) AND org_id = {}{} ORDER BY metric_key, run_pk LIMIT {}",
        binds.list(runs.iter().copied()),
        binds.add(scope.org.uuid()),
        of_keys(keys, &mut binds),
        binds.add(limit)
    );
    tx.fetch_all(&sql, binds.into_values()).await
}

/// A segment of a curve, without its points.
#[derive(Debug, FromQueryResult)]
pub(crate) struct Head {
    pub(crate) id: i64,
    pub(crate) run_pk: i64,
    pub(crate) metric_key: String,
    pub(crate) points: i64,
    pub(crate) first_at: i64,
    pub(crate) last_at: i64,
    pub(crate) min_step: i64,
    pub(crate) max_step: i64,
}

/// The segments of the runs' curves, each curve's in the order of their first points.
pub(crate) async fn heads(
    tx: &Tx,
    scope: &ProjectScope,
    runs: &[i64],
    keys: &[String],
) -> Result<Vec<Head>, StoreError> {
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let mut binds = Binds::new(tx.dialect());
    let sql = format!(
        "SELECT id, run_pk, metric_key, points, first_at, last_at, min_step, max_step FROM metric_segments \
         WHERE run_pk IN ({}) AND org_id = {}{} ORDER BY first_at, first_step, last_at, last_step, id",
        binds.list(runs.iter().copied()),
        binds.add(scope.org.uuid()),
        of_keys(keys, &mut binds)
    );
    tx.fetch_all(&sql, binds.into_values()).await
}

/// A row of a run's log.
#[derive(Debug, FromQueryResult)]
pub(crate) struct LogRow {
    pub(crate) run_pk: i64,
    pub(crate) data: Vec<u8>,
}

/// The logs of the runs: what is not in segments yet.
pub(crate) async fn logs(tx: &Tx, scope: &ProjectScope, runs: &[i64]) -> Result<Vec<LogRow>, StoreError> {
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let mut binds = Binds::new(tx.dialect());
    let sql = format!(
        "SELECT run_pk, data FROM metric_log WHERE run_pk IN ({}) AND org_id = {} ORDER BY id",
        binds.list(runs.iter().copied()),
        binds.add(scope.org.uuid())
    );
    tx.fetch_all(&sql, binds.into_values()).await
}
