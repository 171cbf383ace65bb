//! The files of a copy: each is there whole or not at all.

use bytes::Bytes;
use futures::Stream;
use rhiza_kernel::BlobId;

use super::model::OwnerKind;
use super::store;
use super::transfer::Transfer;
use crate::artifacts::{self, Artifact, blob_error};
use crate::error::TrackingResult;

impl OwnerKind {
    const fn files_noted(self) -> &'static str {
        match self {
            Self::Run => "run files",
            Self::Model => "model files",
        }
    }
}

impl Transfer {
    /// Where a file of a run or model goes; `None` when it is there already, in that size.
    ///
    /// # Errors
    /// When the path cannot be one here; database failures.
    pub async fn place_for(
        &self,
        of: OwnerKind,
        id: &str,
        path: &str,
        size: Option<u64>,
    ) -> TrackingResult<Option<String>> {
        let folder = artifacts::path::of_uri(self.known.root(of, id)?).ok_or_else(artifacts::path::invalid)?;
        let below = artifacts::path::clean(path)?;
        if below.is_empty() {
            return Err(artifacts::path::invalid());
        }
        let path = artifacts::path::join(&folder, &below);
        let tx = self.state.db.read(&self.caller.scope.org_scope()).await?;
        let there = artifacts::store::find(&tx, &self.caller.scope, &path).await?;
        Ok(if there.is_some_and(|file| Some(file.size) == size) { None } else { Some(path) })
    }

    /// Stores a file at a place that [`Self::place_for`] gave; tells how long it is.
    ///
    /// # Errors
    /// When the stream breaks off or the place is a folder; failures of database and blob storage.
    pub async fn file<S, E>(&self, place: &str, body: S) -> TrackingResult<u64>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: std::fmt::Display,
    {
        let id: BlobId = self.state.env.new_id();
        let stored = self.state.blobs.put(id, body, None).await.map_err(blob_error)?;
        let size = stored.size;
        let artifact = Artifact { path: place.to_owned(), blob: id, size, checksum: stored.checksum };
        let written = self.write_file(&artifact).await;
        if written.is_err() && self.state.blobs.delete(id).await.is_err() {
            // Nothing refers to it: the garbage collector finds it.
            tracing::debug!(blob = %id, "a blob without a row was left to the garbage collector");
        }
        written.map(|()| size)
    }

    async fn write_file(&self, artifact: &Artifact) -> TrackingResult<()> {
        let tx = self.state.db.write(&self.caller.scope.org_scope()).await?;
        if artifacts::store::clashes(&tx, &self.caller.scope, &artifact.path).await? {
            return Err(artifacts::path::invalid());
        }
        artifacts::store::put(&tx, &self.caller.scope, artifact, self.state.env.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether the files of a run or model were all brought before.
    #[must_use]
    pub fn has_files(&self, of: OwnerKind, id: &str) -> bool {
        self.noted(of.files_noted(), id).is_some() || self.is_gone(of, id)
    }

    /// Notes that no file of a run or model is missing.
    ///
    /// # Errors
    /// Database failures.
    pub async fn finish_files(&mut self, of: OwnerKind, id: &str) -> TrackingResult<()> {
        let tx = self.state.db.write(&self.caller.scope.org_scope()).await?;
        store::note(&tx, &self.caller.scope, &self.source, of.files_noted(), id, "", true).await?;
        tx.commit().await?;
        self.remember_note(of.files_noted(), id, "", true);
        Ok(())
    }
}
