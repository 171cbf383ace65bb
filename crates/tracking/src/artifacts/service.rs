//! What can be done with artifacts. Uploads are ingest: they leave no audit entry, deletions do.

use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use rhiza_kernel::{BlobId, TypedId as _};
use rhiza_platform::limits::quota::QuotaExceeded;
use rhiza_store::{BlobError, MultipartPart, StoredBlob, Tx};
use serde_json::json;

use super::model::{Artifact, Entry};
use super::{path, store};
use crate::error::{Code, TrackingError, TrackingResult};
use crate::journal::Change;
use crate::logged_models;
use crate::protocol::Caller;
use crate::registry::uri::Uri;
use crate::state::TrackingState;

/// How long a presigned address holds.
const PRESIGNED: Duration = Duration::from_secs(3600);
/// The most parts S3 joins into one object.
const PARTS_MAX: i64 = 10_000;

/// The use cases of artifacts.
#[derive(Clone)]
pub struct Artifacts {
    state: TrackingState,
}

/// A failure of the blob storage in MLflow's terms.
#[must_use]
pub fn blob_error(error: BlobError) -> TrackingError {
    use rhiza_kernel::Coded as _;
    let code = match &error {
        BlobError::NotFound => Code::ResourceDoesNotExist,
        BlobError::TooLarge { .. } => Code::TooLarge,
        BlobError::Interrupted(_) => Code::BadRequest,
        BlobError::Range { .. } => Code::InvalidParameterValue,
        BlobError::Unsupported => Code::NotImplemented,
        BlobError::Full(_) | BlobError::Remote(_) => Code::TemporarilyUnavailable,
        _ => return TrackingError::Internal(error.to_string()),
    };
    TrackingError::new(code, error.public_detail())
}

/// The refusal of a path with nothing there.
#[must_use]
pub(crate) fn no_artifact(path: &str) -> TrackingError {
    TrackingError::missing(format!("No such artifact: '{path}'"))
}

impl Artifacts {
    /// The artifacts of this installation.
    #[must_use]
    pub fn new(state: &TrackingState) -> Self {
        Self { state: state.clone() }
    }

    /// The path a client of the proxy means, checked: it lies in an experiment, run or model of the caller's project.
    ///
    /// # Errors
    /// `Invalid path`, or not found.
    pub async fn locate(&self, caller: &Caller, raw: &str) -> TrackingResult<String> {
        let path = path::in_workspace(&path::clean(raw)?, &caller.workspace)?;
        if !path.is_empty() {
            let tx = self.state.db.read(&caller.scope.org_scope()).await?;
            check_owner(&tx, caller, &path).await?;
        }
        Ok(path)
    }

    /// Stores the bytes of `body`, `announced` in all if the client said so, at a located path. When this returns, they
    /// are there to stay.
    ///
    /// # Errors
    /// When the path is a folder or lies below a file, the upload breaks off, or the organisation's plan does not allow
    /// to store so much.
    pub async fn upload<S, E>(
        &self,
        caller: &Caller,
        path: &str,
        announced: Option<u64>,
        body: S,
    ) -> TrackingResult<Artifact>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: std::fmt::Display,
    {
        if path.is_empty() {
            return Err(path::invalid());
        }
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        refuse_clash(&tx, caller, path).await?;
        let replaced = store::find(&tx, &caller.scope, path).await?.map_or(0, |old| old.size);
        tx.rollback().await?;
        let stored = self.receive(caller, announced, replaced, body).await?;
        let artifact =
            Artifact { path: path.to_owned(), blob: stored.id, size: stored.size, checksum: stored.checksum };
        let written = self.write(caller, &artifact).await;
        if written.is_err() {
            self.give_up(stored.id).await;
        }
        written.map(|()| artifact)
    }

    /// Stores the bytes of `body`, which take the place of `replaced` others. No file has them yet: [`Artifacts::place`]
    /// gives them to one, [`Artifacts::give_up`] removes them.
    pub(crate) async fn receive<S, E>(
        &self,
        caller: &Caller,
        announced: Option<u64>,
        replaced: u64,
        body: S,
    ) -> TrackingResult<StoredBlob>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: std::fmt::Display,
    {
        let room = self.room(caller, announced.unwrap_or(0), replaced).await?;
        let most = [room, self.state.upload_limit].into_iter().flatten().min();
        match self.state.blobs.put(self.state.env.new_id(), body, most).await {
            // The upload did not say how long it is, and was cut off where the plan ends.
            Err(BlobError::TooLarge { limit }) if room == Some(limit) => {
                self.room(caller, limit.saturating_add(1), replaced).await?;
                Err(blob_error(BlobError::TooLarge { limit }))
            }
            stored => stored.map_err(blob_error),
        }
    }

    /// Removes bytes that no file has.
    pub(crate) async fn give_up(&self, blob: BlobId) {
        if self.state.blobs.delete(blob).await.is_err() {
            // Nothing refers to it: the garbage collector finds it.
            tracing::debug!(%blob, "a blob without a row was left to the garbage collector");
        }
    }

    /// Makes the file in the caller's transaction.
    pub(crate) async fn place(&self, tx: &Tx, caller: &Caller, artifact: &Artifact) -> TrackingResult<()> {
        let stored = store::put(tx, &caller.scope, artifact, self.state.env.now()).await?;
        self.settle(caller, stored)
    }

    async fn write(&self, caller: &Caller, artifact: &Artifact) -> TrackingResult<()> {
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        refuse_clash(&tx, caller, &artifact.path).await?;
        self.place(&tx, caller, artifact).await?;
        tx.commit().await?;
        Ok(())
    }

    /// How long a file may be that takes the place of `replaced` bytes; `None` for any length.
    async fn room(&self, caller: &Caller, wanted: u64, replaced: u64) -> TrackingResult<Option<u64>> {
        let Some(quotas) = &self.state.quotas else { return Ok(None) };
        if wanted > 0 && wanted <= replaced {
            return Ok(Some(replaced));
        }
        let room = quotas.room_for_bytes(caller.scope.org, &caller.plan, wanted.saturating_sub(replaced)).await?;
        Ok(room.map(|room| room.saturating_add(replaced)))
    }

    /// Other uploads went on during this one: what counts is the end.
    fn settle(&self, caller: &Caller, stored: store::Stored) -> TrackingResult<()> {
        let Some(quotas) = &self.state.quotas else { return Ok(()) };
        let limit = quotas.plan(&caller.plan).allowances.storage_bytes;
        Ok(QuotaExceeded::check_storage(limit, stored.total, stored.growth)?)
    }

    /// The file at a path.
    ///
    /// # Errors
    /// When there is none; when it is a folder.
    pub async fn file(&self, caller: &Caller, path: &str) -> TrackingResult<Artifact> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        if let Some(artifact) = store::find(&tx, &caller.scope, path).await? {
            return Ok(artifact);
        }
        if path.is_empty() || store::is_folder(&tx, &caller.scope, path).await? {
            return Err(TrackingError::invalid(format!("Artifact path refers to a directory, not a file: '{path}'")));
        }
        Err(no_artifact(path))
    }

    /// What lies in a folder, sorted by name; nothing for a file or where nothing is.
    ///
    /// # Errors
    /// Database failures.
    pub async fn list(&self, caller: &Caller, folder: &str) -> TrackingResult<Vec<Entry>> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let mut entries = store::list(&tx, &caller.scope, folder).await?;
        entries.retain(|entry| !entry.name.starts_with(path::OURS));
        Ok(entries)
    }

    /// Removes a file, or a folder with all that is in it; that nothing was there is no error.
    ///
    /// # Errors
    /// Database failures.
    pub async fn delete(&self, caller: &Caller, path: &str) -> TrackingResult<u64> {
        if path.is_empty() {
            return Err(path::invalid());
        }
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let files = store::remove_tree(&tx, &caller.scope, path, self.state.env.now()).await?;
        if files > 0 {
            Change::new("artifact", "deleted", path)
                .before(json!({"files": files}))
                .record(&tx, caller, &self.state.env)
                .await?;
        }
        tx.commit().await?;
        Ok(files)
    }

    /// The folder of a run's files, and its URI; the folder is `None` when the files are in another store.
    ///
    /// # Errors
    /// When there is no such run.
    pub async fn run_folder(&self, caller: &Caller, run_id: &str) -> TrackingResult<(String, Option<String>)> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let root = store::run_root(&tx, &caller.scope, run_id).await?;
        let root = root.ok_or_else(|| TrackingError::missing(format!("Run with id={run_id} not found")))?;
        let folder = path::of_uri(&root);
        Ok((root, folder))
    }

    /// As [`Artifacts::run_folder`], of a logged model.
    ///
    /// # Errors
    /// When there is no such model.
    pub async fn model_folder(&self, caller: &Caller, model_id: &str) -> TrackingResult<(String, Option<String>)> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let model = logged_models::store::find(&tx, &caller.scope, model_id).await?;
        let root = model.ok_or_else(|| logged_models::not_found(model_id))?.artifact_uri;
        let folder = path::of_uri(&root);
        Ok((root, folder))
    }

    /// The folder that a version's download address means, if its files are in this store.
    ///
    /// # Errors
    /// Database failures.
    pub async fn folder_of_uri(&self, caller: &Caller, uri: &str) -> TrackingResult<Option<String>> {
        let parsed = Uri::parse(uri);
        match parsed.scheme.as_str() {
            "runs" if parsed.authority.is_empty() => {
                let path = parsed.path.trim_start_matches('/');
                let (run_id, rest) = path.split_once('/').unwrap_or((path, ""));
                let tx = self.state.db.read(&caller.scope.org_scope()).await?;
                let root = store::run_root(&tx, &caller.scope, run_id).await?;
                let folder = root.as_deref().and_then(path::of_uri);
                folder.map(|folder| Ok(path::join(&folder, &path::clean(rest)?))).transpose()
            }
            _ => Ok(path::of_uri(uri)),
        }
    }

    /// Begins an upload in parts: its id and one address per part.
    ///
    /// # Errors
    /// When the storage has no such uploads, or the number of parts is not one S3 takes.
    pub async fn begin_parts(&self, caller: &Caller, path: &str, parts: i64) -> TrackingResult<(String, Vec<String>)> {
        if !self.state.blobs.can_presign() {
            return Err(TrackingError::new(
                Code::NotImplemented,
                "Multipart upload is not supported for the current artifact repository",
            ));
        }
        let parts =
            u32::try_from(parts).ok().filter(|p| (1..=PARTS_MAX).contains(&i64::from(*p))).ok_or_else(|| {
                TrackingError::invalid(format!("num_parts must be between 1 and {PARTS_MAX} (got {parts})."))
            })?;
        self.room(caller, 0, 0).await?;
        let id: BlobId = self.state.env.new_id();
        let (upload, addresses) = self.state.blobs.multipart_create(id, parts, PRESIGNED).await.map_err(blob_error)?;
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        store::begin_upload(&tx, &caller.scope, &upload, path, id, self.state.env.now()).await?;
        tx.commit().await?;
        Ok((upload, addresses))
    }

    /// Joins the parts; the file is there afterwards.
    ///
    /// # Errors
    /// When there is no such upload, or a part is missing.
    pub async fn complete_parts(
        &self,
        caller: &Caller,
        path: &str,
        upload: &str,
        parts: Vec<MultipartPart>,
    ) -> TrackingResult<()> {
        let id = self.partial(caller, path, upload).await?;
        let entry = self.state.blobs.multipart_complete(id, upload, parts).await.map_err(blob_error)?;
        // The parts never passed through here, so there is no hash of the whole; its blob's name is as good a tag.
        let artifact = Artifact { path: path.to_owned(), blob: id, size: entry.size, checksum: String::new() };
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        refuse_clash(&tx, caller, path).await?;
        // When this is too much the joined file stays behind without a row, and the garbage collector finds it.
        let stored = store::put(&tx, &caller.scope, &artifact, self.state.env.now()).await?;
        self.settle(caller, stored)?;
        store::end_upload(&tx, &caller.scope, upload).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Forgets an upload in parts.
    ///
    /// # Errors
    /// When there is no such upload.
    pub async fn abort_parts(&self, caller: &Caller, path: &str, upload: &str) -> TrackingResult<()> {
        let id = self.partial(caller, path, upload).await?;
        self.state.blobs.multipart_abort(id, upload).await.map_err(blob_error)?;
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        store::end_upload(&tx, &caller.scope, upload).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn partial(&self, caller: &Caller, path: &str, upload: &str) -> TrackingResult<BlobId> {
        if !self.state.blobs.can_presign() {
            return Err(TrackingError::new(
                Code::NotImplemented,
                "Multipart upload is not supported for the current artifact repository",
            ));
        }
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let found = store::find_upload(&tx, &caller.scope, upload).await?.filter(|u| u.path == path);
        let found = found.ok_or_else(|| TrackingError::missing(format!("No such multipart upload: '{upload}'")))?;
        Ok(BlobId::from_uuid(found.blob_id))
    }

    /// An address from which a file can be read for a while without credentials.
    ///
    /// # Errors
    /// When the storage has no such addresses, or there is no such file.
    pub async fn presign(&self, caller: &Caller, path: &str) -> TrackingResult<(String, u64)> {
        if !self.state.blobs.can_presign() {
            return Err(TrackingError::new(
                Code::NotImplemented,
                "Multipart download is not supported for the current artifact repository",
            ));
        }
        let file = self.file(caller, path).await?;
        let address = self.state.blobs.presign_get(file.blob, PRESIGNED).await.map_err(blob_error)?;
        Ok((address, file.size))
    }
}

async fn refuse_clash(tx: &Tx, caller: &Caller, path: &str) -> TrackingResult<()> {
    if store::clashes(tx, &caller.scope, path).await? {
        return Err(TrackingError::invalid(format!(
            "Invalid artifact path: '{path}' is a folder, or lies below something that is a file."
        )));
    }
    Ok(())
}

/// Fails unless the path lies in an experiment of the caller's project, and, where it names a run or a logged model,
/// in one of the project's.
async fn check_owner(tx: &Tx, caller: &Caller, path: &str) -> TrackingResult<()> {
    let mut places = path::ancestors(path);
    places.push(path);
    let place = store::experiment_at(tx, &caller.scope, &places).await?.ok_or_else(|| no_artifact(path))?;
    let rest = path.strip_prefix(place.as_str()).unwrap_or_default().trim_start_matches('/');
    let mut names = rest.split('/');
    let known = match (names.next().unwrap_or_default(), names.next()) {
        (run, _) if run.len() == 32 && run.bytes().all(|b| b.is_ascii_hexdigit()) => {
            store::run_root(tx, &caller.scope, run).await?.is_some()
        }
        ("models", Some(model)) => logged_models::store::find_any(tx, &caller.scope, model, true).await?.is_some(),
        _ => true,
    };
    if known { Ok(()) } else { Err(no_artifact(path)) }
}
