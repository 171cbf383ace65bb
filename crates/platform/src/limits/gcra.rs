//! The arithmetic of the generic cell rate algorithm. A bucket is one number, the theoretical arrival time (TAT): when
//! the bucket will be full again. Everything else follows from it, so a bucket costs eight bytes and no timer.

use std::time::Duration;

/// `limit` units a `window`; all of them may be taken at once, and they come back evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The most units the bucket holds; 0 means unlimited.
    limit: u32,
    /// Nanoseconds until one unit comes back.
    unit: u64,
}

/// Longest time until an empty bucket is full: what is slower than a month is a quota, not a rate.
const LONGEST_WINDOW: Duration = Duration::from_secs(31 * 86_400);

impl Rate {
    /// No limit at all.
    pub const UNLIMITED: Self = Self { limit: 0, unit: 0 };

    /// `limit` units a `window`; 0 means unlimited.
    #[must_use]
    pub fn new(limit: u32, window: Duration) -> Self {
        if limit == 0 {
            return Self::UNLIMITED;
        }
        let window = nanos(window.min(LONGEST_WINDOW));
        Self { limit, unit: (window / u64::from(limit)).max(1) }
    }

    /// `limit` units a minute; 0 means unlimited.
    #[must_use]
    pub fn per_minute(limit: u32) -> Self {
        Self::new(limit, Duration::from_secs(60))
    }

    /// `burst` units at once, and one more every `per`.
    #[must_use]
    pub fn burst(burst: u32, per: Duration) -> Self {
        Self::new(burst, per.saturating_mul(burst))
    }

    /// Whether there is no limit.
    #[must_use]
    pub const fn is_unlimited(self) -> bool {
        self.limit == 0
    }

    /// The most units the bucket holds; 0 means unlimited.
    #[must_use]
    pub const fn limit(self) -> u32 {
        self.limit
    }

    /// Nanoseconds until one unit comes back.
    pub(super) const fn unit(self) -> u64 {
        self.unit
    }

    /// Nanoseconds until an empty bucket is full.
    const fn whole(self) -> u64 {
        self.unit.saturating_mul(self.limit as u64)
    }
}

/// What a bucket answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the units were taken.
    pub allowed: bool,
    /// The most units the bucket holds; 0 means unlimited.
    pub limit: u32,
    /// Units left.
    pub remaining: u32,
    /// Time until the bucket is full again.
    pub reset: Duration,
    /// When refused: time until the same request would be allowed; `None` when it never would, because it costs more
    /// than the bucket holds.
    pub retry_after: Option<Duration>,
}

impl Verdict {
    /// The answer where there is no limit.
    pub const UNLIMITED: Self =
        Self { allowed: true, limit: 0, remaining: 0, reset: Duration::ZERO, retry_after: None };
}

/// Takes `cost` units at `now` from the bucket with this TAT (nanoseconds, same clock). Returns the answer and the new
/// TAT, which is the old one when the units were refused. A cost of 0 only looks.
pub(super) fn take(rate: Rate, tat: u64, now: u64, cost: u32) -> (Verdict, u64) {
    if rate.is_unlimited() {
        return (Verdict::UNLIMITED, tat);
    }
    let whole = rate.whole();
    // No bucket can be emptier than empty. A TAT beyond that was written under a clock that has gone back since, or
    // under a larger limit: believing it would refuse the caller for that whole time.
    let tat = tat.clamp(now, now.saturating_add(whole));
    let next = tat.saturating_add(rate.unit.saturating_mul(u64::from(cost)));
    let used = next - now;
    if cost > rate.limit || used > whole {
        let retry_after = (cost <= rate.limit).then(|| Duration::from_nanos(used - whole));
        return (verdict(rate, false, tat - now, retry_after), tat);
    }
    (verdict(rate, true, used, None), next)
}

fn verdict(rate: Rate, allowed: bool, used: u64, retry_after: Option<Duration>) -> Verdict {
    let left = (rate.whole().saturating_sub(used)) / rate.unit.max(1);
    Verdict {
        allowed,
        limit: rate.limit,
        remaining: u32::try_from(left).unwrap_or(u32::MAX).min(rate.limit),
        reset: Duration::from_nanos(used),
        retry_after,
    }
}

/// A duration in whole nanoseconds; far beyond any clock of ours it stops growing.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn allowed(rate: Rate, tat: &mut u64, now: u64, cost: u32) -> Verdict {
        let (verdict, next) = take(rate, *tat, now, cost);
        *tat = next;
        verdict
    }

    #[test]
    fn the_whole_limit_at_once_and_then_evenly() {
        let rate = Rate::per_minute(60);
        let mut tat = 0;
        for left in (0..60).rev() {
            let verdict = allowed(rate, &mut tat, 5, 1);
            assert!(verdict.allowed);
            assert_eq!(verdict.remaining, left);
        }
        let refused = allowed(rate, &mut tat, 5, 1);
        assert!(!refused.allowed);
        assert_eq!(refused.retry_after, Some(Duration::from_secs(1)));
        assert_eq!(refused.reset, Duration::from_secs(60));
        assert!(allowed(rate, &mut tat, 5 + SECOND, 1).allowed);
        assert!(!allowed(rate, &mut tat, 5 + SECOND, 1).allowed);
    }

    #[test]
    fn a_cost_beyond_the_bucket_never_passes_and_takes_nothing() {
        let rate = Rate::per_minute(10);
        let mut tat = 0;
        let refused = allowed(rate, &mut tat, 0, 11);
        assert!(!refused.allowed);
        assert_eq!(refused.retry_after, None);
        assert!(allowed(rate, &mut tat, 0, 10).allowed, "nothing was taken");
        let refused = allowed(rate, &mut tat, 0, 4);
        assert_eq!(refused.retry_after, Some(Duration::from_secs(24)));
        assert!(!allowed(rate, &mut tat, 0, u32::MAX).allowed);
    }

    #[test]
    fn a_clock_that_goes_back_locks_nobody_out() {
        let rate = Rate::per_minute(60);
        let mut tat = 1_000_000 * SECOND;
        let verdict = allowed(rate, &mut tat, 10 * SECOND, 1);
        assert!(!verdict.allowed, "the bucket counts as empty");
        assert_eq!(verdict.retry_after, Some(Duration::from_secs(1)));
    }

    #[test]
    fn looking_takes_nothing() {
        let rate = Rate::per_minute(2);
        let mut tat = 0;
        assert!(allowed(rate, &mut tat, 0, 0).allowed);
        assert_eq!(allowed(rate, &mut tat, 0, 2).remaining, 0);
        let look = allowed(rate, &mut tat, 0, 0);
        assert_eq!((look.allowed, look.remaining), (true, 0));
    }

    #[test]
    fn no_limit_is_no_limit() {
        for rate in [Rate::UNLIMITED, Rate::per_minute(0), Rate::new(0, Duration::MAX)] {
            assert!(take(rate, u64::MAX, 0, u32::MAX).0.allowed);
        }
        // Neither extreme of a window may divide by zero or overflow.
        for rate in
            [Rate::new(u32::MAX, Duration::ZERO), Rate::new(1, Duration::MAX), Rate::burst(u32::MAX, Duration::MAX)]
        {
            assert!(take(rate, 0, u64::MAX / 2, 1).0.allowed);
            take(rate, u64::MAX, u64::MAX, u32::MAX);
        }
    }

    proptest! {
        /// Over any time no more than the limit plus what came back passes, whatever the clock does in between.
        #[test]
        fn never_more_than_the_bucket_and_what_came_back(
            limit in 1_u32..50,
            window in 1_u64..100,
            steps in proptest::collection::vec((0_u64..5_000_000_000, 0_u32..10), 1..200),
        ) {
            let rate = Rate::new(limit, Duration::from_secs(window));
            let (mut tat, mut now, mut taken) = (0, 7 * SECOND, 0_u64);
            let start = now;
            for (step, cost) in steps {
                now += step;
                if allowed(rate, &mut tat, now, cost).allowed {
                    taken += u64::from(cost);
                }
                let most = u64::from(limit) + (now - start) / rate.unit();
                prop_assert!(taken <= most, "{taken} > {most}");
            }
        }
    }
}
