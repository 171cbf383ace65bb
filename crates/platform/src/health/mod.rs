//! Whether this process is alive, and whether it would serve a request: each dependency is asked, with its latency.

mod http;
mod model;

pub use http::{HealthState, router};
pub use model::{BlobProbe, DatabaseProbe, Health, Probe, ProbeReport};
