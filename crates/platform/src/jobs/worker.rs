//! The worker: claims jobs, runs their handlers, keeps their leases alive, settles them, and takes back what dead
//! workers left behind.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use rhiza_kernel::Env;
use rhiza_store::{Db, StoreError, Tx};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::model::{Job, JobError, Outcome, RetryPolicy, Schedule};
use super::store;
use super::system::{self, Beat, Lease};
use crate::events::Hub;
use crate::runtime::Tasks;

/// Does the jobs of one kind. A handler may run more than once for the same job (after a crash, say): what it does must
/// come to the same when done again.
#[async_trait]
pub trait JobHandler: Send + Sync {
    /// The kind it handles.
    fn kind(&self) -> &'static str;

    /// Does the job. The value is kept as the job's result.
    ///
    /// # Errors
    /// [`JobError`] says whether another attempt makes sense.
    async fn run(&self, context: JobContext) -> Result<Value, JobError>;
}

/// What a handler holds while it runs.
#[derive(Debug, Clone)]
pub struct JobContext {
    /// The job.
    pub job: Job,
    env: Env,
    progress: watch::Sender<(f64, String)>,
    cancelled: CancellationToken,
}

impl JobContext {
    /// The job's input as the handler's own type.
    ///
    /// # Errors
    /// Fatal: an input that cannot be read now cannot be read later.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, JobError> {
        T::deserialize(&self.job.input).map_err(|e| JobError::Fatal(format!("the job's input cannot be read: {e}")))
    }

    /// Tells how far the job is (0 to 1) and what it is doing. Cheap: stored a few times a second at most.
    pub fn progress(&self, fraction: f64, message: impl Into<String>) {
        self.progress.send_replace((fraction, message.into()));
    }

    /// Cancelled when the handler should stop: someone asked, the lease was lost, or the process stops.
    #[must_use]
    pub const fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }

    /// Fails with [`JobError::Cancelled`] when the handler should stop, for loops.
    ///
    /// # Errors
    /// When it should stop.
    pub fn check(&self) -> Result<(), JobError> {
        if self.cancelled.is_cancelled() { Err(JobError::Cancelled) } else { Ok(()) }
    }

    /// Time and randomness.
    #[must_use]
    pub const fn env(&self) -> &Env {
        &self.env
    }

    /// Ties the handler's own transaction to the lease: it fails when the job is no longer this attempt's, and keeps it
    /// so until the commit. Call it in each transaction whose writes must not be made by two workers.
    ///
    /// # Errors
    /// [`JobError::Cancelled`] when the lease is lost; database failures.
    pub async fn hold(&self, tx: &Tx) -> Result<(), JobError> {
        if store::hold(tx, self.job.id, self.job.fence).await? { Ok(()) } else { Err(JobError::Cancelled) }
    }
}

/// How a worker works.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// The worker's name, for people who wonder where a job runs.
    pub name: String,
    /// Jobs it runs at once.
    pub concurrency: usize,
    /// How long a lease lasts without a heartbeat.
    pub lease: Duration,
    /// How often it looks for work.
    pub poll: Duration,
    /// How long it waits for a handler that was asked to stop.
    pub stop_grace: Duration,
    /// How long a failed job waits.
    pub retry: RetryPolicy,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            name: "rhiza".to_owned(),
            concurrency: 4,
            // Long enough that a paused or overloaded process is not taken for dead, short enough that a dead one's
            // jobs are picked up within a coffee.
            lease: Duration::from_secs(60),
            poll: Duration::from_millis(500),
            // Shutdown promises 30 s in all.
            stop_grace: Duration::from_secs(20),
            retry: RetryPolicy::default(),
        }
    }
}

/// Progress is stored at most this often for each job.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// The topic of [`Hub`] on which a job's changes are announced.
pub(super) fn topic(job: rhiza_kernel::JobId) -> String {
    format!("job:{job}")
}

/// A worker with its handlers and schedules.
#[derive(Clone)]
pub struct Worker {
    db: Db,
    env: Env,
    hub: Hub,
    options: Arc<WorkerOptions>,
    handlers: HashMap<&'static str, Arc<dyn JobHandler>>,
    schedules: Vec<Schedule>,
}

impl Worker {
    /// A worker that handles nothing yet.
    #[must_use]
    pub fn new(db: Db, env: Env, hub: Hub, options: WorkerOptions) -> Self {
        Self { db, env, hub, options: Arc::new(options), handlers: HashMap::new(), schedules: Vec::new() }
    }

    /// Handles the jobs of `handler`'s kind.
    #[must_use]
    pub fn register(mut self, handler: Arc<dyn JobHandler>) -> Self {
        self.handlers.insert(handler.kind(), handler);
        self
    }

    /// Queues a job again and again.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedules.push(schedule);
        self
    }

    /// Works until `tasks` is told to stop, then lets running jobs stop and gives them back.
    pub async fn run(self, tasks: Tasks) {
        let shutdown = tasks.token();
        let slots = Arc::new(Semaphore::new(self.options.concurrency.max(1)));
        let mut healthy = true;
        while !shutdown.is_cancelled() {
            match self.round(&tasks, &slots).await {
                Ok(()) => healthy = true,
                Err(error) => {
                    // Once per outage, not twice a second.
                    if healthy {
                        tracing::error!(%error, "the job worker cannot reach its database; it keeps trying");
                    }
                    healthy = false;
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(self.options.poll) => {}
            }
        }
    }

    /// One look around: dead leases, due schedules, new jobs.
    async fn round(&self, tasks: &Tasks, slots: &Arc<Semaphore>) -> Result<(), StoreError> {
        for job in system::recover(&self.db, self.options.retry, &self.env).await? {
            tracing::warn!(job = %job.id, kind = job.kind, state = job.state.as_str(), "took back an abandoned job");
            self.announce(&job);
        }
        system::fire_schedules(&self.db, &self.schedules, &self.env).await?;
        let kinds: Vec<&str> = self.handlers.keys().copied().collect();
        let free = u32::try_from(slots.available_permits()).unwrap_or(u32::MAX);
        let jobs = system::claim(&self.db, &self.options.name, &kinds, free, self.options.lease, &self.env).await?;
        for job in jobs {
            self.announce(&job);
            let worker = self.clone();
            let stop = tasks.token();
            // Only this loop takes slots, so as many are free as were counted above.
            let slot = slots.clone().try_acquire_owned();
            tasks.spawn("job", async move {
                worker.work(job, stop).await;
                drop(slot);
            });
        }
        Ok(())
    }

    fn announce(&self, job: &Job) {
        if let Some(org) = job.org {
            self.hub.publish(org, &topic(job.id), json!({ "revision": job.revision }));
        }
    }

    /// Runs one job to its end and settles it.
    async fn work(&self, job: Job, stop: CancellationToken) {
        let lease = Lease::of(&job);
        let (id, kind, attempts) = (job.id, job.kind.clone(), job.attempts);
        let started = self.env.monotonic();
        let Some(outcome) = self.supervise(job, stop).await else {
            tracing::warn!(job = %id, kind, "lost the lease of a job; its work here is abandoned");
            return;
        };
        let outcome = match outcome {
            Ending::Done(result) => Outcome::Succeeded(result),
            Ending::Error(JobError::Retry(error)) => {
                Outcome::Retry { error, at: self.options.retry.next(attempts, &self.env) }
            }
            Ending::Error(JobError::Fatal(error)) => Outcome::Failed(error),
            Ending::Error(JobError::Cancelled) => Outcome::Cancelled,
            Ending::Released => Outcome::Released,
        };
        match system::settle(&self.db, lease, outcome, &self.env).await {
            Ok(Some(job)) => {
                let seconds = (self.env.monotonic().saturating_sub(started)).as_secs_f64();
                metrics::histogram!("rhiza_job_duration_seconds", "kind" => kind.clone(), "state" => job.state.as_str())
                    .record(seconds);
                match &job.error {
                    Some(error) => {
                        tracing::warn!(job = %id, kind, state = job.state.as_str(), error, "job attempt failed")
                    }
                    None => tracing::info!(job = %id, kind, state = job.state.as_str(), seconds, "job settled"),
                }
                self.announce(&job);
            }
            Ok(None) => tracing::warn!(job = %id, kind, "a job was taken over before it was settled here"),
            // The lease will run out and the job will run again.
            Err(error) => tracing::error!(job = %id, kind, %error, "a job could not be settled"),
        }
    }

    /// Runs the handler beside the heartbeats. `None`: the lease was lost.
    async fn supervise(&self, job: Job, stop: CancellationToken) -> Option<Ending> {
        let Some(handler) = self.handlers.get(job.kind.as_str()) else {
            return Some(Ending::Error(JobError::Fatal(format!("nothing here handles jobs of kind {}", job.kind))));
        };
        let lease = Lease::of(&job);
        let org = job.org;
        let cancelled = CancellationToken::new();
        let (sender, mut progress) = watch::channel((0.0, String::new()));
        progress.mark_unchanged();
        let context = JobContext { job, env: self.env.clone(), progress: sender, cancelled: cancelled.clone() };
        let mut running = AssertUnwindSafe(handler.run(context)).catch_unwind();
        let mut heartbeat = tokio::time::interval(self.options.lease / 3);
        heartbeat.tick().await;
        let mut why = Stop::No;
        // Armed once the handler was asked to stop.
        let mut grace = std::pin::pin!(futures::future::pending().left_future::<tokio::time::Sleep>());
        loop {
            let report = tokio::select! {
                ended = &mut running => return Some(ending(ended, why)),
                () = &mut grace => return Some(ending(Ok(Err(JobError::Cancelled)), why)),
                () = stop.cancelled(), if why == Stop::No => {
                    why = Stop::Shutdown;
                    cancelled.cancel();
                    grace.set(tokio::time::sleep(self.options.stop_grace).right_future());
                    continue;
                }
                _ = heartbeat.tick() => None,
                Ok(()) = progress.changed() => {
                    // Waits a little, so that a talkative handler costs a few writes a second and not thousands.
                    tokio::select! {
                        ended = &mut running => return Some(ending(ended, why)),
                        () = tokio::time::sleep(PROGRESS_EVERY) => {}
                    }
                    Some(progress.borrow_and_update().clone())
                }
            };
            let told = report.as_ref().map(|(fraction, message)| (*fraction, message.as_str()));
            // Beside the handler, never instead of it: a transaction of the handler may hold what the beat waits for.
            let beaten = tokio::select! {
                ended = &mut running => return Some(ending(ended, why)),
                beaten = system::beat(&self.db, lease, told, self.options.lease, &self.env) => beaten,
            };
            match beaten {
                Ok(Beat::Held) => {}
                Ok(Beat::CancelRequested) if why == Stop::No => {
                    why = Stop::Requested;
                    cancelled.cancel();
                    grace.set(tokio::time::sleep(self.options.stop_grace).right_future());
                }
                Ok(Beat::CancelRequested) => {}
                Ok(Beat::Lost) => {
                    cancelled.cancel();
                    return None;
                }
                // The lease lasts for two more tries.
                Err(error) => tracing::warn!(job = %lease.job, %error, "a heartbeat failed"),
            }
            if let (Some(org), Some(_)) = (org, report) {
                self.hub.publish(org, &topic(lease.job), json!({}));
            }
        }
    }
}

/// Why a handler was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    No,
    Requested,
    Shutdown,
}

#[derive(Debug)]
enum Ending {
    Done(Value),
    Error(JobError),
    Released,
}

type Panic = Box<dyn std::any::Any + Send>;

fn ending(ended: Result<Result<Value, JobError>, Panic>, why: Stop) -> Ending {
    match ended {
        Ok(Ok(result)) => Ending::Done(result),
        // It stopped because the process stops: somebody else continues.
        Ok(Err(JobError::Cancelled | JobError::Retry(_))) if why == Stop::Shutdown => Ending::Released,
        // It says "cancelled" although nobody asked.
        Ok(Err(JobError::Cancelled)) if why == Stop::No => {
            Ending::Error(JobError::Retry("the job stopped without having been asked to".to_owned()))
        }
        Ok(Err(error)) => Ending::Error(error),
        Err(panic) => {
            let reason = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            Ending::Error(JobError::Retry(format!("the job's code panicked: {reason}")))
        }
    }
}
