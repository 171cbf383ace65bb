//! Experiments: the folders of runs. Each project has one that its clients know as "0".

pub mod http;
pub(crate) mod ids;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod store_search;

pub use http::router;
