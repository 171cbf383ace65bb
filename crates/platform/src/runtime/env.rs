//! The production clock and randomness.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rhiza_kernel::{Clock, Entropy, Env};

struct SystemClock {
    start: Instant,
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the program looks at the real clock")]
    fn now(&self) -> DateTime<Utc> {
        let now = Utc::now();
        // Both databases keep microseconds. What was answered must equal what will be read back.
        DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place where the program asks for real randomness")]
    #[expect(clippy::panic, reason = "without randomness every secret made from here on would be guessable")]
    fn fill(&self, buffer: &mut [u8]) {
        if let Err(error) = getrandom::fill(buffer) {
            panic!("the operating system gives no randomness: {error}");
        }
    }
}

/// The environment of a real process.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the program looks at the real clock")]
pub fn system_env() -> Env {
    Env::new(Arc::new(SystemClock { start: Instant::now() }), Arc::new(OsEntropy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_has_microseconds_and_no_more() {
        assert_eq!(system_env().now().timestamp_subsec_nanos() % 1000, 0);
    }

    #[test]
    fn random_bytes_differ() {
        let env = system_env();
        assert_ne!(env.random_bytes::<32>(), env.random_bytes::<32>());
    }
}
