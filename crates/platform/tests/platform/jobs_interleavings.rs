//! Random interleavings of everything that can happen to a job, compared step by step with a model that is simple enough
//! to be believed. The property that matters most: a lease that is no longer the row's neither reports nor settles.

use std::time::Duration;

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use rhiza_kernel::{JobId, ProjectScope};
use rhiza_platform::jobs::{self, Beat, Cancelled, JobState, Lease, NewJob, Outcome, RetryPolicy};
use rhiza_testkit::TestDb;
use serde_json::json;

use super::SETS;

const LEASE: Duration = Duration::from_secs(30);
const RETRY: RetryPolicy = RetryPolicy { base: Duration::from_secs(8), cap: Duration::from_secs(8) };
const WORKERS: usize = 3;
const MAX_ATTEMPTS: i32 = 3;

/// What can happen. `usize` picks a worker; its leases are those it was ever given, stale ones included.
#[derive(Debug, Clone)]
enum Step {
    Enqueue,
    Claim(usize),
    Beat(usize, usize),
    Settle(usize, usize, End),
    Cancel(usize),
    Advance(u64),
    Recover,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Success,
    Retry,
    Failure,
    Release,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let end = prop_oneof![Just(End::Success), Just(End::Retry), Just(End::Failure), Just(End::Release)];
    let step = prop_oneof![
        2 => Just(Step::Enqueue),
        5 => (0..WORKERS).prop_map(Step::Claim),
        4 => (0..WORKERS, any::<usize>()).prop_map(|(w, l)| Step::Beat(w, l)),
        4 => (0..WORKERS, any::<usize>(), end).prop_map(|(w, l, e)| Step::Settle(w, l, e)),
        1 => any::<usize>().prop_map(Step::Cancel),
        4 => (1_u64..40).prop_map(Step::Advance),
        3 => Just(Step::Recover),
    ];
    prop::collection::vec(step, 1..40)
}

/// The model of one job.
#[derive(Debug, Clone)]
struct Expected {
    id: JobId,
    state: JobState,
    fence: i64,
    attempts: i32,
    lease_until: Option<DateTime<Utc>>,
    /// Retries wait for a time with chance in it: taken over from the database, and checked to be in range.
    run_at: DateTime<Utc>,
    cancel_requested: bool,
}

struct World<'a> {
    db: &'a TestDb,
    scope: ProjectScope,
    kind: String,
    jobs: Vec<Expected>,
    leases: Vec<Vec<Lease>>,
}

type Checked = Result<(), TestCaseError>;

impl World<'_> {
    fn now(&self) -> DateTime<Utc> {
        self.db.env.now()
    }

    async fn take(&mut self, step: Step) -> Checked {
        match step {
            Step::Enqueue => self.enqueue().await,
            Step::Claim(worker) => self.claim(worker).await,
            Step::Beat(worker, pick) => self.beat(worker, pick).await,
            Step::Settle(worker, pick, end) => self.settle(worker, pick, end).await,
            Step::Cancel(pick) => self.cancel(pick).await,
            Step::Advance(seconds) => {
                self.db.clock.advance(Duration::from_secs(seconds));
                Ok(())
            }
            Step::Recover => self.recover().await,
        }
    }

    async fn enqueue(&mut self) -> Checked {
        let tx = self.db.write(&self.scope.org_scope()).await;
        let job = NewJob::new(&self.kind, json!({})).scope(self.scope).max_attempts(MAX_ATTEMPTS);
        let id = jobs::enqueue(&tx, job, &self.db.env).await.unwrap().id;
        tx.commit().await.unwrap();
        self.jobs.push(Expected {
            id,
            state: JobState::Queued,
            fence: 0,
            attempts: 0,
            lease_until: None,
            run_at: self.now(),
            cancel_requested: false,
        });
        Ok(())
    }

    async fn claim(&mut self, worker: usize) -> Checked {
        let now = self.now();
        let name = format!("w{worker}");
        let got = jobs::claim(&self.db.db, &name, &[&self.kind], 1, LEASE, &self.db.env).await.unwrap();
        let next = self
            .jobs
            .iter_mut()
            .filter(|j| j.state == JobState::Queued && j.run_at <= now)
            .min_by_key(|j| (j.run_at, j.id));
        match (next, got.first()) {
            (None, None) => {}
            (Some(expected), Some(job)) => {
                prop_assert_eq!(expected.id, job.id);
                expected.state = JobState::Running;
                expected.fence += 1;
                expected.attempts += 1;
                expected.lease_until = Some(now + LEASE);
                prop_assert_eq!(expected.fence, job.fence);
                self.leases[worker].push(Lease::of(job));
            }
            (expected, job) => prop_assert!(false, "expected {expected:?}, claimed {job:?}"),
        }
        Ok(())
    }

    fn lease(&self, worker: usize, pick: usize) -> Option<Lease> {
        let leases = &self.leases[worker];
        (!leases.is_empty()).then(|| leases[pick % leases.len()])
    }

    fn holder(&mut self, lease: Lease) -> Option<&mut Expected> {
        self.jobs.iter_mut().find(|j| j.id == lease.job && j.fence == lease.fence && j.state == JobState::Running)
    }

    async fn beat(&mut self, worker: usize, pick: usize) -> Checked {
        let Some(lease) = self.lease(worker, pick) else { return Ok(()) };
        let now = self.now();
        let answer = jobs::beat(&self.db.db, lease, Some((0.5, "x")), LEASE, &self.db.env).await.unwrap();
        let expected = match self.holder(lease) {
            None => Beat::Lost,
            Some(job) => {
                job.lease_until = Some(now + LEASE);
                if job.cancel_requested { Beat::CancelRequested } else { Beat::Held }
            }
        };
        prop_assert_eq!(answer, expected);
        Ok(())
    }

    async fn settle(&mut self, worker: usize, pick: usize, end: End) -> Checked {
        let Some(lease) = self.lease(worker, pick) else { return Ok(()) };
        let now = self.now();
        let outcome = match end {
            End::Success => Outcome::Succeeded(json!({"worker": worker})),
            End::Retry => Outcome::Retry { error: "e".into(), at: now },
            End::Failure => Outcome::Failed("f".into()),
            End::Release => Outcome::Released,
        };
        let settled = jobs::settle(&self.db.db, lease, outcome, &self.db.env).await.unwrap();
        let Some(job) = self.holder(lease) else {
            prop_assert_eq!(settled, None, "a stale lease settled");
            return Ok(());
        };
        job.lease_until = None;
        match end {
            End::Success => job.state = JobState::Succeeded,
            End::Failure => job.state = JobState::Failed,
            End::Retry | End::Release if job.cancel_requested => job.state = JobState::Cancelled,
            End::Retry if job.attempts >= MAX_ATTEMPTS => job.state = JobState::Failed,
            End::Retry => {
                job.state = JobState::Queued;
                job.run_at = now;
            }
            End::Release => {
                job.state = JobState::Queued;
                job.attempts -= 1;
                job.run_at = now;
            }
        }
        prop_assert_eq!(settled.map(|j| j.state), Some(job.state));
        Ok(())
    }

    async fn cancel(&mut self, pick: usize) -> Checked {
        if self.jobs.is_empty() {
            return Ok(());
        }
        let index = pick % self.jobs.len();
        let job = &mut self.jobs[index];
        let tx = self.db.write(&self.scope.org_scope()).await;
        let answer = jobs::cancel(&tx, &self.scope, job.id, &self.db.env).await.unwrap();
        tx.commit().await.unwrap();
        let expected = match job.state {
            JobState::Queued => {
                job.state = JobState::Cancelled;
                job.cancel_requested = true;
                Cancelled::Now
            }
            JobState::Running => {
                job.cancel_requested = true;
                Cancelled::Requested
            }
            _ => Cancelled::TooLate,
        };
        prop_assert_eq!(answer, Some(expected));
        Ok(())
    }

    async fn recover(&mut self) -> Checked {
        let now = self.now();
        let mut recovered = jobs::recover(&self.db.db, RETRY, &self.db.env).await.unwrap();
        recovered.retain(|j| j.kind == self.kind);
        let mut expected = 0;
        for job in &mut self.jobs {
            if job.state != JobState::Running || job.lease_until.is_none_or(|until| until >= now) {
                continue;
            }
            expected += 1;
            let found = recovered.iter().find(|r| r.id == job.id);
            prop_assert!(found.is_some(), "an abandoned job was not taken back");
            let found = found.unwrap();
            job.lease_until = None;
            job.state = match job {
                Expected { cancel_requested: true, .. } => JobState::Cancelled,
                Expected { attempts, .. } if *attempts >= MAX_ATTEMPTS => JobState::Failed,
                _ => JobState::Queued,
            };
            prop_assert_eq!(found.state, job.state);
            if job.state == JobState::Queued {
                let wait = found.run_at - now;
                prop_assert!(wait.num_milliseconds() >= 4_000 && wait.num_milliseconds() <= 8_000, "waits {wait}");
                job.run_at = found.run_at;
            }
        }
        prop_assert_eq!(recovered.len(), expected);
        Ok(())
    }

    /// The database and the model tell the same story.
    async fn compare(&self) -> Checked {
        let tx = self.db.read(&self.scope.org_scope()).await;
        for expected in &self.jobs {
            let job = jobs::get(&tx, &self.scope, expected.id).await.unwrap().unwrap();
            prop_assert_eq!(job.state, expected.state);
            prop_assert_eq!(job.fence, expected.fence);
            prop_assert_eq!(job.attempts, expected.attempts);
            prop_assert_eq!(job.lease_until, expected.lease_until);
            prop_assert_eq!(job.cancel_requested, expected.cancel_requested);
            prop_assert_eq!(job.finished_at.is_some(), expected.state == JobState::Cancelled || job.state.is_final());
        }
        tx.rollback().await.unwrap();
        Ok(())
    }
}

async fn play(db: &TestDb, case: u32, steps: Vec<Step>) -> Checked {
    let mut world = World {
        db,
        scope: db.tenant(),
        kind: format!("case.{case}"),
        jobs: Vec::new(),
        leases: vec![Vec::new(); WORKERS],
    };
    for step in steps {
        world.take(step).await?;
        world.compare().await?;
    }
    Ok(())
}

rhiza_testkit::db_tests! {
    migrations = SETS;

    async fn any_interleaving_matches_the_model(db: TestDb) {
        let handle = tokio::runtime::Handle::current();
        let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
        let case = std::sync::atomic::AtomicU32::new(0);
        let outcome = tokio::task::block_in_place(|| {
            runner.run(&steps(), |steps| {
                let case = case.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                handle.block_on(play(&db, case, steps))
            })
        });
        if let Err(failure) = outcome {
            panic!("{failure}");
        }
    }
}
