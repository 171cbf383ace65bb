//! The rows of metrics: series, log and segments.

use rhiza_kernel::OrgScope;
use rhiza_store::{Conflict, FromQueryResult, StoreError, Tx, Value, binds, in_list, sea_orm};

use super::model::{self, Point};
use crate::error::{TrackingError, TrackingResult};

/// A run's log is folded when it has so many rows or points.
const FOLD_ROWS: i64 = 64;
const FOLD_POINTS: i64 = 32_768;

/// The latest point of one series.
#[derive(Debug, Clone)]
pub(crate) struct Latest {
    pub(crate) run_pk: i64,
    pub(crate) experiment: i64,
    pub(crate) key: String,
    pub(crate) point: Point,
}

/// One write of one run: all its points, by key.
#[derive(Debug)]
pub(crate) struct LogEntry {
    pub(crate) run_pk: i64,
    pub(crate) points: usize,
    pub(crate) blob: Vec<u8>,
}

/// How long a run's log is.
#[derive(Debug, Clone, Copy, Default, FromQueryResult)]
pub(crate) struct LogSize {
    pub(crate) rows: i64,
    pub(crate) points: i64,
}

impl LogSize {
    pub(crate) const fn is_due(self) -> bool {
        self.rows >= FOLD_ROWS || self.points >= FOLD_POINTS
    }
}

pub(crate) fn damaged(error: model::Damaged) -> TrackingError {
    TrackingError::Internal(error.to_string())
}

/// Writes the latest points; a row keeps what it has unless the new point supersedes it. At most one entry per
/// series.
pub(crate) async fn upsert_latest(tx: &Tx, scope: &OrgScope, latest: &[Latest]) -> Result<(), StoreError> {
    const COLUMNS: usize = 9;
    for chunk in latest.chunks(250) {
        let mut values = Vec::with_capacity(chunk.len() * COLUMNS);
        let mut rows = String::with_capacity(chunk.len() * 50);
        for (i, series) in chunk.iter().enumerate() {
            if i > 0 {
                rows.push(',');
            }
            rows.push('(');
            rows.push_str(&in_list(i * COLUMNS + 1, COLUMNS));
            rows.push(')');
            let stored = series.point.stored();
            values.extend::<Vec<Value>>(binds![
                series.run_pk,
                series.key.as_str(),
                scope.org.uuid(),
                series.experiment,
                stored.value,
                series.point.value.to_bits().cast_signed(),
                stored.nan,
                series.point.timestamp,
                series.point.step,
            ]);
        }
        let sql = format!(
            "INSERT INTO metric_series AS s (run_pk, metric_key, org_id, experiment_id, metric_value, value_bits, is_nan, \
             logged_at, step) VALUES {rows} ON CONFLICT (run_pk, metric_key) DO UPDATE SET \
             metric_value = excluded.metric_value, value_bits = excluded.value_bits, is_nan = excluded.is_nan, \
             logged_at = excluded.logged_at, step = excluded.step \
             WHERE (excluded.step, excluded.logged_at, excluded.metric_value) > (s.step, s.logged_at, s.metric_value)"
        );
        tx.execute(&sql, values).await?;
    }
    Ok(())
}

/// Appends to the logs of runs.
pub(crate) async fn append(tx: &Tx, scope: &OrgScope, entries: Vec<LogEntry>) -> Result<(), StoreError> {
    let org = scope.org.uuid();
    let rows = entries
        .into_iter()
        .map(|e| binds![e.run_pk, org, i64::try_from(e.points).unwrap_or(i64::MAX), e.blob])
        .collect();
    tx.insert_many("metric_log", &["run_pk", "org_id", "points", "data"], rows, Conflict::Fail).await?;
    Ok(())
}

/// How long the run's log is.
pub(crate) async fn log_size(tx: &Tx, _: &OrgScope, run_pk: i64) -> Result<LogSize, StoreError> {
    tx.fetch_one(
        "SELECT COUNT(*) AS rows, CAST(COALESCE(SUM(points), 0) AS BIGINT) AS points FROM metric_log WHERE run_pk = $1",
        binds![run_pk],
    )
    .await
}

#[derive(FromQueryResult)]
struct LogRow {
    id: i64,
    data: Vec<u8>,
}

/// Turns the run's log into segments and merges those that have become many.
pub(crate) async fn fold(tx: &Tx, scope: &OrgScope, run_pk: i64) -> TrackingResult<()> {
    let rows: Vec<LogRow> =
        tx.fetch_all("SELECT id, data FROM metric_log WHERE run_pk = $1 ORDER BY id", binds![run_pk]).await?;
    let Some(last) = rows.last().map(|r| r.id) else { return Ok(()) };
    let mut series: std::collections::BTreeMap<String, Vec<Point>> = std::collections::BTreeMap::new();
    for row in &rows {
        model::decode_log(
            &row.data,
            |_| true,
            |key, points| match series.get_mut(key) {
                Some(all) => all.extend(points),
                None => {
                    series.insert(key.to_owned(), points);
                }
            },
        )
        .map_err(damaged)?;
    }
    drop(rows);
    let segments = series.into_iter().flat_map(|(key, points)| Segment::cut(&key, points)).collect();
    insert_segments(tx, scope, run_pk, segments).await?;
    tx.execute("DELETE FROM metric_log WHERE run_pk = $1 AND id <= $2", binds![run_pk, last]).await?;
    merge_crowded(tx, scope, run_pk).await
}

/// A segment about to be written.
pub(crate) struct Segment {
    key: String,
    points: Vec<Point>,
}

impl Segment {
    /// The points of one metric, in order and in pieces of at most the full size.
    pub(crate) fn cut(key: &str, mut points: Vec<Point>) -> Vec<Self> {
        model::normalise(&mut points);
        points.chunks(model::SEGMENT_POINTS).map(|c| Self { key: key.to_owned(), points: c.to_vec() }).collect()
    }

    fn binds(&self, run_pk: i64, scope: &OrgScope) -> Option<Vec<Value>> {
        let (first, last) = (self.points.first()?, self.points.last()?);
        let steps = self.points.iter().map(|p| p.step);
        Some(binds![
            run_pk,
            self.key.as_str(),
            scope.org.uuid(),
            model::level(self.points.len()),
            i64::try_from(self.points.len()).unwrap_or(i64::MAX),
            first.timestamp,
            first.step,
            last.timestamp,
            last.step,
            steps.clone().min()?,
            steps.max()?,
            model::encode_segment(&self.points),
        ])
    }
}

const SEGMENT_COLUMNS: [&str; 12] = [
    "run_pk",
    "metric_key",
    "org_id",
    "level",
    "points",
    "first_at",
    "first_step",
    "last_at",
    "last_step",
    "min_step",
    "max_step",
    "data",
];

pub(crate) async fn insert_segments(
    tx: &Tx,
    scope: &OrgScope,
    run_pk: i64,
    segments: Vec<Segment>,
) -> Result<(), StoreError> {
    let rows = segments.iter().filter_map(|s| s.binds(run_pk, scope)).collect();
    tx.insert_many("metric_segments", &SEGMENT_COLUMNS, rows, Conflict::Fail).await?;
    Ok(())
}

#[derive(FromQueryResult)]
struct Crowd {
    metric_key: String,
    level: i16,
}

async fn merge_crowded(tx: &Tx, scope: &OrgScope, run_pk: i64) -> TrackingResult<()> {
    // A merge fills the next level, which may then be crowded itself: at most once per level.
    for _ in 0..=model::TOP_LEVEL {
        let crowds: Vec<Crowd> = tx
            .fetch_all(
                "SELECT metric_key, level FROM metric_segments WHERE run_pk = $1 AND level < $2 \
                 GROUP BY metric_key, level HAVING COUNT(*) >= $3",
                binds![run_pk, model::TOP_LEVEL, model::MERGE_FANOUT],
            )
            .await?;
        if crowds.is_empty() {
            break;
        }
        for crowd in crowds {
            let rows: Vec<LogRow> = tx
                .fetch_all(
                    "SELECT id, data FROM metric_segments WHERE run_pk = $1 AND metric_key = $2 AND level = $3 \
                     ORDER BY first_at, first_step",
                    binds![run_pk, crowd.metric_key.as_str(), crowd.level],
                )
                .await?;
            let mut points = Vec::new();
            for row in &rows {
                points.extend(model::decode_segment(&row.data).map_err(damaged)?);
            }
            tx.execute(
                "DELETE FROM metric_segments WHERE run_pk = $1 AND metric_key = $2 AND level = $3",
                binds![run_pk, crowd.metric_key.as_str(), crowd.level],
            )
            .await?;
            insert_segments(tx, scope, run_pk, Segment::cut(&crowd.metric_key, points)).await?;
        }
    }
    Ok(())
}

/// What is known of a segment without unpacking it.
#[derive(Debug, Clone, FromQueryResult)]
pub(crate) struct SegmentHead {
    pub(crate) id: i64,
    pub(crate) points: i64,
    pub(crate) first_at: i64,
    pub(crate) first_step: i64,
    pub(crate) last_at: i64,
    pub(crate) last_step: i64,
    pub(crate) min_step: i64,
    pub(crate) max_step: i64,
}

/// The segments of one metric, in the order of their first points.
pub(crate) async fn segment_heads(
    tx: &Tx,
    _: &OrgScope,
    run_pk: i64,
    key: &str,
) -> Result<Vec<SegmentHead>, StoreError> {
    tx.fetch_all(
        "SELECT id, points, first_at, first_step, last_at, last_step, min_step, max_step FROM metric_segments \
         WHERE run_pk = $1 AND metric_key = $2 ORDER BY first_at, first_step, last_at, last_step, id",
        binds![run_pk, key],
    )
    .await
}

/// The blobs of segments, in the order asked for.
pub(crate) async fn segment_data(tx: &Tx, _: &OrgScope, ids: &[i64]) -> TrackingResult<Vec<Vec<u8>>> {
    let mut found: std::collections::HashMap<i64, Vec<u8>> = std::collections::HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(500) {
        let sql = format!("SELECT id, data FROM metric_segments WHERE id IN ({})", in_list(1, chunk.len()));
        let rows: Vec<LogRow> = tx.fetch_all(&sql, chunk.iter().map(|id| Value::from(*id)).collect()).await?;
        found.extend(rows.into_iter().map(|r| (r.id, r.data)));
    }
    ids.iter()
        .map(|id| found.remove(id).ok_or_else(|| TrackingError::Internal("a metric segment vanished".to_owned())))
        .collect()
}

/// The points of one metric that are still in the log, sorted and without duplicates.
pub(crate) async fn log_points(tx: &Tx, _: &OrgScope, run_pk: i64, key: &str) -> TrackingResult<Vec<Point>> {
    let rows: Vec<LogRow> =
        tx.fetch_all("SELECT id, data FROM metric_log WHERE run_pk = $1 ORDER BY id", binds![run_pk]).await?;
    let mut all = Vec::new();
    for row in &rows {
        model::decode_log(&row.data, |k| k == key, |_, points| all.extend(points)).map_err(damaged)?;
    }
    model::normalise(&mut all);
    Ok(all)
}
