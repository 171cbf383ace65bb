//! Bringing experiments, runs, models and their files in from elsewhere: out of an import file, whole or not at all
//! ([`load`]), or thing by thing from a running server, so that a copy can be continued ([`Transfer`]).

mod known;
pub mod model;
pub mod service;
mod store;
mod transfer;
mod transfer_files;
mod transfer_registry;
mod writer;

pub use model::{Entry, FormatError, Header, read};
pub use service::{Imported, load};
pub use transfer::{Reserved, Transfer};
pub use transfer_registry::VersionOutcome;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_transfer;
