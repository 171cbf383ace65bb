//! The rows of experiments and their tags.

use rhiza_kernel::ProjectScope;
use rhiza_store::{Conflict, FromQueryResult, StoreError, Tx, Value, binds, in_list, sea_orm};

use crate::error::{TrackingError, TrackingResult};

/// An experiment as stored.
#[derive(Debug, Clone, FromQueryResult)]
pub(crate) struct ExperimentRow {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) artifact_location: String,
    pub(crate) deleted: bool,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
}

pub(crate) const COLUMNS: &str = "e.id, e.name, e.artifact_location, e.deleted, e.created_ms, e.updated_ms";

pub(crate) async fn default_of(tx: &Tx, scope: &ProjectScope) -> Result<Option<i64>, StoreError> {
    tx.fetch_scalar(
        "SELECT id FROM experiments WHERE default_of = $1 AND org_id = $2",
        binds![scope.project.uuid(), scope.org.uuid()],
    )
    .await
}

/// Makes the project's Default experiment unless another process just did.
pub(crate) async fn insert_default(tx: &Tx, scope: &ProjectScope, now: i64) -> Result<(), StoreError> {
    let project = scope.project.uuid();
    tx.execute(
        "INSERT INTO experiments (org_id, project_id, default_of, name, artifact_location, deleted, created_ms, updated_ms) \
         VALUES ($1, $2, $2, 'Default', 'mlflow-artifacts:/0', $3, $4, $4) ON CONFLICT DO NOTHING",
        binds![scope.org.uuid(), project, false, now],
    )
    .await?;
    Ok(())
}

pub(crate) async fn by_id(tx: &Tx, scope: &ProjectScope, id: i64) -> Result<Option<ExperimentRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM experiments e WHERE e.id = $1 AND e.project_id = $2 AND e.org_id = $3");
    tx.fetch_optional(&sql, binds![id, scope.project.uuid(), scope.org.uuid()]).await
}

/// The experiment, kept as it is until the transaction ends.
pub(crate) async fn hold(tx: &Tx, scope: &ProjectScope, id: i64) -> Result<Option<ExperimentRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM experiments e WHERE e.id = $1 AND e.project_id = $2 AND e.org_id = $3{}",
        tx.dialect().for_share()
    );
    tx.fetch_optional(&sql, binds![id, scope.project.uuid(), scope.org.uuid()]).await
}

pub(crate) async fn by_name(tx: &Tx, scope: &ProjectScope, name: &str) -> Result<Option<ExperimentRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM experiments e WHERE e.project_id = $1 AND e.name = $2 AND e.org_id = $3");
    tx.fetch_optional(&sql, binds![scope.project.uuid(), name, scope.org.uuid()]).await
}

/// Adds an experiment; without a location it gets one named after its number.
pub(crate) async fn insert(
    tx: &Tx,
    scope: &ProjectScope,
    name: &str,
    location: Option<&str>,
    now: i64,
) -> TrackingResult<i64> {
    let id: Option<i64> = tx
        .fetch_scalar(
            "INSERT INTO experiments (org_id, project_id, name, artifact_location, deleted, created_ms, updated_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING RETURNING id",
            binds![scope.org.uuid(), scope.project.uuid(), name, location.unwrap_or_default(), false, now],
        )
        .await?;
    let Some(id) = id else {
        return Err(TrackingError::exists(format!(
            "Experiment(name={name}) already exists. Error: the name is taken in this project"
        )));
    };
    if location.is_none() {
        tx.execute(
            "UPDATE experiments SET artifact_location = $1 WHERE id = $2",
            binds![format!("mlflow-artifacts:/{id}"), id],
        )
        .await?;
    }
    Ok(id)
}

pub(crate) async fn rename(tx: &Tx, _: &ProjectScope, id: i64, name: &str, now: i64) -> Result<(), StoreError> {
    tx.execute("UPDATE experiments SET name = $1, updated_ms = $2 WHERE id = $3", binds![name, now, id]).await?;
    Ok(())
}

/// Deletes or restores; tells whether the experiment was there in the other state.
pub(crate) async fn set_deleted(
    tx: &Tx,
    scope: &ProjectScope,
    id: i64,
    deleted: bool,
    now: i64,
) -> Result<bool, StoreError> {
    let touched = tx
        .execute(
            "UPDATE experiments SET deleted = $1, updated_ms = $2 \
             WHERE id = $3 AND project_id = $4 AND org_id = $5 AND deleted <> $1",
            binds![deleted, now, id, scope.project.uuid(), scope.org.uuid()],
        )
        .await?;
    Ok(touched > 0)
}

pub(crate) async fn set_tags(
    tx: &Tx,
    scope: &ProjectScope,
    id: i64,
    tags: &[(String, String)],
) -> Result<(), StoreError> {
    let org = scope.org.uuid();
    let rows = tags.iter().map(|(key, value)| binds![id, key.as_str(), org, value.as_str()]).collect();
    let key = Conflict::Replace(&["experiment_id", "tag_key"]);
    tx.insert_many("experiment_tags", &["experiment_id", "tag_key", "org_id", "tag_value"], rows, key).await?;
    Ok(())
}

pub(crate) async fn delete_tag(tx: &Tx, _: &ProjectScope, id: i64, key: &str) -> Result<bool, StoreError> {
    let touched =
        tx.execute("DELETE FROM experiment_tags WHERE experiment_id = $1 AND tag_key = $2", binds![id, key]).await?;
    Ok(touched > 0)
}

/// One tag of one experiment.
#[derive(Debug, FromQueryResult)]
pub(crate) struct TagRow {
    pub(crate) experiment_id: i64,
    pub(crate) tag_key: String,
    pub(crate) tag_value: String,
}

pub(crate) async fn tags(tx: &Tx, _: &ProjectScope, ids: &[i64]) -> Result<Vec<TagRow>, StoreError> {
    let mut tags = Vec::new();
    for chunk in ids.chunks(1_000) {
        let sql = format!(
            "SELECT experiment_id, tag_key, tag_value FROM experiment_tags WHERE experiment_id IN ({}) \
             ORDER BY experiment_id, tag_key",
            in_list(1, chunk.len())
        );
        let values: Vec<Value> = chunk.iter().map(|id| Value::from(*id)).collect();
        tags.extend(tx.fetch_all::<TagRow>(&sql, values).await?);
    }
    Ok(tags)
}
