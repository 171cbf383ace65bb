//! The model registry: named models with numbered versions, their stages, aliases and tags. Prompts are
//! registered models too, told apart by a tag. Every change is audited and announced in its own transaction.

pub mod http;
mod http_versions;
pub mod model;
mod search;
mod service;
pub mod source;
pub mod store;
mod store_search;
pub mod uri;
mod versions;
pub mod wire;

pub use model::{Alias, ModelVersion, RegisteredModel, Stage, Tag};
pub use service::Registry;
pub use versions::VersionDraft;
