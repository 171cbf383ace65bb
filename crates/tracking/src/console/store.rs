//! Experiments with what goes on in them, and the names that their runs use.

use rhiza_kernel::ProjectScope;
use rhiza_store::{FromQueryResult, StoreError, Tx, binds, sea_orm};

use super::wire::RunDataset;
use crate::search::View;
use crate::search::sql::Binds;

/// An experiment of the list.
#[derive(Debug, FromQueryResult)]
pub(crate) struct SummaryRow {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) deleted: bool,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
    pub(crate) activity: i64,
    pub(crate) last_run: Option<i64>,
    pub(crate) run_count: i64,
    pub(crate) running_count: i64,
}

/// Which experiments.
#[derive(Debug)]
pub(crate) struct SummaryQuery<'a> {
    pub(crate) view: View,
    /// A part of the name, whatever its case.
    pub(crate) part: Option<&'a str>,
    /// The activity and number of the experiment before.
    pub(crate) after: Option<(i64, i64)>,
    pub(crate) limit: i64,
}

/// Experiments by their latest activity (a change of theirs or the start of a run), newest first. Only those of the
/// page have their runs counted.
pub(crate) async fn summaries(
    tx: &Tx,
    scope: &ProjectScope,
    query: &SummaryQuery<'_>,
) -> Result<Vec<SummaryRow>, StoreError> {
    let mut binds = Binds::new(tx.dialect());
    let active = binds.add(false);
    let mut wheres = vec![
        format!("e.project_id = {}", binds.add(scope.project.uuid())),
        format!("e.org_id = {}", binds.add(scope.org.uuid())),
    ];
    if let Some(deleted) = query.view.deleted() {
        wheres.push(format!("e.deleted = {}", binds.add(deleted)));
    }
    if let Some(part) = query.part {
        // A pattern would give % and _ a meaning. What remains without the part differs if the part was there.
        let part = binds.word(part);
        wheres.push(format!("REPLACE(LOWER(e.name), LOWER({part}), '') <> LOWER(e.name)"));
    }
    let after = match query.after {
        Some((activity, id)) => format!("WHERE (q.activity, q.id) < ({}, {})", binds.add(activity), binds.add(id)),
        None => String::new(),
    };
    let limit = binds.add(query.limit);
    let sql = format!(
        "SELECT p.id, p.name, p.deleted, p.created_ms, p.updated_ms, p.activity, p.last_run, \
         (SELECT COUNT(*) FROM runs r WHERE r.experiment_id = p.id AND r.deleted = {active}) AS run_count, \
         (SELECT COUNT(*) FROM runs r WHERE r.experiment_id = p.id AND r.deleted = {active} AND r.status = 1) AS running_count \
         FROM (SELECT q.* FROM (SELECT s.*, CASE WHEN s.last_run > s.updated_ms THEN s.last_run ELSE s.updated_ms END AS activity \
         FROM (SELECT e.id, e.name, e.deleted, e.created_ms, e.updated_ms, \
         (SELECT MAX(r.start_time) FROM runs r WHERE r.experiment_id = e.id AND r.deleted = {active}) AS last_run \
         FROM experiments e WHERE {}) s) q {after} ORDER BY q.activity DESC, q.id DESC LIMIT {limit}) p \
         ORDER BY p.activity DESC, p.id DESC",
        wheres.join(" AND ")
    );
    tx.fetch_all(&sql, binds.into_values()).await
}

#[derive(FromQueryResult)]
struct Id {
    id: i64,
}

/// The numbers of the project's active experiments.
pub(crate) async fn active_experiments(tx: &Tx, scope: &ProjectScope) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT id FROM experiments WHERE project_id = $1 AND org_id = $2 AND deleted = $3 ORDER BY id";
    let rows: Vec<Id> = tx.fetch_all(sql, binds![scope.project.uuid(), scope.org.uuid(), false]).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

#[derive(FromQueryResult)]
struct Key {
    key: String,
}

fn keys(rows: Vec<Key>) -> Vec<String> {
    rows.into_iter().map(|row| row.key).collect()
}

/// The metrics of an experiment's runs, sorted. Goes from key to key through the index, however many runs there are.
pub(crate) async fn metric_keys(
    tx: &Tx,
    scope: &ProjectScope,
    experiment: i64,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let sql = "WITH RECURSIVE k(key) AS (\
               SELECT MIN(metric_key) FROM metric_series WHERE experiment_id = $1 AND org_id = $2 \
               UNION ALL SELECT (SELECT MIN(m.metric_key) FROM metric_series m WHERE m.experiment_id = $1 \
               AND m.org_id = $2 AND m.metric_key > k.key) FROM k WHERE k.key IS NOT NULL) \
               SELECT key FROM k WHERE key IS NOT NULL LIMIT $3";
    Ok(keys(tx.fetch_all(sql, binds![experiment, scope.org.uuid(), limit]).await?))
}

/// The parameters of an experiment's runs, sorted.
pub(crate) async fn param_keys(
    tx: &Tx,
    scope: &ProjectScope,
    experiment: i64,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT DISTINCT p.param_key AS key FROM runs r JOIN run_params p ON p.run_pk = r.id \
               WHERE r.experiment_id = $1 AND r.org_id = $2 AND r.project_id = $3 ORDER BY p.param_key LIMIT $4";
    Ok(keys(tx.fetch_all(sql, binds![experiment, scope.org.uuid(), scope.project.uuid(), limit]).await?))
}

/// The tags of an experiment's runs, sorted.
pub(crate) async fn tag_keys(
    tx: &Tx,
    scope: &ProjectScope,
    experiment: i64,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT DISTINCT t.tag_key AS key FROM runs r JOIN run_tags t ON t.run_pk = r.id \
               WHERE r.experiment_id = $1 AND r.org_id = $2 AND r.project_id = $3 ORDER BY t.tag_key LIMIT $4";
    Ok(keys(tx.fetch_all(sql, binds![experiment, scope.org.uuid(), scope.project.uuid(), limit]).await?))
}

#[derive(FromQueryResult)]
struct DatasetRow {
    name: String,
    digest: String,
    context: Option<String>,
}

/// The datasets that went into an experiment's runs, sorted.
pub(crate) async fn datasets(
    tx: &Tx,
    scope: &ProjectScope,
    experiment: i64,
    limit: i64,
) -> Result<Vec<RunDataset>, StoreError> {
    let sql = "SELECT DISTINCT d.name, d.digest, i.context FROM datasets d JOIN run_datasets i ON i.dataset_pk = d.id \
               WHERE d.experiment_id = $1 AND d.org_id = $2 ORDER BY d.name, d.digest, i.context LIMIT $3";
    let rows: Vec<DatasetRow> = tx.fetch_all(sql, binds![experiment, scope.org.uuid(), limit]).await?;
    Ok(rows.into_iter().map(|d| RunDataset { name: d.name, digest: d.digest, context: d.context }).collect())
}
