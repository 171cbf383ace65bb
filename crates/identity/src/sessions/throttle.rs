//! How often sign-in may be tried. Two limits, both by where the attempts come from, so that a stranger can slow down
//! only themselves: an account is never locked for its owner at another address.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use rhiza_kernel::Env;

use crate::errors::IdentityError;

/// Attempts between two sweeps that drop the limits which are back at rest.
const SWEEP_EVERY: u32 = 1024;

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, EnvClock, NoOpMiddleware<Moment>>;

/// GCRA limits of sign-in attempts, in this process.
pub(crate) struct Throttle {
    by_address: Limiter<IpAddr>,
    by_account: Limiter<(IpAddr, String)>,
    clock: EnvClock,
    attempts: AtomicU32,
}

impl Throttle {
    pub(crate) fn new(env: Env) -> Self {
        let clock = EnvClock(env);
        // An office behind one address signs in in the morning: 60 at once, then one every two seconds.
        let by_address = quota(60, Duration::from_secs(2));
        // A person mistypes a few times: 8 at once, then one every 15 seconds, which is 5,760 guesses a day.
        let by_account = quota(8, Duration::from_secs(15));
        Self {
            by_address: RateLimiter::new(by_address, HashMapStateStore::default(), clock.clone()),
            by_account: RateLimiter::new(by_account, HashMapStateStore::default(), clock.clone()),
            clock,
            attempts: AtomicU32::new(0),
        }
    }

    /// Counts an attempt from `address` on the account of `email_key`, which may or may not exist.
    pub(crate) fn attempt(&self, address: IpAddr, email_key: &str) -> Result<(), IdentityError> {
        let place = place(address);
        // The address first: one that tries many accounts is stopped before each try costs a new entry below.
        let refused = match self.by_address.check_key(&place) {
            Err(refused) => Some(refused),
            Ok(()) => self.by_account.check_key(&(place, email_key.to_owned())).err(),
        };
        self.sweep();
        match refused {
            None => Ok(()),
            Some(refused) => Err(IdentityError::Throttled(refused.wait_time_from(self.clock.now()))),
        }
    }

    fn sweep(&self) {
        if self.attempts.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.by_account.retain_recent();
            self.by_address.retain_recent();
        }
    }
}

/// `burst` at once, and one more every `per`.
fn quota(burst: u32, per: Duration) -> Quota {
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(per).unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN)).allow_burst(burst)
}

/// What counts as one place: an IPv4 address, or the /64 that a single IPv6 subscriber gets.
fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let s = v6.segments();
            IpAddr::V6(Ipv6Addr::new(s[0], s[1], s[2], s[3], 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// The injected clock in the limiter's terms.
#[derive(Clone)]
struct EnvClock(Env);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(u64);

impl std::ops::Add<Nanos> for Moment {
    type Output = Self;

    fn add(self, other: Nanos) -> Self {
        Self(self.0.saturating_add(other.as_u64()))
    }
}

impl Reference for Moment {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.checked_sub(duration.as_u64()).unwrap_or(self.0))
    }
}

impl Clock for EnvClock {
    type Instant = Moment;

    fn now(&self) -> Moment {
        Moment(u64::try_from(self.0.monotonic().as_nanos()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle() -> (Throttle, std::sync::Arc<rhiza_kernel::FixedClock>) {
        let (env, clock) = Env::fixed(chrono::DateTime::from_timestamp(1_780_000_000, 0).unwrap(), 1);
        // A process that has just started: limits must hold from its first second.
        (Throttle::new(env), clock)
    }

    fn allowed(throttle: &Throttle, address: &str, email: &str, tries: usize) -> usize {
        (0..tries).filter(|_| throttle.attempt(address.parse().unwrap(), email).is_ok()).count()
    }

    #[test]
    fn guessing_one_account_is_slowed_and_its_owner_elsewhere_is_not() {
        let (throttle, clock) = throttle();
        assert_eq!(allowed(&throttle, "203.0.113.1", "ada@example.com", 20), 8);
        assert_eq!(allowed(&throttle, "198.51.100.1", "ada@example.com", 3), 3);
        let refused = throttle.attempt("203.0.113.1".parse().unwrap(), "ada@example.com").unwrap_err();
        assert!(refused.retry_after().unwrap() <= Duration::from_secs(15));
        clock.advance(Duration::from_secs(15));
        assert_eq!(allowed(&throttle, "203.0.113.1", "ada@example.com", 5), 1);
    }

    #[test]
    fn spraying_many_accounts_from_one_place_is_slowed() {
        let (throttle, _) = throttle();
        let tries = (0..100).filter(|n| {
            // The whole /64 is one place.
            let address = format!("2001:db8::{n:x}").parse().unwrap();
            throttle.attempt(address, &format!("user{n}@example.com")).is_ok()
        });
        assert_eq!(tries.count(), 60);
        assert_eq!(allowed(&throttle, "2001:db8:0:1::1", "user1@example.com", 1), 1);
    }

    #[test]
    fn memory_is_given_back_when_limits_are_at_rest() {
        let (throttle, clock) = throttle();
        let address = |n: u32| IpAddr::V4(std::net::Ipv4Addr::from(n));
        for n in 0..SWEEP_EVERY - 1 {
            throttle.attempt(address(n), "x@example.com").unwrap();
        }
        assert_eq!(throttle.by_account.len(), SWEEP_EVERY as usize - 1);
        clock.advance(Duration::from_secs(3600));
        throttle.attempt(address(u32::MAX), "x@example.com").unwrap();
        assert!(throttle.by_account.len() <= 1, "{}", throttle.by_account.len());
        assert!(throttle.by_address.len() <= 1, "{}", throttle.by_address.len());
    }
}
