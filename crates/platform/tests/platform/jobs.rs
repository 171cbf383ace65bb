//! Jobs: queueing, leasing, retrying, cancelling, schedules, and a worker at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rhiza_kernel::{JobId, ProjectScope};
use rhiza_platform::authz::Caller;
use rhiza_platform::events::Hub;
use rhiza_platform::jobs::{
    self, Beat, Cancelled, Job, JobContext, JobError, JobHandler, JobState, Lease, Listing, NewJob, Outcome,
    RetryPolicy, Schedule, Worker, WorkerOptions,
};
use rhiza_platform::runtime::Tasks;
use rhiza_testkit::TestDb;
use serde_json::{Value, json};

use super::SETS;

const LEASE: Duration = Duration::from_secs(60);

async fn queue(db: &TestDb, job: NewJob, scope: &ProjectScope) -> jobs::Enqueued {
    let tx = db.write(&scope.org_scope()).await;
    let queued = jobs::enqueue(&tx, job.scope(*scope), &db.env).await.unwrap();
    tx.commit().await.unwrap();
    queued
}

async fn claim(db: &TestDb, kind: &str, limit: u32) -> Vec<Job> {
    jobs::claim(&db.db, "w", &[kind], limit, LEASE, &db.env).await.unwrap()
}

async fn read(db: &TestDb, scope: &ProjectScope, id: JobId) -> Job {
    let tx = db.read(&scope.org_scope()).await;
    jobs::get(&tx, scope, id).await.unwrap().unwrap()
}

async fn cancel(db: &TestDb, scope: &ProjectScope, id: JobId) -> Option<Cancelled> {
    let tx = db.write(&scope.org_scope()).await;
    let answer = jobs::cancel(&tx, scope, id, &db.env).await.unwrap();
    tx.commit().await.unwrap();
    answer
}

/// Runs a worker on real time until `done` says so; fails after ten seconds.
async fn work_until(worker: Worker, done: impl AsyncFn() -> bool) {
    let tasks = Tasks::new();
    tasks.spawn("worker", worker.run(tasks.clone()));
    let mut waited = 0;
    while !done().await {
        waited += 1;
        assert!(waited < 500, "the worker did not get there in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(tasks.shutdown(Duration::from_secs(5)).await, "the worker did not stop");
}

fn options() -> WorkerOptions {
    WorkerOptions {
        poll: Duration::from_millis(10),
        lease: Duration::from_millis(600),
        stop_grace: Duration::from_millis(300),
        retry: RetryPolicy { base: Duration::from_millis(1), cap: Duration::from_millis(2) },
        ..WorkerOptions::default()
    }
}

fn worker(db: &TestDb, handler: impl JobHandler + 'static) -> Worker {
    Worker::new(db.db.clone(), rhiza_platform::runtime::system_env(), Hub::new(), options()).register(Arc::new(handler))
}

/// Fails so many times, then succeeds with what it was given.
struct Flaky {
    failures: AtomicU32,
    panics: bool,
}

#[async_trait]
impl JobHandler for Flaky {
    fn kind(&self) -> &'static str {
        "test.flaky"
    }

    async fn run(&self, context: JobContext) -> Result<Value, JobError> {
        context.progress(0.5, "half way");
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
            assert!(!self.panics, "as asked");
            return Err(JobError::Retry("not yet".into()));
        }
        Ok(json!({ "echo": context.input::<Value>()? }))
    }
}

/// Runs until it is told to stop.
struct Patient;

#[async_trait]
impl JobHandler for Patient {
    fn kind(&self) -> &'static str {
        "test.patient"
    }

    async fn run(&self, context: JobContext) -> Result<Value, JobError> {
        context.progress(0.25, "waiting");
        context.cancelled().cancelled().await;
        Err(JobError::Cancelled)
    }
}

/// Writes for a while in a transaction that is tied to its lease.
struct Writing(rhiza_store::Db);

#[async_trait]
impl JobHandler for Writing {
    fn kind(&self) -> &'static str {
        "test.writing"
    }

    async fn run(&self, context: JobContext) -> Result<Value, JobError> {
        let scope = context.job.org_scope().ok_or_else(|| JobError::Fatal("no organisation".into()))?;
        context.progress(0.5, "writing");
        let tx = self.0.write(&scope).await?;
        context.hold(&tx).await?;
        // Long enough that a heartbeat comes and wants the row that is held.
        tokio::time::sleep(Duration::from_millis(500)).await;
        tx.commit().await?;
        Ok(Value::Null)
    }
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn the_urgent_goes_first_then_the_oldest_and_nothing_before_its_time(db: TestDb) {
        let scope = db.tenant();
        let later = db.env.now() + Duration::from_secs(10);
        let mut ids = Vec::new();
        for (priority, run_at) in [(0, None), (5, None), (0, None), (9, Some(later))] {
            db.clock.advance(Duration::from_millis(3));
            let mut job = NewJob::new("k", json!({})).priority(priority);
            if let Some(at) = run_at {
                job = job.run_at(at);
            }
            ids.push(queue(&db, job, &scope).await.id);
        }
        let first: Vec<_> = claim(&db, "k", 10).await.iter().map(|j| j.id).collect();
        assert_eq!(first, [ids[1], ids[0], ids[2]]);
        assert_eq!(claim(&db, "k", 10).await, []);
        db.clock.advance(Duration::from_secs(10));
        assert_eq!(claim(&db, "other", 10).await, []);
        assert_eq!(claim(&db, "k", 10).await[0].id, ids[3]);
    }

    async fn times_sort_by_time_whatever_their_fraction(db: TestDb) {
        let scope = db.tenant();
        let base = db.env.now();
        let at = |micros: i64| base + chrono::TimeDelta::microseconds(micros);
        let mut expected = Vec::new();
        for micros in [0, 1, 999, 1_000, 500_000, 999_999, 1_000_000] {
            expected.push((micros, queue(&db, NewJob::new("k", json!({})).run_at(at(micros)), &scope).await.id));
        }
        db.clock.advance(Duration::from_secs(2));
        let got: Vec<_> = claim(&db, "k", 10).await.iter().map(|j| j.id).collect();
        assert_eq!(got, expected.iter().map(|(_, id)| *id).collect::<Vec<_>>());
    }

    async fn a_job_is_leased_to_one_of_many_claimers(db: TestDb) {
        let scope = db.tenant();
        for _ in 0..20 {
            queue(&db, NewJob::new("k", json!({})), &scope).await;
        }
        let claims = futures::future::join_all((0..8).map(|_| claim(&db, "k", 3))).await;
        let mut ids: Vec<_> = claims.into_iter().flatten().map(|j| j.id).collect();
        let claimed = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), claimed, "no job twice");
        ids.extend(claim(&db, "k", 20).await.iter().map(|j| j.id));
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 20, "and none forgotten");
    }

    async fn a_key_lets_only_one_job_wait_or_run(db: TestDb) {
        let (scope, other) = (db.tenant(), db.tenant());
        let job = || NewJob::new("k", json!({})).dedupe("once");
        let first = queue(&db, job(), &scope).await;
        assert!(first.fresh);
        assert_eq!(queue(&db, job(), &scope).await, jobs::Enqueued { id: first.id, fresh: false });
        assert!(queue(&db, job(), &other).await.fresh, "another organisation's key is another key");
        let claimed = claim(&db, "k", 10).await;
        assert!(!queue(&db, job(), &scope).await.fresh, "it runs");
        let mine = claimed.iter().find(|j| j.id == first.id).unwrap();
        jobs::settle(&db.db, Lease::of(mine), Outcome::Succeeded(json!(1)), &db.env).await.unwrap().unwrap();
        assert!(queue(&db, job(), &scope).await.fresh, "it is over");
    }

    async fn a_stale_lease_neither_reports_nor_settles(db: TestDb) {
        let scope = db.tenant();
        let id = queue(&db, NewJob::new("k", json!({})), &scope).await.id;
        let stale = Lease::of(&claim(&db, "k", 1).await[0]);
        db.clock.advance(LEASE + Duration::from_secs(1));
        let policy = RetryPolicy::default();
        let recovered = jobs::recover(&db.db, policy, &db.env).await.unwrap();
        assert_eq!(recovered[0].state, JobState::Queued);
        assert_eq!(jobs::beat(&db.db, stale, Some((0.9, "lie")), LEASE, &db.env).await.unwrap(), Beat::Lost);
        db.clock.advance(policy.cap);
        let fresh = Lease::of(&claim(&db, "k", 1).await[0]);
        assert_eq!(jobs::beat(&db.db, stale, Some((0.9, "lie")), LEASE, &db.env).await.unwrap(), Beat::Lost);
        assert_eq!(jobs::settle(&db.db, stale, Outcome::Succeeded(json!("lie")), &db.env).await.unwrap(), None);
        assert_eq!(read(&db, &scope, id).await.message, "");
        jobs::settle(&db.db, fresh, Outcome::Succeeded(json!("truth")), &db.env).await.unwrap().unwrap();
        assert_eq!(jobs::settle(&db.db, fresh, Outcome::Failed("again".into()), &db.env).await.unwrap(), None);
        let job = read(&db, &scope, id).await;
        assert_eq!((job.state, job.result, job.attempts), (JobState::Succeeded, Some(json!("truth")), 2));
    }

    async fn an_abandoned_job_fails_when_its_attempts_are_spent(db: TestDb) {
        let scope = db.tenant();
        let id = queue(&db, NewJob::new("k", json!({})).max_attempts(1), &scope).await.id;
        assert_eq!(claim(&db, "k", 1).await.len(), 1);
        assert_eq!(jobs::recover(&db.db, RetryPolicy::default(), &db.env).await.unwrap(), []);
        db.clock.advance(LEASE + Duration::from_secs(1));
        jobs::recover(&db.db, RetryPolicy::default(), &db.env).await.unwrap();
        let job = read(&db, &scope, id).await;
        assert_eq!(job.state, JobState::Failed);
        assert_eq!(job.error.as_deref(), Some("the worker stopped answering"));
    }

    async fn a_heartbeat_keeps_a_slow_job_alive(db: TestDb) {
        let scope = db.tenant();
        queue(&db, NewJob::new("k", json!({})), &scope).await;
        let lease = Lease::of(&claim(&db, "k", 1).await[0]);
        for step in 1..=5 {
            db.clock.advance(LEASE / 2);
            assert_eq!(jobs::beat(&db.db, lease, Some((f64::from(step) / 10.0, "on it")), LEASE, &db.env).await.unwrap(), Beat::Held);
            assert_eq!(jobs::recover(&db.db, RetryPolicy::default(), &db.env).await.unwrap(), []);
        }
        let job = read(&db, &scope, lease.job).await;
        assert_eq!((job.progress, job.message.as_str()), (0.5, "on it"));
    }

    async fn a_waiting_job_is_cancelled_at_once_and_a_running_one_is_asked(db: TestDb) {
        let (scope, other) = (db.tenant(), db.tenant());
        let waiting = queue(&db, NewJob::new("k", json!({})), &scope).await.id;
        assert_eq!(cancel(&db, &other, waiting).await, None, "another organisation does not even see it");
        assert_eq!(cancel(&db, &scope, waiting).await, Some(Cancelled::Now));
        assert_eq!(claim(&db, "k", 1).await, []);
        assert_eq!(cancel(&db, &scope, waiting).await, Some(Cancelled::TooLate));
        let running = queue(&db, NewJob::new("k", json!({})), &scope).await.id;
        let lease = Lease::of(&claim(&db, "k", 1).await[0]);
        assert_eq!(cancel(&db, &scope, running).await, Some(Cancelled::Requested));
        assert_eq!(jobs::beat(&db.db, lease, None, LEASE, &db.env).await.unwrap(), Beat::CancelRequested);
        let retry = Outcome::Retry { error: "stopping".into(), at: db.env.now() };
        let settled = jobs::settle(&db.db, lease, retry, &db.env).await.unwrap().unwrap();
        assert_eq!(settled.state, JobState::Cancelled, "nobody wants another attempt");
    }

    async fn a_list_shows_a_project_its_own_jobs_and_the_organisations(db: TestDb) {
        let scope = db.tenant();
        let sibling = ProjectScope::new(scope.org, db.env.new_id());
        let mine = queue(&db, NewJob::new("a", json!({})), &scope).await.id;
        db.clock.advance(Duration::from_millis(2));
        queue(&db, NewJob::new("a", json!({})), &sibling).await;
        queue(&db, NewJob::new("a", json!({})), &db.tenant()).await;
        db.clock.advance(Duration::from_millis(2));
        let tx = db.write(&scope.org_scope()).await;
        let shared = jobs::enqueue(&tx, NewJob::new("b", json!({})).org(scope.org_scope()).created_by(&Caller::system()), &db.env).await.unwrap().id;
        tx.commit().await.unwrap();
        let ids = async |listing: Listing| {
            let tx = db.read(&scope.org_scope()).await;
            jobs::list(&tx, &scope, &listing, 10).await.unwrap().iter().map(|j| j.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(Listing::default()).await, [shared, mine]);
        assert_eq!(ids(Listing { before: Some(shared), ..Listing::default() }).await, [mine]);
        assert_eq!(ids(Listing { kind: Some("b".into()), ..Listing::default() }).await, [shared]);
        assert_eq!(ids(Listing { state: Some(JobState::Running), ..Listing::default() }).await, []);
    }

    async fn a_schedule_queues_one_job_per_due_time_however_many_ask(db: TestDb) {
        let schedule = [Schedule { name: "sweep", kind: "k", every: Duration::from_secs(60), input: json!({"a": 1}) }];
        let fire = async || jobs::fire_schedules(&db.db, &schedule, &db.env).await.unwrap();
        let fired: u32 = futures::future::join_all((0..6).map(|_| fire())).await.iter().sum();
        assert_eq!(fired, 1);
        db.clock.advance(Duration::from_secs(60));
        assert_eq!(fire().await, 0, "the one before still waits");
        let job = claim(&db, "k", 5).await.remove(0);
        assert_eq!((job.org, job.input.clone()), (None, json!({"a": 1})));
        jobs::settle(&db.db, Lease::of(&job), Outcome::Succeeded(json!(null)), &db.env).await.unwrap().unwrap();
        assert_eq!(fire().await, 0, "not due yet");
        db.clock.advance(Duration::from_secs(60));
        assert_eq!(fire().await, 1);
    }

    async fn a_worker_retries_and_then_succeeds(db: TestDb) {
        let scope = db.tenant();
        let id = queue(&db, NewJob::new("test.flaky", json!("hi")).max_attempts(3), &scope).await.id;
        let flaky = Flaky { failures: AtomicU32::new(2), panics: true };
        work_until(worker(&db, flaky), async || read(&db, &scope, id).await.state.is_final()).await;
        let job = read(&db, &scope, id).await;
        assert_eq!((job.state, job.attempts, job.progress), (JobState::Succeeded, 3, 1.0));
        assert_eq!(job.result, Some(json!({"echo": "hi"})));
        assert_eq!(job.error, None);
    }

    async fn a_worker_gives_up_after_the_last_attempt(db: TestDb) {
        let scope = db.tenant();
        let id = queue(&db, NewJob::new("test.flaky", json!("hi")).max_attempts(2), &scope).await.id;
        let flaky = Flaky { failures: AtomicU32::new(9), panics: false };
        work_until(worker(&db, flaky), async || read(&db, &scope, id).await.state.is_final()).await;
        let job = read(&db, &scope, id).await;
        assert_eq!((job.state, job.attempts), (JobState::Failed, 2));
        assert_eq!(job.error.as_deref(), Some("not yet"));
    }

    async fn a_running_job_hears_that_it_is_cancelled(db: TestDb) {
        let scope = db.tenant();
        let id = queue(&db, NewJob::new("test.patient", json!({})), &scope).await.id;
        work_until(worker(&db, Patient), async || {
            let job = read(&db, &scope, id).await;
            if job.message == "waiting" && !job.cancel_requested {
                assert_eq!(cancel(&db, &scope, id).await, Some(Cancelled::Requested));
            }
            job.state.is_final()
        })
        .await;
        assert_eq!(read(&db, &scope, id).await.state, JobState::Cancelled);
    }

    async fn a_heartbeat_that_waits_for_the_handler_does_not_keep_it_from_going_on(db: TestDb) {
        let scope = db.tenant();
        let id = queue(&db, NewJob::new("test.writing", json!({})).max_attempts(1), &scope).await.id;
        work_until(worker(&db, Writing(db.db.clone())), async || read(&db, &scope, id).await.state.is_final()).await;
        assert_eq!(read(&db, &scope, id).await.state, JobState::Succeeded);
    }

    async fn a_stopping_worker_gives_its_jobs_back(db: TestDb) {
        let scope = db.tenant();
        let id = queue(&db, NewJob::new("test.patient", json!({})), &scope).await.id;
        work_until(worker(&db, Patient), async || read(&db, &scope, id).await.state == JobState::Running).await;
        let job = read(&db, &scope, id).await;
        assert_eq!((job.state, job.attempts), (JobState::Queued, 0), "the attempt does not count");
    }
}
