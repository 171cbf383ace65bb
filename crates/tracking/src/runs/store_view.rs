//! Runs as clients read them: everything of a page of runs in one statement, and written without detours.

use std::collections::HashMap;

use rhiza_kernel::ProjectScope;
use rhiza_store::{StoreError, Tx, Value, binds, in_list};
use serde::Deserialize;

use super::model::RunStatus;
use crate::error::{TrackingError, TrackingResult};
use crate::experiments::ids::ExperimentIds;
use crate::experiments::service::stage;
use crate::protocol::{read_metric_bits, write_metric};

/// A run with all that belongs to it, its lists as JSON made by the database.
#[derive(Debug, Deserialize)]
pub(crate) struct RunRow {
    pub(crate) id: i64,
    pub(crate) run_id: String,
    pub(crate) experiment_id: i64,
    pub(crate) name: String,
    pub(crate) user_id: String,
    pub(crate) status: i16,
    #[serde(deserialize_with = "truth")]
    pub(crate) deleted: bool,
    pub(crate) start_time: i64,
    pub(crate) end_time: Option<i64>,
    pub(crate) artifact_location: String,
    pub(crate) metrics: Option<String>,
    pub(crate) params: Option<String>,
    pub(crate) tags: Option<String>,
    pub(crate) datasets: Option<String>,
    pub(crate) models: Option<String>,
}

/// The columns of a [`RunRow`].
const COLUMNS: [&str; 15] = [
    "id",
    "run_id",
    "experiment_id",
    "name",
    "user_id",
    "status",
    "deleted",
    "start_time",
    "end_time",
    "artifact_location",
    "metrics",
    "params",
    "tags",
    "datasets",
    "models",
];

/// A truth value that came as a number.
pub(crate) fn truth<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(u8::deserialize(deserializer)? != 0)
}

/// A latest value as the database hands it over.
#[derive(Debug, Deserialize)]
pub(crate) struct MetricEntry {
    pub(crate) k: String,
    pub(crate) b: i64,
    pub(crate) t: i64,
    pub(crate) s: i64,
}

/// A dataset that went into a run.
#[derive(Debug, Deserialize)]
pub(crate) struct DatasetEntry {
    pub(crate) name: String,
    pub(crate) digest: String,
    pub(crate) source_type: String,
    pub(crate) source: String,
    pub(crate) schema: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) tags: String,
}

/// A model that went into a run or came out of it.
#[derive(Debug, Deserialize)]
pub(crate) struct ModelEntry {
    pub(crate) m: String,
    pub(crate) s: i64,
    pub(crate) o: i64,
}

/// The list a JSON column holds; none is the empty one.
pub(crate) fn entries<'a, T: Deserialize<'a>>(column: Option<&'a str>) -> TrackingResult<Vec<T>> {
    column.map_or(Ok(Vec::new()), |text| {
        serde_json::from_str(text).map_err(|e| TrackingError::Internal(format!("a run's lists: {e}")))
    })
}

/// The runs of the given numbers, in that order.
pub(crate) async fn load(tx: &Tx, scope: &ProjectScope, ids: &[i64]) -> Result<Vec<RunRow>, StoreError> {
    let dialect = tx.dialect();
    let metrics =
        dialect.json_list(&[("k", "metric_key"), ("b", "value_bits"), ("t", "logged_at"), ("s", "step")], "metric_key");
    let params = dialect.json_list(&[("key", "param_key"), ("value", "param_value")], "param_key");
    let tags = dialect.json_list(&[("key", "tag_key"), ("value", "tag_value")], "tag_key");
    let datasets = dialect.json_group(
        &[
            ("name", "d.name"),
            ("digest", "d.digest"),
            ("source_type", "d.source_type"),
            ("source", "d.source"),
            ("schema", "d.schema_json"),
            ("profile", "d.profile"),
            ("tags", "i.tags"),
        ],
        "i.position",
    );
    let models =
        dialect.json_group(&[("m", "model_id"), ("s", "step"), ("o", "CASE WHEN is_output THEN 1 ELSE 0 END")], "id");
    let mut rows = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(250) {
        let n = chunk.len();
        let sql = format!(
            "SELECT r.id, r.run_id, r.experiment_id, r.name, r.user_id, r.status, \
             CASE WHEN r.deleted THEN 1 ELSE 0 END AS deleted, r.start_time, r.end_time, \
             e.artifact_location, \
             (SELECT {metrics} FROM metric_series WHERE run_pk = r.id) AS metrics, \
             (SELECT {params} FROM run_params WHERE run_pk = r.id) AS params, \
             (SELECT {tags} FROM run_tags WHERE run_pk = r.id) AS tags, \
             CASE WHEN EXISTS (SELECT 1 FROM run_datasets WHERE run_pk = r.id) THEN \
             (SELECT {datasets} FROM run_datasets i JOIN datasets d ON d.id = i.dataset_pk WHERE i.run_pk = r.id) \
             END AS datasets, \
             CASE WHEN EXISTS (SELECT 1 FROM run_models WHERE run_pk = r.id) THEN \
             (SELECT {models} FROM run_models WHERE run_pk = r.id) END AS models \
             FROM runs r JOIN experiments e ON e.id = r.experiment_id \
             WHERE r.id IN ({}) AND r.project_id = ${} AND r.org_id = ${}",
            in_list(1, n),
            n + 1,
            n + 2
        );
        let mut values: Vec<Value> = chunk.iter().map(|id| Value::from(*id)).collect();
        values.extend(binds![scope.project.uuid(), scope.org.uuid()]);
        rows.extend(tx.fetch_packed::<RunRow>(&COLUMNS, &sql, values).await?);
    }
    in_order(&mut rows, ids, |row| row.id);
    Ok(rows)
}

/// Sorts rows as their numbers stand in `ids`.
pub(crate) fn in_order<T>(rows: &mut [T], ids: &[i64], id: impl Fn(&T) -> i64) {
    let place: HashMap<i64, usize> = ids.iter().enumerate().map(|(i, id)| (*id, i)).collect();
    rows.sort_by_key(|row| place.get(&id(row)).copied());
}

/// How much of a run an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// A created run: nothing came out of it yet.
    Created,
    /// One run.
    Whole,
    /// A run among many: models that went in are left out, as MLflow does.
    Found,
}

fn text(value: &str, out: &mut Vec<u8>) {
    // Writing a text into memory cannot fail.
    let _ = serde_json::to_writer(out, value);
}

fn number(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes `info`.
pub(crate) fn write_info(row: &RunRow, ids: ExperimentIds, out: &mut Vec<u8>) {
    for (key, value) in [("{\"run_id\":", &row.run_id), (",\"run_uuid\":", &row.run_id), (",\"run_name\":", &row.name)]
    {
        out.extend_from_slice(key.as_bytes());
        text(value, out);
    }
    out.extend_from_slice(b",\"experiment_id\":");
    text(&ids.public(row.experiment_id), out);
    out.extend_from_slice(b",\"user_id\":");
    text(&row.user_id, out);
    out.extend_from_slice(b",\"status\":");
    text(RunStatus::name_of(row.status), out);
    out.extend_from_slice(b",\"start_time\":");
    number(row.start_time, out);
    if let Some(end) = row.end_time.filter(|end| *end != 0) {
        out.extend_from_slice(b",\"end_time\":");
        number(end, out);
    }
    out.extend_from_slice(b",\"artifact_uri\":");
    text(&artifact_uri(&row.artifact_location, &row.run_id), out);
    out.extend_from_slice(b",\"lifecycle_stage\":");
    text(stage(row.deleted), out);
    out.push(b'}');
}

/// Where a run's artifacts are.
pub(crate) fn artifact_uri(location: &str, run_id: &str) -> String {
    format!("{}/{run_id}/artifacts", location.trim_end_matches('/'))
}

/// Writes a run.
pub(crate) fn write_run(row: &RunRow, ids: ExperimentIds, detail: Detail, out: &mut Vec<u8>) -> TrackingResult<()> {
    out.extend_from_slice(b"{\"info\":");
    write_info(row, ids, out);
    out.extend_from_slice(b",\"data\":{");
    let mut any = false;
    let metrics: Vec<MetricEntry> = entries(row.metrics.as_deref())?;
    if !metrics.is_empty() {
        any = true;
        out.extend_from_slice(b"\"metrics\":[");
        for (i, metric) in metrics.iter().enumerate() {
            out.extend_from_slice(if i == 0 { &b"{\"key\":"[..] } else { b",{\"key\":" });
            text(&metric.k, out);
            out.extend_from_slice(b",\"value\":");
            write_metric(read_metric_bits(metric.b), out);
            out.extend_from_slice(b",\"timestamp\":");
            number(metric.t, out);
            out.extend_from_slice(b",\"step\":");
            number(metric.s, out);
            out.push(b'}');
        }
        out.push(b']');
    }
    for (name, list) in [("params", &row.params), ("tags", &row.tags)] {
        // Already the JSON that clients read: the database made it.
        if let Some(list) = list.as_deref().filter(|l| *l != "[]") {
            if any {
                out.push(b',');
            }
            any = true;
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            out.extend_from_slice(list.as_bytes());
        }
    }
    out.extend_from_slice(b"},\"inputs\":{");
    write_inputs(row, detail, out)?;
    out.push(b'}');
    if detail != Detail::Created {
        let models: Vec<ModelEntry> = entries(row.models.as_deref())?;
        out.extend_from_slice(b",\"outputs\":{");
        for (i, model) in models.iter().filter(|m| m.o == 1).enumerate() {
            out.extend_from_slice(if i == 0 { &b"\"model_outputs\":[{\"model_id\":"[..] } else { b",{\"model_id\":" });
            text(&model.m, out);
            out.extend_from_slice(b",\"step\":");
            number(model.s, out);
            out.push(b'}');
        }
        if models.iter().any(|m| m.o == 1) {
            out.push(b']');
        }
        out.push(b'}');
    }
    out.push(b'}');
    Ok(())
}

fn write_inputs(row: &RunRow, detail: Detail, out: &mut Vec<u8>) -> TrackingResult<()> {
    let datasets: Vec<DatasetEntry> = entries(row.datasets.as_deref())?;
    for (i, dataset) in datasets.iter().enumerate() {
        out.extend_from_slice(if i == 0 { &b"\"dataset_inputs\":[{"[..] } else { b",{" });
        if dataset.tags != "[]" {
            out.extend_from_slice(b"\"tags\":");
            out.extend_from_slice(dataset.tags.as_bytes());
            out.push(b',');
        }
        out.extend_from_slice(b"\"dataset\":{\"name\":");
        text(&dataset.name, out);
        let fields = [
            ("digest", Some(&dataset.digest)),
            ("source_type", Some(&dataset.source_type)),
            ("source", Some(&dataset.source)),
            ("schema", dataset.schema.as_ref().filter(|s| !s.is_empty())),
            ("profile", dataset.profile.as_ref().filter(|s| !s.is_empty())),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                out.extend_from_slice(format!(",\"{name}\":").as_bytes());
                text(value, out);
            }
        }
        out.extend_from_slice(b"}}");
    }
    if !datasets.is_empty() {
        out.push(b']');
    }
    if detail == Detail::Found {
        return Ok(());
    }
    let models: Vec<ModelEntry> = entries(row.models.as_deref())?;
    let mut first = true;
    for model in models.iter().filter(|m| m.o == 0) {
        if first {
            out.extend_from_slice(if datasets.is_empty() {
                &b"\"model_inputs\":["[..]
            } else {
                b",\"model_inputs\":["
            });
        } else {
            out.push(b',');
        }
        first = false;
        out.extend_from_slice(b"{\"model_id\":");
        text(&model.m, out);
        out.push(b'}');
    }
    if !first {
        out.push(b']');
    }
    Ok(())
}
