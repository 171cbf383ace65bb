//! What a backup consists of, and what can go wrong with one.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use rhiza_kernel::{BlobId, Coded, ErrorCode};
use rhiza_store::{BlobError, Blobs, StoreError, Tx};
use serde::{Deserialize, Serialize};

/// The version of the folder's layout.
pub(super) const FORMAT: u32 = 1;

/// The contents of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the layout.
    pub format: u32,
    /// When the snapshot was taken.
    pub created_at: DateTime<Utc>,
    /// The schema: `slice/version` and the checksum of its migration.
    pub migrations: BTreeMap<String, String>,
    /// The tables, in the order in which they are restored.
    pub tables: Vec<TableEntry>,
    /// The blobs.
    pub blobs: Vec<FileEntry>,
}

/// A table in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    /// Its name.
    pub name: String,
    /// Its columns, in the order of each row's values.
    pub columns: Vec<String>,
    /// How many rows it has.
    pub rows: u64,
    /// Its file.
    pub file: FileEntry,
}

/// A file in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Where it is, from the backup's folder; a blob's is `blobs/` and its id.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// The BLAKE3 hash of its bytes, in hexadecimal.
    pub blake3: String,
}

/// Knows which blobs the rows of a snapshot refer to.
#[async_trait]
pub trait BlobReferences: Send + Sync {
    /// Those blobs.
    ///
    /// # Errors
    /// When they cannot be found out.
    async fn referenced(&self, tx: &Tx) -> Result<Vec<BlobId>, BackupError>;
}

/// Without knowledge of the rows: everything that is stored.
#[async_trait]
impl BlobReferences for Blobs {
    async fn referenced(&self, _: &Tx) -> Result<Vec<BlobId>, BackupError> {
        Ok(self.list().map_ok(|entry| entry.id).try_collect().await?)
    }
}

/// A backup could not be made, checked or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The blob storage refused.
    #[error("blob storage: {0}")]
    Blob(#[from] BlobError),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The backup is damaged, or the place is not fit for it.
    #[error("{0}")]
    Unfit(String),
}

impl Coded for BackupError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Store(error) => error.code(),
            Self::Unfit(_) => ErrorCode::Conflict,
            Self::Blob(_) | Self::Io { .. } => ErrorCode::Internal,
        }
    }

    fn public_detail(&self) -> String {
        match self {
            Self::Unfit(detail) => detail.clone(),
            _ => "The backup failed; the log has the details.".to_owned(),
        }
    }
}
