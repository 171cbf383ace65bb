//! What a change leaves behind beside its rows: an audit entry and an event, in the same transaction.

use rhiza_kernel::Env;
use rhiza_platform::{audit, outbox};
use rhiza_store::Tx;
use serde_json::{Value, json};

use crate::error::TrackingResult;
use crate::protocol::Caller;

/// One change, to be told.
#[derive(Debug, Clone)]
pub struct Change {
    thing: &'static str,
    verb: &'static str,
    subject: String,
    before: Option<Value>,
    after: Option<Value>,
}

impl Change {
    /// `verb` happened to the `thing` called `subject`.
    #[must_use]
    pub fn new(thing: &'static str, verb: &'static str, subject: impl Into<String>) -> Self {
        Self { thing, verb, subject: subject.into(), before: None, after: None }
    }

    /// How it was.
    #[must_use]
    pub fn before(mut self, value: Value) -> Self {
        self.before = Some(value);
        self
    }

    /// How it is now.
    #[must_use]
    pub fn after(mut self, value: Value) -> Self {
        self.after = Some(value);
        self
    }

    /// Writes event and audit entry. To be called last: the audit chain's head stays locked until the commit.
    ///
    /// # Errors
    /// Database failures.
    pub async fn record(self, tx: &Tx, caller: &Caller, env: &Env) -> TrackingResult<()> {
        let org = caller.scope.org_scope();
        let data = json!({
            "project": caller.scope.project.to_string(),
            "subject": self.subject,
            "before": self.before,
            "after": self.after,
        });
        // Names repeat from project to project; an event's subject must not.
        let subject = format!("{}/{}/{}", caller.scope.project, self.thing, self.subject);
        let event = outbox::Event::new(&format!("rhiza.tracking.{}.{}", self.thing, self.verb), subject).data(&data);
        outbox::emit(tx, &org, event, env).await?;
        let action = format!("tracking.{}.{}", self.thing, self.verb);
        let mut entry = audit::Entry::new(&caller.who, &action, self.subject);
        if let Some(before) = &self.before {
            entry = entry.before(before);
        }
        if let Some(after) = &self.after {
            entry = entry.after(after);
        }
        audit::record(tx, &org, entry, env).await?;
        Ok(())
    }
}
