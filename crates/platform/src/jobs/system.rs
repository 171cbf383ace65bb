//! The SQL of jobs as workers see them. Workers serve every organisation, so these statements cross them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, JobId};
use rhiza_store::{Db, FromQueryResult, StoreError, Tx, Value, binds, in_list, sea_orm};
use uuid::Uuid;

use super::model::{Job, JobState, NewJob, Outcome, RetryPolicy, Schedule};
use super::store::{self, COLUMNS, Row};

/// The right to work on a job, until it expires or someone else is given it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub job: JobId,
    /// The fencing token of this claim.
    pub fence: i64,
}

impl Lease {
    /// The lease under which `job` was claimed.
    #[must_use]
    pub const fn of(job: &Job) -> Self {
        Self { job: job.id, fence: job.fence }
    }
}

/// Leases up to `limit` jobs of the given kinds to `worker`: the most urgent first, then the oldest.
///
/// # Errors
/// Database failures.
pub async fn claim(
    db: &Db,
    worker: &str,
    kinds: &[&str],
    limit: u32,
    lease: Duration,
    env: &Env,
) -> Result<Vec<Job>, StoreError> {
    let now = env.now();
    if kinds.is_empty() || limit == 0 || !anything_to_claim(db, kinds, now).await? {
        return Ok(Vec::new());
    }
    let tx = db.system_write().await?;
    let sql = format!(
        "SELECT job_id FROM jobs WHERE state = 'queued' AND run_at <= $1 AND kind IN ({})
         ORDER BY priority DESC, run_at, job_id LIMIT {limit}{}",
        in_list(2, kinds.len()),
        tx.dialect().for_update_skip_locked()
    );
    let ids: Vec<Id> = tx.fetch_all(&sql, kind_binds(now, kinds)).await?;
    if ids.is_empty() {
        tx.rollback().await?;
        return Ok(Vec::new());
    }
    let mut values = binds![worker, now + lease, now, now];
    values.extend(ids.iter().map(|id| Value::from(id.job_id)));
    let sql = format!(
        "UPDATE jobs SET state = 'running', fence = fence + 1, attempts = attempts + 1, worker = $1, lease_until = $2,
           started_at = COALESCE(started_at, $3), updated_at = $4, progress = 0, message = '', revision = revision + 1
         WHERE job_id IN ({}) RETURNING {COLUMNS}",
        in_list(5, ids.len())
    );
    let rows: Vec<Row> = tx.fetch_all(&sql, values).await?;
    tx.commit().await?;
    let mut jobs = rows.into_iter().map(Job::try_from).collect::<Result<Vec<_>, _>>()?;
    // RETURNING promises no order.
    jobs.sort_by(|a, b| (b.priority, a.run_at, a.id).cmp(&(a.priority, b.run_at, b.id)));
    Ok(jobs)
}

#[derive(FromQueryResult)]
struct Id {
    job_id: Uuid,
}

fn kind_binds(now: DateTime<Utc>, kinds: &[&str]) -> Vec<Value> {
    let mut values = binds![now];
    values.extend(kinds.iter().map(|kind| Value::from(*kind)));
    values
}

/// A look without the write lock, which on SQLite there is only one of: idle workers must not stand in line for it.
async fn anything_to_claim(db: &Db, kinds: &[&str], now: DateTime<Utc>) -> Result<bool, StoreError> {
    let tx = db.system_read().await?;
    let sql = format!(
        "SELECT job_id FROM jobs WHERE state = 'queued' AND run_at <= $1 AND kind IN ({}) LIMIT 1",
        in_list(2, kinds.len())
    );
    let found: Option<Uuid> = tx.fetch_scalar(&sql, kind_binds(now, kinds)).await?;
    tx.rollback().await?;
    Ok(found.is_some())
}

/// What a worker learns when it reports that it is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Go on.
    Held,
    /// Someone asked the job to stop.
    CancelRequested,
    /// The job is no longer this worker's. Stop, and write nothing more.
    Lost,
}

/// Renews a lease and, when given, stores progress (0 to 1) and a message.
///
/// # Errors
/// Database failures.
pub async fn beat(
    db: &Db,
    lease: Lease,
    progress: Option<(f64, &str)>,
    length: Duration,
    env: &Env,
) -> Result<Beat, StoreError> {
    let now = env.now();
    let tx = db.system_write().await?;
    let cancel: Option<bool> = match progress {
        Some((progress, message)) => {
            let progress = if progress.is_finite() { progress.clamp(0.0, 1.0) } else { 0.0 };
            tx.fetch_scalar(
                "UPDATE jobs SET lease_until = $1, progress = $2, message = $3, updated_at = $4, revision = revision + 1
                 WHERE job_id = $5 AND fence = $6 AND state = 'running' RETURNING cancel_requested",
                binds![now + length, progress, message, now, lease.job.uuid(), lease.fence],
            )
            .await?
        }
        None => {
            tx.fetch_scalar(
                "UPDATE jobs SET lease_until = $1 WHERE job_id = $2 AND fence = $3 AND state = 'running'
                 RETURNING cancel_requested",
                binds![now + length, lease.job.uuid(), lease.fence],
            )
            .await?
        }
    };
    tx.commit().await?;
    Ok(match cancel {
        None => Beat::Lost,
        Some(true) => Beat::CancelRequested,
        Some(false) => Beat::Held,
    })
}

/// Ends an attempt. `None` when the lease was lost: then nothing was written, and the outcome counts for nothing.
///
/// # Errors
/// Database failures.
pub async fn settle(db: &Db, lease: Lease, outcome: Outcome, env: &Env) -> Result<Option<Job>, StoreError> {
    let tx = db.system_write().await?;
    let settled = settle_in(&tx, lease, outcome, env).await?;
    tx.commit().await?;
    Ok(settled)
}

async fn settle_in(tx: &Tx, lease: Lease, outcome: Outcome, env: &Env) -> Result<Option<Job>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs WHERE job_id = $1 AND fence = $2 AND state = 'running'{}",
        tx.dialect().for_update()
    );
    let row: Option<Row> = tx.fetch_optional(&sql, binds![lease.job.uuid(), lease.fence]).await?;
    let Some(mut job) = row.map(Job::try_from).transpose()? else { return Ok(None) };
    let now = env.now();
    apply(&mut job, outcome, now);
    job.updated_at = now;
    job.revision += 1;
    job.lease_until = None;
    job.finished_at = job.state.is_final().then_some(now);
    tx.execute(
        "UPDATE jobs SET state = $1, result = $2, error = $3, progress = $4, attempts = $5, run_at = $6,
           lease_until = NULL, worker = NULL, updated_at = $7, finished_at = $8, revision = revision + 1
         WHERE job_id = $9 AND fence = $10",
        binds![
            job.state.as_str(),
            job.result.clone(),
            job.error.clone(),
            job.progress,
            job.attempts,
            job.run_at,
            now,
            job.finished_at,
            lease.job.uuid(),
            lease.fence,
        ],
    )
    .await?;
    Ok(Some(job))
}

/// The job after `outcome`.
fn apply(job: &mut Job, outcome: Outcome, now: DateTime<Utc>) {
    match outcome {
        Outcome::Succeeded(result) => {
            job.state = JobState::Succeeded;
            job.result = Some(result);
            job.error = None;
            job.progress = 1.0;
        }
        Outcome::Failed(error) => {
            job.state = JobState::Failed;
            job.error = Some(error);
        }
        Outcome::Cancelled => job.state = JobState::Cancelled,
        // Asked to stop meanwhile: nobody wants another attempt.
        Outcome::Retry { error, .. } if job.cancel_requested => {
            job.state = JobState::Cancelled;
            job.error = Some(error);
        }
        Outcome::Released if job.cancel_requested => job.state = JobState::Cancelled,
        Outcome::Retry { error, at } => {
            job.error = Some(error);
            if job.attempts >= job.max_attempts {
                job.state = JobState::Failed;
            } else {
                job.state = JobState::Queued;
                job.run_at = at;
            }
        }
        Outcome::Released => {
            job.state = JobState::Queued;
            job.attempts = (job.attempts - 1).max(0);
            job.run_at = now;
        }
    }
}

/// Takes back the jobs whose lease ran out: their worker is gone, or was too slow and will find its token outdated.
/// They are queued again, or failed when no attempt is left.
///
/// # Errors
/// Database failures.
pub async fn recover(db: &Db, policy: RetryPolicy, env: &Env) -> Result<Vec<Job>, StoreError> {
    /// A mass failure is worked off in pieces, so that no transaction holds thousands of rows.
    const BATCH: usize = 100;
    let now = env.now();
    let expired = "state = 'running' AND lease_until < $1";
    let tx = db.system_read().await?;
    let any: Option<Uuid> =
        tx.fetch_scalar(&format!("SELECT job_id FROM jobs WHERE {expired} LIMIT 1"), binds![now]).await?;
    tx.rollback().await?;
    if any.is_none() {
        return Ok(Vec::new());
    }
    let tx = db.system_write().await?;
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs WHERE {expired} ORDER BY lease_until LIMIT {BATCH}{}",
        tx.dialect().for_update_skip_locked()
    );
    let rows: Vec<Row> = tx.fetch_all(&sql, binds![now]).await?;
    let mut recovered = Vec::with_capacity(rows.len());
    for row in rows {
        let job = Job::try_from(row)?;
        let error = "the worker stopped answering".to_owned();
        let outcome = Outcome::Retry { error, at: policy.next(job.attempts, env) };
        recovered.extend(settle_in(&tx, Lease::of(&job), outcome, env).await?);
    }
    tx.commit().await?;
    Ok(recovered)
}

/// Queues the jobs of the schedules that are due. However many workers call this, each due time queues one job, and
/// none while the one before still waits or runs.
///
/// # Errors
/// Database failures.
pub async fn fire_schedules(db: &Db, schedules: &[Schedule], env: &Env) -> Result<u32, StoreError> {
    let now = env.now();
    let mut fired = 0;
    for schedule in schedules {
        if !is_due(db, schedule, now).await? {
            continue;
        }
        let tx = db.system_write().await?;
        tx.execute(
            "INSERT INTO job_schedules (name, next_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
            binds![schedule.name, now],
        )
        .await?;
        let sql = format!(
            "SELECT name FROM job_schedules WHERE name = $1 AND next_at <= $2{}",
            tx.dialect().for_update_skip_locked()
        );
        if tx.fetch_scalar::<String>(&sql, binds![schedule.name, now]).await?.is_some() {
            let job = NewJob::new(schedule.kind, schedule.input.clone()).dedupe(format!("schedule:{}", schedule.name));
            let queued = store::enqueue(&tx, job, env).await?;
            tx.execute(
                "UPDATE job_schedules SET next_at = $1, last_job_id = $2 WHERE name = $3",
                binds![now + schedule.every, queued.id.uuid(), schedule.name],
            )
            .await?;
            fired += u32::from(queued.fresh);
        }
        tx.commit().await?;
    }
    Ok(fired)
}

async fn is_due(db: &Db, schedule: &Schedule, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let tx = db.system_read().await?;
    let next: Option<DateTime<Utc>> =
        tx.fetch_scalar("SELECT next_at FROM job_schedules WHERE name = $1", binds![schedule.name]).await?;
    tx.rollback().await?;
    Ok(next.is_none_or(|next| next <= now))
}
