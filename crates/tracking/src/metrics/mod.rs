//! Metrics: the latest value of each series where filters look, and histories as compressed columns.
//!
//! A write appends one row to the run's log, whatever its number of metrics. When a run's log has grown, it is folded into
//! sorted segments, one metric each, and segments of like size are merged into larger ones, so that a history of a
//! million points is some dozen rows. All of it happens in the transaction of the write that caused it.

pub(crate) mod history;
pub mod http;
pub mod model;
pub(crate) mod service;
pub(crate) mod store;
pub mod wire;

pub use http::{ajax_router, router};
pub use model::Point;
