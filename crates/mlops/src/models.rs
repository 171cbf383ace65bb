//! Models by what they are called: a search's, a registered version's, or a file of a run; and those that are held in memory.

use std::sync::Arc;

use futures::TryStreamExt as _;
use moka::sync::Cache;
use rhiza_kernel::{AutomlId, BlobId};
use rhiza_tracking::artifacts::{Artifact, Artifacts, blob_error, path};
use rhiza_tracking::protocol::Caller;
use rhiza_tracking::registry::Registry;
use serde::{Deserialize, Serialize};

use crate::automl::{MODEL_FILE, Searches};
use crate::error::{MlopsError, MlopsResult};
use crate::files::AnyModel;
use crate::state::MlopsState;

/// Which model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelRef {
    /// The one a search found.
    Automl(AutomlId),
    /// A registered one.
    Registered {
        /// Its name.
        name: String,
        /// Which version of it.
        version: Choice,
    },
    /// A run's file.
    File {
        /// The run.
        run_id: String,
        /// The file, from the root of the run's files.
        path: String,
    },
}

/// Which version of a registered model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// The one with the alias `champion`, else the newest.
    Usual,
    /// This one.
    Number(String),
    /// The one that the alias points at.
    Alias(String),
}

/// A model that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its file.
    pub file: Artifact,
    /// What to call it.
    pub label: String,
}

/// What is asked when nothing else is said.
const CHAMPION: &str = "champion";

/// What libraries call their models' files, in the folder of a model; the surest first.
const NAMES: [&str; 8] =
    [MODEL_FILE, "model.lgb", "model.txt", "model.xgb", "model.ubj", "model.json", "model.onnx", "model.bst"];

/// A larger file is not held in memory.
const LARGEST: u64 = 512 << 20;
/// Bytes of files whose models are held; what they take in memory is a small multiple of it.
const HELD: u64 = 512 << 20;

/// Models that were asked lately, by the blob they came from: a blob never changes.
#[derive(Debug, Clone)]
pub struct Loaded(Cache<BlobId, (Arc<AnyModel>, u64)>);

impl Loaded {
    pub(crate) fn new() -> Self {
        let weigh = |_: &BlobId, (_, size): &(Arc<AnyModel>, u64)| u32::try_from(*size).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(HELD).weigher(weigh).build())
    }
}

/// Finds a model's file.
///
/// # Errors
/// When there is no such model, or no file of a kind we read.
pub async fn find(state: &MlopsState, caller: &Caller, model: &ModelRef) -> MlopsResult<Found> {
    let artifacts = Artifacts::new(&state.tracking);
    match model {
        ModelRef::Automl(id) => {
            let (file, name) = Searches::new(state).model(caller, *id).await?;
            Ok(Found { file, label: name })
        }
        ModelRef::File { run_id, path: inner } => {
            let inner = path::clean(inner)?;
            let (_, folder) = artifacts.run_folder(caller, run_id).await?;
            let folder = folder.ok_or_else(|| elsewhere("The run's files"))?;
            let file = artifacts.file(caller, &path::join(&folder, &inner)).await?;
            Ok(Found { file, label: format!("{inner} of run {run_id}") })
        }
        ModelRef::Registered { name, version } => {
            let number = number(state, caller, name, version).await?;
            let uri = Registry::new(&state.tracking).download_uri(caller, name, &number).await?;
            let folder = artifacts.folder_of_uri(caller, &uri).await?;
            let folder = folder.ok_or_else(|| elsewhere("The version's files"))?;
            let file = in_folder(&artifacts, caller, &folder).await?;
            Ok(Found { file, label: format!("{name} {number}") })
        }
    }
}

fn elsewhere(what: &str) -> MlopsError {
    MlopsError::Asked(format!("{what} are kept in another store."))
}

async fn number(state: &MlopsState, caller: &Caller, name: &str, version: &Choice) -> MlopsResult<String> {
    let registry = Registry::new(&state.tracking);
    match version {
        Choice::Number(number) => Ok(number.clone()),
        Choice::Alias(alias) => Ok(registry.by_alias(caller, name, alias).await?.version.to_string()),
        Choice::Usual => {
            let model = registry.get(caller, name).await?;
            let champion = model.aliases.iter().find(|alias| alias.alias == CHAMPION).map(|alias| alias.version);
            let newest = || model.latest_versions.iter().map(|version| version.version).max();
            let number = champion.or_else(newest);
            let none = || MlopsError::Conflict(format!("The registered model {name:?} has no version yet."));
            number.map(|number| number.to_string()).ok_or_else(none)
        }
    }
}

async fn in_folder(artifacts: &Artifacts, caller: &Caller, folder: &str) -> MlopsResult<Artifact> {
    let entries = artifacts.list(caller, folder).await?;
    let name = NAMES.iter().find(|name| entries.iter().any(|entry| !entry.is_dir() && entry.name == **name));
    let Some(name) = name else {
        let why = "No file of this model is of a kind that can be read here: Rhiza's own, LightGBM's text, XGBoost's JSON or \
                   UBJSON, or ONNX with a tree ensemble.";
        return Err(MlopsError::Asked(why.to_owned()));
    };
    Ok(artifacts.file(caller, &path::join(folder, name)).await?)
}

/// The model in a file.
///
/// # Errors
/// When the file is too large, or holds no model of a kind we read.
pub async fn load(state: &MlopsState, file: &Artifact) -> MlopsResult<Arc<AnyModel>> {
    if let Some((model, _)) = state.loaded.0.get(&file.blob) {
        return Ok(model);
    }
    if file.size > LARGEST {
        return Err(MlopsError::Asked(format!(
            "The model's file has {} MiB; at most {} can be held.",
            file.size >> 20,
            LARGEST >> 20
        )));
    }
    let read = state.tracking.blobs.get(file.blob, None).await.map_err(blob_error)?;
    let mut bytes = Vec::with_capacity(usize::try_from(file.size).unwrap_or(0));
    let mut pieces = read.stream;
    while let Some(piece) = pieces.try_next().await.map_err(blob_error)? {
        bytes.extend_from_slice(&piece);
    }
    let model = tokio::task::spawn_blocking(move || AnyModel::read(&bytes)).await;
    let model = Arc::new(model.map_err(|e| MlopsError::Internal(format!("reading a model: {e}")))??);
    state.loaded.0.insert(file.blob, (Arc::clone(&model), file.size));
    Ok(model)
}
