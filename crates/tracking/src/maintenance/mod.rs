//! What happens to the deleted. Deleting only hides; this removes runs, logged models and experiments for good once
//! they have been deleted longer than a grace period. Their files become garbage, which
//! [`CollectGarbage`](crate::artifacts::CollectGarbage) collects after a grace period of its own.
//!
//! What a live version in the registry came from stays, however long it has been deleted: removing it would take the
//! files from under a model that is in use. A project's Default experiment stays too; only its runs go.

mod jobs;
mod service;
mod store;
mod system;

pub use jobs::{COLLECT_SCHEDULE, PURGE_SCHEDULE, PurgeDeleted};
pub use service::{Purged, purge};

#[cfg(test)]
mod tests;
