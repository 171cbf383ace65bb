//! Tasks that outlive the call that started them. Each is known here by name, so that shutdown can ask all of them to
//! finish and wait until they have.

use std::future::Future;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// The tasks of a process and the signal that ends them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    token: CancellationToken,
}

impl Tasks {
    /// No tasks yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts `future`. It should end soon after [`Tasks::token`] is cancelled. A panic in it is logged and ends only
    /// that task; its handle then yields `None`.
    #[expect(clippy::disallowed_methods, reason = "the tracker that all other code is asked to use")]
    pub fn spawn<F>(&self, name: &'static str, future: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let watched = async move {
            match std::panic::AssertUnwindSafe(future).catch_unwind().await {
                Ok(output) => Some(output),
                Err(panic) => {
                    let reason = panic
                        .downcast_ref::<String>()
                        .map(String::as_str)
                        .or_else(|| panic.downcast_ref::<&str>().copied())
                        .unwrap_or("no message");
                    tracing::error!(task = name, reason, "a background task panicked");
                    None
                }
            }
        };
        tokio::spawn(self.tracker.track_future(watched.instrument(tracing::info_span!("task", name))))
    }

    /// Cancelled when the process should stop.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// The tracker itself, for those who start tasks of their own kind (connections, streams).
    #[must_use]
    pub fn tracker(&self) -> TaskTracker {
        self.tracker.clone()
    }

    /// The same tasks and signal, as the HTTP kit takes them.
    #[must_use]
    pub fn lifecycle(&self) -> rhiza_web::Lifecycle {
        rhiza_web::Lifecycle { tasks: self.tracker.clone(), shutdown: self.token.clone() }
    }

    /// Asks every task to end and waits up to `limit`. Tells whether all of them did.
    pub async fn shutdown(&self, limit: Duration) -> bool {
        self.token.cancel();
        self.tracker.close();
        tokio::time::timeout(limit, self.tracker.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn shutdown_waits_for_tasks_that_listen() {
        let tasks = Tasks::new();
        let token = tasks.token();
        let handle = tasks.spawn("listens", async move {
            token.cancelled().await;
            7
        });
        assert!(tasks.shutdown(Duration::from_secs(5)).await);
        assert_eq!(handle.await.unwrap(), Some(7));
    }

    #[tokio::test]
    async fn shutdown_gives_up_on_tasks_that_do_not() {
        let tasks = Tasks::new();
        tasks.spawn("deaf", std::future::pending::<()>());
        assert!(!tasks.shutdown(Duration::from_millis(20)).await);
    }

    #[tokio::test]
    async fn a_panic_stays_inside_its_task() {
        let tasks = Tasks::new();
        let handle = tasks.spawn("fails", async { panic!("boom") });
        assert_eq!(handle.await.unwrap(), None::<()>);
        assert!(tasks.shutdown(Duration::from_secs(5)).await);
    }
}
