//! Datasets that are kept here: a name in a project with numbered versions, each an immutable file named by the hash of its
//! bytes and the types its columns are read as. A file is read by a job, in a child process: types, profile and first rows are
//! kept with the version, and what is wrong with it, with line and column.
//!
//! Bytes go through the artifacts' service, which counts and collects them, under names that no client's path can reach.

mod http;
mod http_versions;
mod http_wire;
mod jobs;
mod jobs_task;
mod model;
mod service;
mod service_add;
mod service_read;
mod store;
pub mod wire;

pub use http::router;
pub use jobs::ReadDataset;
pub use jobs_task::{ReadTable, read_file};
pub use model::{Dataset, Format, Source, State, Types, Version};
pub use service::Datasets;
pub use service_add::{Added, Import, Origin, Profiled};

#[cfg(test)]
mod tests;
