//! The caller's word that it is time to stop. Work asks at fixed points (after a tree, after a trial) and returns what it has, so
//! that a run which was stopped is a prefix of the run that was not. Clocks and cancel buttons live with the caller.
//!
//! ```
//! use rhiza_learn::stop::{Never, Stop};
//! use std::sync::atomic::{AtomicBool, Ordering};
//! let cancelled = AtomicBool::new(false);
//! let stop = || cancelled.load(Ordering::Relaxed);
//! assert!(!stop.now() && !Never.now());
//! ```

/// Answers the question whether to stop now. Implemented by any closure that returns a `bool`.
pub trait Stop: Sync {
    /// True when no further work should be begun. Asked often: it must be cheap; once true it should stay true.
    fn now(&self) -> bool;
}

/// Work goes on to its end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Never;

impl Stop for Never {
    fn now(&self) -> bool {
        false
    }
}

impl<F: Fn() -> bool + Sync> Stop for F {
    fn now(&self) -> bool {
        self()
    }
}
