//! Datasets as runs used them, found by experiment.

pub mod http;
mod model;
mod service;
mod store;

pub use http::router;
pub use model::DatasetSummary;

#[cfg(test)]
mod tests;
