//! The registry's rows. A model is found by its name inside the project; everything under it hangs on its row id.

use std::collections::HashMap;

use rhiza_kernel::ProjectScope;
use rhiza_store::{Conflict, FromQueryResult, Tx, Value, binds, in_list, sea_orm};

use super::model::{Alias, ModelVersion, RegisteredModel, Stage, Tag};
use crate::error::{TrackingError, TrackingResult};

/// A registered model's row.
#[derive(Debug, Clone, FromQueryResult)]
pub struct ModelRow {
    /// The row.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
}

/// A version's row, with the row of its model.
#[derive(Debug, Clone, FromQueryResult)]
pub struct VersionRow {
    /// The model's row.
    pub registered_id: i64,
    /// The model's name.
    pub name: String,
    /// Its number.
    pub version: i64,
    /// Free text.
    pub description: Option<String>,
    /// Its stage.
    pub stage: String,
    /// What the client gave as its source.
    pub source: String,
    /// Where its files are.
    pub storage_location: String,
    /// The run that made it.
    pub run_id: Option<String>,
    /// A link to that run.
    pub run_link: Option<String>,
    /// The logged model it is.
    pub model_id: Option<String>,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
}

impl VersionRow {
    /// The version without tags and aliases.
    ///
    /// # Errors
    /// When the stored stage is unknown: our bug.
    pub fn bare(self) -> TrackingResult<ModelVersion> {
        let stage = Stage::ALL
            .into_iter()
            .find(|s| s.as_str() == self.stage)
            .ok_or_else(|| TrackingError::Internal(format!("stored stage {:?}", self.stage)))?;
        Ok(ModelVersion {
            name: self.name,
            version: self.version,
            description: self.description,
            stage,
            source: self.source,
            storage_location: self.storage_location,
            run_id: self.run_id,
            run_link: self.run_link,
            model_id: self.model_id,
            created_ms: self.created_ms,
            updated_ms: self.updated_ms,
            tags: Vec::new(),
            aliases: Vec::new(),
        })
    }
}

#[derive(Debug, FromQueryResult)]
struct TagRow {
    registered_id: i64,
    version: i64,
    key: String,
    value: String,
}

#[derive(Debug, FromQueryResult)]
struct AliasRow {
    registered_id: i64,
    alias: String,
    version: i64,
}

/// The columns of a [`VersionRow`], of `model_versions v` joined with `registered_models m`.
pub const VERSION_COLUMNS: &str = "v.registered_id, m.name, v.version, v.description, v.stage, v.source, \
     v.storage_location, v.run_id, v.run_link, v.model_id, v.created_ms, v.updated_ms";

/// The model of that name.
///
/// # Errors
/// Database failures.
pub async fn find_model(tx: &Tx, scope: &ProjectScope, name: &str) -> TrackingResult<Option<ModelRow>> {
    Ok(tx
        .fetch_optional(
            "SELECT id, name, description, created_ms, updated_ms FROM registered_models \
             WHERE org_id = $1 AND project_id = $2 AND name = $3",
            binds![scope.org.uuid(), scope.project.uuid(), name],
        )
        .await?)
}

/// The model of that name, held until the transaction ends: two versions never get one number, and no alias is left
/// that points at a deleted version.
///
/// # Errors
/// Database failures.
pub async fn lock_model(tx: &Tx, scope: &ProjectScope, name: &str) -> TrackingResult<Option<ModelRow>> {
    let sql = format!(
        "SELECT id, name, description, created_ms, updated_ms FROM registered_models \
         WHERE org_id = $1 AND project_id = $2 AND name = $3{}",
        tx.dialect().for_update()
    );
    Ok(tx.fetch_optional(&sql, binds![scope.org.uuid(), scope.project.uuid(), name]).await?)
}

/// Makes a model.
///
/// # Errors
/// Database failures, among them a name that is taken.
pub async fn insert_model(
    tx: &Tx,
    scope: &ProjectScope,
    name: &str,
    description: Option<&str>,
    created_ms: i64,
    updated_ms: i64,
) -> TrackingResult<i64> {
    let id = tx
        .fetch_scalar(
            "INSERT INTO registered_models (org_id, project_id, name, description, created_ms, updated_ms) \
             VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
            binds![scope.org.uuid(), scope.project.uuid(), name, description, created_ms, updated_ms],
        )
        .await?;
    id.ok_or_else(|| TrackingError::Internal("an insert returned no id".to_owned()))
}

/// Sets a model's description and time.
///
/// # Errors
/// Database failures.
pub async fn update_model(
    tx: &Tx,
    scope: &ProjectScope,
    id: i64,
    description: Option<&str>,
    now: i64,
) -> TrackingResult<()> {
    tx.execute(
        "UPDATE registered_models SET description = $3, updated_ms = $4 WHERE org_id = $1 AND id = $2",
        binds![scope.org.uuid(), id, description, now],
    )
    .await?;
    Ok(())
}

/// Notes that a model changed.
///
/// # Errors
/// Database failures.
pub async fn touch_model(tx: &Tx, scope: &ProjectScope, id: i64, now: i64) -> TrackingResult<()> {
    tx.execute(
        "UPDATE registered_models SET updated_ms = $3 WHERE org_id = $1 AND id = $2",
        binds![scope.org.uuid(), id, now],
    )
    .await?;
    Ok(())
}

/// Renames a model; all its versions count as changed.
///
/// # Errors
/// Database failures, among them a name that is taken.
pub async fn rename_model(tx: &Tx, scope: &ProjectScope, id: i64, name: &str, now: i64) -> TrackingResult<()> {
    tx.execute(
        "UPDATE registered_models SET name = $3, updated_ms = $4 WHERE org_id = $1 AND id = $2",
        binds![scope.org.uuid(), id, name, now],
    )
    .await?;
    tx.execute(
        "UPDATE model_versions SET updated_ms = $3 WHERE org_id = $1 AND registered_id = $2",
        binds![scope.org.uuid(), id, now],
    )
    .await?;
    Ok(())
}

/// Removes a model with everything under it.
///
/// # Errors
/// Database failures.
pub async fn delete_model(tx: &Tx, scope: &ProjectScope, id: i64) -> TrackingResult<()> {
    tx.execute("DELETE FROM registered_models WHERE org_id = $1 AND id = $2", binds![scope.org.uuid(), id]).await?;
    Ok(())
}

/// Sets tags of a model.
///
/// # Errors
/// Database failures.
pub async fn set_model_tags(tx: &Tx, scope: &ProjectScope, id: i64, tags: &[Tag]) -> TrackingResult<()> {
    let rows = tags.iter().map(|t| binds![scope.org.uuid(), id, t.key.as_str(), t.value.as_str()]).collect();
    tx.insert_many(
        "registered_model_tags",
        &["org_id", "registered_id", "key", "value"],
        rows,
        Conflict::Replace(&["registered_id", "key"]),
    )
    .await
    .map_err(TrackingError::from)?;
    Ok(())
}

/// Removes a tag of a model, if it is there.
///
/// # Errors
/// Database failures.
pub async fn delete_model_tag(tx: &Tx, scope: &ProjectScope, id: i64, key: &str) -> TrackingResult<()> {
    tx.execute(
        "DELETE FROM registered_model_tags WHERE org_id = $1 AND registered_id = $2 AND key = $3",
        binds![scope.org.uuid(), id, key],
    )
    .await?;
    Ok(())
}

/// A version that is not deleted.
///
/// # Errors
/// Database failures.
pub async fn find_version(
    tx: &Tx,
    scope: &ProjectScope,
    name: &str,
    version: i64,
) -> TrackingResult<Option<VersionRow>> {
    let sql = format!(
        "SELECT {VERSION_COLUMNS} FROM model_versions v JOIN registered_models m ON m.id = v.registered_id \
         WHERE m.org_id = $1 AND m.project_id = $2 AND m.name = $3 AND v.version = $4 AND NOT v.deleted"
    );
    Ok(tx.fetch_optional(&sql, binds![scope.org.uuid(), scope.project.uuid(), name, version]).await?)
}

/// The number the next version gets: numbers of deleted versions are not given again.
///
/// # Errors
/// Database failures.
pub async fn next_version(tx: &Tx, scope: &ProjectScope, id: i64) -> TrackingResult<i64> {
    let last: Option<Option<i64>> = tx
        .fetch_scalar(
            "SELECT MAX(version) FROM model_versions WHERE org_id = $1 AND registered_id = $2",
            binds![scope.org.uuid(), id],
        )
        .await?;
    Ok(last.flatten().unwrap_or(0) + 1)
}

/// Writes a new version with its tags.
///
/// # Errors
/// Database failures.
pub async fn insert_version(tx: &Tx, scope: &ProjectScope, id: i64, version: &ModelVersion) -> TrackingResult<()> {
    tx.execute(
        "INSERT INTO model_versions (org_id, registered_id, version, description, stage, source, storage_location, \
         run_id, run_link, model_id, created_ms, updated_ms, deleted) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        binds![
            scope.org.uuid(),
            id,
            version.version,
            version.description.as_deref(),
            version.stage.as_str(),
            version.source.as_str(),
            version.storage_location.as_str(),
            version.run_id.as_deref(),
            version.run_link.as_deref(),
            version.model_id.as_deref(),
            version.created_ms,
            version.updated_ms,
            false
        ],
    )
    .await?;
    set_version_tags(tx, scope, id, version.version, &version.tags).await
}

/// Sets tags of a version.
///
/// # Errors
/// Database failures.
pub async fn set_version_tags(
    tx: &Tx,
    scope: &ProjectScope,
    id: i64,
    version: i64,
    tags: &[Tag],
) -> TrackingResult<()> {
    let rows = tags.iter().map(|t| binds![scope.org.uuid(), id, version, t.key.as_str(), t.value.as_str()]).collect();
    tx.insert_many(
        "model_version_tags",
        &["org_id", "registered_id", "version", "key", "value"],
        rows,
        Conflict::Replace(&["registered_id", "version", "key"]),
    )
    .await?;
    Ok(())
}

/// Removes a tag of a version, if it is there.
///
/// # Errors
/// Database failures.
pub async fn delete_version_tag(tx: &Tx, scope: &ProjectScope, id: i64, version: i64, key: &str) -> TrackingResult<()> {
    tx.execute(
        "DELETE FROM model_version_tags WHERE org_id = $1 AND registered_id = $2 AND version = $3 AND key = $4",
        binds![scope.org.uuid(), id, version, key],
    )
    .await?;
    Ok(())
}

/// Sets a version's description.
///
/// # Errors
/// Database failures.
pub async fn describe_version(
    tx: &Tx,
    scope: &ProjectScope,
    id: i64,
    version: i64,
    description: Option<&str>,
    now: i64,
) -> TrackingResult<()> {
    tx.execute(
        "UPDATE model_versions SET description = $4, updated_ms = $5 \
         WHERE org_id = $1 AND registered_id = $2 AND version = $3",
        binds![scope.org.uuid(), id, version, description, now],
    )
    .await?;
    Ok(())
}

/// Moves a version to a stage.
///
/// # Errors
/// Database failures.
pub async fn stage_version(
    tx: &Tx,
    scope: &ProjectScope,
    id: i64,
    version: i64,
    stage: Stage,
    now: i64,
) -> TrackingResult<()> {
    tx.execute(
        "UPDATE model_versions SET stage = $4, updated_ms = $5 \
         WHERE org_id = $1 AND registered_id = $2 AND version = $3",
        binds![scope.org.uuid(), id, version, stage.as_str(), now],
    )
    .await?;
    Ok(())
}

/// Moves the other versions of a stage to the archive.
///
/// # Errors
/// Database failures.
pub async fn archive_others(
    tx: &Tx,
    scope: &ProjectScope,
    id: i64,
    version: i64,
    stage: Stage,
    now: i64,
) -> TrackingResult<u64> {
    Ok(tx
        .execute(
            "UPDATE model_versions SET stage = $5, updated_ms = $6 \
             WHERE org_id = $1 AND registered_id = $2 AND version <> $3 AND stage = $4 AND NOT deleted",
            binds![scope.org.uuid(), id, version, stage.as_str(), Stage::Archived.as_str(), now],
        )
        .await?)
}

/// Marks a version deleted and forgets what it said; its aliases go.
///
/// # Errors
/// Database failures.
pub async fn delete_version(tx: &Tx, scope: &ProjectScope, id: i64, version: i64, now: i64) -> TrackingResult<()> {
    tx.execute(
        "UPDATE model_versions SET deleted = $4, description = NULL, source = '', storage_location = '', \
         run_id = NULL, run_link = NULL, model_id = NULL, updated_ms = $5 \
         WHERE org_id = $1 AND registered_id = $2 AND version = $3",
        binds![scope.org.uuid(), id, version, true, now],
    )
    .await?;
    tx.execute(
        "DELETE FROM model_aliases WHERE org_id = $1 AND registered_id = $2 AND version = $3",
        binds![scope.org.uuid(), id, version],
    )
    .await?;
    Ok(())
}

/// Points an alias at a version.
///
/// # Errors
/// Database failures.
pub async fn set_alias(tx: &Tx, scope: &ProjectScope, id: i64, alias: &str, version: i64) -> TrackingResult<()> {
    tx.insert_many(
        "model_aliases",
        &["org_id", "registered_id", "alias", "version"],
        vec![binds![scope.org.uuid(), id, alias, version]],
        Conflict::Replace(&["registered_id", "alias"]),
    )
    .await?;
    Ok(())
}

/// The version an alias points at.
///
/// # Errors
/// Database failures.
pub async fn find_alias(tx: &Tx, scope: &ProjectScope, id: i64, alias: &str) -> TrackingResult<Option<i64>> {
    Ok(tx
        .fetch_scalar(
            "SELECT version FROM model_aliases WHERE org_id = $1 AND registered_id = $2 AND alias = $3",
            binds![scope.org.uuid(), id, alias],
        )
        .await?)
}

/// Removes an alias, if it is there.
///
/// # Errors
/// Database failures.
pub async fn delete_alias(tx: &Tx, scope: &ProjectScope, id: i64, alias: &str) -> TrackingResult<u64> {
    Ok(tx
        .execute(
            "DELETE FROM model_aliases WHERE org_id = $1 AND registered_id = $2 AND alias = $3",
            binds![scope.org.uuid(), id, alias],
        )
        .await?)
}

fn scoped(scope: &ProjectScope, ids: &[i64]) -> Vec<Value> {
    std::iter::once(Value::from(scope.org.uuid())).chain(ids.iter().map(|id| Value::from(*id))).collect()
}

/// Models with their tags, aliases and newest versions, in the order of `rows`.
///
/// # Errors
/// Database failures.
pub async fn complete_models(
    tx: &Tx,
    scope: &ProjectScope,
    rows: Vec<ModelRow>,
) -> TrackingResult<Vec<RegisteredModel>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = rows.iter().map(|r| r.id).collect();
    let list = in_list(2, ids.len());
    let tags: Vec<TagRow> = tx
        .fetch_all(
            &format!(
                "SELECT registered_id, CAST(0 AS BIGINT) AS version, key, value FROM registered_model_tags \
                 WHERE org_id = $1 AND registered_id IN ({list}) ORDER BY registered_id, key"
            ),
            scoped(scope, &ids),
        )
        .await?;
    let aliases: Vec<AliasRow> = tx
        .fetch_all(
            &format!(
                "SELECT registered_id, alias, version FROM model_aliases \
                 WHERE org_id = $1 AND registered_id IN ({list}) ORDER BY registered_id, alias"
            ),
            scoped(scope, &ids),
        )
        .await?;
    let mut latest = latest_versions(tx, scope, &ids).await?;
    let mut models: Vec<RegisteredModel> = rows
        .into_iter()
        .map(|row| RegisteredModel {
            latest_versions: latest.remove(&row.id).unwrap_or_default(),
            id: row.id,
            name: row.name,
            description: row.description,
            created_ms: row.created_ms,
            updated_ms: row.updated_ms,
            tags: Vec::new(),
            aliases: Vec::new(),
        })
        .collect();
    let place: HashMap<i64, usize> = models.iter().enumerate().map(|(i, m)| (m.id, i)).collect();
    for row in tags {
        if let Some(model) = place.get(&row.registered_id).and_then(|i| models.get_mut(*i)) {
            model.tags.push(Tag { key: row.key, value: row.value });
        }
    }
    for row in aliases {
        if let Some(model) = place.get(&row.registered_id).and_then(|i| models.get_mut(*i)) {
            model.aliases.push(Alias { alias: row.alias, version: row.version });
        }
    }
    Ok(models)
}

/// The newest version of each stage of each model, stages in the order in which they first occur.
async fn latest_versions(
    tx: &Tx,
    scope: &ProjectScope,
    ids: &[i64],
) -> TrackingResult<HashMap<i64, Vec<ModelVersion>>> {
    let sql = format!(
        "SELECT {VERSION_COLUMNS} FROM ( \
           SELECT w.*, ROW_NUMBER() OVER (PARTITION BY w.registered_id, w.stage ORDER BY w.version DESC) AS newest, \
                  MIN(w.version) OVER (PARTITION BY w.registered_id, w.stage) AS first_seen \
           FROM model_versions w WHERE w.org_id = $1 AND w.registered_id IN ({}) AND NOT w.deleted \
         ) v JOIN registered_models m ON m.id = v.registered_id \
         WHERE v.newest = 1 ORDER BY v.registered_id, v.first_seen",
        in_list(2, ids.len())
    );
    let rows: Vec<VersionRow> = tx.fetch_all(&sql, scoped(scope, ids)).await?;
    let owners: Vec<i64> = rows.iter().map(|r| r.registered_id).collect();
    let mut latest: HashMap<i64, Vec<ModelVersion>> = HashMap::new();
    for (owner, version) in owners.into_iter().zip(complete_versions(tx, scope, rows).await?) {
        latest.entry(owner).or_default().push(version);
    }
    Ok(latest)
}

/// Versions with their tags, in the order of `rows`. Aliases are left to [`fill_aliases`].
///
/// # Errors
/// Database failures.
pub async fn complete_versions(
    tx: &Tx,
    scope: &ProjectScope,
    rows: Vec<VersionRow>,
) -> TrackingResult<Vec<ModelVersion>> {
    let mut tags: HashMap<(i64, i64), Vec<Tag>> = HashMap::new();
    for chunk in rows.chunks(400) {
        let keys: Vec<String> = (0..chunk.len()).map(|i| format!("({})", in_list(i * 2 + 2, 2))).collect();
        let sql = format!(
            "SELECT registered_id, version, key, value FROM model_version_tags \
             WHERE org_id = $1 AND (registered_id, version) IN (VALUES {}) ORDER BY registered_id, version, key",
            keys.join(", ")
        );
        let ids: Vec<i64> = chunk.iter().flat_map(|r| [r.registered_id, r.version]).collect();
        for row in tx.fetch_all::<TagRow>(&sql, scoped(scope, &ids)).await? {
            tags.entry((row.registered_id, row.version)).or_default().push(Tag { key: row.key, value: row.value });
        }
    }
    rows.into_iter()
        .map(|row| {
            let own = tags.remove(&(row.registered_id, row.version)).unwrap_or_default();
            Ok(ModelVersion { tags: own, ..row.bare()? })
        })
        .collect()
}

/// The aliases that point at a version, by name.
///
/// # Errors
/// Database failures.
pub async fn aliases_of(tx: &Tx, scope: &ProjectScope, id: i64, version: i64) -> TrackingResult<Vec<String>> {
    let rows: Vec<AliasRow> = tx
        .fetch_all(
            "SELECT registered_id, alias, version FROM model_aliases \
             WHERE org_id = $1 AND registered_id = $2 AND version = $3 ORDER BY alias",
            binds![scope.org.uuid(), id, version],
        )
        .await?;
    Ok(rows.into_iter().map(|r| r.alias).collect())
}

/// A version that was made from a run.
#[derive(Debug, Clone, FromQueryResult)]
pub struct RegisteredOf {
    /// The run.
    pub run_id: String,
    /// The model's name.
    pub name: String,
    /// The version's number.
    pub version: i64,
}

/// The versions made from these runs, by name and number.
///
/// # Errors
/// Database failures.
pub async fn registered_of(tx: &Tx, scope: &ProjectScope, runs: &[&str]) -> TrackingResult<Vec<RegisteredOf>> {
    let mut found = Vec::new();
    for chunk in runs.chunks(500) {
        let sql = format!(
            "SELECT v.run_id, m.name, v.version FROM model_versions v JOIN registered_models m \
             ON m.id = v.registered_id WHERE v.org_id = $1 AND m.project_id = $2 AND NOT v.deleted \
             AND v.run_id IN ({}) ORDER BY m.name, v.version",
            in_list(3, chunk.len())
        );
        let mut values = binds![scope.org.uuid(), scope.project.uuid()];
        values.extend(chunk.iter().map(|run| Value::from(*run)));
        found.extend(tx.fetch_all::<RegisteredOf>(&sql, values).await?);
    }
    Ok(found)
}
