//! What was denied, gathered in memory and written to the chain every few seconds: refusing must not cost a write, and
//! a program that asks the same thing a thousand times a second must not flood the chain. The first denial of its kind
//! is written with the next batch; repeats are counted and written once a minute for as long as they go on.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, OrgId, OrgScope};
use rhiza_store::{Db, StoreError};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::model::Entry;
use super::store;
use crate::authz::{Actor, Caller};

/// How often what has gathered is written.
const WRITE_EVERY: Duration = Duration::from_secs(5);

/// Repeats of the same denial are written together once in this time.
const COUNT_FOR: Duration = Duration::from_secs(60);

/// Different denials of one organisation remembered at the same time. Whoever makes more kinds than this in a minute is
/// counted under one kind: the organisation's "other".
const KINDS: usize = 500;

/// Addresses named in one entry.
const ADDRESSES: usize = 8;

/// Attempts to write when the process stops.
const LAST_ATTEMPTS: u32 = 3;

/// Something that was denied to somebody whose organisation is known.
#[derive(Debug, Clone)]
pub struct Denied {
    /// The organisation.
    pub org: OrgId,
    /// Who tried.
    pub caller: Caller,
    /// `authz.request.deny` and the like.
    pub action: &'static str,
    /// What they tried: method and route, or the credential.
    pub subject: String,
    /// What lacked: a permission, or what is wrong with the credential.
    pub reason: String,
}

/// What makes two denials the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    org: OrgId,
    actor_kind: &'static str,
    actor_id: String,
    action: &'static str,
    subject: String,
    reason: String,
}

/// Denials of one kind that are not written yet.
#[derive(Debug, Clone)]
struct Tally {
    caller: Caller,
    count: u64,
    first: DateTime<Utc>,
    last: DateTime<Utc>,
    addresses: BTreeSet<IpAddr>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        if other.last >= self.last {
            self.last = other.last;
            self.caller = other.caller;
        }
        self.addresses.extend(other.addresses);
        while self.addresses.len() > ADDRESSES {
            self.addresses.pop_last();
        }
    }
}

#[derive(Debug)]
struct Slot {
    tally: Option<Tally>,
    /// Not written before (monotonic time).
    quiet_until: Duration,
}

#[derive(Debug, Default)]
struct Pending {
    slots: HashMap<Kind, Slot>,
    kinds: HashMap<OrgId, usize>,
}

impl Pending {
    fn note(&mut self, kind: Kind, tally: Tally, now: Duration) {
        if let Some(slot) = self.slots.get_mut(&kind) {
            match &mut slot.tally {
                Some(open) => open.add(tally),
                empty => *empty = Some(tally),
            }
            return;
        }
        let kinds = self.kinds.entry(kind.org).or_default();
        if *kinds < KINDS || kind.reason == OTHER {
            *kinds += 1;
            self.slots.insert(kind, Slot { tally: Some(tally), quiet_until: now });
        } else {
            let caller = Caller { actor: Actor::System, ..tally.caller };
            let other = Kind {
                actor_kind: Actor::System.kind(),
                actor_id: String::new(),
                subject: OTHER.to_owned(),
                reason: OTHER.to_owned(),
                ..kind
            };
            self.note(other, Tally { caller, ..tally }, now);
        }
    }

    /// What is to be written now; `all` takes what would wait for repeats too.
    fn due(&mut self, now: Duration, all: bool) -> Vec<(Kind, Tally)> {
        let mut due = Vec::new();
        let kinds = &mut self.kinds;
        self.slots.retain(|kind, slot| {
            if slot.quiet_until > now && !all {
                return true;
            }
            if let Some(tally) = slot.tally.take() {
                slot.quiet_until = now + COUNT_FOR;
                due.push((kind.clone(), tally));
                return true;
            }
            // A minute without a repeat: the next one is news again.
            if let Some(count) = kinds.get_mut(&kind.org) {
                *count -= 1;
                if *count == 0 {
                    kinds.remove(&kind.org);
                }
            }
            false
        });
        due
    }
}

/// The reason of what is counted together for want of room.
const OTHER: &str = "other";

/// The denials not yet written. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Denials(Arc<Mutex<Pending>>);

/// What an entry says beyond who and what.
#[derive(Serialize)]
struct After<'a> {
    reason: &'a str,
    count: u64,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    addresses: &'a BTreeSet<IpAddr>,
}

impl Denials {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        // Every change leaves the map whole at each step: a panic elsewhere cannot leave it half made.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a denial. Never waits.
    pub fn note(&self, denied: Denied, env: &Env) {
        let Denied { org, caller, action, subject, reason } = denied;
        let now = env.now();
        let kind =
            Kind { org, actor_kind: caller.actor.kind(), actor_id: caller.actor.id_text(), action, subject, reason };
        let addresses = caller.address.into_iter().collect();
        let tally = Tally { caller, count: 1, first: now, last: now, addresses };
        self.pending().note(kind, tally, env.monotonic());
    }

    /// Writes what has gathered every few seconds until `shutdown`.
    pub async fn run(self, db: Db, env: Env, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(tokio::time::sleep(WRITE_EVERY)).await.is_some() {
            if let Err(error) = self.write(&db, &env, false).await {
                tracing::error!(error = &error as &dyn std::error::Error, "denials wait to be recorded");
            }
        }
    }

    /// Writes everything, for when the last request was answered and before the database is closed.
    pub async fn finish(&self, db: &Db, env: &Env) {
        for attempt in 1..=LAST_ATTEMPTS {
            match self.write(db, env, true).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::error!(attempt, error = &error as &dyn std::error::Error, "denials were not recorded");
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Writes what is due, or everything. What cannot be written stays.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn write(&self, db: &Db, env: &Env, all: bool) -> Result<(), StoreError> {
        let mut due = self.pending().due(env.monotonic(), all);
        // One transaction per organisation, whose chain it locks.
        due.sort_by_key(|(kind, tally)| (kind.org, tally.first));
        let mut failed = None;
        for group in due.chunk_by(|a, b| a.0.org == b.0.org) {
            if let Err(error) = append(db, env, group).await {
                let mut pending = self.pending();
                group.iter().for_each(|(kind, tally)| pending.put_back(kind, tally.clone()));
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

impl Pending {
    /// After a failure: to be written with the next batch.
    fn put_back(&mut self, kind: &Kind, tally: Tally) {
        self.note(kind.clone(), tally, Duration::ZERO);
        if let Some(slot) = self.slots.get_mut(kind) {
            slot.quiet_until = Duration::ZERO;
        }
    }
}

async fn append(db: &Db, env: &Env, group: &[(Kind, Tally)]) -> Result<(), StoreError> {
    let Some((first, _)) = group.first() else { return Ok(()) };
    let scope = OrgScope::new(first.org);
    let tx = db.write(&scope).await?;
    for (kind, tally) in group {
        let none = BTreeSet::new();
        let after = After {
            reason: &kind.reason,
            count: tally.count,
            first_at: tally.first,
            last_at: tally.last,
            // One address stands in the entry's own field.
            addresses: if tally.addresses.len() > 1 { &tally.addresses } else { &none },
        };
        let entry = Entry::new(&tally.caller, kind.action, kind.subject.clone()).after(&after);
        store::record(&tx, &scope, entry, env).await?;
    }
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use rhiza_kernel::{KeyId, TypedId as _};

    use super::*;

    fn denied(key: u128, subject: &str) -> Denied {
        let actor = Actor::Key { id: KeyId::from_uuid(uuid::Uuid::from_u128(key)), owner: None, service_account: None };
        Denied {
            org: OrgId::from_uuid(uuid::Uuid::from_u128(1)),
            caller: Caller { actor, address: Some("192.0.2.1".parse().unwrap()), request_id: None },
            action: "authz.request.deny",
            subject: subject.to_owned(),
            reason: "keys:manage".to_owned(),
        }
    }

    fn counts(denials: &Denials, env: &Env, all: bool) -> Vec<u64> {
        denials.pending().due(env.monotonic(), all).iter().map(|(_, tally)| tally.count).collect()
    }

    #[test]
    fn the_first_is_told_at_once_and_repeats_once_a_minute() {
        let (env, clock) = Env::fixed(DateTime::from_timestamp(0, 0).unwrap(), 1);
        let denials = Denials::default();
        denials.note(denied(1, "GET /a"), &env);
        assert_eq!(counts(&denials, &env, false), [1]);
        for _ in 0..11 {
            clock.advance(Duration::from_secs(5));
            (0..100).for_each(|_| denials.note(denied(1, "GET /a"), &env));
            assert_eq!(counts(&denials, &env, false), [0; 0]);
        }
        denials.note(denied(2, "GET /a"), &env);
        denials.note(denied(1, "GET /b"), &env);
        assert_eq!(counts(&denials, &env, false), [1, 1], "other callers and routes are news");
        clock.advance(Duration::from_secs(5));
        assert_eq!(counts(&denials, &env, false), [1100]);
        denials.note(denied(1, "GET /a"), &env);
        assert_eq!(counts(&denials, &env, true), [1], "a stopping process waits for no repeats");
        clock.advance(COUNT_FOR);
        assert_eq!(counts(&denials, &env, false), [0; 0]);
        assert!(denials.pending().slots.is_empty() && denials.pending().kinds.is_empty(), "nothing is kept for ever");
    }

    #[test]
    fn memory_is_bounded_and_nothing_goes_uncounted() {
        let (env, _) = Env::fixed(DateTime::from_timestamp(0, 0).unwrap(), 1);
        let denials = Denials::default();
        for key in 0..10_000 {
            denials.note(denied(key, "GET /a"), &env);
        }
        let all = counts(&denials, &env, true);
        assert_eq!(all.len(), KINDS + 1);
        assert_eq!(all.iter().sum::<u64>(), 10_000);
    }

    #[test]
    fn what_could_not_be_written_is_kept_with_its_count() {
        let (env, _) = Env::fixed(DateTime::from_timestamp(0, 0).unwrap(), 1);
        let denials = Denials::default();
        denials.note(denied(1, "GET /a"), &env);
        let due = denials.pending().due(env.monotonic(), false);
        denials.note(denied(1, "GET /a"), &env);
        denials.pending().put_back(&due[0].0, due[0].1.clone());
        assert_eq!(counts(&denials, &env, false), [2]);
    }
}
