//! Live news inside one process: what pages that are open right now want to hear. Nothing here is durable. A listener
//! that falls behind is told so and reads the database again; what must not be lost goes to the outbox or a job.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rhiza_kernel::OrgId;
use serde_json::Value;
use tokio::sync::broadcast;

/// Messages a slow listener may lag behind before it is told to start over.
const CAPACITY: usize = 256;

type Topics = HashMap<OrgId, HashMap<String, broadcast::Sender<Arc<Value>>>>;

/// Carries messages from those who commit to those who watch. Cheap to clone; one per process.
#[derive(Debug, Clone, Default)]
pub struct Hub {
    topics: Arc<Mutex<Topics>>,
}

/// What a listener receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A message.
    Event(Arc<Value>),
    /// Messages were missed: read the present state again.
    Lagged,
}

impl Hub {
    /// A hub that nobody listens to yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Topics> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells everyone who listens to `topic` of `org`. Call it after the commit: before, listeners would read the old
    /// rows. Costs a map lookup when nobody listens.
    pub fn publish(&self, org: OrgId, topic: &str, payload: Value) {
        let sender = self.lock().get(&org).and_then(|topics| topics.get(topic)).cloned();
        if let Some(sender) = sender {
            // Fails only when the last listener has just gone.
            let _ = sender.send(Arc::new(payload));
        }
    }

    /// Whether anyone listens to `topic` of `org`, for publishers whose payload is costly to build.
    #[must_use]
    pub fn has_listeners(&self, org: OrgId, topic: &str) -> bool {
        self.lock().get(&org).is_some_and(|topics| topics.contains_key(topic))
    }

    /// Begins to listen to `topic` of `org`.
    #[must_use]
    pub fn subscribe(&self, org: OrgId, topic: &str) -> Subscription {
        let mut topics = self.lock();
        let sender =
            topics.entry(org).or_default().entry(topic.to_owned()).or_insert_with(|| broadcast::Sender::new(CAPACITY));
        Subscription { receiver: Some(sender.subscribe()), hub: self.clone(), org, topic: topic.to_owned() }
    }
}

/// One listener. Dropping it ends the listening.
#[derive(Debug)]
pub struct Subscription {
    // Some until dropped.
    receiver: Option<broadcast::Receiver<Arc<Value>>>,
    hub: Hub,
    org: OrgId,
    topic: String,
}

impl Subscription {
    /// The next message. Safe to drop half-way, as in `select!`.
    pub async fn recv(&mut self) -> Received {
        loop {
            let Some(receiver) = self.receiver.as_mut() else { return std::future::pending().await };
            match receiver.recv().await {
                Ok(payload) => return Received::Event(payload),
                Err(broadcast::error::RecvError::Lagged(_)) => return Received::Lagged,
                // The sender lives in the hub as long as a subscription does, and this one holds the hub.
                Err(broadcast::error::RecvError::Closed) => self.receiver = None,
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut topics = self.hub.lock();
        // The receiver goes first, so that the count below no longer includes it.
        self.receiver = None;
        let Some(of_org) = topics.get_mut(&self.org) else { return };
        if of_org.get(&self.topic).is_some_and(|sender| sender.receiver_count() == 0) {
            of_org.remove(&self.topic);
        }
        if of_org.is_empty() {
            topics.remove(&self.org);
        }
    }
}

#[cfg(test)]
mod tests {
    use rhiza_kernel::TypedId as _;
    use serde_json::json;

    use super::*;

    fn org(n: u128) -> OrgId {
        OrgId::from_uuid(uuid::Uuid::from_u128(n))
    }

    #[tokio::test]
    async fn a_message_reaches_the_listeners_of_its_organisation_and_topic_only() {
        let hub = Hub::new();
        let mut here = hub.subscribe(org(1), "run:a");
        let mut elsewhere = hub.subscribe(org(2), "run:a");
        hub.publish(org(1), "run:a", json!(1));
        hub.publish(org(2), "run:a", json!(2));
        assert_eq!(here.recv().await, Received::Event(Arc::new(json!(1))));
        assert_eq!(elsewhere.recv().await, Received::Event(Arc::new(json!(2))));
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_that_it_missed_something() {
        let hub = Hub::new();
        let mut slow = hub.subscribe(org(1), "t");
        for i in 0..=CAPACITY {
            hub.publish(org(1), "t", json!(i));
        }
        assert_eq!(slow.recv().await, Received::Lagged);
        assert_eq!(slow.recv().await, Received::Event(Arc::new(json!(1))));
    }

    #[test]
    fn topics_nobody_listens_to_are_forgotten() {
        let hub = Hub::new();
        let first = hub.subscribe(org(1), "t");
        let second = hub.subscribe(org(1), "t");
        drop(first);
        assert!(hub.has_listeners(org(1), "t"));
        drop(second);
        assert!(hub.lock().is_empty());
    }
}
