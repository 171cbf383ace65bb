//! The rows of explanations.

use chrono::{DateTime, Utc};
use rhiza_kernel::{AutomlId, ExplanationId, JobId, ProjectScope, TypedId as _};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{StoreError, Tx, Value, binds};
use serde_json::Value as Json;
use uuid::Uuid;

use super::model::Explanation;
use crate::automl::State;

#[derive(Debug, FromQueryResult)]
struct Row {
    explanation_id: Uuid,
    name: String,
    request: Json,
    state: String,
    error: Option<String>,
    job_id: Option<Uuid>,
    created_by: String,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Explanation {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let unreadable = |what: &str| StoreError::Decode(format!("{what} of an explanation"));
        Ok(Self {
            id: ExplanationId::from_uuid(row.explanation_id),
            name: row.name,
            request: serde_json::from_value(row.request).map_err(|_| unreadable("request"))?,
            state: State::parse(&row.state).ok_or_else(|| unreadable("state"))?,
            error: row.error,
            job: row.job_id.map(JobId::from_uuid),
            created_by: row.created_by,
            created_at: row.created_at,
            finished_at: row.finished_at,
        })
    }
}

const ROW: &str = "SELECT explanation_id, name, request, state, error, job_id, created_by, created_at, finished_at \
     FROM explanations WHERE org_id = $1 AND project_id = $2";
/// What one statement is about: $1 to $3.
const ONE: &str = "org_id = $1 AND project_id = $2 AND explanation_id = $3";

fn one(scope: &ProjectScope, id: ExplanationId) -> Vec<Value> {
    binds![scope.org.uuid(), scope.project.uuid(), id.uuid()]
}

/// Writes a new explanation.
pub(super) async fn insert(tx: &Tx, scope: &ProjectScope, made: &Explanation) -> Result<(), StoreError> {
    let request = serde_json::to_value(&made.request).map_err(|e| StoreError::Decode(e.to_string()))?;
    let mut values = one(scope, made.id);
    values.extend(binds![
        made.name.as_str(),
        made.request.automl().map(|id| id.uuid()),
        made.request.registered().map(str::to_owned),
        request,
        made.state.as_str(),
        made.job.map(|id| id.uuid()),
        made.created_by.as_str(),
        made.created_at
    ]);
    tx.execute(
        "INSERT INTO explanations (org_id, project_id, explanation_id, name, automl_id, registered, request, state, job_id, \
         created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        values,
    )
    .await?;
    Ok(())
}

/// One explanation; where `lock` says so nobody else changes it before the transaction ends.
pub(super) async fn get(
    tx: &Tx,
    scope: &ProjectScope,
    id: ExplanationId,
    lock: bool,
) -> Result<Option<Explanation>, StoreError> {
    let lock = if lock { tx.dialect().for_update() } else { "" };
    let sql = format!("{ROW} AND explanation_id = $3{lock}");
    tx.fetch_optional::<Row>(&sql, one(scope, id)).await?.map(Explanation::try_from).transpose()
}

/// Which explanations to list.
#[derive(Debug, Clone, Default)]
pub(super) struct Chosen {
    pub(super) automl: Option<AutomlId>,
    pub(super) registered: Option<String>,
    pub(super) before: Option<ExplanationId>,
}

/// Explanations, newest first.
pub(super) async fn list(
    tx: &Tx,
    scope: &ProjectScope,
    chosen: Chosen,
    limit: i64,
) -> Result<Vec<Explanation>, StoreError> {
    let (mut sql, mut values) = (ROW.to_owned(), binds![scope.org.uuid(), scope.project.uuid()]);
    let conditions = [
        (" AND automl_id = ", chosen.automl.map(|id| Value::from(id.uuid()))),
        (" AND registered = ", chosen.registered.map(Value::from)),
        (" AND explanation_id < ", chosen.before.map(|id| Value::from(id.uuid()))),
    ];
    for (condition, value) in conditions {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(&format!("{condition}${}", values.len()));
        }
    }
    values.push(Value::from(limit));
    // Ids are ordered by creation time.
    sql.push_str(&format!(" ORDER BY explanation_id DESC LIMIT ${}", values.len()));
    tx.fetch_all::<Row>(&sql, values).await?.into_iter().map(Explanation::try_from).collect()
}

/// Writes where an explanation stands.
pub(super) async fn update(tx: &Tx, scope: &ProjectScope, made: &Explanation) -> Result<(), StoreError> {
    let mut values = one(scope, made.id);
    values.extend(binds![
        made.state.as_str(),
        made.error.as_deref().map(str::to_owned),
        made.job.map(|id| id.uuid()),
        made.finished_at
    ]);
    let sql = format!("UPDATE explanations SET state = $4, error = $5, job_id = $6, finished_at = $7 WHERE {ONE}");
    tx.execute(&sql, values).await?;
    Ok(())
}

/// Keeps what was found.
pub(super) async fn set_result(
    tx: &Tx,
    scope: &ProjectScope,
    id: ExplanationId,
    result: Vec<u8>,
) -> Result<(), StoreError> {
    let mut values = one(scope, id);
    values.push(Value::from(result));
    tx.execute(&format!("UPDATE explanations SET result = $4 WHERE {ONE}"), values).await?;
    Ok(())
}

/// What was found.
pub(super) async fn result(tx: &Tx, scope: &ProjectScope, id: ExplanationId) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = format!("SELECT result FROM explanations WHERE {ONE}");
    Ok(tx.fetch_scalar::<Option<Vec<u8>>>(&sql, one(scope, id)).await?.flatten())
}

/// Removes an explanation.
pub(super) async fn delete(tx: &Tx, scope: &ProjectScope, id: ExplanationId) -> Result<u64, StoreError> {
    tx.execute(&format!("DELETE FROM explanations WHERE {ONE}"), one(scope, id)).await
}
