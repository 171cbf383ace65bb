//! The model registry: named models with numbered versions, their stages, aliases and tags. Prompts are
//! registered models too, told apart by a tag. Every change is audited and announced in its own transaction.

pub mod http;
mod http_native;
mod http_versions;
mod lineage;
pub mod model;
mod search;
mod service;
pub mod source;
pub mod store;
mod store_lineage;
mod store_search;
pub mod uri;
mod versions;
pub mod wire;
pub mod wire_native;

pub use http_native::native_router;
pub use model::{Alias, ModelVersion, RegisteredModel, Stage, Tag};
pub use service::Registry;
pub use versions::VersionDraft;

#[cfg(test)]
mod tests;
