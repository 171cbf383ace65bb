//! Buckets in this process: a hash map in many shards, whose memory has an upper bound whoever calls.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

use super::gcra::{Rate, Verdict, take};
use super::key::BucketKey;

/// So many locks that two threads rarely want the same one.
const SHARDS: usize = 64;

/// Buckets kept in all: some 15 MiB. An attacker with more addresses than this only pushes out the buckets that are
/// nearest to being full again, which are the ones that remember least.
const CAPACITY: usize = 64 * 4096;

/// A shard smaller than this is never swept.
const SMALLEST_SWEEP: usize = 128;

/// The buckets of one process.
pub(super) struct Local {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
}

#[derive(Default)]
struct Shard {
    buckets: HashMap<BucketKey, u64>,
    /// The number of buckets at which the next sweep is due.
    sweep_at: usize,
}

impl Local {
    pub(super) fn new() -> Self {
        let shard = || Mutex::new(Shard { buckets: HashMap::new(), sweep_at: SMALLEST_SWEEP });
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), hasher: RandomState::new() }
    }

    /// Takes `cost` units from the bucket of `key` at `now` (nanoseconds of a clock that never goes back).
    pub(super) fn take(&self, key: BucketKey, rate: Rate, now: u64, cost: u32) -> Verdict {
        if rate.is_unlimited() {
            return Verdict::UNLIMITED;
        }
        // The hasher's keys are random: nobody can choose addresses that all fall into one shard.
        let index = (self.hasher.hash_one(key) >> 58) as usize % SHARDS;
        let Some(shard) = self.shards.get(index) else { return Verdict::UNLIMITED };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tat) = shard.buckets.get_mut(&key) {
            let (verdict, next) = take(rate, *tat, now, cost);
            *tat = next;
            return verdict;
        }
        let (verdict, next) = take(rate, 0, now, cost);
        // A full bucket needs no entry.
        if next > now {
            shard.make_room(now);
            shard.buckets.insert(key, next);
        }
        verdict
    }

    /// How many buckets are kept.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().buckets.len()).sum()
    }
}

impl Shard {
    fn make_room(&mut self, now: u64) {
        if self.buckets.len() < self.sweep_at {
            return;
        }
        self.buckets.retain(|_, tat| *tat > now);
        let most = CAPACITY / SHARDS;
        if self.buckets.len() >= most {
            // An eighth at once: the next such pass is hundreds of new callers away.
            let mut tats: Vec<u64> = self.buckets.values().copied().collect();
            let (_, border, _) = tats.select_nth_unstable(most / 8);
            let border = *border;
            self.buckets.retain(|_, tat| *tat > border);
        }
        // Doubling makes the sweeps cheap on the whole; giving memory back matters only after a flood.
        self.sweep_at = (self.buckets.len() * 2).clamp(SMALLEST_SWEEP, most);
        if self.buckets.capacity() > 4 * self.sweep_at {
            self.buckets.shrink_to(self.sweep_at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::{Duration, Instant};

    use super::super::key::place;
    use super::*;

    fn key(n: u32) -> BucketKey {
        BucketKey::new("test", place(IpAddr::V4(Ipv4Addr::from(n))))
    }

    #[test]
    fn each_caller_has_a_bucket_of_their_own() {
        let local = Local::new();
        let rate = Rate::per_minute(2);
        assert!(local.take(key(1), rate, 0, 2).allowed);
        assert!(!local.take(key(1), rate, 0, 1).allowed);
        assert!(local.take(key(2), rate, 0, 1).allowed);
        assert!(local.take(BucketKey::new("other", place(IpAddr::V4(Ipv4Addr::from(1)))), rate, 0, 1).allowed);
    }

    #[test]
    fn memory_is_bounded_and_the_worst_offender_is_remembered() {
        let local = Local::new();
        let rate = Rate::per_minute(60);
        assert!(local.take(key(u32::MAX), rate, 1, 60).allowed);
        for n in 0..1_000_000 {
            local.take(key(n), rate, 1, 1);
        }
        assert!(local.len() <= CAPACITY, "{}", local.len());
        assert!(local.len() > CAPACITY / 2, "{}", local.len());
        assert!(!local.take(key(u32::MAX), rate, 1, 1).allowed, "a flood of strangers must not absolve anybody");
    }

    #[test]
    fn what_is_at_rest_is_forgotten() {
        let local = Local::new();
        let rate = Rate::per_minute(60);
        for n in 0..100_000 {
            local.take(key(n), rate, 1, 1);
        }
        assert_eq!(local.len(), 100_000);
        let later = 3_600_000_000_000;
        for n in 200_000..300_000 {
            local.take(key(n), rate, later, 1);
        }
        assert!(local.len() < 150_000, "{}", local.len());
    }

    #[test]
    fn looking_leaves_no_trace() {
        let local = Local::new();
        for n in 0..1000 {
            local.take(key(n), Rate::per_minute(5), 1, 0);
        }
        assert_eq!(local.len(), 0);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "it measures this machine")]
    fn a_decision_takes_no_noticeable_time() {
        let local = Local::new();
        let rate = Rate::per_minute(1_000_000);
        let started = Instant::now();
        for n in 0..100_000_u32 {
            local.take(key(n % 1000), rate, u64::from(n), 1);
        }
        let each = started.elapsed() / 100_000;
        println!("one decision: {each:?}");
        // Without optimisation, on a busy machine; the benchmark gives the real figure.
        assert!(each < Duration::from_micros(50), "{each:?}");
    }
}
