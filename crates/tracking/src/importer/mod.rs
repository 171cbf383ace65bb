//! Bringing experiments, runs, models and their files in from elsewhere: out of an import file, whole or not at all.

pub mod model;
pub mod service;
mod store;
mod writer;

pub use model::{Entry, FormatError, Header, read};
pub use service::{Imported, load};

#[cfg(test)]
mod tests;
