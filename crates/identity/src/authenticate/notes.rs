//! What is worth writing down of authentication, gathered in memory and written every few seconds: when keys and
//! sessions were last used, and which sign-ins failed. Kept off the request's path for two reasons: reading must not
//! cost a write, and a refused sign-in must take equally long whether or not the account exists.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, KeyId, OrgId, SessionId, UserId};
use rhiza_platform::authz::Actor;
use rhiza_store::{Db, StoreError};

use super::system;

/// A use is written down when the last one written is older than this.
pub(super) const USED_EVERY: Duration = Duration::from_secs(60);

/// Failed sign-ins kept between two writes. More than a flood limited by address can make in five seconds; beyond it
/// they are counted only.
const MAX_FAILED: usize = 1000;

/// A refused sign-in.
#[derive(Debug, Clone)]
pub(crate) struct FailedSignIn {
    /// Whose account it was tried on; none when there is no such account. What was typed then is not kept: people
    /// type passwords into the wrong field.
    pub(crate) account: Option<UserId>,
    pub(crate) address: IpAddr,
    pub(crate) user_agent: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) at: DateTime<Utc>,
}

/// A credential that was good, but not from where it was used.
#[derive(Debug, Clone)]
pub(super) struct Elsewhere {
    pub(super) org: OrgId,
    pub(super) actor: Actor,
    pub(super) address: IpAddr,
    pub(super) at: DateTime<Utc>,
    pub(super) times: u64,
}

#[derive(Debug, Default)]
pub(super) struct Pending {
    /// By credential and address: whoever has found a key tries it more than once.
    pub(super) elsewhere: HashMap<(String, IpAddr), Elsewhere>,
    pub(super) keys: HashMap<KeyId, DateTime<Utc>>,
    pub(super) sessions: HashMap<SessionId, DateTime<Utc>>,
    pub(super) failed: Vec<FailedSignIn>,
    pub(super) uncounted: usize,
}

/// The notes not yet written.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<Pending>);

impl Notes {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        // Every change of the notes is a single insertion: a panic elsewhere cannot leave them half made.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn key_used(&self, key: KeyId, last: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        if last.is_none_or(|last| now - last >= USED_EVERY_DELTA) {
            self.pending().keys.insert(key, now);
        }
    }

    pub(crate) fn session_seen(&self, session: SessionId, last: DateTime<Utc>, now: DateTime<Utc>) {
        if now - last >= USED_EVERY_DELTA {
            self.pending().sessions.insert(session, now);
        }
    }

    pub(crate) fn refused_elsewhere(&self, org: OrgId, actor: &Actor, address: IpAddr, at: DateTime<Utc>) {
        let mut pending = self.pending();
        let key = (actor.id_text(), address);
        if let Some(known) = pending.elsewhere.get_mut(&key) {
            known.times += 1;
        } else if pending.elsewhere.len() < MAX_FAILED {
            let refused = Elsewhere { org, actor: actor.clone(), address, at, times: 1 };
            pending.elsewhere.insert(key, refused);
        }
    }

    pub(crate) fn sign_in_failed(&self, failed: FailedSignIn) {
        let mut pending = self.pending();
        if pending.failed.len() < MAX_FAILED {
            pending.failed.push(failed);
        } else {
            pending.uncounted += 1;
        }
    }

    /// Writes down what has gathered.
    pub(crate) async fn write(&self, db: &Db, env: &Env, idle: Duration) -> Result<(), StoreError> {
        let pending = std::mem::take(&mut *self.pending());
        let unknown = pending.failed.iter().filter(|f| f.account.is_none()).count();
        if unknown + pending.uncounted > 0 {
            tracing::warn!(
                unknown_accounts = unknown,
                beyond_the_limit = pending.uncounted,
                "sign-ins failed that belong to no account"
            );
        }
        system::write_uses(db, &pending, idle).await?;
        system::record_elsewhere(db, env, pending.elsewhere.into_values().collect()).await?;
        system::record_failed(db, env, pending.failed).await
    }
}

const USED_EVERY_DELTA: chrono::TimeDelta = chrono::TimeDelta::seconds(USED_EVERY.as_secs() as i64);
