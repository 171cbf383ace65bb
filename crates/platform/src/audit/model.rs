//! An audit entry, its hash, and what is hidden before it is written.

use std::fmt;

use chrono::{DateTime, Utc};
use rhiza_kernel::{AuditId, OrgId};
use serde::Serialize;
use serde_json::Value;

use crate::authz::Caller;

/// What stands for a masked value.
const MASK: &str = "[masked]";

/// The hash before the first entry.
pub(super) const GENESIS: [u8; 32] = [0; 32];

/// Something that happened, about to be recorded.
#[derive(Debug, Clone)]
pub struct Entry {
    pub(super) caller: Caller,
    pub(super) action: String,
    pub(super) subject: String,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

impl Entry {
    /// `caller` did `action` (`slice.thing.verb`) to `subject` (an id or a name).
    #[must_use]
    pub fn new(caller: &Caller, action: &str, subject: impl Into<String>) -> Self {
        Self { caller: caller.clone(), action: action.to_owned(), subject: subject.into(), before: None, after: None }
    }

    /// The thing as it was. Secrets in it are masked.
    #[must_use]
    pub fn before(mut self, value: &impl Serialize) -> Self {
        self.before = Some(masked(value));
        self
    }

    /// The thing as it is now. Secrets in it are masked.
    #[must_use]
    pub fn after(mut self, value: &impl Serialize) -> Self {
        self.after = Some(masked(value));
        self
    }
}

/// `value` as JSON with secrets masked. What cannot be serialised is recorded as the reason why not.
fn masked(value: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(value).unwrap_or_else(|e| Value::String(format!("not serialisable: {e}")));
    mask(&mut value);
    value
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if names_a_secret(key) {
                    // A null tells that nothing was set, which is no secret and worth knowing.
                    if !value.is_null() {
                        *value = Value::String(MASK.to_owned());
                    }
                } else {
                    mask(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}

fn names_a_secret(key: &str) -> bool {
    const ENDINGS: [&str; 11] = [
        "password",
        "passphrase",
        "secret",
        "token",
        "authorization",
        "cookie",
        "apikey",
        "api_key",
        "private_key",
        "credential",
        "credentials",
    ];
    let key = key.to_ascii_lowercase().replace('-', "_");
    ENDINGS.iter().any(|ending| key.ends_with(ending))
}

/// An entry of the chain as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The chain it belongs to.
    pub org: OrgId,
    /// Its place in the chain, from 1, without gaps.
    pub seq: i64,
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: DateTime<Utc>,
    /// `user`, `key` or `system`.
    pub actor_kind: String,
    /// The actor's id; empty for the system.
    pub actor_id: String,
    /// The actor as people know them, at that time.
    pub actor_label: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// The thing before, as JSON text.
    pub before: Option<String>,
    /// The thing after, as JSON text.
    pub after: Option<String>,
    /// The client's address.
    pub address: Option<String>,
    /// The request.
    pub request_id: Option<String>,
    /// The hash of the entry before.
    pub prev_hash: Vec<u8>,
    /// The hash of this entry.
    pub hash: Vec<u8>,
}

impl Recorded {
    /// What the hash covers: every field and the hash before, as one JSON array: a form in which no field can run into
    /// its neighbour.
    pub(super) fn hashed(&self) -> String {
        let fields = serde_json::json!([
            hex::encode(&self.prev_hash),
            self.org,
            self.seq,
            self.id,
            self.at.timestamp_micros(),
            self.actor_kind,
            self.actor_id,
            self.actor_label,
            self.action,
            self.subject,
            self.before,
            self.after,
            self.address,
            self.request_id,
        ]);
        fields.to_string()
    }

    /// The hash this entry must have.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("rhiza audit entry v1");
        hasher.update(self.hashed().as_bytes());
        *hasher.finalize().as_bytes()
    }
}

/// Where and how a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum ChainFault {
    /// The entry's content is not what was hashed.
    Altered {
        /// Its place.
        seq: i64,
    },
    /// The entry is not there.
    Deleted {
        /// Its place.
        seq: i64,
    },
    /// The entry was not written by appending: it does not continue the one before, or lies beyond the head.
    Inserted {
        /// Its place.
        seq: i64,
    },
    /// The head names another last entry than the chain has.
    Head,
    /// A checkpoint that no key of this installation signed: entries before it were not dropped by policy.
    Checkpoint {
        /// Its place.
        seq: i64,
    },
}

/// The outcome of checking one organisation's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChainReport {
    /// Whose chain.
    pub organization_id: OrgId,
    /// Entries looked at.
    pub entries: i64,
    /// The last place that was dropped by policy, as a checkpoint says that holds; 0 when the chain is whole.
    pub dropped_to: i64,
    /// What is wrong; empty when the chain holds. At most [`ChainCheck::MAX_FAULTS`] are listed.
    pub faults: Vec<ChainFault>,
}

impl ChainReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for ChainFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered { seq } => write!(f, "entry {seq} was altered"),
            Self::Deleted { seq } => write!(f, "entry {seq} was deleted"),
            Self::Inserted { seq } => write!(f, "entry {seq} was inserted"),
            Self::Checkpoint { seq } => write!(f, "the checkpoint at {seq} is forged, or its key is not at hand"),
            Self::Head => f.write_str("the head does not belong to the last entry"),
        }
    }
}

impl fmt::Display for ChainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} entries", self.organization_id, self.entries)?;
        if self.dropped_to > 0 {
            write!(f, " after the checkpoint at {}", self.dropped_to)?;
        }
        f.write_str(", ")?;
        if self.is_intact() {
            return f.write_str("intact");
        }
        f.write_str("BROKEN")?;
        for fault in &self.faults {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

/// Checks entries one by one, in order.
#[derive(Debug)]
pub(super) struct ChainCheck {
    start: i64,
    next: i64,
    prev: Vec<u8>,
    entries: i64,
    faults: Vec<ChainFault>,
}

impl ChainCheck {
    /// More than this many faults say no more than this many.
    pub(super) const MAX_FAULTS: usize = 100;

    pub(super) fn new() -> Self {
        Self::after(0, GENESIS.to_vec())
    }

    /// For a chain whose entries up to place `seq`, the last with that hash, were dropped.
    pub(super) const fn after(seq: i64, hash: Vec<u8>) -> Self {
        Self { start: seq, next: seq + 1, prev: hash, entries: 0, faults: Vec::new() }
    }

    /// The place expected next.
    pub(super) const fn next(&self) -> i64 {
        self.next
    }

    /// Ends in the midst of a chain: entries looked at, the last hash, and the faults.
    pub(super) fn stop(self) -> (i64, Vec<u8>, Vec<ChainFault>) {
        (self.entries, self.prev, self.faults)
    }

    pub(super) fn fault(&mut self, fault: ChainFault) {
        if self.faults.len() < Self::MAX_FAULTS {
            self.faults.push(fault);
        }
    }

    /// Looks at the next entry; `head` is the last place the head knows of.
    pub(super) fn look(&mut self, entry: &Recorded, head: i64) {
        self.entries += 1;
        if entry.seq <= self.start {
            // What was dropped does not come back.
            self.fault(ChainFault::Inserted { seq: entry.seq });
            return;
        }
        let gap = entry.seq > self.next;
        while self.next < entry.seq && self.faults.len() < Self::MAX_FAULTS {
            self.fault(ChainFault::Deleted { seq: self.next });
            self.next += 1;
        }
        if entry.digest().as_slice() != entry.hash {
            self.fault(ChainFault::Altered { seq: entry.seq });
        } else if entry.seq > head || (!gap && entry.prev_hash != self.prev) {
            self.fault(ChainFault::Inserted { seq: entry.seq });
        }
        self.next = entry.seq + 1;
        self.prev.clone_from(&entry.hash);
    }

    /// Compares the end with the head.
    pub(super) fn finish(mut self, org: OrgId, head: Option<(i64, Vec<u8>)>) -> ChainReport {
        let (seq, hash) = head.unwrap_or((0, GENESIS.to_vec()));
        if seq >= self.next {
            let mut missing = self.next;
            while missing <= seq && self.faults.len() < Self::MAX_FAULTS {
                self.fault(ChainFault::Deleted { seq: missing });
                missing += 1;
            }
        } else if seq == self.next - 1 && hash != self.prev {
            self.fault(ChainFault::Head);
        }
        ChainReport { organization_id: org, entries: self.entries, dropped_to: self.start, faults: self.faults }
    }
}

#[cfg(test)]
mod tests {
    use rhiza_kernel::TypedId as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_hide_and_counts_are_not() {
        let value = masked(&json!({
            "name": "k", "api_key": "rz_live_x", "nested": [{"clientSecret": "s", "access-token": "t"}],
            "password": null, "max_tokens": 5
        }));
        assert_eq!(
            value,
            json!({
                "name": "k", "api_key": MASK, "nested": [{"clientSecret": MASK, "access-token": MASK}],
                "password": null, "max_tokens": 5
            })
        );
    }

    fn chain(length: i64) -> Vec<Recorded> {
        let mut prev = GENESIS.to_vec();
        (1..=length)
            .map(|seq| {
                let mut entry = Recorded {
                    org: OrgId::from_uuid(uuid::Uuid::from_u128(1)),
                    seq,
                    id: AuditId::from_uuid(uuid::Uuid::from_u128(u128::from(seq.unsigned_abs()))),
                    at: DateTime::from_timestamp(seq, 0).unwrap(),
                    actor_kind: "user".into(),
                    actor_id: "usr_1".into(),
                    actor_label: "a@b.c".into(),
                    action: "thing.made".into(),
                    subject: format!("thing {seq}"),
                    before: None,
                    after: Some("{}".into()),
                    address: None,
                    request_id: None,
                    prev_hash: prev.clone(),
                    hash: Vec::new(),
                };
                entry.hash = entry.digest().to_vec();
                prev.clone_from(&entry.hash);
                entry
            })
            .collect()
    }

    fn check(entries: &[Recorded], head: &Recorded) -> Vec<ChainFault> {
        let mut check = ChainCheck::new();
        for entry in entries {
            check.look(entry, head.seq);
        }
        check.finish(head.org, Some((head.seq, head.hash.clone()))).faults
    }

    #[test]
    fn a_whole_chain_holds() {
        let whole = chain(5);
        assert_eq!(check(&whole, &whole[4]), []);
    }

    #[test]
    fn each_kind_of_tampering_is_found_where_it_is() {
        let whole = chain(5);
        let head = &whole[4];

        let mut altered = whole.clone();
        altered[2].after = Some("{\"admin\":true}".into());
        assert_eq!(check(&altered, head), [ChainFault::Altered { seq: 3 }]);

        let mut rehashed = altered.clone();
        rehashed[2].hash = rehashed[2].digest().to_vec();
        assert_eq!(check(&rehashed, head), [ChainFault::Inserted { seq: 4 }], "the next entry no longer continues it");

        let mut deleted = whole.clone();
        deleted.remove(1);
        assert_eq!(check(&deleted, head), [ChainFault::Deleted { seq: 2 }]);

        let cut = &whole[..3];
        assert_eq!(check(cut, head), [ChainFault::Deleted { seq: 4 }, ChainFault::Deleted { seq: 5 }]);

        let longer = chain(6);
        assert_eq!(check(&longer, head), [ChainFault::Inserted { seq: 6 }]);
    }
}
