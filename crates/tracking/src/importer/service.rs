//! Loading an import file into a project: in one transaction, so that it is there whole or not at all.
//!
//! Ids are kept where they are free. A run's id is unique in the installation and a logged model's in its project;
//! where one is taken the imported thing gets a new one, and every mention of it in tags and sources follows.

use bytes::Bytes;
use rhiza_kernel::{BlobId, ProjectScope};
use rhiza_store::Tx;
use serde_json::json;

use super::known::Known;
use super::model::{Entry, File};
use super::store;
use super::writer::Writer;
use crate::artifacts::blob_error;
use crate::error::{TrackingError, TrackingResult};
use crate::experiments::ids::ExperimentIds;
use crate::journal::Change;
use crate::protocol::Caller;
use crate::state::TrackingState;
use crate::{experiments, runs};

/// What an import brought, or had brought before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The experiments, by the ids clients see.
    pub experiment_ids: Vec<String>,
    /// The runs, in the order of the file.
    pub run_ids: Vec<String>,
    /// Whether this call brought them.
    pub created: bool,
}

/// A file's bytes, already in the blob storage.
pub(super) struct Stored<'a> {
    pub(super) file: &'a File,
    pub(super) blob: BlobId,
    pub(super) size: u64,
    pub(super) checksum: String,
}

/// Loads the entries of an import file. `source` names the file: what was loaded under that name before is not
/// loaded again, and is restored if it was deleted meanwhile.
///
/// # Errors
/// When a text cannot be stored, and failures of database and blob storage; nothing is kept then.
pub async fn load(state: &TrackingState, caller: &Caller, source: &str, entries: &[Entry]) -> TrackingResult<Imported> {
    let ids = state.ids.of(&caller.scope).await?;
    if let Some(there) = present(state, caller, ids, source).await? {
        return Ok(there);
    }
    let files = store_files(state, entries).await?;
    match write(state, caller, ids, source, entries, &files).await {
        Ok(Some(imported)) => Ok(imported),
        // Somebody else loaded it at the same time.
        Ok(None) => {
            discard(state, &files).await;
            let there = present(state, caller, ids, source).await?;
            there.ok_or_else(|| TrackingError::Internal("an import got lost".to_owned()))
        }
        Err(error) => {
            discard(state, &files).await;
            Err(error)
        }
    }
}

/// What an earlier import of this source brought, restored if it was deleted. Nothing when its experiment is gone.
async fn present(
    state: &TrackingState,
    caller: &Caller,
    ids: ExperimentIds,
    source: &str,
) -> TrackingResult<Option<Imported>> {
    let tx = state.db.read(&caller.scope.org_scope()).await?;
    let notes = store::notes(&tx, &caller.scope, source).await?;
    let mut deleted = Vec::new();
    let mut experiment_ids = Vec::new();
    for note in notes.iter().filter(|n| n.kind == "experiment") {
        let row = experiments::store::by_id(&tx, &caller.scope, number(&note.target_id)?).await?;
        let Some(row) = row else { continue };
        if row.deleted {
            deleted.push(row.id);
        }
        experiment_ids.push(ids.public(row.id));
    }
    if experiment_ids.is_empty() {
        return Ok(None);
    }
    let wanted: Vec<String> = notes.into_iter().filter(|n| n.kind == "run").map(|n| n.target_id).collect();
    let alive = runs::store::find_runs(&tx, &caller.scope, &wanted).await?;
    drop(tx);
    if !deleted.is_empty() {
        restore(state, &caller.scope, &deleted).await?;
    }
    let run_ids = wanted.into_iter().filter(|id| alive.iter().any(|head| head.run_id == *id)).collect();
    Ok(Some(Imported { experiment_ids, run_ids, created: false }))
}

fn number(text: &str) -> TrackingResult<i64> {
    text.parse().map_err(|_| TrackingError::Internal(format!("an import's note names experiment {text:?}")))
}

async fn restore(state: &TrackingState, scope: &ProjectScope, experiments: &[i64]) -> TrackingResult<()> {
    let tx = state.db.write(&scope.org_scope()).await?;
    for id in experiments {
        experiments::store::set_deleted(&tx, scope, *id, false, state.env.now_ms()).await?;
        runs::store::set_all_deleted(&tx, scope, *id, None).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Puts the bytes of every file into the blob storage, before the rows that name them.
async fn store_files<'a>(state: &TrackingState, entries: &'a [Entry]) -> TrackingResult<Vec<Stored<'a>>> {
    let mut stored = Vec::new();
    for entry in entries {
        let Entry::Artifact(file) = entry else { continue };
        let content = futures::stream::iter([Ok::<_, std::convert::Infallible>(Bytes::copy_from_slice(&file.content))]);
        match state.blobs.put(state.env.new_id::<BlobId>(), content, None).await {
            Ok(put) => stored.push(Stored { file, blob: put.id, size: put.size, checksum: put.checksum }),
            Err(error) => {
                discard(state, &stored).await;
                return Err(blob_error(error));
            }
        }
    }
    Ok(stored)
}

/// Removes blobs that no row will name.
async fn discard(state: &TrackingState, files: &[Stored<'_>]) {
    for stored in files {
        if let Err(error) = state.blobs.delete(stored.blob).await {
            // Only space is lost.
            tracing::warn!(blob = %stored.blob, %error, "a blob of a failed import could not be removed");
        }
    }
}

/// Writes every row; `None` when the source was noted by somebody else meanwhile.
async fn write(
    state: &TrackingState,
    caller: &Caller,
    ids: ExperimentIds,
    source: &str,
    entries: &[Entry],
    files: &[Stored<'_>],
) -> TrackingResult<Option<Imported>> {
    let tx = state.db.write(&caller.scope.org_scope()).await?;
    if !claim(&tx, &caller.scope, source).await? {
        return Ok(None);
    }
    let mut known = Known::default();
    let mut writer = Writer::new(&tx, &caller.scope, &state.env, &mut known);
    writer.reserve(entries).await?;
    for entry in entries {
        writer.entry(entry).await?;
    }
    for stored in files {
        writer.file(stored).await?;
    }
    let (experiment_rows, run_ids) = writer.note(source, entries).await?;
    let experiment_ids: Vec<String> = experiment_rows.into_iter().map(|id| ids.public(id)).collect();
    Change::new("import", "loaded", source)
        .after(json!({"experiments": experiment_ids, "runs": run_ids.len()}))
        .record(&tx, caller, &state.env)
        .await?;
    tx.commit().await?;
    Ok(Some(Imported { experiment_ids, run_ids, created: true }))
}

/// Claims the source for this transaction. Notes whose experiments are all gone for good do not count.
async fn claim(tx: &Tx, scope: &ProjectScope, source: &str) -> TrackingResult<bool> {
    if store::note(tx, scope, source, "file", "", "", true).await? {
        return Ok(true);
    }
    for note in store::notes(tx, scope, source).await?.iter().filter(|n| n.kind == "experiment") {
        if experiments::store::by_id(tx, scope, number(&note.target_id)?).await?.is_some() {
            return Ok(false);
        }
    }
    store::forget(tx, scope, source).await?;
    Ok(store::note(tx, scope, source, "file", "", "", true).await?)
}
