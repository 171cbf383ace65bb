//! The audit chain: an append-only list per organisation of who changed what, from where, in which request. Each entry
//! carries the hash of the one before it, so an entry that is altered, removed or slipped in afterwards breaks the chain
//! and [`verify`] says where.
//!
//! [`record`] goes last in a transaction, right before the commit: it holds the organisation's head row until then.

mod denials;
mod http;
mod http_denials;
mod model;
mod store;
mod system;

pub use denials::{Denials, Denied};
pub use http::{AuditState, router};
pub use http_denials::watch;
pub use model::{ChainFault, ChainReport, Entry, Recorded};
pub use store::{Filter, list, record, verify};
pub use system::verify_all;
