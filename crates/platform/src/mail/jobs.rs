//! The jobs that send letters and that forget them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rhiza_kernel::MailId;
use rhiza_store::Db;
use serde::Deserialize;
use serde_json::{Value, json};

use super::model::{Content, State};
use super::post::Post;
use super::smtp::{Delivery, Refusal, Way};
use super::{store, system};
use crate::jobs::{JobContext, JobError, JobHandler, Schedule};
use crate::secrets::{Sealer, SecretsError};

pub(super) const KIND: &str = "platform.send_mail";
const PURGE: &str = "platform.purge_mails";

/// When letters are forgotten.
pub const PURGE_SCHEDULE: Schedule =
    Schedule { name: PURGE, kind: PURGE, every: Duration::from_secs(6 * 3600), input: Value::Null };

/// Days for which it is known that a letter was sent.
const KEPT_DAYS: i64 = 30;

/// After the server did not answer, other letters do not try it for so long: waiting for a dead server would take the
/// worker from all other jobs.
const REST: Duration = Duration::from_secs(10);

/// Sends letters.
#[derive(Debug)]
pub struct SendMail {
    db: Db,
    sealer: Sealer,
    delivery: Delivery,
    /// Until when (on the monotonic clock) the server is left alone, and why.
    rests: Mutex<Option<(Duration, String)>>,
}

#[derive(Deserialize)]
struct Input {
    mail: MailId,
}

impl SendMail {
    /// The handler of what `post` took.
    #[must_use]
    pub fn new(db: Db, post: &Post, delivery: Delivery) -> Self {
        Self { db, sealer: post.sealer().clone(), delivery, rests: Mutex::new(None) }
    }

    fn resting(&self, now: Duration) -> Option<String> {
        let rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        rests.as_ref().filter(|(until, _)| now < *until).map(|(_, reason)| reason.clone())
    }

    fn rest(&self, until: Option<(Duration, String)>) {
        *self.rests.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    async fn deliver(&self, context: &JobContext, id: MailId, waiting: system::Waiting) -> Result<State, Refusal> {
        let content = self.open(id, waiting.sealed.as_deref())?;
        match &self.delivery.0 {
            Way::Show => {
                tracing::info!(
                    mail = %id, to = content.to, subject = content.subject,
                    "there is no mail server (mail.smtp_url); this letter is only shown:\n\n{}", content.text
                );
                Ok(State::Shown)
            }
            Way::Smtp(server) => {
                let now = context.env().monotonic();
                if let Some(reason) = self.resting(now) {
                    let detail = "another letter found out a moment ago".to_owned();
                    return Err(Refusal::Later { reason, detail, unreachable: false });
                }
                let sent = server.send(id, content, waiting.created_at).await;
                match &sent {
                    Err(Refusal::Later { reason, unreachable: true, .. }) => {
                        self.rest(Some((context.env().monotonic() + REST, reason.clone())));
                    }
                    _ => self.rest(None),
                }
                sent.map(|()| State::Sent)
            }
        }
    }

    fn open(&self, id: MailId, sealed: Option<&[u8]>) -> Result<Content, Refusal> {
        let lost = |detail: String| Refusal::Final { reason: "the letter cannot be read".to_owned(), detail };
        let sealed = sealed.ok_or_else(|| lost("it has no content".to_owned()))?;
        match self.sealer.open(&store::purpose(id), sealed) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| lost(e.to_string())),
            // The operator may put the key back.
            Err(error @ SecretsError::UnknownKey(_)) => Err(Refusal::Later {
                reason: "the letter cannot be read".to_owned(),
                detail: error.to_string(),
                unreachable: false,
            }),
            Err(error) => Err(lost(error.to_string())),
        }
    }
}

#[async_trait]
impl JobHandler for SendMail {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, context: JobContext) -> Result<Value, JobError> {
        let Input { mail: id } = context.input()?;
        let Some(waiting) = system::waiting(&self.db, id).await? else {
            // Sent by an attempt that died before it could say so, or forgotten.
            return Ok(json!({ "state": "settled" }));
        };
        let env = context.env();
        let attempt = tokio::select! {
            attempt = self.deliver(&context, id, waiting) => attempt,
            () = context.cancelled().cancelled() => return Err(JobError::Cancelled),
        };
        let (state, error, outcome) = match attempt {
            Ok(state) => (state, None, Ok(json!({ "state": state.as_str() }))),
            Err(Refusal::Final { reason, detail }) => (State::Failed, Some(detail), Err(JobError::Fatal(reason))),
            Err(Refusal::Later { reason, detail, .. }) => {
                let last = context.job.attempts >= context.job.max_attempts;
                (if last { State::Failed } else { State::Queued }, Some(detail), Err(JobError::Retry(reason)))
            }
        };
        if let Some(detail) = &error {
            // The server's own words may name the recipient: they are for the operator, not for the job's error, which
            // the organisation's members can read.
            tracing::warn!(mail = %id, attempt = context.job.attempts, detail, "a letter could not be sent");
        }
        metrics::counter!("rhiza_mails_total", "outcome" => state.as_str()).increment(1);
        system::settle(&self.db, id, state, error.as_deref(), env).await?;
        outcome
    }
}

/// Forgets old letters.
#[derive(Debug, Clone)]
pub struct Purge(pub Db);

#[async_trait]
impl JobHandler for Purge {
    fn kind(&self) -> &'static str {
        PURGE
    }

    async fn run(&self, context: JobContext) -> Result<Value, JobError> {
        let before = context.env().now() - chrono::Duration::days(KEPT_DAYS);
        Ok(json!({ "removed": system::purge(&self.0, before).await? }))
    }
}
