//! An event, before and after it is written.

use chrono::{DateTime, Utc};
use rhiza_kernel::EventId;
use serde::Serialize;
use serde_json::Value;

/// Something that happened and that others may want to hear of.
#[derive(Debug, Clone)]
pub struct Event {
    pub(super) kind: String,
    pub(super) subject: String,
    pub(super) data: Value,
}

impl Event {
    /// An event of type `rhiza.<slice>.<thing>.<verb>` about `subject` (an id).
    #[must_use]
    pub fn new(kind: &str, subject: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), subject: subject.into(), data: Value::Object(serde_json::Map::new()) }
    }

    /// What receivers need to know. What cannot be serialised is sent as the reason why not.
    #[must_use]
    pub fn data(mut self, data: &impl Serialize) -> Self {
        self.data = serde_json::to_value(data).unwrap_or_else(|e| Value::String(format!("not serialisable: {e}")));
        self
    }
}

/// A written event in the JSON format of CloudEvents 1.0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CloudEvent {
    /// Always `1.0`.
    pub specversion: &'static str,
    /// Unique per event; a redelivery carries the same.
    pub id: EventId,
    /// Who sends: the organisation's id as a URI reference.
    pub source: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// To what.
    pub subject: String,
    /// When.
    pub time: DateTime<Utc>,
    /// The place among the subject's events, as CloudEvents' sequence extension wants it: text.
    pub sequence: String,
    /// Always `application/json`.
    pub datacontenttype: &'static str,
    /// The content.
    pub data: Value,
}
