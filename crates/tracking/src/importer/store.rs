//! The rows an import writes that nothing else writes in this way, and the notes of what was imported already.

use rhiza_kernel::ProjectScope;
use rhiza_store::{Conflict, FromQueryResult, StoreError, Tx, binds, sea_orm};

use super::model::{Dataset, Experiment};
use crate::protocol::KeyValue;
use crate::runs::store::NewRun;

/// A note: the thing of that id there is this thing here.
#[derive(Debug, Clone, FromQueryResult)]
pub(super) struct Note {
    pub(super) kind: String,
    pub(super) source_id: String,
    pub(super) target_id: String,
    pub(super) done: bool,
}

/// Everything noted of a source, oldest kind first.
pub(super) async fn notes(tx: &Tx, scope: &ProjectScope, source: &str) -> Result<Vec<Note>, StoreError> {
    tx.fetch_all(
        "SELECT kind, source_id, target_id, done FROM import_progress WHERE org_id = $1 AND project_id = $2 AND source = $3 \
         ORDER BY kind, source_id",
        binds![scope.org.uuid(), scope.project.uuid(), source],
    )
    .await
}

/// Notes one thing; tells whether it was new. On PostgreSQL a second importer waits here for the first.
pub(super) async fn note(
    tx: &Tx,
    scope: &ProjectScope,
    source: &str,
    kind: &str,
    source_id: &str,
    target_id: &str,
    done: bool,
) -> Result<bool, StoreError> {
    let added = tx
        .execute(
            "INSERT INTO import_progress (org_id, project_id, source, kind, source_id, target_id, done) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            binds![scope.org.uuid(), scope.project.uuid(), source, kind, source_id, target_id, done],
        )
        .await?;
    Ok(added > 0)
}

/// Notes that nothing is missing of a thing noted before.
pub(super) async fn finish(
    tx: &Tx,
    scope: &ProjectScope,
    source: &str,
    kind: &str,
    source_id: &str,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE import_progress SET done = $1 \
         WHERE org_id = $2 AND project_id = $3 AND source = $4 AND kind = $5 AND source_id = $6",
        binds![true, scope.org.uuid(), scope.project.uuid(), source, kind, source_id],
    )
    .await?;
    Ok(())
}

/// Forgets which models went into and came out of a run, before they are noted (again).
pub(super) async fn forget_models(tx: &Tx, scope: &ProjectScope, run: i64) -> Result<(), StoreError> {
    tx.execute("DELETE FROM run_models WHERE org_id = $1 AND run_pk = $2", binds![scope.org.uuid(), run]).await?;
    Ok(())
}

/// Whether a registered model has, or had, a version of that number.
pub(super) async fn has_version(tx: &Tx, scope: &ProjectScope, model: i64, version: i64) -> Result<bool, StoreError> {
    let found: Option<i64> = tx
        .fetch_scalar(
            "SELECT version FROM model_versions WHERE org_id = $1 AND registered_id = $2 AND version = $3",
            binds![scope.org.uuid(), model, version],
        )
        .await?;
    Ok(found.is_some())
}

/// Forgets a source, so that it can be imported again.
pub(super) async fn forget(tx: &Tx, scope: &ProjectScope, source: &str) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM import_progress WHERE org_id = $1 AND project_id = $2 AND source = $3",
        binds![scope.org.uuid(), scope.project.uuid(), source],
    )
    .await?;
    Ok(())
}

/// Gives an imported experiment the times and the state it had. A deleted one counts as deleted `now`: its grace period
/// begins here.
pub(super) async fn date_experiment(
    tx: &Tx,
    scope: &ProjectScope,
    id: i64,
    experiment: &Experiment,
    now: i64,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE experiments SET created_ms = $1, updated_ms = $2, deleted = $3 \
         WHERE id = $4 AND project_id = $5 AND org_id = $6",
        binds![
            experiment.created_ms,
            if experiment.deleted { now } else { experiment.updated_ms },
            experiment.deleted,
            id,
            scope.project.uuid(),
            scope.org.uuid()
        ],
    )
    .await?;
    Ok(())
}

/// Adds a run under its id; `None` when the id is taken, here or in another organisation.
pub(super) async fn insert_run(
    tx: &Tx,
    scope: &ProjectScope,
    run: &NewRun<'_>,
    deleted_ms: Option<i64>,
) -> Result<Option<i64>, StoreError> {
    tx.fetch_scalar(
        "INSERT INTO runs (org_id, project_id, experiment_id, run_id, name, user_id, status, deleted, start_time, \
         end_time, deleted_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING id",
        binds![
            scope.org.uuid(),
            scope.project.uuid(),
            run.experiment,
            run.run_id,
            run.name,
            run.user_id,
            run.status,
            deleted_ms.is_some(),
            run.start_time,
            run.end_time,
            deleted_ms,
        ],
    )
    .await
}

/// Notes that a run used a dataset.
pub(super) async fn add_dataset(
    tx: &Tx,
    scope: &ProjectScope,
    experiment: i64,
    run: i64,
    position: i64,
    dataset: &Dataset,
) -> Result<(), StoreError> {
    let org = scope.org.uuid();
    tx.execute(
        "INSERT INTO datasets (org_id, experiment_id, name, digest, source_type, source, schema_json, profile) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        binds![
            org,
            experiment,
            dataset.name.as_str(),
            dataset.digest.as_str(),
            dataset.source_type.as_str(),
            dataset.source.as_str(),
            dataset.schema.as_deref(),
            dataset.profile.as_deref()
        ],
    )
    .await?;
    let id: Option<i64> = tx
        .fetch_scalar(
            "SELECT id FROM datasets WHERE org_id = $1 AND experiment_id = $2 AND name = $3 AND digest = $4",
            binds![org, experiment, dataset.name.as_str(), dataset.digest.as_str()],
        )
        .await?;
    let id = id.ok_or(StoreError::RowNotFound)?;
    let list: Vec<KeyValue> =
        dataset.tags.iter().map(|(key, value)| KeyValue { key: key.clone(), value: value.clone() }).collect();
    // Texts only: this cannot fail.
    let text = serde_json::to_string(&list).unwrap_or_else(|_| "[]".to_owned());
    let context = dataset.tags.get("mlflow.data.context").map(String::as_str);
    tx.insert_many(
        "run_datasets",
        &["run_pk", "dataset_pk", "org_id", "position", "tags", "context"],
        vec![binds![run, id, org, position, text, context]],
        Conflict::Ignore,
    )
    .await?;
    Ok(())
}
