//! The SQL of jobs as their owners see them: queueing, reading, asking to stop.

use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, JobId, OrgId, OrgScope, ProjectId, ProjectScope, TypedId as _};
use rhiza_store::{FromQueryResult, StoreError, Tx, Value, binds, sea_orm};
use uuid::Uuid;

use super::model::{Enqueued, Job, JobState, NewJob};
use crate::limits::quota::{self, QuotaError};

pub(super) const COLUMNS: &str = "job_id, org_id, project_id, kind, state, priority, run_at, input, result, error, \
    progress, message, attempts, max_attempts, fence, lease_until, cancel_requested, created_by, revision, \
    created_at, updated_at, started_at, finished_at";

#[derive(FromQueryResult)]
pub(super) struct Row {
    job_id: Uuid,
    org_id: Option<Uuid>,
    project_id: Option<Uuid>,
    kind: String,
    state: String,
    priority: i32,
    run_at: DateTime<Utc>,
    input: serde_json::Value,
    result: Option<serde_json::Value>,
    error: Option<String>,
    progress: f64,
    message: String,
    attempts: i32,
    max_attempts: i32,
    fence: i64,
    lease_until: Option<DateTime<Utc>>,
    cancel_requested: bool,
    created_by: String,
    revision: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Job {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let state =
            JobState::parse(&row.state).ok_or_else(|| StoreError::Decode(format!("job state {:?}", row.state)))?;
        Ok(Self {
            id: JobId::from_uuid(row.job_id),
            org: row.org_id.map(OrgId::from_uuid),
            project: row.project_id.map(ProjectId::from_uuid),
            kind: row.kind,
            state,
            priority: row.priority,
            run_at: row.run_at,
            input: row.input,
            result: row.result,
            error: row.error,
            progress: row.progress,
            message: row.message,
            attempts: row.attempts,
            max_attempts: row.max_attempts,
            fence: row.fence,
            lease_until: row.lease_until,
            cancel_requested: row.cancel_requested,
            created_by: row.created_by,
            revision: row.revision,
            created_at: row.created_at,
            updated_at: row.updated_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
        })
    }
}

/// Queues a job in the transaction that makes it necessary: a tenant's transaction for a tenant's job, a system one
/// for Rhiza's own.
///
/// # Errors
/// Database failures.
pub async fn enqueue(tx: &Tx, job: NewJob, env: &Env) -> Result<Enqueued, StoreError> {
    /// The job found by its key may finish between two statements; it cannot do so for ever.
    const TRIES: usize = 5;
    let key = job.full_dedupe_key();
    let now = env.now();
    for _ in 0..TRIES {
        let id: JobId = env.new_id();
        let inserted = tx
            .execute(
                "INSERT INTO jobs (job_id, org_id, project_id, kind, state, priority, run_at, input, progress, message,
                   attempts, max_attempts, fence, cancel_requested, dedupe_key, created_by, revision, created_at,
                   updated_at)
                 VALUES ($1, $2, $3, $4, 'queued', $5, $6, $7, 0, '', 0, $8, 0, FALSE, $9, $10, 1, $11, $12)
                 ON CONFLICT DO NOTHING",
                binds![
                    id.uuid(),
                    job.org.map(|o| o.uuid()),
                    job.project.map(|p| p.uuid()),
                    job.kind.clone(),
                    job.priority,
                    job.run_at.unwrap_or(now),
                    job.input.clone(),
                    job.max_attempts,
                    key.clone(),
                    job.created_by.clone(),
                    now,
                    now,
                ],
            )
            .await?;
        if inserted == 1 {
            return Ok(Enqueued { id, fresh: true });
        }
        let found: Option<Uuid> = tx
            .fetch_scalar(
                "SELECT job_id FROM jobs WHERE dedupe_key = $1 AND state IN ('queued', 'running')",
                binds![key.clone()],
            )
            .await?;
        if let Some(found) = found {
            return Ok(Enqueued { id: JobId::from_uuid(found), fresh: false });
        }
    }
    Err(StoreError::Unique(format!("jobs.dedupe_key of {}", job.kind)))
}

/// As [`enqueue`], for what users ask for: fails when their organisation then has more than `limit` unfinished jobs (no
/// limit when absent). Finding a job by its dedupe key is always allowed. The caller rolls back.
///
/// # Errors
/// [`QuotaError::Exceeded`], and database failures.
pub async fn enqueue_within(tx: &Tx, job: NewJob, limit: Option<u64>, env: &Env) -> Result<Enqueued, QuotaError> {
    let org = job.org;
    let enqueued = enqueue(tx, job, env).await?;
    if let (true, Some(org), Some(limit)) = (enqueued.fresh, org, limit) {
        quota::check_jobs(tx, &OrgScope::new(org), limit).await?;
    }
    Ok(enqueued)
}

/// What a project sees: its own jobs and those of its whole organisation.
const VISIBLE: &str = "org_id = $1 AND (project_id = $2 OR project_id IS NULL)";

/// One job, if this project sees it.
///
/// # Errors
/// Database failures.
pub async fn get(tx: &Tx, scope: &ProjectScope, id: JobId) -> Result<Option<Job>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE {VISIBLE} AND job_id = $3");
    let row: Option<Row> = tx.fetch_optional(&sql, binds![scope.org.uuid(), scope.project.uuid(), id.uuid()]).await?;
    row.map(Job::try_from).transpose()
}

/// Which jobs to list.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Only in this state.
    pub state: Option<JobState>,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only older than this one.
    pub before: Option<JobId>,
}

/// Jobs this project sees, newest first.
///
/// # Errors
/// Database failures.
pub async fn list(tx: &Tx, scope: &ProjectScope, listing: &Listing, limit: i64) -> Result<Vec<Job>, StoreError> {
    let mut values: Vec<Value> = binds![scope.org.uuid(), scope.project.uuid()];
    let mut sql = format!("SELECT {COLUMNS} FROM jobs WHERE {VISIBLE}");
    let filters: [(&str, Option<Value>); 3] = [
        ("state =", listing.state.map(|s| s.as_str().into())),
        ("kind =", listing.kind.clone().map(Into::into)),
        // Ids are ordered by creation time.
        ("job_id <", listing.before.map(|id| id.uuid().into())),
    ];
    for (test, value) in filters {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(&format!(" AND {test} ${}", values.len()));
        }
    }
    values.push(limit.into());
    sql.push_str(&format!(" ORDER BY job_id DESC LIMIT ${}", values.len()));
    let rows: Vec<Row> = tx.fetch_all(&sql, values).await?;
    rows.into_iter().map(Job::try_from).collect()
}

/// What came of asking a job to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It had not begun and never will.
    Now,
    /// Its worker will hear of it at the next heartbeat.
    Requested,
    /// It was over already.
    TooLate,
}

/// Asks a job to stop; `None` when this project does not see it.
///
/// # Errors
/// Database failures.
pub async fn cancel(tx: &Tx, scope: &ProjectScope, id: JobId, env: &Env) -> Result<Option<Cancelled>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE {VISIBLE} AND job_id = $3{}", tx.dialect().for_update());
    let row: Option<Row> = tx.fetch_optional(&sql, binds![scope.org.uuid(), scope.project.uuid(), id.uuid()]).await?;
    let Some(job) = row.map(Job::try_from).transpose()? else { return Ok(None) };
    let now = env.now();
    match job.state {
        JobState::Queued => {
            tx.execute(
                "UPDATE jobs SET state = 'cancelled', cancel_requested = TRUE, finished_at = $1, updated_at = $2,
                   revision = revision + 1 WHERE org_id = $3 AND job_id = $4",
                binds![now, now, scope.org.uuid(), id.uuid()],
            )
            .await?;
            Ok(Some(Cancelled::Now))
        }
        JobState::Running => {
            tx.execute(
                "UPDATE jobs SET cancel_requested = TRUE, updated_at = $1, revision = revision + 1
                 WHERE org_id = $2 AND job_id = $3 AND cancel_requested = FALSE",
                binds![now, scope.org.uuid(), id.uuid()],
            )
            .await?;
            Ok(Some(Cancelled::Requested))
        }
        _ => Ok(Some(Cancelled::TooLate)),
    }
}

/// Holds the job's row for the rest of the handler's own transaction, if the lease with this token is still good.
pub(super) async fn hold(tx: &Tx, id: JobId, fence: i64) -> Result<bool, StoreError> {
    let sql = format!(
        "SELECT fence FROM jobs WHERE job_id = $1 AND fence = $2 AND state = 'running'{}",
        tx.dialect().for_update()
    );
    Ok(tx.fetch_scalar::<i64>(&sql, binds![id.uuid(), fence]).await?.is_some())
}
