//! How often sign-in may be tried. Two limits, both by where the attempts come from, so that a stranger can slow down
//! only themselves: an account is never locked for its owner at another address.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
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

/// What is attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attempt {
    /// A password.
    SignIn,
    /// A one-time or recovery code, after the password was right.
    SecondFactor,
    /// A mail to reset a password.
    Reset,
    /// A new account.
    Registration,
    /// A mail that verifies an address.
    Verification,
}

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, EnvClock, NoOpMiddleware<Moment>>;

/// GCRA limits of sign-in attempts, in this process.
#[derive(Clone)]
pub struct Throttle(Arc<Limits>);

struct Limits {
    by_address: Limiter<(Attempt, IpAddr)>,
    by_account: Limiter<(Attempt, IpAddr, String)>,
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
        Self(Arc::new(Limits {
            by_address: RateLimiter::new(by_address, HashMapStateStore::default(), clock.clone()),
            by_account: RateLimiter::new(by_account, HashMapStateStore::default(), clock.clone()),
            clock,
            attempts: AtomicU32::new(0),
        }))
    }

    /// Counts an attempt from `address` on the account of `email_key`, which may or may not exist.
    #[expect(clippy::unused_async, reason = "limits that processes share have to be asked for")]
    pub async fn attempt(&self, attempt: Attempt, address: IpAddr, email_key: &str) -> Result<(), IdentityError> {
        let place = place(address);
        // The address first: one that tries many accounts is stopped before each try costs a new entry below.
        let refused = match self.0.by_address.check_key(&(attempt, place)) {
            Err(refused) => Some(refused),
            Ok(()) => self.0.by_account.check_key(&(attempt, place, email_key.to_owned())).err(),
        };
        self.0.sweep();
        match refused {
            None => Ok(()),
            Some(refused) => Err(IdentityError::Throttled(refused.wait_time_from(self.0.clock.now()))),
        }
    }

    /// Notes that the owner of an account has completed a sign-in.
    #[expect(clippy::unused_async, reason = "limits that processes share have to be asked for")]
    pub async fn succeeded(&self, _address: IpAddr, _email_key: &str) -> Result<(), IdentityError> {
        Ok(())
    }
}

impl Limits {
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
