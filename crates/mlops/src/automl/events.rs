//! Following a search. Its rows are looked at a few times a second, which finds what any process writes and costs nothing while
//! nobody listens.

use std::collections::VecDeque;
use std::time::Duration;

use futures::{Stream, stream};
use rhiza_kernel::AutomlId;
use rhiza_tracking::protocol::Caller;

use super::service::{Searches, View};
use super::wire::{AutomlEvent, AutomlTrial};
use crate::error::MlopsResult;

/// How often the search is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// A search and what its follower has been told.
pub(super) struct Follow {
    searches: Searches,
    caller: Caller,
    id: AutomlId,
    told: Option<View>,
    last: Option<i64>,
    queue: VecDeque<AutomlEvent>,
    ended: bool,
}

impl Follow {
    /// Begins with the search as it is, and the trials behind the one that was seen last.
    pub(super) async fn begin(
        searches: Searches,
        caller: Caller,
        id: AutomlId,
        last: Option<i64>,
    ) -> MlopsResult<Self> {
        let mut follow = Self { searches, caller, id, told: None, last, queue: VecDeque::new(), ended: false };
        follow.look().await?;
        Ok(follow)
    }

    /// The events, until the search has ended or cannot be read.
    pub(super) fn events(self) -> impl Stream<Item = AutomlEvent> + Send {
        stream::unfold(self, |mut follow| async move {
            let event = follow.next().await?;
            Some((event, follow))
        })
    }

    async fn next(&mut self) -> Option<AutomlEvent> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            tokio::time::sleep(LOOK_EVERY).await;
            if let Err(error) = self.look().await {
                // The listener comes back by itself, and hears why then if it lasts.
                tracing::warn!(%error, "a search could not be followed any further");
                return None;
            }
        }
    }

    /// Queues what is new.
    async fn look(&mut self) -> MlopsResult<()> {
        // The search first: a trial that ends between the two is told now or next time, never left out.
        let view = self.searches.get(&self.caller, self.id).await?;
        let trials = self.searches.trials(&self.caller, self.id, self.last).await?;
        for trial in trials {
            self.last = Some(i64::try_from(trial.line.number).unwrap_or(i64::MAX));
            self.queue.push_back(AutomlEvent::Trial { trial: Box::new(AutomlTrial::of(trial, 0.0)) });
        }
        self.ended = view.job.state.is_final();
        if self.told.as_ref() != Some(&view) {
            self.queue.push_back(AutomlEvent::Job { job: Box::new(view.clone().into()) });
            self.told = Some(view);
        }
        Ok(())
    }
}
