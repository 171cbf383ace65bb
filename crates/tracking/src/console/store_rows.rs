//! Runs as rows of a table: everything of a page in one statement, and only the columns that are shown.

use std::collections::HashMap;

use rhiza_kernel::ProjectScope;
use rhiza_store::{FromQueryResult, StoreError, Tx, Value, binds, in_list, sea_orm};
use serde::Deserialize;

use crate::runs::store_view::{in_order, truth};
use crate::search::sql::Binds;

/// A run with what a row shows, its lists as JSON made by the database.
#[derive(Debug, Deserialize)]
pub(crate) struct Row {
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
    pub(crate) parent: Option<String>,
    pub(crate) metrics: Option<String>,
    pub(crate) params: Option<String>,
    pub(crate) tags: Option<String>,
    pub(crate) datasets: Option<String>,
    pub(crate) models: Option<String>,
}

/// The columns of a [`Row`].
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
    "parent",
    "metrics",
    "params",
    "tags",
    "datasets",
    "models",
];

/// Which keys of each kind are wanted; all where there is no list.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) metrics: Option<&'a [String]>,
    pub(crate) params: Option<&'a [String]>,
    pub(crate) tags: Option<&'a [String]>,
}

/// The list of one kind as a scalar subquery.
fn list(group: &str, table: &str, key: &str, wanted: Option<&[String]>, binds: &mut Binds) -> String {
    match wanted {
        None => format!("(SELECT {group} FROM {table} WHERE run_pk = r.id)"),
        Some([]) => "NULL".to_owned(),
        Some(keys) => {
            let keys = binds.words(keys);
            format!("(SELECT {group} FROM {table} WHERE run_pk = r.id AND {key} IN ({keys}))")
        }
    }
}

/// The runs of the given numbers, in that order.
pub(crate) async fn load(
    tx: &Tx,
    scope: &ProjectScope,
    ids: &[i64],
    wanted: Wanted<'_>,
) -> Result<Vec<Row>, StoreError> {
    let dialect = tx.dialect();
    let metrics = dialect.json_list(&[("k", "metric_key"), ("b", "value_bits")], "metric_key");
    let params = dialect.json_list(&[("k", "param_key"), ("v", "param_value")], "param_key");
    let tags = dialect.json_list(&[("k", "tag_key"), ("v", "tag_value")], "tag_key");
    let datasets = dialect
        .json_group(&[("name", "d.name"), ("digest", "d.digest"), ("context", "i.context")], "i.position, d.name");
    let models = dialect.json_group(&[("m", "model_id")], "id");
    let mut rows = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(250) {
        let mut binds = Binds::new(dialect);
        let metrics = list(&metrics, "metric_series", "metric_key", wanted.metrics, &mut binds);
        let params = list(&params, "run_params", "param_key", wanted.params, &mut binds);
        let tags = list(&tags, "run_tags", "tag_key", wanted.tags, &mut binds);
        let sql = format!(
            "SELECT r.id, r.run_id, r.experiment_id, r.name, r.user_id, r.status, \
             CASE WHEN r.deleted THEN 1 ELSE 0 END AS deleted, r.start_time, r.end_time, \
             (SELECT tag_value FROM run_tags WHERE run_pk = r.id AND tag_key = 'mlflow.parentRunId') AS parent, \
             {metrics} AS metrics, {params} AS params, {tags} AS tags, \
             CASE WHEN EXISTS (SELECT 1 FROM run_datasets WHERE run_pk = r.id) THEN \
             (SELECT {datasets} FROM run_datasets i JOIN datasets d ON d.id = i.dataset_pk WHERE i.run_pk = r.id) \
             END AS datasets, \
             CASE WHEN EXISTS (SELECT 1 FROM run_models WHERE run_pk = r.id) THEN \
             (SELECT {models} FROM run_models WHERE run_pk = r.id) END AS models \
             FROM runs r WHERE r.id IN ({}) AND r.project_id = {} AND r.org_id = {}",
            binds.list(chunk.iter().copied()),
            binds.add(scope.project.uuid()),
            binds.add(scope.org.uuid()),
        );
        rows.extend(tx.fetch_packed::<Row>(&COLUMNS, &sql, binds.into_values()).await?);
    }
    in_order(&mut rows, ids, |row| row.id);
    Ok(rows)
}

#[derive(FromQueryResult)]
struct Children {
    parent: String,
    runs: i64,
}

/// How many active runs are a part of each of these; absent where there are none.
pub(crate) async fn children(tx: &Tx, scope: &ProjectScope, runs: &[&str]) -> Result<HashMap<String, i64>, StoreError> {
    let mut found = HashMap::new();
    for chunk in runs.chunks(500) {
        // As the index on the tag is written: the key as it stands there, the value cut to an id's reach.
        let sql = format!(
            "SELECT t.tag_value AS parent, COUNT(*) AS runs FROM run_tags t JOIN runs r ON r.id = t.run_pk \
             WHERE t.tag_key = 'mlflow.parentRunId' AND substr(t.tag_value, 1, 64) IN ({}) \
             AND r.deleted = $1 AND r.project_id = $2 AND r.org_id = $3 GROUP BY t.tag_value",
            in_list(4, chunk.len())
        );
        let mut values = binds![false, scope.project.uuid(), scope.org.uuid()];
        values.extend(chunk.iter().map(|run| Value::from(*run)));
        found.extend(tx.fetch_all::<Children>(&sql, values).await?.into_iter().map(|c| (c.parent, c.runs)));
    }
    Ok(found)
}
