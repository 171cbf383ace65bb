//! Logged models: what a run trained, before anybody registers it. A model has parameters, tags, metrics and a
//! folder of artifacts, and goes from pending to ready or failed.

pub mod http;
pub mod model;
mod page;
mod search;
mod service;
pub mod store;
mod store_search;
pub mod wire;

pub use model::{LoggedModel, MetricPoint, Status};
pub use service::{LoggedModels, ModelDraft, not_found};
