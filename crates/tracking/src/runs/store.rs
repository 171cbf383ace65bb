//! The rows of runs, parameters, tags, inputs and outputs.

use std::collections::HashMap;

use rhiza_kernel::{OrgScope, ProjectScope};
use rhiza_store::{Conflict, FromQueryResult, StoreError, Tx, Value, binds, in_list, sea_orm};

use super::model::NAME_TAG;
use crate::error::{TrackingError, TrackingResult};

/// What is needed of a run to write to it.
#[derive(Debug, Clone, FromQueryResult)]
pub struct RunHead {
    /// Our number, which keys everything of the run.
    pub id: i64,
    /// The id clients know.
    pub run_id: String,
    /// Its experiment.
    pub experiment_id: i64,
    /// Its project.
    pub project_id: uuid::Uuid,
    /// Whether it is deleted.
    pub deleted: bool,
}

impl RunHead {
    /// Refuses a deleted run.
    ///
    /// # Errors
    /// `INVALID_PARAMETER_VALUE`.
    pub fn active(self) -> TrackingResult<Self> {
        if self.deleted {
            return Err(TrackingError::invalid(format!(
                "The run {} must be in the 'active' state. Current state is deleted.",
                self.run_id
            )));
        }
        Ok(self)
    }
}

/// The refusal for a run that is not there, or not there for this caller.
pub(crate) fn no_run(run_id: &str) -> TrackingError {
    TrackingError::missing(format!("Run with id={run_id} not found"))
}

const HEAD: &str = "SELECT id, run_id, experiment_id, project_id, deleted FROM runs";

/// The run, deleted or not.
///
/// # Errors
/// `RESOURCE_DOES_NOT_EXIST`, also for runs of other projects.
pub(crate) async fn require_run(tx: &Tx, scope: &ProjectScope, run_id: &str) -> TrackingResult<RunHead> {
    let sql = format!("{HEAD} WHERE run_id = $1 AND org_id = $2 AND project_id = $3");
    tx.fetch_optional(&sql, binds![run_id, scope.org.uuid(), scope.project.uuid()]).await?.ok_or_else(|| no_run(run_id))
}

/// The runs among `run_ids` that exist in the organisation, locked against other processes.
pub(crate) async fn lock_runs(tx: &Tx, scope: &OrgScope, run_ids: &[&str]) -> Result<Vec<RunHead>, StoreError> {
    let mut heads = Vec::with_capacity(run_ids.len());
    for chunk in run_ids.chunks(500) {
        let sql = format!(
            "{HEAD} WHERE run_id IN ({}) AND org_id = ${} ORDER BY id{}",
            in_list(1, chunk.len()),
            chunk.len() + 1,
            tx.dialect().for_update()
        );
        let mut values: Vec<Value> = chunk.iter().map(|id| Value::from(*id)).collect();
        values.push(scope.org.uuid().into());
        heads.extend(tx.fetch_all::<RunHead>(&sql, values).await?);
    }
    Ok(heads)
}

/// The runs among `run_ids` that exist in the project.
pub(crate) async fn find_runs(tx: &Tx, scope: &ProjectScope, run_ids: &[String]) -> Result<Vec<RunHead>, StoreError> {
    let mut heads = Vec::with_capacity(run_ids.len());
    for chunk in run_ids.chunks(500) {
        let n = chunk.len();
        let sql =
            format!("{HEAD} WHERE run_id IN ({}) AND org_id = ${} AND project_id = ${}", in_list(1, n), n + 1, n + 2);
        let mut values: Vec<Value> = chunk.iter().map(|id| Value::from(id.as_str())).collect();
        values.extend(binds![scope.org.uuid(), scope.project.uuid()]);
        heads.extend(tx.fetch_all::<RunHead>(&sql, values).await?);
    }
    Ok(heads)
}

/// A run about to be created.
#[derive(Debug)]
pub(crate) struct NewRun<'a> {
    pub(crate) run_id: &'a str,
    pub(crate) experiment: i64,
    pub(crate) name: &'a str,
    pub(crate) user_id: &'a str,
    pub(crate) status: i16,
    pub(crate) start_time: i64,
    pub(crate) end_time: Option<i64>,
}

pub(crate) async fn insert_run(tx: &Tx, scope: &ProjectScope, run: &NewRun<'_>) -> Result<i64, StoreError> {
    tx.fetch_scalar(
        "INSERT INTO runs (org_id, project_id, experiment_id, run_id, name, user_id, status, deleted, start_time, end_time) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
        binds![
            scope.org.uuid(),
            scope.project.uuid(),
            run.experiment,
            run.run_id,
            run.name,
            run.user_id,
            run.status,
            false,
            run.start_time,
            run.end_time,
        ],
    )
    .await?
    .ok_or(StoreError::RowNotFound)
}

/// What an update changes.
#[derive(Debug, Default)]
pub(crate) struct RunChange<'a> {
    pub(crate) status: Option<i16>,
    pub(crate) end_time: Option<i64>,
    pub(crate) name: Option<&'a str>,
}

pub(crate) async fn update_run(tx: &Tx, _: &ProjectScope, id: i64, change: &RunChange<'_>) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE runs SET status = COALESCE($1, status), end_time = COALESCE($2, end_time), name = COALESCE($3, name) \
         WHERE id = $4",
        binds![change.status, change.end_time, change.name.map(str::to_owned), id],
    )
    .await?;
    Ok(())
}

/// Deletes or restores a run. Repeating it keeps the first time of deletion.
pub(crate) async fn set_deleted(tx: &Tx, _: &ProjectScope, id: i64, deleted_ms: Option<i64>) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE runs SET deleted = $1, deleted_ms = $2 WHERE id = $3 AND deleted <> $1",
        binds![deleted_ms.is_some(), deleted_ms, id],
    )
    .await?;
    Ok(())
}

/// Deletes or restores every run of an experiment.
pub(crate) async fn set_all_deleted(
    tx: &Tx,
    _: &ProjectScope,
    experiment: i64,
    deleted_ms: Option<i64>,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE runs SET deleted = $1, deleted_ms = $2 WHERE experiment_id = $3 AND deleted <> $1",
        binds![deleted_ms.is_some(), deleted_ms, experiment],
    )
    .await?;
    Ok(())
}

#[derive(FromQueryResult)]
struct ParamRow {
    run_pk: i64,
    param_key: String,
    param_value: String,
}

/// The values that the given parameters have, by run and key.
pub(crate) async fn params(
    tx: &Tx,
    _: &OrgScope,
    wanted: &[(i64, &str)],
) -> Result<HashMap<(i64, String), String>, StoreError> {
    let mut found = HashMap::with_capacity(wanted.len());
    for chunk in wanted.chunks(400) {
        let rows: Vec<String> = (0..chunk.len()).map(|i| format!("({})", in_list(i * 2 + 1, 2))).collect();
        let sql = format!(
            "SELECT run_pk, param_key, param_value FROM run_params WHERE (run_pk, param_key) IN (VALUES {})",
            rows.join(", ")
        );
        let values = chunk.iter().flat_map(|(run, key)| binds![*run, *key]).collect();
        let rows: Vec<ParamRow> = tx.fetch_all(&sql, values).await?;
        found.extend(rows.into_iter().map(|r| ((r.run_pk, r.param_key), r.param_value)));
    }
    Ok(found)
}

/// Adds parameters that are not there yet.
pub(crate) async fn insert_params(tx: &Tx, scope: &OrgScope, params: &[(i64, &str, &str)]) -> Result<(), StoreError> {
    let org = scope.org.uuid();
    let rows = params.iter().map(|(run, key, value)| binds![*run, *key, org, *value]).collect();
    tx.insert_many("run_params", &["run_pk", "param_key", "org_id", "param_value"], rows, Conflict::Fail).await?;
    Ok(())
}

/// Sets tags. At most one entry per run and key.
pub(crate) async fn set_tags(tx: &Tx, scope: &OrgScope, tags: &[(i64, &str, &str)]) -> Result<(), StoreError> {
    let org = scope.org.uuid();
    let rows = tags.iter().map(|(run, key, value)| binds![*run, *key, org, *value]).collect();
    let key = Conflict::Replace(&["run_pk", "tag_key"]);
    tx.insert_many("run_tags", &["run_pk", "tag_key", "org_id", "tag_value"], rows, key).await?;
    Ok(())
}

/// Renames a run: its name, and the tag that repeats it.
pub(crate) async fn rename(tx: &Tx, scope: &OrgScope, id: i64, name: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE runs SET name = $1 WHERE id = $2", binds![name, id]).await?;
    set_tags(tx, scope, &[(id, NAME_TAG, name)]).await
}

pub(crate) async fn delete_tag(tx: &Tx, _: &ProjectScope, id: i64, key: &str) -> Result<bool, StoreError> {
    Ok(tx.execute("DELETE FROM run_tags WHERE run_pk = $1 AND tag_key = $2", binds![id, key]).await? > 0)
}

pub(crate) async fn tag(tx: &Tx, _: &ProjectScope, id: i64, key: &str) -> Result<Option<String>, StoreError> {
    tx.fetch_scalar("SELECT tag_value FROM run_tags WHERE run_pk = $1 AND tag_key = $2", binds![id, key]).await
}

/// Notes that models went into a run, or came out of it with the step they came at.
pub(crate) async fn add_models(
    tx: &Tx,
    scope: &ProjectScope,
    id: i64,
    models: &[(String, i64)],
    output: bool,
) -> Result<(), StoreError> {
    let org = scope.org.uuid();
    let rows = models.iter().map(|(model, step)| binds![id, org, output, model.as_str(), *step]).collect();
    // A model comes out of a run once; that it goes in twice says nothing new.
    let conflict = if output { Conflict::Fail } else { Conflict::Ignore };
    tx.insert_many("run_models", &["run_pk", "org_id", "is_output", "model_id", "step"], rows, conflict).await?;
    Ok(())
}

/// A dataset as a run saw it: name, digest, source type, source, schema and profile, and the tags of this use.
#[derive(Debug)]
pub(crate) struct NewDataset {
    pub(crate) parts: [Option<String>; 6],
    pub(crate) tags: Vec<(String, String)>,
}

/// Notes that a dataset went into a run. A dataset that the experiment knows keeps its first description, and a
/// second use in the same run changes nothing.
pub(crate) async fn add_dataset(
    tx: &Tx,
    scope: &ProjectScope,
    run: &RunHead,
    dataset: &NewDataset,
    tags: &str,
    position: i64,
) -> Result<(), StoreError> {
    let [name, digest, source_type, source, schema, profile] = dataset.parts.clone();
    let (name, digest) = (name.unwrap_or_default(), digest.unwrap_or_default());
    let (experiment, org) = (run.experiment_id, scope.org.uuid());
    tx.execute(
        "INSERT INTO datasets (org_id, experiment_id, name, digest, source_type, source, schema_json, profile) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        binds![
            org,
            experiment,
            name.as_str(),
            digest.as_str(),
            source_type.unwrap_or_default(),
            source.unwrap_or_default(),
            schema,
            profile
        ],
    )
    .await?;
    let pk: i64 = tx
        .fetch_scalar(
            "SELECT id FROM datasets WHERE experiment_id = $1 AND name = $2 AND digest = $3",
            binds![experiment, name, digest],
        )
        .await?
        .ok_or(StoreError::RowNotFound)?;
    let context = dataset.tags.iter().find(|(key, _)| key == "mlflow.data.context").map(|(_, value)| value.clone());
    tx.execute(
        "INSERT INTO run_datasets (run_pk, dataset_pk, org_id, position, tags, context) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        binds![run.id, pk, org, position, tags, context],
    )
    .await?;
    Ok(())
}
