//! Changing who belongs to an organisation and what they may do. Every such change waits for the others of its
//! organisation, so that a rule about all of them ("somebody must own it") holds whatever happens at the same moment.

use rhiza_kernel::{Env, OrgScope};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::{Caller, OrgAccess, Policies};
use rhiza_platform::outbox::{self, Event};
use rhiza_store::{Db, StoreError, Tx};
use serde_json::Value;

use super::Giver;
use crate::errors::IdentityError;
use crate::keys::KnownKeys;
use crate::organizations::{self, ProjectDirectory};
use crate::sessions::KnownSessions;

/// What the use cases of members, teams, roles and invitations share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Governance {
    pub(crate) db: Db,
    pub(crate) env: Env,
    pub(crate) policies: Policies,
    pub(crate) directory: ProjectDirectory,
    pub(crate) known_keys: KnownKeys,
    pub(crate) known_sessions: KnownSessions,
}

impl std::fmt::Debug for Governance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Governance")
    }
}

impl Governance {
    /// Begins a change: nobody else changes the organisation until the transaction ends.
    pub(crate) async fn begin(&self, access: &OrgAccess) -> Result<(Tx, Giver<'_>), IdentityError> {
        let tx = self.db.write(&access.scope).await?;
        organizations::store::lock(&tx, &access.scope).await?;
        let giver = Giver::read(&tx, &self.policies, access).await?;
        Ok((tx, giver))
    }

    /// Writes what the audit chain and other slices learn of a change, and commits it.
    pub(crate) async fn commit(&self, tx: Tx, access: &OrgAccess, changes: &[Change]) -> Result<(), StoreError> {
        record(&tx, &access.scope, &access.caller, &self.env, changes).await?;
        tx.commit().await
    }
}

/// Writes what the audit chain and other slices learn of changes; last in their transaction.
pub(crate) async fn record(
    tx: &Tx,
    scope: &OrgScope,
    caller: &Caller,
    env: &Env,
    changes: &[Change],
) -> Result<(), StoreError> {
    for change in changes {
        let kind = format!("rhiza.identity.{}.{}", change.thing, change.done);
        let data = if change.after.is_null() { &change.before } else { &change.after };
        outbox::emit(tx, scope, Event::new(&kind, change.subject.clone()).data(data), env).await?;
    }
    for change in changes {
        let action = format!("identity.{}.{}", change.thing, change.deed);
        let mut entry = Entry::new(caller, &action, change.subject.clone());
        if !change.before.is_null() {
            entry = entry.before(&change.before);
        }
        if !change.after.is_null() {
            entry = entry.after(&change.after);
        }
        audit::record(tx, scope, entry, env).await?;
    }
    Ok(())
}

/// A change as the audit chain and events show it.
pub(crate) struct Change {
    thing: &'static str,
    deed: &'static str,
    done: &'static str,
    subject: String,
    before: Value,
    after: Value,
}

impl Change {
    /// `thing` is there now.
    pub(crate) fn created(thing: &'static str, subject: impl Into<String>, after: Value) -> Self {
        Self { thing, deed: "create", done: "created", subject: subject.into(), before: Value::Null, after }
    }

    /// `thing` is another now.
    pub(crate) fn updated(thing: &'static str, subject: impl Into<String>, before: Value, after: Value) -> Self {
        Self { thing, deed: "update", done: "updated", subject: subject.into(), before, after }
    }

    /// `thing` is gone.
    pub(crate) fn deleted(thing: &'static str, subject: impl Into<String>, before: Value) -> Self {
        Self { thing, deed: "delete", done: "deleted", subject: subject.into(), before, after: Value::Null }
    }

    /// The same change under another name.
    pub(crate) fn named(self, deed: &'static str, done: &'static str) -> Self {
        Self { deed, done, ..self }
    }
}
