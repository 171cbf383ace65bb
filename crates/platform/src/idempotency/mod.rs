//! Requests that may be sent twice. A client that does not know whether its POST arrived sends it again with the same
//! `Idempotency-Key` and gets the reply of the first time instead of a second effect.
//!
//! The middleware ([`layer`]) notes the key before the handler runs and keeps the reply after. A handler that must be
//! exact across a crash as well takes a [`Ticket`] and completes it inside its own transaction.

mod http;
mod jobs;
mod model;
mod store;
mod system;

pub use http::{Ticket, layer};
pub use jobs::{PURGE_SCHEDULE, Purge};
pub use model::{IDEMPOTENCY_KEY, KEPT_FOR, REPLAYED};
pub use system::purge;
