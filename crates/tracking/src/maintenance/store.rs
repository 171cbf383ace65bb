//! The rows that go, each looked at again under a lock before it does.

use rhiza_kernel::ProjectScope;
use rhiza_store::{FromQueryResult, StoreError, Tx, Value, binds, in_list, sea_orm};

// In each of these, $1 is the latest time of deletion and $2 is true.

/// Deleted long enough, and no live version came from it.
pub(super) const RUN_IS_DUE: &str = "r.deleted_ms IS NOT NULL AND r.deleted_ms < $1 AND r.deleted = $2 \
     AND NOT EXISTS (SELECT 1 FROM model_versions v WHERE v.org_id = r.org_id AND v.run_id = r.run_id AND v.deleted <> $2)";

/// Deleted long enough, and no live version is of it. Deleting is the last change a model sees.
pub(super) const MODEL_IS_DUE: &str = "m.deleted = $2 AND m.updated_ms < $1 \
     AND NOT EXISTS (SELECT 1 FROM model_versions v WHERE v.org_id = m.org_id AND v.model_id = m.model_id AND v.deleted <> $2)";

/// Deleted long enough, empty of runs, and no live version is of one of its models. Deleting is the last change an
/// experiment sees. A run restored inside a deleted experiment keeps it.
pub(super) const EXPERIMENT_IS_DUE: &str = "e.deleted = $2 AND e.updated_ms < $1 AND e.default_of IS NULL \
     AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.experiment_id = e.id) \
     AND NOT EXISTS (SELECT 1 FROM logged_models m JOIN model_versions v ON v.org_id = m.org_id AND v.model_id = m.model_id \
       WHERE m.project_id = e.project_id AND m.experiment_id = e.id AND v.deleted <> $2)";

/// Something that may go, and where its files are.
#[derive(Debug, FromQueryResult)]
pub(super) struct RunRow {
    pub(super) id: i64,
    pub(super) run_id: String,
    pub(super) artifact_location: String,
}

/// A logged model that may go.
#[derive(Debug, FromQueryResult)]
pub(super) struct ModelRow {
    pub(super) model_id: String,
    pub(super) artifact_uri: String,
}

/// An experiment that may go.
#[derive(Debug, FromQueryResult)]
pub(super) struct ExperimentRow {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) artifact_location: String,
}

fn tenant(before: i64, scope: &ProjectScope) -> Vec<Value> {
    binds![before, true, scope.org.uuid(), scope.project.uuid()]
}

/// Locks those of the runs that are (still) due.
pub(super) async fn lock_runs(
    tx: &Tx,
    scope: &ProjectScope,
    ids: &[i64],
    before: i64,
) -> Result<Vec<RunRow>, StoreError> {
    #[derive(FromQueryResult)]
    struct Locked {
        id: i64,
    }
    let mut values = tenant(before, scope);
    values.extend(ids.iter().map(|id| Value::from(*id)));
    // Locked by a statement of its own: after waiting for a restore, the next one sees what it did.
    let sql = format!(
        "SELECT r.id FROM runs r WHERE r.org_id = $1 AND r.project_id = $2 AND r.id IN ({}) ORDER BY r.id{}",
        in_list(3, ids.len()),
        tx.dialect().for_update()
    );
    let locked: Vec<Locked> = tx.fetch_all(&sql, values.get(2..).unwrap_or_default().to_vec()).await?;
    if locked.is_empty() {
        return Ok(Vec::new());
    }
    let mut values = tenant(before, scope);
    values.extend(locked.iter().map(|row| Value::from(row.id)));
    let sql = format!(
        "SELECT r.id, r.run_id, e.artifact_location FROM runs r JOIN experiments e ON e.id = r.experiment_id \
         WHERE {RUN_IS_DUE} AND r.org_id = $3 AND r.project_id = $4 AND r.id IN ({}) ORDER BY r.id",
        in_list(5, locked.len())
    );
    tx.fetch_all(&sql, values).await
}

/// Removes runs with all that belongs to them.
pub(super) async fn remove_runs(tx: &Tx, scope: &ProjectScope, runs: &[RunRow]) -> Result<u64, StoreError> {
    let sql = format!("DELETE FROM runs WHERE org_id = $1 AND project_id = $2 AND id IN ({})", in_list(3, runs.len()));
    let mut values = binds![scope.org.uuid(), scope.project.uuid()];
    values.extend(runs.iter().map(|run| Value::from(run.id)));
    tx.execute(&sql, values).await
}

/// Locks those of the logged models that are (still) due. Nothing brings a deleted model back.
pub(super) async fn lock_models(
    tx: &Tx,
    scope: &ProjectScope,
    ids: &[&str],
    before: i64,
) -> Result<Vec<ModelRow>, StoreError> {
    let mut values = tenant(before, scope);
    values.extend(ids.iter().map(|id| Value::from(*id)));
    let sql = format!(
        "SELECT m.model_id, m.artifact_uri FROM logged_models m WHERE {MODEL_IS_DUE} AND m.org_id = $3 \
         AND m.project_id = $4 AND m.model_id IN ({}) ORDER BY m.model_id{}",
        in_list(5, ids.len()),
        tx.dialect().for_update()
    );
    tx.fetch_all(&sql, values).await
}

/// Removes logged models with all that belongs to them.
pub(super) async fn remove_models(tx: &Tx, scope: &ProjectScope, models: &[ModelRow]) -> Result<u64, StoreError> {
    let sql = format!(
        "DELETE FROM logged_models WHERE org_id = $1 AND project_id = $2 AND model_id IN ({})",
        in_list(3, models.len())
    );
    let mut values = binds![scope.org.uuid(), scope.project.uuid()];
    values.extend(models.iter().map(|model| Value::from(model.model_id.as_str())));
    tx.execute(&sql, values).await
}

/// Locks the experiment if it is (still) due.
pub(super) async fn lock_experiment(
    tx: &Tx,
    scope: &ProjectScope,
    id: i64,
    before: i64,
) -> Result<Option<ExperimentRow>, StoreError> {
    let sql = format!(
        "SELECT e.id FROM experiments e WHERE e.org_id = $1 AND e.project_id = $2 AND e.id = $3{}",
        tx.dialect().for_update()
    );
    let locked: Option<i64> = tx.fetch_scalar(&sql, binds![scope.org.uuid(), scope.project.uuid(), id]).await?;
    if locked.is_none() {
        return Ok(None);
    }
    let mut values = tenant(before, scope);
    values.push(Value::from(id));
    let sql = format!(
        "SELECT e.id, e.name, e.artifact_location FROM experiments e \
         WHERE {EXPERIMENT_IS_DUE} AND e.org_id = $3 AND e.project_id = $4 AND e.id = $5"
    );
    tx.fetch_optional(&sql, values).await
}

/// Where the project's other experiments keep their files.
pub(super) async fn other_locations(tx: &Tx, scope: &ProjectScope, id: i64) -> Result<Vec<String>, StoreError> {
    #[derive(FromQueryResult)]
    struct Row {
        artifact_location: String,
    }
    let rows: Vec<Row> = tx
        .fetch_all(
            "SELECT artifact_location FROM experiments WHERE org_id = $1 AND project_id = $2 AND id <> $3",
            binds![scope.org.uuid(), scope.project.uuid(), id],
        )
        .await?;
    Ok(rows.into_iter().map(|row| row.artifact_location).collect())
}

/// Where the experiment's logged models keep their files.
pub(super) async fn models_of(tx: &Tx, scope: &ProjectScope, experiment: i64) -> Result<Vec<ModelRow>, StoreError> {
    tx.fetch_all(
        "SELECT model_id, artifact_uri FROM logged_models \
         WHERE org_id = $1 AND project_id = $2 AND experiment_id = $3 ORDER BY model_id",
        binds![scope.org.uuid(), scope.project.uuid(), experiment],
    )
    .await
}

/// Removes an experiment with all that belongs to it.
pub(super) async fn remove_experiment(tx: &Tx, scope: &ProjectScope, id: i64) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM experiments WHERE org_id = $1 AND project_id = $2 AND id = $3",
        binds![scope.org.uuid(), scope.project.uuid(), id],
    )
    .await
}
