//! Blobs: immutable byte strings on local disk or in an S3 bucket, named by a [`BlobId`] that the caller chose.
//!
//! A blob exists once its upload has finished and is durable (flushed to the disk, or acknowledged by S3); before
//! that nobody can see it, and an upload that breaks off leaves nothing. What a blob is called by users, and who may
//! read it, is rows in a database: there is no overwriting here, a new content is a new blob.

mod local;
mod s3;

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::Stream;
use futures::stream::BoxStream;
use rhiza_kernel::{BlobId, Coded, ErrorCode};

pub use s3::{MultipartPart, S3Options};

/// Where blobs live.
#[derive(Debug, Clone)]
pub enum BlobOptions {
    /// A folder on this machine.
    Local(PathBuf),
    /// A bucket.
    S3(S3Options),
}

/// A finished upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its name.
    pub id: BlobId,
    /// Its length in bytes.
    pub size: u64,
    /// The BLAKE3 hash of its bytes, in hexadecimal.
    pub checksum: String,
}

/// A blob being read.
pub struct BlobRead {
    /// The length of the whole blob in bytes.
    pub size: u64,
    /// Which bytes `stream` carries.
    pub range: Range<u64>,
    /// The bytes.
    pub stream: BoxStream<'static, Result<Bytes, BlobError>>,
}

/// A blob that a listing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobEntry {
    /// Its name.
    pub id: BlobId,
    /// Its length in bytes.
    pub size: u64,
    /// When it became durable.
    pub modified: DateTime<Utc>,
}

/// What can go wrong with a blob.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// There is no such blob.
    #[error("no such blob")]
    NotFound,
    /// The upload is longer than allowed; nothing was kept.
    #[error("longer than {limit} bytes")]
    TooLarge {
        /// The most bytes allowed.
        limit: u64,
    },
    /// The range begins behind the end of the blob.
    #[error("the range does not lie within {size} bytes")]
    Range {
        /// The blob's length.
        size: u64,
    },
    /// The sender broke off; nothing was kept.
    #[error("the upload broke off: {0}")]
    Interrupted(String),
    /// This kind of storage cannot do that (presigned addresses on local disk).
    #[error("not supported by this storage")]
    Unsupported,
    /// No space is left.
    #[error("no space left for blobs: {0}")]
    Full(#[source] std::io::Error),
    /// The file system failed.
    #[error("blob storage: {0}")]
    Io(#[source] std::io::Error),
    /// The bucket failed.
    #[error("blob storage: {0}")]
    Remote(#[source] object_store::Error),
    /// The configuration is unusable.
    #[error("{0}")]
    Config(String),
}

impl From<std::io::Error> for BlobError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full(error),
            _ => Self::Io(error),
        }
    }
}

impl From<object_store::Error> for BlobError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound,
            other => Self::Remote(other),
        }
    }
}

impl Coded for BlobError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound => ErrorCode::NotFound,
            Self::TooLarge { .. } => ErrorCode::TooLarge,
            Self::Range { .. } | Self::Unsupported => ErrorCode::InvalidArgument,
            Self::Interrupted(_) => ErrorCode::Cancelled,
            Self::Full(_) | Self::Remote(_) => ErrorCode::Unavailable,
            Self::Io(_) | Self::Config(_) => ErrorCode::Internal,
        }
    }

    fn public_detail(&self) -> String {
        match self {
            Self::NotFound => "There is no such content.".to_owned(),
            Self::TooLarge { limit } => {
                format!("The upload is longer than the {limit} bytes allowed; nothing was kept.")
            }
            Self::Range { size } => format!("The range does not lie within the {size} bytes there are."),
            Self::Interrupted(_) => "The upload broke off; nothing was kept.".to_owned(),
            Self::Unsupported => "This installation's storage cannot do that.".to_owned(),
            Self::Full(_) => "No storage space is left; nothing was kept.".to_owned(),
            _ => "The server failed to use its blob storage; the log has the details.".to_owned(),
        }
    }
}

/// Blob storage, cheap to clone.
#[derive(Debug, Clone)]
pub struct Blobs(Backend);

#[derive(Debug, Clone)]
enum Backend {
    Local(local::LocalBlobs),
    S3(s3::S3Blobs),
}

impl Blobs {
    /// Opens the storage; on local disk creates its folders.
    ///
    /// # Errors
    /// When the folder cannot be written or the bucket's settings are incomplete.
    pub async fn open(options: &BlobOptions) -> Result<Self, BlobError> {
        Ok(Self(match options {
            BlobOptions::Local(folder) => Backend::Local(local::LocalBlobs::open(folder.clone()).await?),
            BlobOptions::S3(options) => Backend::S3(s3::S3Blobs::open(options)?),
        }))
    }

    /// Removes what uploads left behind that were cut off by a kill or a power loss, and tells how many there were.
    /// Uploads in progress are left alone, those of another server of the same folder too.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn remove_leftovers(&self) -> Result<u64, BlobError> {
        match &self.0 {
            Backend::Local(local) => local.remove_leftovers().await,
            // S3 shows no part of an unfinished upload; the bucket's own rule expires it.
            Backend::S3(_) => Ok(0),
        }
    }

    /// Whether clients can be given addresses to transfer bytes directly (S3).
    #[must_use]
    pub const fn can_presign(&self) -> bool {
        matches!(self.0, Backend::S3(_))
    }

    /// Stores the bytes of `body` under `id`. When this returns they survive power loss.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] past `limit`, [`BlobError::Interrupted`] when `body` fails; nothing is kept then.
    pub async fn put<S, E>(&self, id: BlobId, body: S, limit: Option<u64>) -> Result<StoredBlob, BlobError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: std::fmt::Display,
    {
        match &self.0 {
            Backend::Local(local) => local.put(id, body, limit).await,
            Backend::S3(s3) => s3.put(id, body, limit).await,
        }
    }

    /// Reads a blob, or the part of it in `range` (cut to the blob's length).
    ///
    /// # Errors
    /// [`BlobError::NotFound`], or [`BlobError::Range`] when the range begins behind the end.
    pub async fn get(&self, id: BlobId, range: Option<Range<u64>>) -> Result<BlobRead, BlobError> {
        match &self.0 {
            Backend::Local(local) => local.get(id, range).await,
            Backend::S3(s3) => s3.get(id, range).await,
        }
    }

    /// A blob's length and time.
    ///
    /// # Errors
    /// [`BlobError::NotFound`].
    pub async fn head(&self, id: BlobId) -> Result<BlobEntry, BlobError> {
        match &self.0 {
            Backend::Local(local) => local.head(id).await,
            Backend::S3(s3) => s3.head(id).await,
        }
    }

    /// Removes a blob. Removing one that is not there succeeds.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn delete(&self, id: BlobId) -> Result<(), BlobError> {
        match &self.0 {
            Backend::Local(local) => local.delete(id).await,
            Backend::S3(s3) => s3.delete(id).await,
        }
    }

    /// Every blob there is, in no particular order: for garbage collection and backups.
    pub fn list(&self) -> BoxStream<'static, Result<BlobEntry, BlobError>> {
        match &self.0 {
            Backend::Local(local) => local.list(),
            Backend::S3(s3) => s3.list(),
        }
    }

    /// Whether the storage answers, for readiness checks.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), BlobError> {
        match &self.0 {
            Backend::Local(local) => local.ping().await,
            Backend::S3(s3) => s3.ping().await,
        }
    }

    fn s3(&self) -> Result<&s3::S3Blobs, BlobError> {
        match &self.0 {
            Backend::S3(s3) => Ok(s3),
            Backend::Local(_) => Err(BlobError::Unsupported),
        }
    }

    /// An address from which the holder can read the blob for `lifetime`, without credentials.
    ///
    /// # Errors
    /// [`BlobError::Unsupported`] on local disk.
    pub async fn presign_get(&self, id: BlobId, lifetime: Duration) -> Result<String, BlobError> {
        self.s3()?.presign_get(id, lifetime).await
    }

    /// An address to which the holder can upload the blob for `lifetime`, without credentials.
    ///
    /// # Errors
    /// [`BlobError::Unsupported`] on local disk.
    pub async fn presign_put(&self, id: BlobId, lifetime: Duration) -> Result<String, BlobError> {
        self.s3()?.presign_put(id, lifetime).await
    }

    /// Begins an upload in parts: the upload's id, and one address per part, numbered from 1.
    ///
    /// # Errors
    /// [`BlobError::Unsupported`] on local disk.
    pub async fn multipart_create(
        &self,
        id: BlobId,
        parts: u32,
        lifetime: Duration,
    ) -> Result<(String, Vec<String>), BlobError> {
        self.s3()?.multipart_create(id, parts, lifetime).await
    }

    /// Joins the uploaded parts; the blob exists afterwards.
    ///
    /// # Errors
    /// When a part is missing or the bucket fails.
    pub async fn multipart_complete(
        &self,
        id: BlobId,
        upload: &str,
        parts: Vec<MultipartPart>,
    ) -> Result<BlobEntry, BlobError> {
        self.s3()?.multipart_complete(id, upload, parts).await
    }

    /// Forgets the uploaded parts.
    ///
    /// # Errors
    /// When the bucket fails.
    pub async fn multipart_abort(&self, id: BlobId, upload: &str) -> Result<(), BlobError> {
        self.s3()?.multipart_abort(id, upload).await
    }
}

/// Cuts a wished range to a blob's length.
fn clamp(range: Option<Range<u64>>, size: u64) -> Result<Range<u64>, BlobError> {
    match range {
        None => Ok(0..size),
        Some(range) if range.start >= size || range.start >= range.end => Err(BlobError::Range { size }),
        Some(range) => Ok(range.start..range.end.min(size)),
    }
}

/// The two folders a blob lies in. The last digits of a time-ordered id are random, so the load spreads.
fn shard(id: BlobId) -> (String, String) {
    let name = id.uuid().as_simple().to_string();
    (name[28..30].to_owned(), name)
}
