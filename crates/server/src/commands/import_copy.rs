//! The order in which things are copied: ids for everything first, then runs and models one by one, the registry last.

use std::collections::HashSet;
use std::fmt;

use futures::StreamExt as _;
use rhiza_tracking::importer::model::{Experiment, Model, OwnerKind, Run};
use rhiza_tracking::importer::{Reserved, Transfer};
use rhiza_tracking::logged_models::model::Status;
use rhiza_tracking::metrics::Point;
use rhiza_tracking::runs::RunStatus;
use rhiza_tracking::{TrackingError, TrackingResult};
use serde_json::json;

use crate::commands::import_client::{Called, PageToken, Source};
use crate::commands::import_wire::{
    ExperimentPage, LoggedModelPage, MetricPage, ModelAnswer, RunAnswer, RunPage, WireMetric,
};
use crate::commands::print;
use crate::error::Failure;

/// How many histories of a run are fetched at once. MLflow's server computes each on one of few workers.
const HISTORIES_AT_ONCE: usize = 4;
/// How many points a page of a history has.
const POINTS: &str = "10000";
/// How many runs a page has.
const RUNS: u32 = 200;
/// After so many runs or models a line says how far the copy is.
const SAY_EVERY: usize = 50;
/// How many of the files that were left where they are get named.
const NAMED: usize = 10;

/// What is to be copied.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The names of the experiments; all when there are none.
    pub(crate) experiments: Vec<String>,
    /// Deleted experiments and runs too.
    pub(crate) deleted: bool,
    /// Files too.
    pub(crate) files: bool,
}

/// What was copied, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) experiments: u64,
    pub(crate) runs: u64,
    pub(crate) points: u64,
    pub(crate) models: u64,
    pub(crate) registered: u64,
    pub(crate) versions: u64,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Runs, models and versions that an earlier copy brought.
    pub(crate) there: u64,
    /// Runs that have not ended yet: the next copy looks at them again.
    pub(crate) running: u64,
    /// Whose files are where the server does not hand them out.
    pub(crate) unproxied: Vec<String>,
    /// What could not be copied, and why.
    pub(crate) refused: Vec<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { experiments, runs, points, models, registered, versions, files, bytes, there, .. } = self;
        writeln!(
            f,
            "copied {experiments} experiments, {runs} runs with {points} metric points, {models} logged models,"
        )?;
        writeln!(f, "  {registered} registered models with {versions} versions, {files} files ({bytes} bytes)")?;
        if *there > 0 {
            writeln!(f, "{there} runs, models and versions had been copied before")?;
        }
        if self.running > 0 {
            writeln!(f, "{} runs have not ended; copy again later for the rest of them", self.running)?;
        }
        if !self.unproxied.is_empty() {
            writeln!(f, "the files of {} runs, models and versions were not copied:", self.unproxied.len())?;
            for place in self.unproxied.iter().take(NAMED) {
                writeln!(f, "  {place}")?;
            }
            if self.unproxied.len() > NAMED {
                writeln!(f, "  and {} more", self.unproxied.len() - NAMED)?;
            }
        }
        for refused in &self.refused {
            writeln!(f, "not copied: {refused}")?;
        }
        Ok(())
    }
}

/// A copy in progress.
pub(crate) struct Copy {
    pub(super) source: Source,
    pub(super) transfer: Transfer,
    pub(super) wanted: Wanted,
    pub(super) tally: Tally,
    /// Stores that the source could not read.
    pub(super) closed: HashSet<String>,
}

/// What is missing of a run or model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Everything,
    /// An earlier copy brought the rest.
    Files,
}

/// The ids of what is to be filled.
#[derive(Default)]
struct Todo {
    runs: Vec<(String, Missing)>,
    models: Vec<(String, Missing)>,
}

impl Copy {
    pub(crate) fn new(source: Source, transfer: Transfer, wanted: Wanted) -> Self {
        Self { source, transfer, wanted, tally: Tally::default(), closed: HashSet::new() }
    }

    /// Copies everything that is wanted and not there yet.
    pub(crate) async fn run(mut self) -> Result<Tally, Failure> {
        let experiments = self.experiments().await?;
        let mut todo = Vec::with_capacity(experiments.len());
        for experiment in experiments {
            match self.transfer.experiment(&experiment).await {
                Ok(Reserved::Refused(reason)) => self.refuse("experiment", &experiment.name, &reason),
                Ok(outcome) => {
                    self.tally.experiments += u64::from(outcome == Reserved::New);
                    todo.push((self.reserve(&experiment.id).await?, experiment.name));
                }
                Err(error) => self.refused("experiment", &experiment.name, error)?,
            }
        }
        for (todo, name) in todo {
            self.fill(&todo, &name).await?;
        }
        self.registry().await?;
        let Self { transfer, tally, .. } = self;
        let Tally { experiments, runs, models, registered, versions, files, .. } = &tally;
        let brought = json!({
            "experiments": experiments, "runs": runs, "logged_models": models, "registered_models": registered,
            "model_versions": versions, "files": files,
        });
        transfer.close(brought).await?;
        Ok(tally)
    }

    pub(super) fn refuse(&mut self, what: &str, name: &str, reason: &str) {
        self.tally.refused.push(format!("{what} {name}: {reason}"));
    }

    /// Notes the refusal of one thing; any other failure ends the copy.
    pub(super) fn refused(&mut self, what: &str, name: &str, error: TrackingError) -> Result<(), Failure> {
        match error {
            TrackingError::Refused { message, .. } => self.refuse(what, name, &message),
            error => return Err(error.into()),
        }
        Ok(())
    }

    fn view(&self) -> &'static str {
        if self.wanted.deleted { "ALL" } else { "ACTIVE_ONLY" }
    }

    async fn experiments(&self) -> Result<Vec<Experiment>, Failure> {
        let body = json!({"view_type": self.view(), "max_results": 1000});
        let mut found: Vec<Experiment> = Vec::new();
        let mut token = PageToken::first();
        let path = ["mlflow", "experiments", "search"];
        while let Some(page) = self.source.post_page::<ExperimentPage>(&path, &body, &mut token).await? {
            found.extend(page.experiments.into_iter().map(Experiment::from));
        }
        let names = &self.wanted.experiments;
        if let Some(missing) = names.iter().find(|name| found.iter().all(|e| e.name != **name)) {
            let advice = if self.wanted.deleted { "" } else { " (deleted ones need --deleted)" };
            return Err(Failure::usage(format!("the source has no experiment {missing:?}{advice}")));
        }
        found.retain(|e| names.is_empty() || names.contains(&e.name));
        // Oldest first, so that they have the same order here.
        found.sort_by_key(|e| e.created_ms);
        Ok(found)
    }

    /// Gives the runs and logged models of an experiment their ids here.
    async fn reserve(&mut self, experiment: &str) -> Result<Todo, Failure> {
        let mut todo = Todo::default();
        let body = json!({
            "experiment_ids": [experiment], "run_view_type": self.view(), "max_results": RUNS,
            "order_by": ["attributes.start_time ASC"],
        });
        let mut token = PageToken::first();
        let path = ["mlflow", "runs", "search"];
        while let Some(page) = self.source.post_page::<RunPage>(&path, &body, &mut token).await? {
            let heads: Vec<Run> = page.runs.into_iter().map(Run::from).collect();
            let outcomes = self.transfer.reserve_runs(&heads).await?;
            let ids = heads.into_iter().map(|run| run.id);
            self.sort(OwnerKind::Run, ids.zip(outcomes), &mut todo.runs);
        }
        let body = json!({"experiment_ids": [experiment], "max_results": 50});
        let mut token = PageToken::first();
        let path = ["mlflow", "logged-models", "search"];
        loop {
            let page = match self.source.post_page::<LoggedModelPage>(&path, &body, &mut token).await {
                Ok(Some(page)) => page,
                Ok(None) => break,
                // MLflow has logged models since 3.0.
                Err(error) if error.is_absent() => break,
                Err(error) => return Err(error.into()),
            };
            let heads: Vec<Model> = page.models.into_iter().map(Model::from).collect();
            let outcomes = self.transfer.reserve_models(&heads).await?;
            let ids = heads.into_iter().map(|model| model.id);
            self.sort(OwnerKind::Model, ids.zip(outcomes), &mut todo.models);
        }
        Ok(todo)
    }

    fn sort(
        &mut self,
        of: OwnerKind,
        outcomes: impl Iterator<Item = (String, Reserved)>,
        todo: &mut Vec<(String, Missing)>,
    ) {
        for (id, outcome) in outcomes {
            match outcome {
                Reserved::New | Reserved::Unfinished => todo.push((id, Missing::Everything)),
                Reserved::There => {
                    self.tally.there += 1;
                    if self.wanted.files && !self.transfer.has_files(of, &id) {
                        todo.push((id, Missing::Files));
                    }
                }
                Reserved::Refused(reason) => self.refuse(word(of), &id, &reason),
            }
        }
    }

    async fn fill(&mut self, todo: &Todo, name: &str) -> Result<(), Failure> {
        let count = todo.runs.len() + todo.models.len();
        let (runs, models) = (todo.runs.len(), todo.models.len());
        print(&format!("experiment {name:?}: {runs} runs and {models} logged models to copy"));
        for (i, (id, missing)) in todo.runs.iter().enumerate() {
            say(i, count);
            if let Err(error) = self.run_whole(id, *missing).await? {
                self.refused("run", id, error)?;
            }
        }
        for (i, (id, missing)) in todo.models.iter().enumerate() {
            say(runs + i, count);
            if let Err(error) = self.model_whole(id, *missing).await? {
                self.refused("logged model", id, error)?;
            }
        }
        Ok(())
    }

    /// Copies what is missing of a run. The inner failure concerns this run only.
    async fn run_whole(&mut self, id: &str, missing: Missing) -> Result<TrackingResult<()>, Failure> {
        let answer: Called<RunAnswer> = self.source.get(&["mlflow", "runs", "get"], &[("run_id", id)]).await;
        let wire = match answer {
            Ok(answer) => answer.run,
            Err(error) if error.is_absent() => return Ok(Err(TrackingError::missing(error.message))),
            Err(error) => return Err(error.into()),
        };
        let (keys, uri) = (wire.metric_keys(), wire.info.artifact_uri.clone());
        let run = Run::from(wire);
        if missing == Missing::Everything
            && let Err(error) = self.run_data(&run, keys).await?
        {
            return Ok(Err(error));
        }
        let ended = !matches!(run.status, RunStatus::Running | RunStatus::Scheduled);
        if let Err(error) = self.files_of(OwnerKind::Run, id, &uri, ended).await? {
            return Ok(Err(error));
        }
        if missing == Missing::Files {
            return Ok(Ok(()));
        }
        self.tally.runs += 1;
        self.tally.running += u64::from(!ended);
        Ok(if ended { self.transfer.finish(OwnerKind::Run, id).await } else { Ok(()) })
    }

    /// Copies a run without its files.
    async fn run_data(&mut self, run: &Run, keys: Vec<String>) -> Result<TrackingResult<()>, Failure> {
        if let Err(error) = self.transfer.run(run).await {
            return Ok(Err(error));
        }
        let source = self.source.clone();
        let histories = keys.into_iter().map(|key| history(&source, &run.id, key));
        let mut histories = futures::stream::iter(histories).buffered(HISTORIES_AT_ONCE);
        while let Some(fetched) = histories.next().await {
            let (key, points) = fetched?;
            let count = points.len() as u64;
            if let Err(error) = self.transfer.history(&run.id, &key, points).await {
                return Ok(Err(error));
            }
            self.tally.points += count;
        }
        Ok(Ok(()))
    }

    /// Copies what is missing of a logged model. The inner failure concerns this model only.
    async fn model_whole(&mut self, id: &str, missing: Missing) -> Result<TrackingResult<()>, Failure> {
        let answer: Called<ModelAnswer> = self.source.get(&["mlflow", "logged-models", id], &[]).await;
        let wire = match answer {
            Ok(answer) => answer.model,
            Err(error) if error.is_absent() => return Ok(Err(TrackingError::missing(error.message))),
            Err(error) => return Err(error.into()),
        };
        let uri = wire.info.artifact_uri.clone();
        let model = Model::from(wire);
        if missing == Missing::Everything
            && let Err(error) = self.transfer.model(&model).await
        {
            return Ok(Err(error));
        }
        let ended = model.status != Status::Pending;
        if let Err(error) = self.files_of(OwnerKind::Model, id, &uri, ended).await? {
            return Ok(Err(error));
        }
        if missing == Missing::Files {
            return Ok(Ok(()));
        }
        self.tally.models += 1;
        Ok(if ended { self.transfer.finish(OwnerKind::Model, id).await } else { Ok(()) })
    }

    /// Copies the files of a run or model, if they are wanted; `ended` says that there will not be more of them.
    async fn files_of(
        &mut self,
        of: OwnerKind,
        id: &str,
        uri: &str,
        ended: bool,
    ) -> Result<TrackingResult<()>, Failure> {
        if !self.wanted.files {
            return Ok(Ok(()));
        }
        let left = self.tally.unproxied.len() + self.tally.refused.len();
        let copied = self.files(of, id, uri).await?;
        let whole = self.tally.unproxied.len() + self.tally.refused.len() == left;
        // What is still missing is tried again by the next copy.
        Ok(if copied.is_ok() && whole && ended { self.transfer.finish_files(of, id).await } else { copied })
    }
}

/// All points of one metric.
async fn history(source: &Source, run: &str, key: String) -> Called<(String, Vec<Point>)> {
    let path = ["mlflow", "metrics", "get-history"];
    let query = [("run_id", run), ("metric_key", key.as_str()), ("max_results", POINTS)];
    let mut points = Vec::new();
    let mut token = PageToken::first();
    // Servers before 2.20 ignore the page size and answer with everything at once.
    while let Some(page) = source.get_page::<MetricPage>(&path, &query, &mut token).await? {
        points.extend(page.metrics.iter().map(WireMetric::point));
    }
    Ok((key, points))
}

pub(super) const fn word(of: OwnerKind) -> &'static str {
    match of {
        OwnerKind::Run => "run",
        OwnerKind::Model => "logged model",
    }
}

fn say(done: usize, count: usize) {
    if done > 0 && done.is_multiple_of(SAY_EVERY) {
        print(&format!("  {done} of {count}"));
    }
}
