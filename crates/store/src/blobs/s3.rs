//! Blobs in an S3 bucket (or anything that speaks its protocol).

use std::fmt;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::list::{PaginatedListOptions, PaginatedListStore as _};
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer as _};
use object_store::{
    ClientOptions, GetOptions, GetRange, ObjectStore as _, ObjectStoreExt as _, RetryConfig, WriteMultipart,
};
use rhiza_kernel::{BlobId, TypedId as _};

use super::{BlobEntry, BlobError, BlobRead, StoredBlob, clamp, shard};

/// S3 wants parts of at least 5 MiB (except the last); larger ones cost memory per upload in progress.
const PART: usize = 8 * 1024 * 1024;
/// Parts in flight per upload.
const CONCURRENCY: usize = 4;
/// How long the bucket may keep silent: enough for a whole part on a slow line, little enough that nobody hangs. A limit
/// on whole requests would break off downloads by clients that read slowly.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a request is tried again, and how often. A bucket that is away longer is told to the caller.
const RETRY_FOR: Duration = Duration::from_secs(20);
const RETRIES: usize = 5;

/// How to reach a bucket.
#[derive(Clone)]
pub struct S3Options {
    /// The bucket.
    pub bucket: String,
    /// Everything is kept below this prefix; may be empty.
    pub prefix: String,
    /// The server's address, for others than AWS.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
    /// The access key's id; without it the machine's own role is used.
    pub access_key_id: Option<String>,
    /// The access key's secret.
    pub secret_access_key: Option<String>,
    /// Put the bucket into the path rather than the host name.
    pub path_style: bool,
}

impl fmt::Debug for S3Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No credentials in logs.
        write!(f, "S3Options({}/{} at {:?})", self.bucket, self.prefix, self.endpoint)
    }
}

/// A part of a multipart upload, as the client reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultipartPart {
    /// Counts from 1.
    pub number: u32,
    /// What S3 answered when the part was stored.
    pub etag: String,
}

#[derive(Debug, Clone)]
pub(super) struct S3Blobs {
    store: Arc<AmazonS3>,
    prefix: String,
}

impl S3Blobs {
    pub(super) fn open(options: &S3Options) -> Result<Self, BlobError> {
        let plain = options.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let client = ClientOptions::new().with_timeout_disabled().with_read_timeout(SILENCE).with_allow_http(plain);
        // The store's client takes the process's provider of cryptography; it is there already when this is not the first.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = AmazonS3Builder::new()
            .with_client_options(client)
            .with_bucket_name(&options.bucket)
            .with_region(&options.region)
            .with_retry(retries())
            .with_virtual_hosted_style_request(!options.path_style);
        if let Some(endpoint) = &options.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let (Some(id), Some(secret)) = (&options.access_key_id, &options.secret_access_key) {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        }
        let store = builder.build().map_err(|e| BlobError::Config(format!("the S3 settings cannot be used: {e}")))?;
        Ok(Self { store: Arc::new(store), prefix: options.prefix.trim_matches('/').to_owned() })
    }

    fn path(&self, id: BlobId) -> Path {
        let (shard, name) = shard(id);
        Path::from(format!("{}/{shard}/{name}", self.prefix))
    }

    pub(super) async fn put<S, E>(&self, id: BlobId, body: S, limit: Option<u64>) -> Result<StoredBlob, BlobError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: fmt::Display,
    {
        let mut body = pin!(body);
        let mut hasher = blake3::Hasher::new();
        let mut size = 0_u64;
        // Most artifacts are small: they go up in one request, and only what outgrows a part becomes multipart.
        let mut head: Vec<Bytes> = Vec::new();
        let mut upload: Option<WriteMultipart> = None;
        while let Some(chunk) = body.next().await {
            let fault = match chunk {
                Err(e) => Some(BlobError::Interrupted(e.to_string())),
                Ok(chunk) => {
                    hasher.update(&chunk);
                    size += chunk.len() as u64;
                    head.push(chunk);
                    limit.filter(|limit| size > *limit).map(|limit| BlobError::TooLarge { limit })
                }
            };
            if let Some(fault) = fault {
                abandon(upload).await;
                return Err(fault);
            }
            if upload.is_none() && size > PART as u64 {
                let multipart = self.store.put_multipart(&self.path(id)).await?;
                upload = Some(WriteMultipart::new_with_chunk_size(multipart, PART));
            }
            if let Some(writer) = &mut upload {
                writer.wait_for_capacity(CONCURRENCY).await?;
                head.drain(..).for_each(|chunk| writer.put(chunk));
            }
        }
        match upload {
            Some(writer) => {
                writer.finish().await?;
            }
            None => {
                self.store.put(&self.path(id), head.into_iter().collect()).await?;
            }
        }
        Ok(StoredBlob { id, size, checksum: hasher.finalize().to_hex().to_string() })
    }

    pub(super) async fn get(&self, id: BlobId, range: Option<Range<u64>>) -> Result<BlobRead, BlobError> {
        let path = self.path(id);
        let options = match range {
            None => GetOptions::default(),
            Some(range) => {
                // The length first: S3 answers a range behind the end with an error that does not say so.
                let size = self.store.head(&path).await?.size;
                GetOptions { range: Some(GetRange::Bounded(clamp(Some(range), size)?)), ..GetOptions::default() }
            }
        };
        let result = self.store.get_opts(&path, options).await?;
        let (size, range) = (result.meta.size, result.range.clone());
        Ok(BlobRead { size, range, stream: result.into_stream().map_err(BlobError::from).boxed() })
    }

    pub(super) async fn head(&self, id: BlobId) -> Result<BlobEntry, BlobError> {
        let meta = self.store.head(&self.path(id)).await?;
        Ok(BlobEntry { id, size: meta.size, modified: meta.last_modified })
    }

    pub(super) async fn delete(&self, id: BlobId) -> Result<(), BlobError> {
        match self.store.delete(&self.path(id)).await.map_err(BlobError::from) {
            Err(BlobError::NotFound) => Ok(()),
            other => other,
        }
    }

    pub(super) fn list(&self) -> BoxStream<'static, Result<BlobEntry, BlobError>> {
        self.store
            .list(Some(&Path::from(self.prefix.as_str())))
            .map_err(BlobError::from)
            .try_filter_map(|meta| async move {
                let id = meta.location.filename().and_then(|name| uuid::Uuid::try_parse(name).ok());
                Ok(id.map(|id| BlobEntry { id: BlobId::from_uuid(id), size: meta.size, modified: meta.last_modified }))
            })
            .boxed()
    }

    pub(super) async fn ping(&self) -> Result<(), BlobError> {
        // Not the head of some object: that answers "not found" for a missing bucket too.
        let options = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
        match self.store.list_paginated(Some(&self.prefix), options).await {
            Ok(_) => Ok(()),
            Err(error) => Err(BlobError::Remote(error)),
        }
    }

    pub(super) async fn presign_get(&self, id: BlobId, lifetime: Duration) -> Result<String, BlobError> {
        Ok(self.store.signed_url(Method::GET, &self.path(id), lifetime).await?.to_string())
    }

    pub(super) async fn presign_put(&self, id: BlobId, lifetime: Duration) -> Result<String, BlobError> {
        Ok(self.store.signed_url(Method::PUT, &self.path(id), lifetime).await?.to_string())
    }

    pub(super) async fn multipart_create(
        &self,
        id: BlobId,
        parts: u32,
        lifetime: Duration,
    ) -> Result<(String, Vec<String>), BlobError> {
        let path = self.path(id);
        let upload = self.store.create_multipart(&path).await?;
        let mut addresses = Vec::new();
        for number in 1..=parts {
            let options =
                SignedUrlOptions::new().with_query([("partNumber", number.to_string()), ("uploadId", upload.clone())]);
            addresses.push(self.store.signed_url_opts(Method::PUT, &path, lifetime, &options).await?.to_string());
        }
        Ok((upload, addresses))
    }

    pub(super) async fn multipart_complete(
        &self,
        id: BlobId,
        upload: &str,
        mut parts: Vec<MultipartPart>,
    ) -> Result<BlobEntry, BlobError> {
        parts.sort_by_key(|part| part.number);
        let parts = parts.into_iter().map(|part| PartId { content_id: part.etag }).collect();
        self.store.complete_multipart(&self.path(id), &upload.to_owned(), parts).await?;
        self.head(id).await
    }

    pub(super) async fn multipart_abort(&self, id: BlobId, upload: &str) -> Result<(), BlobError> {
        Ok(self.store.abort_multipart(&self.path(id), &upload.to_owned()).await?)
    }
}

fn retries() -> RetryConfig {
    RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_FOR, ..RetryConfig::default() }
}

/// Gives up an upload whose failure is being reported already; parts that stay are the bucket's to expire.
async fn abandon(upload: Option<WriteMultipart>) {
    if let Some(upload) = upload
        && let Err(error) = upload.abort().await
    {
        tracing::warn!(%error, "an abandoned S3 upload could not be aborted");
    }
}
