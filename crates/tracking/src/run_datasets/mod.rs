//! Datasets as runs used them, found by experiment: names and digests that clients told. Those whose bytes are kept here are
//! in `datasets`.

pub mod http;
mod model;
mod service;
mod store;

pub use http::router;
pub use model::DatasetSummary;

#[cfg(test)]
mod tests;
