//! The audit chain: an append-only list per organisation of who changed what, from where, in which request. Each entry
//! carries the hash of the one before it, so an entry that is altered, removed or slipped in afterwards breaks the chain
//! and [`verify`] says where.
//!
//! Old entries can be dropped by policy ([`Retain`]); a signed [`Checkpoint`] then says where the chain goes on.
//!
//! [`record`] goes last in a transaction, right before the commit: it holds the organisation's head row until then.

mod checkpoint;
mod denials;
mod http;
mod http_checkpoints;
mod http_denials;
mod model;
mod retain;
mod store;
mod store_checkpoints;
mod system;

pub use checkpoint::{Checkpoint, TrustedKeys};
pub use denials::{Denials, Denied};
pub use http::{AuditState, router};
pub use http_denials::watch;
pub use model::{ChainFault, ChainReport, Entry, Recorded};
pub use retain::{RETAIN_SCHEDULE, Retain};
pub use store::{Filter, list, record, verify, verify_trusting};
pub use store_checkpoints::checkpoints;
pub use system::{SEALED, ensure_key, trusted_keys, verify_all, verify_all_trusting};
