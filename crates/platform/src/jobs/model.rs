//! A job, its states, and the rules between them.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, JobId, OrgId, OrgScope, ProjectId, ProjectScope};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::authz::Caller;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waiting for its time and a worker.
    Queued,
    /// Leased by a worker.
    Running,
    /// Done; the result is there.
    Succeeded,
    /// Given up; the error is there.
    Failed,
    /// Cancelled by someone.
    Cancelled,
}

impl JobState {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// The state as stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the job will never run again.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A job as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The organisation it works for; none for Rhiza's own jobs.
    pub org: Option<OrgId>,
    /// The project it works for.
    pub project: Option<ProjectId>,
    /// Which handler runs it: `slice.verb_thing`.
    pub kind: String,
    /// Where it stands.
    pub state: JobState,
    /// Higher goes first.
    pub priority: i32,
    /// Not before this.
    pub run_at: DateTime<Utc>,
    /// What the handler receives.
    pub input: Value,
    /// What the handler returned.
    pub result: Option<Value>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// 0 to 1.
    pub progress: f64,
    /// What it is doing, for people.
    pub message: String,
    /// Times it was started.
    pub attempts: i32,
    /// Times it may be started.
    pub max_attempts: i32,
    /// Grows with every claim: the fencing token.
    pub fence: i64,
    /// When the lease ends unless renewed.
    pub lease_until: Option<DateTime<Utc>>,
    /// Someone asked it to stop.
    pub cancel_requested: bool,
    /// Who asked for it: an actor's id, or `system`.
    pub created_by: String,
    /// Grows with every visible change.
    pub revision: i64,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was first started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it reached a final state.
    pub finished_at: Option<DateTime<Utc>>,
}

impl Job {
    /// The project scope, for jobs that have one.
    #[must_use]
    pub fn project_scope(&self) -> Option<ProjectScope> {
        Some(ProjectScope::new(self.org?, self.project?))
    }

    /// The organisation's scope, for jobs that have one.
    #[must_use]
    pub fn org_scope(&self) -> Option<OrgScope> {
        self.org.map(OrgScope::new)
    }
}

/// A job about to be queued.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub(super) kind: String,
    pub(super) input: Value,
    pub(super) org: Option<OrgId>,
    pub(super) project: Option<ProjectId>,
    pub(super) dedupe: Option<String>,
    pub(super) priority: i32,
    pub(super) run_at: Option<DateTime<Utc>>,
    pub(super) max_attempts: i32,
    pub(super) created_by: String,
}

/// Attempts a job gets unless told otherwise: one crash and one bad moment are forgiven.
const DEFAULT_ATTEMPTS: i32 = 3;

impl NewJob {
    /// A job for the handler of `kind`. Without [`NewJob::scope`] or [`NewJob::org`] it is Rhiza's own.
    #[must_use]
    pub fn new(kind: &str, input: Value) -> Self {
        Self {
            kind: kind.to_owned(),
            input,
            org: None,
            project: None,
            dedupe: None,
            priority: 0,
            run_at: None,
            max_attempts: DEFAULT_ATTEMPTS,
            created_by: "system".to_owned(),
        }
    }

    /// Works for a project.
    #[must_use]
    pub fn scope(mut self, scope: ProjectScope) -> Self {
        self.org = Some(scope.org);
        self.project = Some(scope.project);
        self
    }

    /// Works for an organisation.
    #[must_use]
    pub fn org(mut self, scope: OrgScope) -> Self {
        self.org = Some(scope.org);
        self
    }

    /// While a job of this kind with this key waits or runs, no second one is queued.
    #[must_use]
    pub fn dedupe(mut self, key: impl Into<String>) -> Self {
        self.dedupe = Some(key.into());
        self
    }

    /// Higher goes first; 0 unless told otherwise.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Not before `at`.
    #[must_use]
    pub fn run_at(mut self, at: DateTime<Utc>) -> Self {
        self.run_at = Some(at);
        self
    }

    /// Starts it at most `attempts` times (at least once).
    #[must_use]
    pub fn max_attempts(mut self, attempts: i32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Remembers who asked for it.
    #[must_use]
    pub fn created_by(mut self, caller: &Caller) -> Self {
        let id = caller.actor.id_text();
        self.created_by = if id.is_empty() { caller.actor.kind().to_owned() } else { id };
        self
    }

    /// The key that is unique among waiting and running jobs. It names the organisation, so that no tenant can occupy
    /// another's key.
    pub(super) fn full_dedupe_key(&self) -> Option<String> {
        let owner = self.org.map_or_else(|| "system".to_owned(), |org| org.to_string());
        self.dedupe.as_ref().map(|key| format!("{owner}:{}:{key}", self.kind))
    }
}

/// What came of queueing a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enqueued {
    /// The job, new or found by its dedupe key.
    pub id: JobId,
    /// Whether it is new.
    pub fresh: bool,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Done.
    Succeeded(Value),
    /// Try again at that time, if attempts are left.
    Retry {
        /// Why it failed.
        error: String,
        /// When to try again.
        at: DateTime<Utc>,
    },
    /// Trying again would not help.
    Failed(String),
    /// Stopped because someone asked.
    Cancelled,
    /// Stopped because the worker stops; the attempt does not count.
    Released,
}

/// Why a handler did not finish.
#[derive(Debug)]
pub enum JobError {
    /// May work another time.
    Retry(String),
    /// Will not work another time: bad input, a missing thing.
    Fatal(String),
    /// The handler noticed [`JobContext::cancelled`](super::JobContext::cancelled) and stopped.
    Cancelled,
}

impl JobError {
    /// `error` and its causes as a reason to try again.
    pub fn retry(error: impl StdError) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        Self::Retry(text)
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry(detail) | Self::Fatal(detail) => f.write_str(detail),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl StdError for JobError {}

impl From<rhiza_store::StoreError> for JobError {
    fn from(error: rhiza_store::StoreError) -> Self {
        Self::retry(error)
    }
}

/// How long to wait before another attempt.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Before the second attempt; doubles from there.
    pub base: Duration,
    /// Never longer than this.
    pub cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { base: Duration::from_secs(5), cap: Duration::from_secs(600) }
    }
}

impl RetryPolicy {
    /// When to try again after `attempts` attempts: half of the delay is certain, half is chance, so that jobs which
    /// failed together do not come back together.
    #[must_use]
    pub fn next(&self, attempts: i32, env: &Env) -> DateTime<Utc> {
        let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(20);
        let full = self.base.saturating_mul(1 << doublings).min(self.cap);
        let chance = f64::from(u32::from_le_bytes(env.random_bytes())) / f64::from(u32::MAX);
        env.now() + full.mul_f64(0.5 + chance / 2.0)
    }
}

/// A job that Rhiza queues by itself, again and again.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Unique among schedules.
    pub name: &'static str,
    /// The handler's kind.
    pub kind: &'static str,
    /// Time from one to the next.
    pub every: Duration,
    /// What the handler receives.
    pub input: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_doubles_up_to_the_cap_and_is_never_less_than_half() {
        let (env, _) = Env::fixed(DateTime::from_timestamp(1_780_000_000, 0).unwrap(), 3);
        let policy = RetryPolicy::default();
        for (attempts, full) in [(1, 5.0), (2, 10.0), (3, 20.0), (20, 600.0), (i32::MAX, 600.0)] {
            for _ in 0..50 {
                let waited = (policy.next(attempts, &env) - env.now()).as_seconds_f64();
                assert!(waited >= full / 2.0 - 1e-6 && waited <= full + 1e-6, "{attempts}: {waited}");
            }
        }
    }

    #[test]
    fn a_dedupe_key_belongs_to_its_organisation_and_kind() {
        let key = |org: u128, kind| {
            let org: OrgId = rhiza_kernel::TypedId::from_uuid(uuid::Uuid::from_u128(org));
            NewJob::new(kind, Value::Null).org(OrgScope::new(org)).dedupe("k").full_dedupe_key()
        };
        assert_ne!(key(1, "a"), key(2, "a"));
        assert_ne!(key(1, "a"), key(1, "b"));
        assert_eq!(NewJob::new("a", Value::Null).full_dedupe_key(), None);
    }
}
