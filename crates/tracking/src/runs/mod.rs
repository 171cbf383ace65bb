//! Runs: their life, parameters and tags, the batches that fill them, what went in and came out, and search.

pub mod http;
pub mod http_logging;
pub(crate) mod ingest;
pub mod model;
pub mod record;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod store_search;
pub(crate) mod store_view;
pub mod wire;

pub use http::router;
pub use model::RunStatus;
pub use store::RunHead;

#[cfg(test)]
mod tests;
