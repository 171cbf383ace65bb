//! Artifacts: the files of runs and logged models. A project has one tree of names; each name points at an immutable
//! blob. An upload is a new blob and then one row, so a reader sees the old file or the new one, never a mixture,
//! and an upload that breaks off leaves nothing.

mod http_files;
pub mod http_mlflow;
pub mod http_native;
pub mod http_proxy;
pub mod jobs;
pub mod model;
pub mod path;
mod service;
pub mod store;
pub mod system;
#[cfg(test)]
mod tests;

pub use http_files::{FileContent, Offer, send as send_file};
pub use http_mlflow::{root_router, router};
pub use http_native::native_router;
pub use http_proxy::proxy_router;
pub use jobs::CollectGarbage;
pub use model::{Artifact, Entry};
pub(crate) use service::no_artifact;
pub use service::{Artifacts, blob_error};
