//! The rows of datasets and their versions.

use chrono::{DateTime, Utc};
use rhiza_kernel::{DatasetId, JobId, ProjectScope, TypedId as _};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{StoreError, Tx, Value, binds, in_list};
use serde_json::Value as Json;
use uuid::Uuid;

use super::model::{Dataset, Format, State, Version};

#[derive(Debug, FromQueryResult)]
struct DatasetRow {
    dataset_id: Uuid,
    name: String,
    description: String,
    latest: i64,
    revision: i64,
    created_by: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<DatasetRow> for Dataset {
    fn from(row: DatasetRow) -> Self {
        Self {
            id: DatasetId::from_uuid(row.dataset_id),
            name: row.name,
            description: row.description,
            latest: row.latest,
            revision: row.revision,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(Debug, FromQueryResult)]
struct VersionRow {
    dataset_id: Uuid,
    version: i64,
    state: String,
    error: Option<String>,
    source: Json,
    parent: Option<i64>,
    types: Json,
    format: Option<String>,
    digest: Option<String>,
    path: Option<String>,
    size_bytes: Option<i64>,
    row_count: Option<i64>,
    column_count: Option<i64>,
    quality: Option<f64>,
    job_id: Option<Uuid>,
    created_by: String,
    created_at: DateTime<Utc>,
    read_at: Option<DateTime<Utc>>,
}

impl TryFrom<VersionRow> for Version {
    type Error = StoreError;

    fn try_from(row: VersionRow) -> Result<Self, StoreError> {
        let unreadable = |what: &str| StoreError::Decode(format!("{what} of a version of a dataset"));
        let format = row.format.as_deref().map(|text| Format::parse(text).ok_or_else(|| unreadable("format")));
        Ok(Self {
            dataset: DatasetId::from_uuid(row.dataset_id),
            number: row.version,
            state: State::parse(&row.state).ok_or_else(|| unreadable("state"))?,
            error: row.error,
            source: serde_json::from_value(row.source).map_err(|_| unreadable("source"))?,
            parent: row.parent,
            types: serde_json::from_value(row.types).map_err(|_| unreadable("types"))?,
            format: format.transpose()?,
            digest: row.digest,
            path: row.path,
            size: row.size_bytes,
            rows: row.row_count,
            columns: row.column_count,
            quality: row.quality,
            job: row.job_id.map(JobId::from_uuid),
            created_by: row.created_by,
            created_at: row.created_at,
            read_at: row.read_at,
        })
    }
}

const DATASET: &str = "SELECT dataset_id, name, description, latest, revision, created_by, created_at, updated_at \
     FROM stored_datasets WHERE org_id = $1 AND project_id = $2";
const VERSION: &str = "SELECT dataset_id, version, state, error, source, parent, types, format, digest, path, size_bytes, \
     row_count, column_count, quality, job_id, created_by, created_at, read_at \
     FROM dataset_versions WHERE org_id = $1 AND project_id = $2";
/// What one statement is about: $1 to $4.
const ONE: &str = "org_id = $1 AND project_id = $2 AND dataset_id = $3 AND version = $4";

fn tenant(scope: &ProjectScope) -> Vec<Value> {
    binds![scope.org.uuid(), scope.project.uuid()]
}

fn one(scope: &ProjectScope, id: DatasetId, number: i64) -> Vec<Value> {
    binds![scope.org.uuid(), scope.project.uuid(), id.uuid(), number]
}

/// Writes a new dataset, unless its name is taken; tells whether it did.
pub(super) async fn insert(tx: &Tx, scope: &ProjectScope, dataset: &Dataset) -> Result<bool, StoreError> {
    let written = tx
        .execute(
            "INSERT INTO stored_datasets (org_id, project_id, dataset_id, name, description, latest, revision, created_by, \
             created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
            binds![
                scope.org.uuid(),
                scope.project.uuid(),
                dataset.id.uuid(),
                dataset.name.as_str(),
                dataset.description.as_str(),
                dataset.latest,
                dataset.revision,
                dataset.created_by.as_str(),
                dataset.created_at,
                dataset.updated_at
            ],
        )
        .await?;
    Ok(written == 1)
}

/// The dataset of this name, which nobody else changes before the transaction ends.
pub(super) async fn lock_named(tx: &Tx, scope: &ProjectScope, name: &str) -> Result<Option<Dataset>, StoreError> {
    let sql = format!("{DATASET} AND name = $3{}", tx.dialect().for_update());
    let mut values = tenant(scope);
    values.push(Value::from(name));
    Ok(tx.fetch_optional::<DatasetRow>(&sql, values).await?.map(Dataset::from))
}

/// One dataset; where `lock` says so nobody else changes it before the transaction ends.
pub(super) async fn get(
    tx: &Tx,
    scope: &ProjectScope,
    id: DatasetId,
    lock: bool,
) -> Result<Option<Dataset>, StoreError> {
    let lock = if lock { tx.dialect().for_update() } else { "" };
    let sql = format!("{DATASET} AND dataset_id = $3{lock}");
    let mut values = tenant(scope);
    values.push(Value::from(id.uuid()));
    Ok(tx.fetch_optional::<DatasetRow>(&sql, values).await?.map(Dataset::from))
}

/// Datasets, newest first: those with `part` in their name, whatever its case, and older than `before`.
pub(super) async fn list(
    tx: &Tx,
    scope: &ProjectScope,
    part: Option<&str>,
    before: Option<DatasetId>,
    limit: i64,
) -> Result<Vec<Dataset>, StoreError> {
    let (mut sql, mut values) = (DATASET.to_owned(), tenant(scope));
    if let Some(part) = part {
        values.push(Value::from(part));
        // A pattern would give % and _ a meaning. What remains without the part differs if the part was there.
        sql.push_str(&format!(" AND REPLACE(LOWER(name), LOWER(${0}), '') <> LOWER(name)", values.len()));
    }
    if let Some(before) = before {
        values.push(Value::from(before.uuid()));
        sql.push_str(&format!(" AND dataset_id < ${}", values.len()));
    }
    values.push(Value::from(limit));
    // Ids are ordered by creation time.
    sql.push_str(&format!(" ORDER BY dataset_id DESC LIMIT ${}", values.len()));
    Ok(tx.fetch_all::<DatasetRow>(&sql, values).await?.into_iter().map(Dataset::from).collect())
}

/// Writes the changeable part of a dataset.
pub(super) async fn update(tx: &Tx, scope: &ProjectScope, dataset: &Dataset) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE stored_datasets SET name = $4, description = $5, latest = $6, revision = $7, updated_at = $8 \
         WHERE org_id = $1 AND project_id = $2 AND dataset_id = $3",
        binds![
            scope.org.uuid(),
            scope.project.uuid(),
            dataset.id.uuid(),
            dataset.name.as_str(),
            dataset.description.as_str(),
            dataset.latest,
            dataset.revision,
            dataset.updated_at
        ],
    )
    .await?;
    Ok(())
}

/// Removes a dataset with its versions.
pub(super) async fn delete(tx: &Tx, scope: &ProjectScope, id: DatasetId) -> Result<u64, StoreError> {
    let mut values = tenant(scope);
    values.push(Value::from(id.uuid()));
    tx.execute("DELETE FROM stored_datasets WHERE org_id = $1 AND project_id = $2 AND dataset_id = $3", values).await
}

/// Writes a new version.
pub(super) async fn insert_version(tx: &Tx, scope: &ProjectScope, version: &Version) -> Result<(), StoreError> {
    let json = |value: Result<Json, serde_json::Error>| value.map_err(|e| StoreError::Decode(e.to_string()));
    tx.execute(
        "INSERT INTO dataset_versions (org_id, project_id, dataset_id, version, state, source, parent, types, format, digest, \
         path, size_bytes, created_by, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        binds![
            scope.org.uuid(),
            scope.project.uuid(),
            version.dataset.uuid(),
            version.number,
            version.state.as_str(),
            json(serde_json::to_value(&version.source))?,
            version.parent,
            json(serde_json::to_value(&version.types))?,
            version.format.map(Format::as_str),
            version.digest.clone(),
            version.path.clone(),
            version.size,
            version.created_by.as_str(),
            version.created_at
        ],
    )
    .await?;
    Ok(())
}

/// One version.
pub(super) async fn version(
    tx: &Tx,
    scope: &ProjectScope,
    id: DatasetId,
    number: i64,
) -> Result<Option<Version>, StoreError> {
    let sql = format!("{VERSION} AND dataset_id = $3 AND version = $4");
    tx.fetch_optional::<VersionRow>(&sql, one(scope, id, number)).await?.map(Version::try_from).transpose()
}

/// Versions of a dataset, newest first, with numbers below `before`.
pub(super) async fn versions(
    tx: &Tx,
    scope: &ProjectScope,
    id: DatasetId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Version>, StoreError> {
    let sql = format!("{VERSION} AND dataset_id = $3 AND version < $4 ORDER BY version DESC LIMIT $5");
    let mut values = one(scope, id, before.unwrap_or(i64::MAX));
    values.push(Value::from(limit));
    tx.fetch_all::<VersionRow>(&sql, values).await?.into_iter().map(Version::try_from).collect()
}

/// The newest versions of these datasets, in no order.
pub(super) async fn newest(tx: &Tx, scope: &ProjectScope, ids: &[DatasetId]) -> Result<Vec<Version>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "{VERSION} AND dataset_id IN ({}) AND version = \
         (SELECT d.latest FROM stored_datasets d WHERE d.dataset_id = dataset_versions.dataset_id)",
        in_list(3, ids.len())
    );
    let mut values = tenant(scope);
    values.extend(ids.iter().map(|id| Value::from(id.uuid())));
    tx.fetch_all::<VersionRow>(&sql, values).await?.into_iter().map(Version::try_from).collect()
}

/// Where a dataset has bytes of this digest.
pub(super) async fn path_of(
    tx: &Tx,
    scope: &ProjectScope,
    id: DatasetId,
    digest: &str,
) -> Result<Option<String>, StoreError> {
    let mut values = tenant(scope);
    values.extend(binds![id.uuid(), digest]);
    let sql = "SELECT path FROM dataset_versions WHERE org_id = $1 AND project_id = $2 AND dataset_id = $3 AND digest = $4 \
               AND path IS NOT NULL LIMIT 1";
    tx.fetch_scalar(sql, values).await
}

/// Notes the job that reads a version.
pub(super) async fn set_job(tx: &Tx, scope: &ProjectScope, version: &Version, job: JobId) -> Result<(), StoreError> {
    let mut values = one(scope, version.dataset, version.number);
    values.push(Value::from(job.uuid()));
    tx.execute(&format!("UPDATE dataset_versions SET job_id = $5 WHERE {ONE}"), values).await?;
    Ok(())
}

/// Notes where a version's bytes are, and what they hash to if that is known.
pub(super) async fn set_bytes(tx: &Tx, scope: &ProjectScope, version: &Version) -> Result<(), StoreError> {
    let mut values = one(scope, version.dataset, version.number);
    values.extend(binds![version.digest.clone(), version.path.clone(), version.size]);
    let sql = format!("UPDATE dataset_versions SET digest = $5, path = $6, size_bytes = $7 WHERE {ONE}");
    tx.execute(&sql, values).await?;
    Ok(())
}

/// What was found in a version's file.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) format: Format,
    pub(super) rows: i64,
    pub(super) columns: i64,
    pub(super) quality: f64,
    pub(super) schema: Json,
    pub(super) profile: Json,
    pub(super) preview: Json,
    pub(super) at: DateTime<Utc>,
}

/// Writes what was found: the version is ready. Tells whether it was waiting for that.
pub(super) async fn set_ready(
    tx: &Tx,
    scope: &ProjectScope,
    version: &Version,
    found: Found,
) -> Result<bool, StoreError> {
    let mut values = one(scope, version.dataset, version.number);
    values.extend(binds![
        found.format.as_str(),
        found.rows,
        found.columns,
        found.quality,
        found.schema,
        found.profile,
        found.preview,
        found.at
    ]);
    let sql = format!(
        "UPDATE dataset_versions SET state = 'ready', error = NULL, format = $5, row_count = $6, column_count = $7, \
         quality = $8, schema_json = $9, profile = $10, preview = $11, read_at = $12 WHERE {ONE} AND state = 'reading'"
    );
    Ok(tx.execute(&sql, values).await? == 1)
}

/// Writes why a version cannot be read. Tells whether it was waiting to be.
pub(super) async fn set_failed(
    tx: &Tx,
    scope: &ProjectScope,
    version: &Version,
    error: &str,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let mut values = one(scope, version.dataset, version.number);
    values.extend(binds![error, at]);
    let sql = format!(
        "UPDATE dataset_versions SET state = 'failed', error = $5, read_at = $6 WHERE {ONE} AND state = 'reading'"
    );
    Ok(tx.execute(&sql, values).await? == 1)
}

#[derive(Debug, FromQueryResult)]
pub(super) struct Contents {
    pub(super) schema_json: Option<Json>,
    pub(super) profile: Option<Json>,
}

/// A version's columns and profile.
pub(super) async fn contents(
    tx: &Tx,
    scope: &ProjectScope,
    id: DatasetId,
    number: i64,
) -> Result<Option<Contents>, StoreError> {
    let sql = format!("SELECT schema_json, profile FROM dataset_versions WHERE {ONE}");
    tx.fetch_optional(&sql, one(scope, id, number)).await
}

#[derive(Debug, FromQueryResult)]
struct SchemaRow {
    schema_json: Option<Json>,
}

/// A version's columns.
pub(super) async fn schema(
    tx: &Tx,
    scope: &ProjectScope,
    id: DatasetId,
    number: i64,
) -> Result<Option<Json>, StoreError> {
    let sql = format!("SELECT schema_json FROM dataset_versions WHERE {ONE}");
    let row: Option<SchemaRow> = tx.fetch_optional(&sql, one(scope, id, number)).await?;
    Ok(row.and_then(|row| row.schema_json))
}

#[derive(Debug, FromQueryResult)]
struct PreviewRow {
    preview: Option<Json>,
}

/// A version's first rows.
pub(super) async fn preview(
    tx: &Tx,
    scope: &ProjectScope,
    id: DatasetId,
    number: i64,
) -> Result<Option<Json>, StoreError> {
    let sql = format!("SELECT preview FROM dataset_versions WHERE {ONE}");
    let row: Option<PreviewRow> = tx.fetch_optional(&sql, one(scope, id, number)).await?;
    Ok(row.and_then(|row| row.preview))
}

#[derive(Debug, FromQueryResult)]
struct ProfileRow {
    profile: Json,
}

/// The profile that looks at a target.
pub(super) async fn profile_for(
    tx: &Tx,
    scope: &ProjectScope,
    version: &Version,
    target: &str,
) -> Result<Option<Json>, StoreError> {
    let row: Option<ProfileRow> = tx
        .fetch_optional(
            "SELECT profile FROM dataset_profiles WHERE org_id = $1 AND dataset_id = $2 AND version = $3 AND target = $4",
            binds![scope.org.uuid(), version.dataset.uuid(), version.number, target],
        )
        .await?;
    Ok(row.map(|row| row.profile))
}

/// Keeps the profile that looks at a target.
pub(super) async fn put_profile(
    tx: &Tx,
    scope: &ProjectScope,
    version: &Version,
    target: &str,
    profile: Json,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO dataset_profiles (org_id, dataset_id, version, target, profile, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        binds![scope.org.uuid(), version.dataset.uuid(), version.number, target, profile, now],
    )
    .await?;
    Ok(())
}
