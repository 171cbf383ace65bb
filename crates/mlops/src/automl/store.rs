//! The rows of searches and their trials.

use chrono::{DateTime, Utc};
use rhiza_kernel::{AutomlId, DatasetId, JobId, ProjectScope, TypedId as _};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{StoreError, Tx, Value, binds};
use serde::Serialize;
use serde_json::Value as Json;
use uuid::Uuid;

use super::model::{AutomlJob, State, StoredTrial, TrialLine};

#[derive(Debug, FromQueryResult)]
struct JobRow {
    automl_id: Uuid,
    name: String,
    dataset_id: Uuid,
    dataset_name: String,
    dataset_version: i64,
    target: String,
    settings: Json,
    state: String,
    error: Option<String>,
    experiment_id: String,
    experiment_row: i64,
    run_id: String,
    plan: Option<Json>,
    trials: i64,
    best: Option<Json>,
    seconds_used: f64,
    score: Option<f64>,
    model_path: Option<String>,
    model_bytes: Option<i64>,
    job_id: Option<Uuid>,
    created_by: String,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
}

fn unreadable(what: &'static str) -> impl Fn(serde_json::Error) -> StoreError {
    move |e| StoreError::Decode(format!("{what} of a search: {e}"))
}

impl TryFrom<JobRow> for AutomlJob {
    type Error = StoreError;

    fn try_from(row: JobRow) -> Result<Self, StoreError> {
        let state = State::parse(&row.state).ok_or_else(|| StoreError::Decode("state of a search".to_owned()))?;
        Ok(Self {
            id: AutomlId::from_uuid(row.automl_id),
            name: row.name,
            dataset: DatasetId::from_uuid(row.dataset_id),
            dataset_name: row.dataset_name,
            version: row.dataset_version,
            target: row.target,
            settings: serde_json::from_value(row.settings).map_err(unreadable("settings"))?,
            state,
            error: row.error,
            experiment_id: row.experiment_id,
            experiment_row: row.experiment_row,
            run_id: row.run_id,
            plan: row.plan.map(serde_json::from_value).transpose().map_err(unreadable("plan"))?,
            trials: row.trials,
            best: row.best.map(serde_json::from_value).transpose().map_err(unreadable("best trial"))?,
            seconds_used: row.seconds_used,
            score: row.score,
            model_path: row.model_path,
            model_bytes: row.model_bytes,
            job: row.job_id.map(JobId::from_uuid),
            created_by: row.created_by,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
        })
    }
}

const JOB: &str = "SELECT automl_id, name, dataset_id, dataset_name, dataset_version, target, settings, state, error, \
     experiment_id, experiment_row, run_id, plan, trials, best, seconds_used, score, model_path, model_bytes, job_id, created_by, \
     created_at, started_at, finished_at FROM automl_jobs WHERE org_id = $1 AND project_id = $2";
/// What one statement is about: $1 to $3.
const ONE: &str = "org_id = $1 AND project_id = $2 AND automl_id = $3";

fn one(scope: &ProjectScope, id: AutomlId) -> Vec<Value> {
    binds![scope.org.uuid(), scope.project.uuid(), id.uuid()]
}

fn json(value: &impl Serialize) -> Result<Json, StoreError> {
    serde_json::to_value(value).map_err(|e| StoreError::Decode(format!("a part of a search: {e}")))
}

/// Writes a new search.
pub(super) async fn insert(tx: &Tx, scope: &ProjectScope, job: &AutomlJob) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO automl_jobs (org_id, project_id, automl_id, name, dataset_id, dataset_name, dataset_version, target, \
         settings, state, experiment_id, experiment_row, run_id, trials, seconds_used, created_by, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        binds![
            scope.org.uuid(),
            scope.project.uuid(),
            job.id.uuid(),
            job.name.as_str(),
            job.dataset.uuid(),
            job.dataset_name.as_str(),
            job.version,
            job.target.as_str(),
            json(&job.settings)?,
            job.state.as_str(),
            job.experiment_id.as_str(),
            job.experiment_row,
            job.run_id.as_str(),
            job.trials,
            job.seconds_used,
            job.created_by.as_str(),
            job.created_at
        ],
    )
    .await?;
    Ok(())
}

/// One search; where `lock` says so nobody else changes it before the transaction ends.
pub(super) async fn get(
    tx: &Tx,
    scope: &ProjectScope,
    id: AutomlId,
    lock: bool,
) -> Result<Option<AutomlJob>, StoreError> {
    let lock = if lock { tx.dialect().for_update() } else { "" };
    let sql = format!("{JOB} AND automl_id = $3{lock}");
    tx.fetch_optional::<JobRow>(&sql, one(scope, id)).await?.map(AutomlJob::try_from).transpose()
}

/// Which searches to list.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted {
    pub(super) dataset: Option<DatasetId>,
    pub(super) state: Option<State>,
    pub(super) before: Option<AutomlId>,
}

/// Searches, newest first.
pub(super) async fn list(
    tx: &Tx,
    scope: &ProjectScope,
    wanted: Wanted,
    limit: i64,
) -> Result<Vec<AutomlJob>, StoreError> {
    let (mut sql, mut values) = (JOB.to_owned(), binds![scope.org.uuid(), scope.project.uuid()]);
    let conditions = [
        (" AND dataset_id = ", wanted.dataset.map(|id| Value::from(id.uuid()))),
        (" AND state = ", wanted.state.map(|state| Value::from(state.as_str()))),
        (" AND automl_id < ", wanted.before.map(|id| Value::from(id.uuid()))),
    ];
    for (condition, value) in conditions {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(&format!("{condition}${}", values.len()));
        }
    }
    values.push(Value::from(limit));
    // Ids are ordered by creation time.
    sql.push_str(&format!(" ORDER BY automl_id DESC LIMIT ${}", values.len()));
    tx.fetch_all::<JobRow>(&sql, values).await?.into_iter().map(AutomlJob::try_from).collect()
}

/// Writes everything that changes while a search goes on.
pub(super) async fn update(tx: &Tx, scope: &ProjectScope, job: &AutomlJob) -> Result<(), StoreError> {
    let mut values = one(scope, job.id);
    values.extend(binds![
        job.state.as_str(),
        job.error.as_deref().map(str::to_owned),
        json(&job.settings)?,
        job.plan.as_ref().map(json).transpose()?,
        job.trials,
        job.best.as_ref().map(json).transpose()?,
        job.seconds_used,
        job.score,
        job.model_path.as_deref().map(str::to_owned),
        job.model_bytes,
        job.job.map(|id| id.uuid()),
        job.started_at,
        job.finished_at
    ]);
    let sql = format!(
        "UPDATE automl_jobs SET state = $4, error = $5, settings = $6, plan = $7, trials = $8, best = $9, seconds_used = $10, \
         score = $11, model_path = $12, model_bytes = $13, job_id = $14, started_at = $15, finished_at = $16 WHERE {ONE}"
    );
    tx.execute(&sql, values).await?;
    Ok(())
}

/// Keeps what a search found, and lets go of what was only kept to take it up again.
pub(super) async fn set_results(
    tx: &Tx,
    scope: &ProjectScope,
    id: AutomlId,
    results: &impl Serialize,
) -> Result<(), StoreError> {
    let mut values = one(scope, id);
    values.push(Value::from(json(results)?));
    tx.execute(&format!("UPDATE automl_jobs SET results = $4 WHERE {ONE}"), values).await?;
    tx.execute(&format!("UPDATE automl_trials SET kept = NULL WHERE {ONE}"), one(scope, id)).await?;
    Ok(())
}

/// What a search found.
pub(super) async fn results(tx: &Tx, scope: &ProjectScope, id: AutomlId) -> Result<Option<Json>, StoreError> {
    let sql = format!("SELECT results FROM automl_jobs WHERE {ONE}");
    Ok(tx.fetch_scalar::<Option<Json>>(&sql, one(scope, id)).await?.flatten())
}

/// Removes a search with its trials.
pub(super) async fn delete(tx: &Tx, scope: &ProjectScope, id: AutomlId) -> Result<u64, StoreError> {
    tx.execute(&format!("DELETE FROM automl_jobs WHERE {ONE}"), one(scope, id)).await
}

/// Writes a trial, unless it is there; tells whether it did.
pub(super) async fn insert_trial(
    tx: &Tx,
    scope: &ProjectScope,
    id: AutomlId,
    trial: &StoredTrial,
    kept: Vec<u8>,
) -> Result<bool, StoreError> {
    let mut values = one(scope, id);
    let number = i64::try_from(trial.line.number).unwrap_or(i64::MAX);
    values.extend(binds![number, trial.run_id.as_str(), json(&trial.line)?, kept, trial.ended_at]);
    let written = tx
        .execute(
            "INSERT INTO automl_trials (org_id, project_id, automl_id, trial, run_id, line, kept, ended_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            values,
        )
        .await?;
    Ok(written == 1)
}

#[derive(Debug, FromQueryResult)]
struct TrialRow {
    run_id: String,
    line: Json,
    ended_at: DateTime<Utc>,
}

/// Trials behind a number, in order.
pub(super) async fn trials(
    tx: &Tx,
    scope: &ProjectScope,
    id: AutomlId,
    after: Option<i64>,
) -> Result<Vec<StoredTrial>, StoreError> {
    let mut values = one(scope, id);
    values.push(Value::from(after.unwrap_or(-1)));
    let sql = format!("SELECT run_id, line, ended_at FROM automl_trials WHERE {ONE} AND trial > $4 ORDER BY trial");
    let rows = tx.fetch_all::<TrialRow>(&sql, values).await?;
    rows.into_iter()
        .map(|row| {
            let line: TrialLine = serde_json::from_value(row.line).map_err(unreadable("trial"))?;
            Ok(StoredTrial { line, run_id: row.run_id, ended_at: row.ended_at })
        })
        .collect()
}

#[derive(Debug, FromQueryResult)]
struct KeptRow {
    trial: i64,
    kept: Option<Vec<u8>>,
}

/// Trials as a search takes them up again, from the first up to the first that is not there.
pub(super) async fn kept(tx: &Tx, scope: &ProjectScope, id: AutomlId) -> Result<Vec<Vec<u8>>, StoreError> {
    let sql = format!("SELECT trial, kept FROM automl_trials WHERE {ONE} ORDER BY trial");
    let rows = tx.fetch_all::<KeptRow>(&sql, one(scope, id)).await?;
    let unbroken = rows.into_iter().zip(0_i64..).map_while(|(row, number)| row.kept.filter(|_| row.trial == number));
    Ok(unbroken.collect())
}
