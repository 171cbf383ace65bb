//! Backups: database and blobs together, taken while the server runs, in a form that either database can read.
//!
//! A backup is a folder: `tables/NAME.jsonl` with one JSON array per row, `blobs/ID`, and `manifest.json`, which is
//! written last and holds the checksum of every file. A folder without it is a backup that was not finished.

mod files;
mod model;
mod system;

pub use files::verify;
pub use model::{BackupError, BlobReferences, Manifest};
pub use system::{create, restore};
