//! The reading of versions, as the job does it: where the bytes are, and what was found in them. What is written is tied to the
//! job's lease: a worker that was taken for dead changes nothing any more.

use std::path::Path;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use rhiza_kernel::DatasetId;
use rhiza_learn::table::Kind;
use rhiza_platform::jobs::JobContext;
use rhiza_store::Tx;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::jobs::{Fault, ReadInput};
use super::jobs_task::Reading;
use super::model::{Dataset, State, Version};
use super::service::{Datasets, no_dataset, unread};
use super::store::{self, Found};
use super::wire::DatasetSchema;
use crate::artifacts::{Artifact, Artifacts, blob_error};
use crate::error::{TrackingError, TrackingResult};
use crate::journal::Change;
use crate::protocol::Caller;

impl Datasets {
    /// A version that has been read, and the names and kinds of its columns; the newest one where `number` is left out.
    ///
    /// # Errors
    /// When there is no such version, or it has not been read.
    pub async fn columns(
        &self,
        caller: &Caller,
        id: DatasetId,
        number: Option<i64>,
    ) -> TrackingResult<(Dataset, Version, Vec<(String, Kind)>)> {
        let (dataset, _) = self.get(caller, id).await?;
        let details = self.details(caller, id, number).await?;
        let schema = details.schema.filter(|_| details.version.state == State::Ready);
        let schema = schema.ok_or_else(|| unread(&details.version))?;
        let schema: DatasetSchema =
            serde_json::from_value(schema).map_err(|e| TrackingError::Internal(e.to_string()))?;
        let columns = schema.columns.into_iter().map(|column| (column.name, column.kind.into())).collect();
        Ok((dataset, details.version, columns))
    }

    /// Copies the bytes of a version that has been read into the file `to`.
    ///
    /// # Errors
    /// When there is no such version, it has not been read, or its bytes are no longer those that were read.
    pub async fn fetch(&self, caller: &Caller, id: DatasetId, number: i64, to: &Path) -> TrackingResult<Version> {
        let version = self.version(caller, id, Some(number)).await?;
        if version.state != State::Ready {
            return Err(unread(&version));
        }
        let copied = self.copy_out(caller, &version, to).await?;
        if version.digest.as_ref().is_some_and(|digest| *digest != copied) {
            return Err(TrackingError::Internal(format!(
                "the stored bytes hash to {copied}, not to {:?}",
                version.digest
            )));
        }
        Ok(version)
    }

    /// The version a job is about; nothing when it has been deleted.
    pub(super) async fn to_read(&self, caller: &Caller, input: &ReadInput) -> TrackingResult<Option<Version>> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let found = store::version(&tx, &caller.scope, input.dataset, input.version).await?;
        tx.rollback().await?;
        Ok(found)
    }

    /// Stores the bytes of `body` as the version's.
    pub(super) async fn take_in<S, E>(
        &self,
        caller: &Caller,
        context: &JobContext,
        mut version: Version,
        body: S,
    ) -> Result<Version, Fault>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: std::fmt::Display,
    {
        let artifacts = Artifacts::new(&self.state);
        let stored = artifacts.receive(caller, None, 0, body).await?;
        let bytes =
            Artifact { path: String::new(), blob: stored.id, size: stored.size, checksum: stored.checksum.clone() };
        version.digest = Some(stored.checksum);
        version.size = Some(i64::try_from(stored.size).unwrap_or(i64::MAX));
        let placed = self.take_file(caller, context, &mut version, &bytes).await;
        if !matches!(placed, Ok(true)) {
            artifacts.give_up(stored.id).await;
        }
        placed.map(|_| version)
    }

    /// Tells whether the bytes became a file.
    async fn take_file(
        &self,
        caller: &Caller,
        context: &JobContext,
        version: &mut Version,
        bytes: &Artifact,
    ) -> Result<bool, Fault> {
        let tx = self.begin(caller, context).await?;
        let dataset = store::get(&tx, &caller.scope, version.dataset, true).await?.ok_or_else(no_dataset)?;
        let (path, placed) = self.file_of(&tx, caller, &dataset, bytes, version.digest.as_deref()).await?;
        version.path = path;
        store::set_bytes(&tx, &caller.scope, version).await?;
        tx.commit().await?;
        Ok(placed)
    }

    /// Copies the version's bytes into a file; their BLAKE3 hash.
    pub(super) async fn copy_out(&self, caller: &Caller, version: &Version, to: &Path) -> TrackingResult<String> {
        let path = version.path.as_deref().ok_or_else(|| unread(version))?;
        let artifact = Artifacts::new(&self.state).file(caller, path).await?;
        let mut read = self.state.blobs.get(artifact.blob, None).await.map_err(blob_error)?;
        let disk = |error: std::io::Error| TrackingError::Internal(format!("a work folder cannot be written: {error}"));
        let mut file = tokio::fs::File::create(to).await.map_err(disk)?;
        let mut hash = blake3::Hasher::new();
        while let Some(piece) = read.stream.next().await {
            let piece = piece.map_err(blob_error)?;
            hash.update(&piece);
            file.write_all(&piece).await.map_err(disk)?;
        }
        file.flush().await.map_err(disk)?;
        Ok(hash.finalize().to_hex().to_string())
    }

    /// Keeps what was found in the version's file: it is ready.
    pub(super) async fn finish(
        &self,
        caller: &Caller,
        context: &JobContext,
        version: &Version,
        reading: Reading,
    ) -> Result<(), Fault> {
        let found = Found {
            format: reading.format,
            rows: reading.rows,
            columns: i64::try_from(reading.schema.columns.len()).unwrap_or(i64::MAX),
            quality: reading.profile.quality.score,
            schema: kept(&reading.schema)?,
            profile: kept(&reading.profile)?,
            preview: kept(&reading.preview)?,
            at: self.state.env.now(),
        };
        let told = json!({ "rows": found.rows, "columns": found.columns, "digest": version.digest });
        let tx = self.begin(caller, context).await?;
        store::set_bytes(&tx, &caller.scope, version).await?;
        if store::set_ready(&tx, &caller.scope, version, found).await? {
            self.ended(&tx, caller, version, "ready", told).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Keeps the profile that looks at a target.
    pub(super) async fn finish_profile(
        &self,
        caller: &Caller,
        context: &JobContext,
        version: &Version,
        target: &str,
        reading: &Reading,
    ) -> Result<(), Fault> {
        let profile = kept(&reading.profile)?;
        let tx = self.begin(caller, context).await?;
        store::put_profile(&tx, &caller.scope, version, target, profile, self.state.env.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Notes why the version cannot be read.
    pub(super) async fn fail(
        &self,
        caller: &Caller,
        context: &JobContext,
        version: &Version,
        error: &str,
    ) -> Result<(), Fault> {
        let tx = self.begin(caller, context).await?;
        if store::set_failed(&tx, &caller.scope, version, error, self.state.env.now()).await? {
            self.ended(&tx, caller, version, "failed", json!({ "error": error })).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    async fn begin(&self, caller: &Caller, context: &JobContext) -> Result<Tx, Fault> {
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        context.hold(&tx).await?;
        Ok(tx)
    }

    async fn ended(
        &self,
        tx: &Tx,
        caller: &Caller,
        version: &Version,
        verb: &'static str,
        told: Value,
    ) -> TrackingResult<()> {
        let subject = format!("{}/{}", version.dataset, version.number);
        Change::new("dataset_version", verb, subject).after(told).record(tx, caller, &self.state.env).await
    }
}

fn kept(part: &impl Serialize) -> TrackingResult<Value> {
    serde_json::to_value(part).map_err(|e| TrackingError::Internal(e.to_string()))
}
