//! Counts in memory: what the database knew when it was last asked, and what was counted since.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rhiza_kernel::OrgId;

use super::model::Quota;

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in super::super) struct Key {
    pub(in super::super) org: OrgId,
    pub(in super::super) quota: Quota,
    pub(in super::super) period: i64,
}

/// Counts on their way into the database. The number tells a batch that is sent again from a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Batch {
    pub(in super::super) number: i64,
    pub(in super::super) counts: Vec<(Key, u64)>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counter {
    /// What the database said; `None` until it was asked.
    stored: Option<u64>,
    /// In the batch that is being written.
    sent: u64,
    /// Counted since.
    pending: u64,
    /// Passes of writing down since somebody counted here.
    idle: u32,
}

impl Counter {
    const fn used(&self) -> u64 {
        self.stored_or_zero().saturating_add(self.sent).saturating_add(self.pending)
    }

    const fn stored_or_zero(&self) -> u64 {
        match self.stored {
            Some(stored) => stored,
            None => 0,
        }
    }
}

/// A counter that nobody touched for so many passes is dropped; the database remembers.
const IDLE_PASSES: u32 = 300;

#[derive(Default)]
struct State {
    counters: HashMap<Key, Counter>,
    /// The batch whose fate is unknown.
    unsent: Option<Batch>,
    last_number: i64,
}

/// All counters of a process.
#[derive(Default)]
pub(super) struct Counters(Mutex<State>);

/// What came of counting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// It was counted.
    Yes,
    /// It would exceed the limit; this much is used.
    Exceeded(u64),
    /// The database must be asked first.
    Unknown,
}

impl Counters {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts `n`, unless that would exceed `limit`.
    pub(super) fn count(&self, key: Key, n: u64, limit: Option<u64>) -> Counted {
        let mut state = self.lock();
        let counter = state.counters.entry(key).or_default();
        counter.idle = 0;
        if let Some(limit) = limit {
            if counter.stored.is_none() {
                return Counted::Unknown;
            }
            if counter.used().saturating_add(n) > limit {
                return Counted::Exceeded(counter.used());
            }
        }
        counter.pending = counter.pending.saturating_add(n);
        Counted::Yes
    }

    /// What is used as far as is known; `None` when the database was never asked.
    #[cfg(test)]
    fn used(&self, key: &Key) -> Option<u64> {
        self.lock().counters.get(key).filter(|counter| counter.stored.is_some()).map(Counter::used)
    }

    /// Notes what the database said before anything of this process was counted there.
    pub(super) fn load(&self, key: Key, stored: u64) {
        let mut state = self.lock();
        let counter = state.counters.entry(key).or_default();
        counter.stored.get_or_insert(stored);
    }

    /// The batch to write now, and everything whose stored count is of interest. A batch that failed comes again,
    /// unchanged, until it is acknowledged: only so is it certain that nothing is written twice.
    pub(super) fn batch(&self) -> (Option<Batch>, Vec<Key>) {
        let mut state = self.lock();
        if state.unsent.is_none() {
            let mut counts = Vec::new();
            for (key, counter) in &mut state.counters {
                counter.idle = counter.idle.saturating_add(1);
                if counter.pending > 0 {
                    counter.sent = std::mem::take(&mut counter.pending);
                    counts.push((*key, counter.sent));
                }
            }
            if !counts.is_empty() {
                counts.sort_unstable();
                state.last_number += 1;
                state.unsent = Some(Batch { number: state.last_number, counts });
            }
            state.counters.retain(|_, counter| counter.idle < IDLE_PASSES || counter.sent > 0);
        }
        (state.unsent.clone(), state.counters.keys().copied().collect())
    }

    /// The batch is in the database.
    pub(super) fn written(&self, number: i64) {
        let mut state = self.lock();
        let Some(batch) = state.unsent.take_if(|batch| batch.number == number) else { return };
        for (key, count) in batch.counts {
            if let Some(counter) = state.counters.get_mut(&key) {
                counter.sent = 0;
                // Where the database was never asked, the next look does not depend on this.
                counter.stored = counter.stored.map(|stored| stored.saturating_add(count));
            }
        }
    }

    /// What the database says now, with everything of this process that was sent.
    pub(super) fn refresh(&self, stored: &[(Key, u64)]) {
        let mut state = self.lock();
        for (key, used) in stored {
            if let Some(counter) = state.counters.get_mut(key).filter(|counter| counter.sent == 0) {
                counter.stored = Some(*used);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rhiza_kernel::TypedId as _;
    use uuid::Uuid;

    use super::*;

    fn key(org: u128) -> Key {
        Key { org: OrgId::from_uuid(Uuid::from_u128(org)), quota: Quota::Requests, period: 202_611 }
    }

    #[test]
    fn a_limit_counts_what_is_stored_sent_and_pending() {
        let counters = Counters::default();
        assert_eq!(counters.count(key(1), 1, Some(10)), Counted::Unknown);
        counters.load(key(1), 5);
        assert_eq!(counters.count(key(1), 3, Some(10)), Counted::Yes);
        let (batch, _) = counters.batch();
        assert_eq!(batch.unwrap().counts, [(key(1), 3)]);
        assert_eq!(counters.count(key(1), 2, Some(10)), Counted::Yes);
        assert_eq!(counters.count(key(1), 1, Some(10)), Counted::Exceeded(10));
        assert_eq!(counters.count(key(1), u64::MAX, Some(u64::MAX - 1)), Counted::Exceeded(10));
        counters.written(1);
        assert_eq!(counters.used(&key(1)), Some(10));
        assert_eq!(counters.count(key(1), 1, Some(10)), Counted::Exceeded(10));
    }

    #[test]
    fn a_batch_that_failed_comes_again_unchanged() {
        let counters = Counters::default();
        assert_eq!(counters.count(key(1), 1, None), Counted::Yes);
        let (first, _) = counters.batch();
        counters.count(key(1), 7, None);
        counters.count(key(2), 1, None);
        let (again, _) = counters.batch();
        assert_eq!(first, again);
        counters.written(first.unwrap().number);
        let (next, _) = counters.batch();
        assert_eq!(next.unwrap(), Batch { number: 2, counts: vec![(key(1), 7), (key(2), 1)] });
        // An acknowledgement that comes twice changes nothing.
        counters.written(1);
        assert!(counters.batch().0.is_some());
        counters.written(2);
        assert!(counters.batch().0.is_none());
    }

    #[test]
    fn what_others_wrote_is_learned_and_the_idle_are_forgotten() {
        let counters = Counters::default();
        counters.load(key(1), 0);
        counters.count(key(1), 1, Some(10));
        let (batch, keys) = counters.batch();
        assert_eq!(keys, [key(1)]);
        counters.written(batch.unwrap().number);
        counters.refresh(&[(key(1), 9), (key(3), 4)]);
        assert_eq!(counters.used(&key(1)), Some(9));
        assert_eq!(counters.used(&key(3)), None);
        for _ in 0..IDLE_PASSES {
            counters.batch();
        }
        assert_eq!(counters.used(&key(1)), None);
    }
}
