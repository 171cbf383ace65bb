//! What an organisation may use: requests and tokens in a month, stored bytes, unfinished jobs.
//!
//! Requests and tokens are counted in memory and written down every second; a kill loses at most that second, in the
//! organisation's favour, and what several processes let through is beyond the quota by at most what they did in it.
//! Stored bytes change in the transaction that stores or deletes them, and jobs are counted where they are queued.

mod counters;
mod http;
mod model;
mod service;
mod store;

pub(super) use counters::{Batch, Key};
pub use http::{QuotasState, router};
pub use model::{Quota, QuotaError, QuotaExceeded, Usage};
pub use service::Quotas;
pub use store::change_storage;
pub(crate) use store::check_jobs;
