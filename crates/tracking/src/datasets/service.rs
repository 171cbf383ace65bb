//! What can be done with datasets and their versions, beside making and reading them.

use rhiza_kernel::{DatasetId, JobId};
use rhiza_platform::jobs::{self, JobState};
use rhiza_store::Tx;
use serde_json::{Value, json};

use super::model::{Dataset, State, Version};
use super::store;
use crate::artifacts::store as files;
use crate::artifacts::{self, Artifact};
use crate::error::{Code, TrackingError, TrackingResult};
use crate::journal::Change;
use crate::protocol::Caller;
use crate::runs::service as runs;
use crate::runs::store::NewDataset;
use crate::state::TrackingState;

/// The use cases of datasets.
#[derive(Clone)]
pub struct Datasets {
    pub(super) state: TrackingState,
}

/// What to change of a dataset; what is absent stays. Both were checked.
#[derive(Debug, Clone, Default)]
pub(super) struct DatasetChange {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
}

/// A version's content as it was read.
#[derive(Debug)]
pub(super) struct Details {
    pub(super) version: Version,
    pub(super) schema: Option<Value>,
    pub(super) profile: Option<Value>,
}

/// Longest digest and schema that MLflow's own server takes, in characters: a client that copies a run on must be able to.
const MLFLOW_DIGEST_MAX: usize = 36;
const MLFLOW_SCHEMA_MAX: usize = 65_535;

impl Datasets {
    /// The datasets of this installation.
    #[must_use]
    pub fn new(state: &TrackingState) -> Self {
        Self { state: state.clone() }
    }

    /// A page of datasets, newest first, each with its newest version.
    pub(super) async fn page(
        &self,
        caller: &Caller,
        part: Option<&str>,
        before: Option<DatasetId>,
        limit: i64,
    ) -> TrackingResult<Vec<(Dataset, Version)>> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let found = store::list(&tx, &caller.scope, part, before, limit).await?;
        let ids: Vec<DatasetId> = found.iter().map(|dataset| dataset.id).collect();
        let mut newest = store::newest(&tx, &caller.scope, &ids).await?;
        settle(&tx, caller, &mut newest).await?;
        tx.rollback().await?;
        let of = |id: DatasetId| newest.iter().find(|version| version.dataset == id).cloned();
        found
            .into_iter()
            .map(|dataset| {
                let version =
                    of(dataset.id).ok_or_else(|| TrackingError::Internal("a dataset without versions".into()))?;
                Ok((dataset, version))
            })
            .collect()
    }

    /// One dataset with its newest version.
    ///
    /// # Errors
    /// When there is no such dataset in the project.
    pub async fn get(&self, caller: &Caller, id: DatasetId) -> TrackingResult<(Dataset, Version)> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let dataset = store::get(&tx, &caller.scope, id, false).await?.ok_or_else(no_dataset)?;
        let version = self.settled(&tx, caller, id, dataset.latest).await?;
        tx.rollback().await?;
        Ok((dataset, version))
    }

    /// Changes name or description, if `still_as_seen` accepts the revision it finds.
    pub(super) async fn update(
        &self,
        caller: &Caller,
        id: DatasetId,
        change: DatasetChange,
        still_as_seen: impl FnOnce(i64) -> bool + Send,
    ) -> TrackingResult<(Dataset, Version)> {
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let before = store::get(&tx, &caller.scope, id, true).await?.ok_or_else(no_dataset)?;
        if !still_as_seen(before.revision) {
            return Err(TrackingError::new(Code::Stale, "The dataset has changed since it was read."));
        }
        let mut after = before.clone();
        after.name = change.name.unwrap_or(after.name);
        after.description = change.description.unwrap_or(after.description);
        if after != before {
            after.revision += 1;
            after.updated_at = self.state.env.now();
            store::update(&tx, &caller.scope, &after).await.map_err(|error| taken(error, &after.name))?;
        }
        let version = self.settled(&tx, caller, id, after.latest).await?;
        if after != before {
            let told = Change::new("dataset", "updated", id.to_string()).before(shown(&before)).after(shown(&after));
            told.record(&tx, caller, &self.state.env).await?;
            tx.commit().await?;
        }
        Ok((after, version))
    }

    /// Removes a dataset with all versions; their bytes become garbage. Runs keep what they noted of it.
    ///
    /// # Errors
    /// When there is no such dataset in the project.
    pub async fn delete(&self, caller: &Caller, id: DatasetId) -> TrackingResult<()> {
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let dataset = store::get(&tx, &caller.scope, id, true).await?.ok_or_else(no_dataset)?;
        files::remove_tree(&tx, &caller.scope, &folder(id), self.state.env.now()).await?;
        store::delete(&tx, &caller.scope, id).await?;
        let told = Change::new("dataset", "deleted", id.to_string()).before(shown(&dataset));
        told.record(&tx, caller, &self.state.env).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Versions of a dataset, newest first.
    pub(super) async fn versions(
        &self,
        caller: &Caller,
        id: DatasetId,
        before: Option<i64>,
        limit: i64,
    ) -> TrackingResult<Vec<Version>> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        store::get(&tx, &caller.scope, id, false).await?.ok_or_else(no_dataset)?;
        let mut found = store::versions(&tx, &caller.scope, id, before, limit).await?;
        settle(&tx, caller, &mut found).await?;
        tx.rollback().await?;
        Ok(found)
    }

    /// One version; the newest when `number` is absent.
    ///
    /// # Errors
    /// When there is no such version in the project.
    pub async fn version(&self, caller: &Caller, id: DatasetId, number: Option<i64>) -> TrackingResult<Version> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let number = self.number(&tx, caller, id, number).await?;
        let version = self.settled(&tx, caller, id, number).await?;
        tx.rollback().await?;
        Ok(version)
    }

    /// One version with its columns and profile.
    pub(super) async fn details(&self, caller: &Caller, id: DatasetId, number: Option<i64>) -> TrackingResult<Details> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let number = self.number(&tx, caller, id, number).await?;
        let version = self.settled(&tx, caller, id, number).await?;
        let contents = store::contents(&tx, &caller.scope, id, number).await?.ok_or_else(no_version)?;
        tx.rollback().await?;
        Ok(Details { version, schema: contents.schema_json, profile: contents.profile })
    }

    /// A version's first rows.
    pub(super) async fn preview(&self, caller: &Caller, id: DatasetId, number: Option<i64>) -> TrackingResult<Value> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let number = self.number(&tx, caller, id, number).await?;
        let version = self.settled(&tx, caller, id, number).await?;
        let preview = store::preview(&tx, &caller.scope, id, number).await?;
        tx.rollback().await?;
        preview.ok_or_else(|| unread(&version))
    }

    /// A version's file, and what it is to be called.
    ///
    /// # Errors
    /// When there is no such version, or its bytes have not come yet.
    pub async fn file(
        &self,
        caller: &Caller,
        id: DatasetId,
        number: Option<i64>,
    ) -> TrackingResult<(Artifact, String)> {
        let (dataset, _) = self.get(caller, id).await?;
        let version = self.version(caller, id, number).await?;
        let name = version.file_name(&dataset.name);
        let path = version.path.as_deref().ok_or_else(|| unread(&version))?;
        Ok((artifacts::Artifacts::new(&self.state).file(caller, path).await?, name))
    }

    /// Notes that a version went into a run, so that MLflow's clients see it among the run's inputs.
    ///
    /// # Errors
    /// When there is no such run or version, or the version has not been read.
    pub async fn log_input(
        &self,
        caller: &Caller,
        run_id: &str,
        id: DatasetId,
        number: i64,
        context: Option<&str>,
    ) -> TrackingResult<()> {
        let (dataset, _) = self.get(caller, id).await?;
        let details = self.details(caller, id, Some(number)).await?;
        let version = &details.version;
        let digest = version.digest.as_deref().filter(|_| version.state == State::Ready);
        let digest = digest.ok_or_else(|| unread(version))?;
        let cells = version.rows.unwrap_or(0).saturating_mul(version.columns.unwrap_or(0));
        let source = json!({ "dataset_id": id, "version": number, "name": dataset.name });
        let schema = details.schema.as_ref().map(mlflow_schema).filter(|schema| schema.len() <= MLFLOW_SCHEMA_MAX);
        let input = NewDataset {
            parts: [
                Some(dataset.name),
                Some(digest.chars().take(MLFLOW_DIGEST_MAX).collect()),
                Some("rhiza".to_owned()),
                Some(source.to_string()),
                schema,
                Some(json!({ "num_rows": version.rows, "num_elements": cells }).to_string()),
            ],
            tags: context.map(|context| ("mlflow.data.context".to_owned(), context.to_owned())).into_iter().collect(),
        };
        runs::log_inputs(&self.state, caller, run_id, &[input], &[]).await
    }

    /// The number that was asked for, or the newest.
    async fn number(&self, tx: &Tx, caller: &Caller, id: DatasetId, number: Option<i64>) -> TrackingResult<i64> {
        match number {
            Some(number) => Ok(number),
            None => Ok(store::get(tx, &caller.scope, id, false).await?.ok_or_else(no_dataset)?.latest),
        }
    }

    async fn settled(&self, tx: &Tx, caller: &Caller, id: DatasetId, number: i64) -> TrackingResult<Version> {
        let mut found = [store::version(tx, &caller.scope, id, number).await?.ok_or_else(no_version)?];
        settle(tx, caller, &mut found).await?;
        let [version] = found;
        Ok(version)
    }
}

/// A job that was cancelled, or whose process died once too often, leaves its version waiting. It will not be read any more.
async fn settle(tx: &Tx, caller: &Caller, versions: &mut [Version]) -> TrackingResult<()> {
    for version in versions.iter_mut().filter(|version| version.state == State::Reading) {
        if let Some(error) = ended(tx, caller, version.job).await? {
            version.state = State::Failed;
            version.error = Some(error.to_owned());
        }
    }
    Ok(())
}

async fn ended(tx: &Tx, caller: &Caller, job: Option<JobId>) -> TrackingResult<Option<&'static str>> {
    let Some(job) = job else { return Ok(None) };
    let state = jobs::get(tx, &caller.scope, job).await?.map(|job| job.state);
    Ok(match state {
        Some(JobState::Cancelled) => Some("reading it was cancelled"),
        Some(JobState::Failed | JobState::Succeeded) => Some("reading it failed; send it again to try again"),
        Some(JobState::Queued | JobState::Running) | None => None,
    })
}

/// The folder of a dataset's files.
pub(super) fn folder(id: DatasetId) -> String {
    format!("{}datasets/{}", artifacts::path::OURS, id.uuid().as_simple())
}

/// The columns in MLflow's words. Its types say how values are stored, ours how they are read.
fn mlflow_schema(schema: &Value) -> String {
    let columns = schema["columns"].as_array().map(Vec::as_slice).unwrap_or_default();
    let column = |column: &Value| {
        let kind = match column["type"].as_str().unwrap_or_default() {
            "numeric" => "double",
            "boolean" => "boolean",
            "datetime" => "datetime",
            _ => "string",
        };
        json!({ "type": kind, "name": column["name"], "required": false })
    };
    json!({ "mlflow_colspec": columns.iter().map(column).collect::<Vec<_>>() }).to_string()
}

pub(super) fn shown(dataset: &Dataset) -> Value {
    json!({ "id": dataset.id, "name": dataset.name, "description": dataset.description })
}

pub(super) fn no_dataset() -> TrackingError {
    TrackingError::missing("There is no such dataset here.")
}

pub(super) fn no_version() -> TrackingError {
    TrackingError::missing("There is no such version of this dataset here.")
}

/// Why a version has no content to show.
pub(super) fn unread(version: &Version) -> TrackingError {
    let why = match (version.state, &version.error) {
        (State::Failed, Some(error)) => format!("This version cannot be read: {error}"),
        _ => "This version is still being read.".to_owned(),
    };
    TrackingError::new(Code::ResourceConflict, why)
}

fn taken(error: rhiza_store::StoreError, name: &str) -> TrackingError {
    if error.is_unique() {
        return TrackingError::new(Code::ResourceConflict, format!("There is a dataset named {name:?} already."));
    }
    error.into()
}
