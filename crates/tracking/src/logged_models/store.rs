//! The rows of logged models.

use std::collections::HashMap;

use rhiza_kernel::ProjectScope;
use rhiza_store::{Conflict, FromQueryResult, StoreError, Tx, Value, binds, in_list, sea_orm};

use super::model::{self, LoggedModel, MetricPoint, Status};
use super::service::not_found;
use crate::error::{Code, TrackingError, TrackingResult};
use crate::metrics::Point;

/// A logged model's row.
#[derive(Debug, Clone, FromQueryResult)]
pub struct Row {
    /// Its id.
    pub model_id: String,
    /// The experiment's row.
    pub experiment_id: i64,
    /// Its name.
    pub name: String,
    /// What sort of model.
    pub model_type: String,
    /// The run that made it.
    pub source_run_id: String,
    /// The root of its files.
    pub artifact_uri: String,
    /// How far it is.
    pub status: i64,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
}

/// The columns of a [`Row`], of `logged_models m`.
pub const COLUMNS: &str = "m.model_id, m.experiment_id, m.name, m.model_type, m.source_run_id, m.artifact_uri, \
     m.status, m.created_ms, m.updated_ms";

#[derive(Debug, FromQueryResult)]
struct PairRow {
    model_id: String,
    key: String,
    value: String,
}

#[derive(Debug, FromQueryResult)]
struct PointRow {
    model_id: String,
    key: String,
    value: f64,
    timestamp_ms: i64,
    step: i64,
    run_id: String,
    dataset_name: Option<String>,
    dataset_digest: Option<String>,
}

/// The model of that id, unless it is deleted.
///
/// # Errors
/// Database failures.
pub async fn find(tx: &Tx, scope: &ProjectScope, model_id: &str) -> TrackingResult<Option<Row>> {
    find_any(tx, scope, model_id, false).await
}

/// The model of that id, on wish also when it is deleted.
///
/// # Errors
/// Database failures.
pub async fn find_any(tx: &Tx, scope: &ProjectScope, model_id: &str, deleted: bool) -> TrackingResult<Option<Row>> {
    let alive = if deleted { "" } else { " AND NOT m.deleted" };
    let sql = format!(
        "SELECT {COLUMNS} FROM logged_models m WHERE m.org_id = $1 AND m.project_id = $2 AND m.model_id = $3{alive}"
    );
    Ok(tx.fetch_optional(&sql, binds![scope.org.uuid(), scope.project.uuid(), model_id]).await?)
}

/// Writes a new model with its parameters and tags.
///
/// # Errors
/// Database failures; `BAD_REQUEST` when a key stands twice.
pub async fn insert(tx: &Tx, scope: &ProjectScope, model: &LoggedModel) -> TrackingResult<()> {
    tx.execute(
        "INSERT INTO logged_models (org_id, project_id, model_id, experiment_id, name, model_type, source_run_id, \
         artifact_uri, status, created_ms, updated_ms, deleted) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        binds![
            scope.org.uuid(),
            scope.project.uuid(),
            model.model_id.as_str(),
            model.experiment_id,
            model.name.as_str(),
            model.model_type.as_str(),
            model.source_run_id.as_str(),
            model.artifact_uri.as_str(),
            model.status.rank(),
            model.created_ms,
            model.updated_ms,
            false
        ],
    )
    .await?;
    insert_params(tx, scope, &model.model_id, &model.params).await?;
    let rows = pair_rows(scope, &model.model_id, &model.tags);
    tx.insert_many("logged_model_tags", &PAIR_COLUMNS, rows, Conflict::Fail).await.map_err(twice)?;
    Ok(())
}

const PAIR_COLUMNS: [&str; 5] = ["org_id", "project_id", "model_id", "key", "value"];

fn pair_rows(scope: &ProjectScope, model_id: &str, pairs: &[(String, String)]) -> Vec<Vec<Value>> {
    pairs
        .iter()
        .map(|(key, value)| binds![scope.org.uuid(), scope.project.uuid(), model_id, key.as_str(), value.as_str()])
        .collect()
}

fn twice(error: StoreError) -> TrackingError {
    if error.is_unique() {
        return TrackingError::new(Code::BadRequest, "A key of this logged model was given more than once.");
    }
    error.into()
}

/// Adds parameters; one that is there already cannot be set again.
///
/// # Errors
/// Database failures; `BAD_REQUEST` when a key is there.
pub async fn insert_params(
    tx: &Tx,
    scope: &ProjectScope,
    model_id: &str,
    params: &[(String, String)],
) -> TrackingResult<()> {
    let rows = pair_rows(scope, model_id, params);
    tx.insert_many("logged_model_params", &PAIR_COLUMNS, rows, Conflict::Fail).await.map_err(twice)?;
    Ok(())
}

/// Sets tags.
///
/// # Errors
/// Database failures.
pub async fn set_tags(tx: &Tx, scope: &ProjectScope, model_id: &str, tags: &[(String, String)]) -> TrackingResult<()> {
    // One statement may not set a row twice: the last value of each key is the one that counts.
    let last: HashMap<&str, &str> = tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let mut kept: Vec<(String, String)> = last.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    kept.sort_unstable();
    let rows = pair_rows(scope, model_id, &kept);
    let key = Conflict::Replace(&["project_id", "model_id", "key"]);
    tx.insert_many("logged_model_tags", &PAIR_COLUMNS, rows, key).await?;
    Ok(())
}

/// Removes a tag; tells whether it was there.
///
/// # Errors
/// Database failures.
pub async fn delete_tag(tx: &Tx, scope: &ProjectScope, model_id: &str, key: &str) -> TrackingResult<bool> {
    let gone = tx
        .execute(
            "DELETE FROM logged_model_tags WHERE org_id = $1 AND project_id = $2 AND model_id = $3 AND key = $4",
            binds![scope.org.uuid(), scope.project.uuid(), model_id, key],
        )
        .await?;
    Ok(gone > 0)
}

/// Sets how far a model is.
///
/// # Errors
/// Database failures.
pub async fn set_status(tx: &Tx, scope: &ProjectScope, model_id: &str, status: Status, now: i64) -> TrackingResult<()> {
    tx.execute(
        "UPDATE logged_models SET status = $4, updated_ms = $5 \
         WHERE org_id = $1 AND project_id = $2 AND model_id = $3",
        binds![scope.org.uuid(), scope.project.uuid(), model_id, status.rank(), now],
    )
    .await?;
    Ok(())
}

/// Hides a model.
///
/// # Errors
/// Database failures.
pub async fn delete(tx: &Tx, scope: &ProjectScope, model_id: &str, now: i64) -> TrackingResult<()> {
    tx.execute(
        "UPDATE logged_models SET deleted = $4, updated_ms = $5 \
         WHERE org_id = $1 AND project_id = $2 AND model_id = $3",
        binds![scope.org.uuid(), scope.project.uuid(), model_id, true, now],
    )
    .await?;
    Ok(())
}

/// Notes on a logged model that it was registered. A model that is gone is an error, as in MLflow.
///
/// # Errors
/// Database failures; no such model.
pub async fn append_registration(
    tx: &Tx,
    scope: &ProjectScope,
    model_id: &str,
    name: &str,
    version: i64,
) -> TrackingResult<()> {
    if find(tx, scope, model_id).await?.is_none() {
        return Err(not_found(model_id));
    }
    let list: Option<String> = tx
        .fetch_scalar(
            "SELECT value FROM logged_model_tags \
             WHERE org_id = $1 AND project_id = $2 AND model_id = $3 AND key = $4",
            binds![scope.org.uuid(), scope.project.uuid(), model_id, model::REGISTRATIONS],
        )
        .await?;
    let list = model::with_registration(list.as_deref(), name, version);
    set_tags(tx, scope, model_id, &[(model::REGISTRATIONS.to_owned(), list)]).await
}

/// Where a point stands among those of a run: model, key, time and step.
type Place<'a> = (&'a str, &'a str, i64, i64);

/// A metric value on its way in, for a logged model.
#[derive(Debug, Clone)]
pub(crate) struct ModelMetric {
    pub(crate) model_id: String,
    pub(crate) key: String,
    pub(crate) point: Point,
    pub(crate) dataset_name: Option<String>,
    pub(crate) dataset_digest: Option<String>,
}

impl ModelMetric {
    fn place(&self) -> Place<'_> {
        (&self.model_id, &self.key, self.point.timestamp, self.point.step)
    }

    fn value(&self) -> f64 {
        // NaN is kept as 0 here: MLflow's table of model metrics has no flag for it.
        self.point.stored().value
    }

    fn same_content(&self, other: &Self) -> bool {
        self.value().to_bits() == other.value().to_bits()
            && self.dataset_name == other.dataset_name
            && self.dataset_digest == other.dataset_digest
    }

    fn clash(&self) -> TrackingError {
        TrackingError::new(
            Code::BadRequest,
            format!("Metric '{}' of logged model '{}' was logged before with another value.", self.key, self.model_id),
        )
    }
}

/// Judges the metrics one run logs for logged models, before anything is written.
///
/// # Errors
/// `BAD_REQUEST` when a model is not in the project, or a point was logged before with another value.
pub(crate) async fn check_metrics(
    tx: &Tx,
    scope: &ProjectScope,
    run_id: &str,
    metrics: &[ModelMetric],
) -> TrackingResult<()> {
    let mut ids: Vec<&str> = metrics.iter().map(|m| m.model_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let known = names(tx, scope, &ids).await?;
    if let Some(unknown) = ids.iter().find(|id| !known.contains_key(**id)) {
        return Err(TrackingError::new(Code::BadRequest, format!("Logged model with ID '{unknown}' not found.")));
    }
    let mut given: HashMap<Place<'_>, &ModelMetric> = HashMap::with_capacity(metrics.len());
    for metric in metrics {
        if given.insert(metric.place(), metric).is_some_and(|earlier| !earlier.same_content(metric)) {
            return Err(metric.clash());
        }
    }
    for chunk in metrics.chunks(500) {
        let places: Vec<String> = (0..chunk.len()).map(|i| format!("({})", in_list(i * 4 + 4, 4))).collect();
        let sql = format!(
            "SELECT model_id, key, value, timestamp_ms, step, run_id, dataset_name, dataset_digest \
             FROM logged_model_metrics WHERE org_id = $1 AND project_id = $2 AND run_id = $3 \
             AND (model_id, key, timestamp_ms, step) IN (VALUES {})",
            places.join(", ")
        );
        let mut values = binds![scope.org.uuid(), scope.project.uuid(), run_id];
        for metric in chunk {
            values.extend(binds![
                metric.model_id.as_str(),
                metric.key.as_str(),
                metric.point.timestamp,
                metric.point.step
            ]);
        }
        for stored in tx.fetch_all::<PointRow>(&sql, values).await? {
            let place = (stored.model_id.as_str(), stored.key.as_str(), stored.timestamp_ms, stored.step);
            if let Some(metric) = given.get(&place)
                && (stored.value.to_bits() != metric.value().to_bits()
                    || stored.dataset_name != metric.dataset_name
                    || stored.dataset_digest != metric.dataset_digest)
            {
                return Err(metric.clash());
            }
        }
    }
    Ok(())
}

/// Adds what [`check_metrics`] let pass, in the transaction that ingests it for the run. Exact repetitions are
/// ignored.
///
/// # Errors
/// Database failures.
pub(crate) async fn record_metrics(
    tx: &Tx,
    scope: &ProjectScope,
    run_id: &str,
    metrics: &[ModelMetric],
) -> TrackingResult<()> {
    let rows = metrics
        .iter()
        .map(|m| {
            binds![
                scope.org.uuid(),
                scope.project.uuid(),
                m.model_id.as_str(),
                m.key.as_str(),
                m.value(),
                m.point.timestamp,
                m.point.step,
                run_id,
                m.dataset_name.as_deref(),
                m.dataset_digest.as_deref()
            ]
        })
        .collect();
    tx.insert_many("logged_model_metrics", &POINT_COLUMNS, rows, Conflict::Ignore).await?;
    Ok(())
}

const POINT_COLUMNS: [&str; 10] = [
    "org_id",
    "project_id",
    "model_id",
    "key",
    "value",
    "timestamp_ms",
    "step",
    "run_id",
    "dataset_name",
    "dataset_digest",
];

#[derive(Debug, FromQueryResult)]
struct NameRow {
    model_id: String,
    name: String,
}

/// The names of these models, those that exist.
///
/// # Errors
/// Database failures.
pub async fn names(tx: &Tx, scope: &ProjectScope, ids: &[&str]) -> TrackingResult<HashMap<String, String>> {
    let mut found = HashMap::new();
    for chunk in ids.chunks(500) {
        let sql = format!(
            "SELECT model_id, name FROM logged_models WHERE org_id = $1 AND project_id = $2 AND model_id IN ({})",
            in_list(3, chunk.len())
        );
        let mut values = binds![scope.org.uuid(), scope.project.uuid()];
        values.extend(chunk.iter().map(|id| Value::from(*id)));
        found.extend(tx.fetch_all::<NameRow>(&sql, values).await?.into_iter().map(|r| (r.model_id, r.name)));
    }
    Ok(found)
}

/// Models with all that belongs to them, in the order of `rows`.
///
/// # Errors
/// Database failures.
pub async fn complete(tx: &Tx, scope: &ProjectScope, rows: Vec<Row>) -> TrackingResult<Vec<LoggedModel>> {
    let mut params: HashMap<String, Vec<(String, String)>> = HashMap::new();
    let mut tags: HashMap<String, Vec<(String, String)>> = HashMap::new();
    let mut metrics: HashMap<String, Vec<MetricPoint>> = HashMap::new();
    let ids: Vec<&str> = rows.iter().map(|r| r.model_id.as_str()).collect();
    for chunk in ids.chunks(500) {
        let list = in_list(3, chunk.len());
        let mut values = binds![scope.org.uuid(), scope.project.uuid()];
        values.extend(chunk.iter().map(|id| Value::from(*id)));
        for (table, into) in [("logged_model_params", &mut params), ("logged_model_tags", &mut tags)] {
            let sql = format!(
                "SELECT model_id, key, value FROM {table} \
                 WHERE org_id = $1 AND project_id = $2 AND model_id IN ({list}) ORDER BY model_id, key"
            );
            for row in tx.fetch_all::<PairRow>(&sql, values.clone()).await? {
                into.entry(row.model_id).or_default().push((row.key, row.value));
            }
        }
        let sql = format!(
            "SELECT model_id, key, value, timestamp_ms, step, run_id, dataset_name, dataset_digest \
             FROM logged_model_metrics WHERE org_id = $1 AND project_id = $2 AND model_id IN ({list}) ORDER BY id"
        );
        for row in tx.fetch_all::<PointRow>(&sql, values).await? {
            metrics.entry(row.model_id.clone()).or_default().push(MetricPoint {
                model_id: row.model_id,
                key: row.key,
                value: row.value,
                timestamp_ms: row.timestamp_ms,
                step: row.step,
                run_id: row.run_id,
                dataset_name: row.dataset_name,
                dataset_digest: row.dataset_digest,
            });
        }
    }
    rows.into_iter()
        .map(|row| {
            Ok(LoggedModel {
                params: params.remove(&row.model_id).unwrap_or_default(),
                tags: tags.remove(&row.model_id).unwrap_or_default(),
                metrics: metrics.remove(&row.model_id).unwrap_or_default(),
                status: Status::of_rank(row.status)
                    .ok_or_else(|| TrackingError::Internal(format!("stored model status {}", row.status)))?,
                model_id: row.model_id,
                experiment_id: row.experiment_id,
                name: row.name,
                model_type: row.model_type,
                source_run_id: row.source_run_id,
                artifact_uri: row.artifact_uri,
                created_ms: row.created_ms,
                updated_ms: row.updated_ms,
            })
        })
        .collect()
}

/// Removes the models of an experiment that is purged for good.
///
/// # Errors
/// Database failures.
pub async fn purge_experiment(tx: &Tx, scope: &ProjectScope, experiment_id: i64) -> TrackingResult<u64> {
    Ok(tx
        .execute(
            "DELETE FROM logged_models WHERE org_id = $1 AND project_id = $2 AND experiment_id = $3",
            binds![scope.org.uuid(), scope.project.uuid(), experiment_id],
        )
        .await?)
}
