//! What can be done with searches.

use rhiza_kernel::{AutomlId, DatasetId, JobId};
use rhiza_learn::table::Kind;
use rhiza_platform::jobs::{self, JobState, NewJob};
use rhiza_store::Tx;
use rhiza_tracking::artifacts::{Artifact, Artifacts};
use rhiza_tracking::datasets::{Dataset, Datasets, Version};
use rhiza_tracking::journal::Change;
use rhiza_tracking::protocol::Caller;
use rhiza_tracking::registry::{Registry, Tag, VersionDraft};
use rhiza_tracking::runs::RunStatus;
use rhiza_tracking::runs::record::{self, Facts, Record};
use serde_json::{Value, json};

use super::jobs::{KIND, SearchInput};
use super::model::{AutomlJob, JobSettings, SECONDS, SECONDS_MAX, State, StoredTrial, TRIALS_MAX};
use super::results::{MODEL_FILE, ONNX_FILE};
use super::store::{self, Wanted};
use crate::error::{MlopsError, MlopsResult};
use crate::state::MlopsState;

/// The use cases of searches.
#[derive(Clone)]
pub struct Searches {
    pub(super) state: MlopsState,
}

/// What a search is to be, before it has been compared with its data.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) dataset: DatasetId,
    pub(super) version: Option<i64>,
    pub(super) target: String,
    pub(super) name: Option<String>,
    pub(super) experiment: Option<String>,
    pub(super) settings: JobSettings,
}

/// What is wrong with a request: members, as JSON pointers, and why.
pub(super) type Wrong = Vec<(String, String)>;

/// How far a search is, beside its row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Progress {
    pub(super) fraction: f64,
    pub(super) message: String,
}

/// A search with its progress, and where its model is registered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct View {
    pub(super) job: AutomlJob,
    pub(super) progress: Progress,
    pub(super) registered: Vec<(String, i64)>,
}

impl Searches {
    /// The searches of this installation.
    #[must_use]
    pub fn new(state: &MlopsState) -> Self {
        Self { state: state.clone() }
    }

    /// Begins a search; or says what is wrong with it.
    pub(super) async fn start(&self, caller: &Caller, draft: Draft) -> MlopsResult<Result<View, Wrong>> {
        let datasets = Datasets::new(&self.state.tracking);
        let (dataset, version, columns) = datasets.columns(caller, draft.dataset, draft.version).await?;
        let wrong = draft.settings.faults(&draft.target, &columns);
        if !wrong.is_empty() {
            return Ok(Err(wrong));
        }
        if let Some(why) = unusable(&columns, &draft) {
            return Ok(Err(vec![("/target".to_owned(), why)]));
        }
        let experiment = draft.experiment.unwrap_or_else(|| format!("automl/{}", dataset.name));
        let place = record::experiment(&self.state.tracking, caller, &experiment).await?;
        let mut job = AutomlJob {
            id: self.state.env.new_id(),
            name: draft.name.unwrap_or_else(|| format!("{} of {}", draft.target, dataset.name)),
            dataset: dataset.id,
            dataset_name: dataset.name.clone(),
            version: version.number,
            target: draft.target,
            settings: draft.settings,
            state: State::Queued,
            error: None,
            experiment_id: place.experiment_id,
            experiment_row: place.row,
            run_id: record::new_run_id(&self.state.tracking),
            plan: None,
            trials: 0,
            best: None,
            seconds_used: 0.0,
            score: None,
            model_path: None,
            model_bytes: None,
            job: None,
            created_by: made_by(caller),
            created_at: self.state.env.now(),
            started_at: None,
            finished_at: None,
        };
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        self.begin_run(&tx, caller, &job, &dataset, &version).await?;
        store::insert(&tx, &caller.scope, &job).await?;
        job.job = Some(self.enqueue(&tx, caller, job.id).await?);
        store::update(&tx, &caller.scope, &job).await?;
        let told = Change::new("automl_job", "started", job.id.to_string()).after(shown(&job));
        told.record(&tx, caller, &self.state.env).await?;
        tx.commit().await?;
        datasets.log_input(caller, &job.run_id, job.dataset, job.version, Some("training")).await?;
        Ok(Ok(View { job, progress: Progress::default(), registered: Vec::new() }))
    }

    /// Writes the run of the whole search.
    async fn begin_run(
        &self,
        tx: &Tx,
        caller: &Caller,
        job: &AutomlJob,
        dataset: &Dataset,
        version: &Version,
    ) -> MlopsResult<()> {
        let settings = serde_json::to_value(&job.settings).map_err(|e| MlopsError::Unwritable(e.to_string()))?;
        let mut params = vec![
            ("dataset".to_owned(), format!("{} v{}", dataset.name, version.number)),
            ("target".to_owned(), job.target.clone()),
        ];
        params.extend(flat(&settings));
        let tags =
            [("mlflow.source.name", "rhiza automl"), ("mlflow.source.type", "JOB"), ("mlflow.user", &job.created_by)];
        let mut facts = Facts { params, ..Facts::default() };
        facts.tags = tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        facts.tags.push(("rhiza.automl".to_owned(), job.id.to_string()));
        let run = Record {
            run_id: &job.run_id,
            experiment: job.experiment_row,
            name: &job.name,
            user: &job.created_by,
            status: RunStatus::Running,
            start_ms: job.created_at.timestamp_millis(),
            end_ms: None,
        };
        Ok(record::insert(tx, &caller.scope, &run, &facts).await?)
    }

    async fn enqueue(&self, tx: &Tx, caller: &Caller, id: AutomlId) -> MlopsResult<JobId> {
        let input = SearchInput { automl: id, plan: caller.plan.as_ref().to_owned() };
        let input = serde_json::to_value(input).map_err(|e| MlopsError::Unwritable(e.to_string()))?;
        let job = NewJob::new(KIND, input).scope(caller.scope).created_by(&caller.who);
        let limit = self.state.quotas.as_ref().and_then(|quotas| quotas.plan(&caller.plan).allowances.jobs);
        Ok(jobs::enqueue_within(tx, job, limit, &self.state.env).await?.id)
    }

    /// One search.
    ///
    /// # Errors
    /// When there is no such search in the project.
    pub(super) async fn get(&self, caller: &Caller, id: AutomlId) -> MlopsResult<View> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let job = store::get(&tx, &caller.scope, id, false).await?.ok_or(NO_SEARCH)?;
        let view = self.views(&tx, caller, vec![job]).await?.pop();
        tx.rollback().await?;
        view.ok_or(NO_SEARCH)
    }

    /// A page of searches, newest first.
    pub(super) async fn page(&self, caller: &Caller, wanted: Wanted, limit: i64) -> MlopsResult<Vec<View>> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let found = store::list(&tx, &caller.scope, wanted, limit).await?;
        let views = self.views(&tx, caller, found).await?;
        tx.rollback().await?;
        Ok(views)
    }

    async fn views(&self, tx: &Tx, caller: &Caller, found: Vec<AutomlJob>) -> MlopsResult<Vec<View>> {
        let runs: Vec<&str> = found.iter().map(|job| job.run_id.as_str()).collect();
        let registered = rhiza_tracking::registry::store::registered_of(tx, &caller.scope, &runs).await?;
        let mut views = Vec::new();
        for mut job in found {
            let progress = settle(tx, caller, &mut job).await?;
            let of = registered.iter().filter(|found| found.run_id == job.run_id);
            let registered = of.map(|found| (found.name.clone(), found.version)).collect();
            views.push(View { job, progress, registered });
        }
        Ok(views)
    }

    /// The trials of a search behind a number, in order.
    pub(super) async fn trials(
        &self,
        caller: &Caller,
        id: AutomlId,
        after: Option<i64>,
    ) -> MlopsResult<Vec<StoredTrial>> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let found = store::trials(&tx, &caller.scope, id, after).await?;
        tx.rollback().await?;
        Ok(found)
    }

    /// What a search found.
    pub(super) async fn results(&self, caller: &Caller, id: AutomlId) -> MlopsResult<(AutomlJob, Value)> {
        let view = self.get(caller, id).await?;
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let found = store::results(&tx, &caller.scope, id).await?;
        tx.rollback().await?;
        let found = found.ok_or_else(|| unfinished(&view.job))?;
        Ok((view.job, found))
    }

    /// The file of a search's model, and the search's name.
    ///
    /// # Errors
    /// When there is no such search, or it has no model.
    pub async fn model(&self, caller: &Caller, id: AutomlId) -> MlopsResult<(Artifact, String)> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let job = store::get(&tx, &caller.scope, id, false).await?.ok_or(NO_SEARCH)?;
        tx.rollback().await?;
        let path = job.model_path.as_deref().ok_or_else(|| unfinished(&job))?;
        Ok((Artifacts::new(&self.state.tracking).file(caller, path).await?, job.name))
    }

    /// As [`Searches::model`], of the ONNX file.
    pub(super) async fn onnx(&self, caller: &Caller, id: AutomlId) -> MlopsResult<(Artifact, String)> {
        let (job, found) = self.results(caller, id).await?;
        if let Some(why) = found.get("no_onnx").and_then(Value::as_str) {
            return Err(MlopsError::Conflict(format!("The model cannot be written as ONNX: {why}")));
        }
        let path = job.model_path.as_deref().and_then(|path| path.strip_suffix(MODEL_FILE));
        let path = path.ok_or_else(|| unfinished(&job))?;
        let file = Artifacts::new(&self.state.tracking).file(caller, &format!("{path}{ONNX_FILE}")).await?;
        Ok((file, job.name))
    }

    /// What a search's model was learnt from.
    pub(crate) async fn data(&self, caller: &Caller, id: AutomlId) -> MlopsResult<(DatasetId, i64)> {
        let job = self.get(caller, id).await?.job;
        Ok((job.dataset, job.version))
    }

    /// Stops a search. What it has found stays; it can be taken up again.
    pub(super) async fn cancel(&self, caller: &Caller, id: AutomlId) -> MlopsResult<View> {
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let ended = |job: &AutomlJob| {
            let state = job.state.as_str();
            MlopsError::Conflict(format!("The search has ended already: it is {state}."))
        };
        let mut seen = store::get(&tx, &caller.scope, id, false).await?.ok_or(NO_SEARCH)?;
        settle(&tx, caller, &mut seen).await?;
        if seen.state.is_final() {
            return Err(ended(&seen));
        }
        // Its job first, then the search: as the worker holds them.
        if let Some(of) = seen.job {
            jobs::cancel(&tx, &caller.scope, of, &self.state.env).await?;
        }
        let mut job = store::get(&tx, &caller.scope, id, true).await?.ok_or(NO_SEARCH)?;
        if job.state.is_final() || job.job != seen.job {
            return Err(ended(&job));
        }
        let before = job.state;
        job.state = State::Cancelled;
        job.finished_at = Some(self.state.env.now());
        store::update(&tx, &caller.scope, &job).await?;
        let ended = Some((RunStatus::Killed, self.state.env.now_ms()));
        record::add(&tx, &caller.scope, &job.run_id, ended, &Facts::default()).await?;
        let told = Change::new("automl_job", "cancelled", id.to_string()).before(json!({ "state": before.as_str() }));
        told.record(&tx, caller, &self.state.env).await?;
        tx.commit().await?;
        self.get(caller, id).await
    }

    /// Takes a search up again that was stopped or failed, with more seconds or trials where they are given. Without a second
    /// the model is made of the trials there are.
    pub(super) async fn resume(
        &self,
        caller: &Caller,
        id: AutomlId,
        seconds: Option<f64>,
        trials: Option<usize>,
    ) -> MlopsResult<Result<View, Wrong>> {
        let mut wrong = Vec::new();
        if seconds.is_some_and(|seconds| !(0.0..=SECONDS_MAX).contains(&seconds)) {
            wrong.push(("/seconds".to_owned(), format!("must be at least 0 and at most {SECONDS_MAX}")));
        }
        if trials.is_some_and(|trials| !(1..=TRIALS_MAX).contains(&trials)) {
            wrong.push(("/trials".to_owned(), format!("must be at least 1 and at most {TRIALS_MAX}")));
        }
        if !wrong.is_empty() {
            return Ok(Err(wrong));
        }
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let mut job = store::get(&tx, &caller.scope, id, true).await?.ok_or(NO_SEARCH)?;
        settle(&tx, caller, &mut job).await?;
        if !matches!(job.state, State::Cancelled | State::Failed) {
            let state = job.state.as_str();
            return Err(MlopsError::Conflict(format!(
                "Only a cancelled or failed search is taken up again; it is {state}."
            )));
        }
        let left = (job.settings.seconds - job.seconds_used).max(0.0);
        let default = if left > 0.0 { left } else { SECONDS };
        // What it has used is used: the new seconds come on top.
        job.settings.seconds = job.seconds_used + seconds.unwrap_or(default);
        job.settings.trials = trials.unwrap_or(job.settings.trials);
        (job.state, job.error, job.finished_at) = (State::Queued, None, None);
        record::reopen(&tx, &caller.scope, &job.run_id).await?;
        job.job = Some(self.enqueue(&tx, caller, id).await?);
        store::update(&tx, &caller.scope, &job).await?;
        let told = Change::new("automl_job", "resumed", id.to_string()).after(shown(&job));
        told.record(&tx, caller, &self.state.env).await?;
        tx.commit().await?;
        Ok(Ok(self.get(caller, id).await?))
    }

    /// Removes a search that has ended. Its runs and what was registered stay.
    pub(super) async fn delete(&self, caller: &Caller, id: AutomlId) -> MlopsResult<()> {
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        let mut job = store::get(&tx, &caller.scope, id, true).await?.ok_or(NO_SEARCH)?;
        settle(&tx, caller, &mut job).await?;
        if !job.state.is_final() {
            return Err(MlopsError::Conflict("The search is at work: cancel it first.".to_owned()));
        }
        store::delete(&tx, &caller.scope, id).await?;
        let told = Change::new("automl_job", "deleted", id.to_string()).before(shown(&job));
        told.record(&tx, caller, &self.state.env).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Makes the search's model the next version of a registered model, which is made if there is none of this name.
    pub(super) async fn register(
        &self,
        caller: &Caller,
        id: AutomlId,
        name: &str,
        description: &str,
        alias: Option<&str>,
    ) -> MlopsResult<i64> {
        let job = self.get(caller, id).await?.job;
        if job.model_path.is_none() {
            return Err(unfinished(&job));
        }
        let registry = Registry::new(&self.state.tracking);
        if let Some(alias) = alias {
            rhiza_tracking::registry::model::check_new_alias(alias)?;
        }
        if registry.get(caller, name).await.is_err() {
            // Somebody may make it meanwhile; the version tells whether it is there.
            let made = registry.create(caller, name, "", Vec::new()).await;
            if let Err(refused) = made
                && registry.get(caller, name).await.is_err()
            {
                return Err(refused.into());
            }
        }
        let draft = VersionDraft {
            name: name.to_owned(),
            source: format!("runs:/{}/model", job.run_id),
            run_id: Some(job.run_id.clone()),
            description: description.to_owned(),
            tags: vec![Tag { key: "rhiza.automl".to_owned(), value: job.id.to_string() }],
            ..VersionDraft::default()
        };
        let version = registry.create_version(caller, draft).await?.version;
        if let Some(alias) = alias {
            registry.set_alias(caller, name, alias, &version.to_string()).await?;
        }
        Ok(version)
    }
}

/// A search whose job was cancelled elsewhere, or whose process died once too often, will not go on by itself.
async fn settle(tx: &Tx, caller: &Caller, job: &mut AutomlJob) -> MlopsResult<Progress> {
    let Some(of) = job.job.filter(|_| !job.state.is_final()) else { return Ok(Progress::default()) };
    let Some(found) = jobs::get(tx, &caller.scope, of).await? else { return Ok(Progress::default()) };
    match found.state {
        JobState::Queued | JobState::Running => {}
        JobState::Cancelled => job.state = State::Cancelled,
        JobState::Failed | JobState::Succeeded => {
            job.state = State::Failed;
            job.error = Some("the search was interrupted too often; resume it to go on".to_owned());
        }
    }
    Ok(Progress { fraction: found.progress, message: found.message })
}

pub(super) const NO_SEARCH: MlopsError = MlopsError::Missing("There is no such search here.");

/// Why there are no results.
pub(super) fn unfinished(job: &AutomlJob) -> MlopsError {
    MlopsError::Conflict(match (job.state, &job.error) {
        (State::Failed, Some(error)) => format!("The search found no model: {error}"),
        (State::Cancelled, _) => "The search was cancelled before there was a model; resume it.".to_owned(),
        _ => "The search has not ended yet.".to_owned(),
    })
}

/// What the columns rule out before anything is read.
fn unusable(columns: &[(String, Kind)], draft: &Draft) -> Option<String> {
    let ignored = |name: &String| draft.settings.ignore.contains(name);
    let left = columns.iter().filter(|(name, _)| *name != draft.target && !ignored(name));
    let special = [&draft.settings.group_column];
    let left = left.filter(|(name, _)| !special.iter().any(|column| column.as_ref() == Some(name))).count();
    let kind = columns.iter().find(|(name, _)| *name == draft.target).map(|(_, kind)| *kind);
    match kind {
        _ if left == 0 => Some("leaves no column to learn from".to_owned()),
        Some(Kind::Datetime) => Some("holds points in time, which cannot be predicted".to_owned()),
        _ => None,
    }
}

/// Settings as parameters of a run.
fn flat(settings: &Value) -> Vec<(String, String)> {
    let members = settings.as_object().into_iter().flatten();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    members.filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), text(value))).collect()
}

fn shown(job: &AutomlJob) -> Value {
    json!({
        "name": job.name,
        "dataset": job.dataset,
        "version": job.version,
        "target": job.target,
        "settings": job.settings,
        "run_id": job.run_id,
    })
}

pub(crate) fn made_by(caller: &Caller) -> String {
    let id = caller.who.actor.id_text();
    if id.is_empty() { caller.who.actor.kind().to_owned() } else { id }
}
