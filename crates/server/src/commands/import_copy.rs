//! The order in which things are copied: ids for everything first, then runs and models one by one, the registry last.

use std::fmt;

use futures::StreamExt as _;
use rhiza_tracking::importer::model::{Experiment, Model, OwnerKind, Registered, Run, Version};
use rhiza_tracking::importer::{Reserved, Transfer, VersionOutcome};
use rhiza_tracking::metrics::Point;
use rhiza_tracking::runs::RunStatus;
use rhiza_tracking::{TrackingError, TrackingResult};
use serde_json::json;

use crate::commands::import_client::{Called, PageToken, Source};
use crate::commands::import_wire::{
    DownloadUri, ExperimentPage, LoggedModelPage, MetricPage, ModelAnswer, RegisteredPage, RunAnswer, RunPage,
    VersionPage, WireMetric, WireRegistered,
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
/// The tag that makes a registered model a prompt; prompts have no files.
const IS_PROMPT: &str = "mlflow.prompt.is_prompt";

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
        writeln!(f, "copied {experiments} experiments, {runs} runs with {points} metric points, {models} logged models,")?;
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
    wanted: Wanted,
    pub(super) tally: Tally,
}

/// The ids of what is to be filled.
#[derive(Default)]
struct Todo {
    runs: Vec<String>,
    models: Vec<String>,
}

impl Copy {
    pub(crate) fn new(source: Source, transfer: Transfer, wanted: Wanted) -> Self {
        Self { source, transfer, wanted, tally: Tally::default() }
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

    fn sort(&mut self, of: OwnerKind, outcomes: impl Iterator<Item = (String, Reserved)>, todo: &mut Vec<String>) {
        for (id, outcome) in outcomes {
            match outcome {
                Reserved::New | Reserved::Unfinished => todo.push(id),
                Reserved::There => self.tally.there += 1,
                Reserved::Refused(reason) => self.refuse(word(of), &id, &reason),
            }
        }
    }

    async fn fill(&mut self, todo: &Todo, name: &str) -> Result<(), Failure> {
        let count = todo.runs.len() + todo.models.len();
        let (runs, models) = (todo.runs.len(), todo.models.len());
        print(&format!("experiment {name:?}: {runs} runs and {models} logged models to copy"));
        for (i, id) in todo.runs.iter().enumerate() {
            say(i, count);
            if let Err(error) = self.run_whole(id).await? {
                self.refused("run", id, error)?;
            }
        }
        for (i, id) in todo.models.iter().enumerate() {
            say(runs + i, count);
            if let Err(error) = self.model_whole(id).await? {
                self.refused("logged model", id, error)?;
            }
        }
        Ok(())
    }

    /// Copies all of a run. The inner failure concerns this run only.
    async fn run_whole(&mut self, id: &str) -> Result<TrackingResult<()>, Failure> {
        let answer: Called<RunAnswer> = self.source.get(&["mlflow", "runs", "get"], &[("run_id", id)]).await;
        let wire = match answer {
            Ok(answer) => answer.run,
            Err(error) if error.is_absent() => return Ok(Err(TrackingError::missing(error.message))),
            Err(error) => return Err(error.into()),
        };
        let (keys, uri) = (wire.metric_keys(), wire.info.artifact_uri.clone());
        let run = Run::from(wire);
        if let Err(error) = self.transfer.run(&run).await {
            return Ok(Err(error));
        }
        let source = self.source.clone();
        let histories = keys.into_iter().map(|key| history(&source, id, key));
        let mut histories = futures::stream::iter(histories).buffered(HISTORIES_AT_ONCE);
        while let Some(fetched) = histories.next().await {
            let (key, points) = fetched?;
            let count = points.len() as u64;
            if let Err(error) = self.transfer.history(id, &key, points).await {
                return Ok(Err(error));
            }
            self.tally.points += count;
        }
        if let Err(error) = self.files_of(OwnerKind::Run, id, &uri).await? {
            return Ok(Err(error));
        }
        self.tally.runs += 1;
        if matches!(run.status, RunStatus::Running | RunStatus::Scheduled) {
            self.tally.running += 1;
            return Ok(Ok(()));
        }
        Ok(self.transfer.finish(OwnerKind::Run, id).await)
    }

    /// Copies all of a logged model. The inner failure concerns this model only.
    async fn model_whole(&mut self, id: &str) -> Result<TrackingResult<()>, Failure> {
        let answer: Called<ModelAnswer> = self.source.get(&["mlflow", "logged-models", id], &[]).await;
        let wire = match answer {
            Ok(answer) => answer.model,
            Err(error) if error.is_absent() => return Ok(Err(TrackingError::missing(error.message))),
            Err(error) => return Err(error.into()),
        };
        let uri = wire.info.artifact_uri.clone();
        let model = Model::from(wire);
        if let Err(error) = self.transfer.model(&model).await {
            return Ok(Err(error));
        }
        if let Err(error) = self.files_of(OwnerKind::Model, id, &uri).await? {
            return Ok(Err(error));
        }
        self.tally.models += 1;
        Ok(self.transfer.finish(OwnerKind::Model, id).await)
    }

    async fn files_of(&mut self, of: OwnerKind, id: &str, uri: &str) -> Result<TrackingResult<()>, Failure> {
        if self.wanted.files { self.files(of, id, uri).await } else { Ok(Ok(())) }
    }

    async fn registry(&mut self) -> Result<(), Failure> {
        // A search leaves prompts out unless it asks for them, and then finds nothing else.
        for filter in [String::new(), format!("tags.`{IS_PROMPT}` = 'true'")] {
            let mut token = PageToken::first();
            let mut query = vec![("max_results", "100")];
            if !filter.is_empty() {
                query.push(("filter", filter.as_str()));
            }
            let path = ["mlflow", "registered-models", "search"];
            while let Some(page) = self.source.get_page::<RegisteredPage>(&path, &query, &mut token).await? {
                for wire in page.registered_models {
                    self.registered(wire, &filter).await?;
                }
            }
        }
        Ok(())
    }

    async fn registered(&mut self, wire: WireRegistered, filter: &str) -> Result<(), Failure> {
        let registered = Registered::from(wire);
        let name = registered.name.clone();
        let mut versions = self.versions(&name, filter).await?;
        if !self.wanted.experiments.is_empty() {
            let knows = |of, id: &str| self.transfer.knows(of, id);
            versions.retain(|v| knows(OwnerKind::Run, &v.run) || knows(OwnerKind::Model, &v.model));
            if versions.is_empty() {
                return Ok(());
            }
        }
        match self.transfer.registered(&registered).await {
            Ok(Reserved::Refused(reason)) => {
                self.refuse("registered model", &name, &reason);
                return Ok(());
            }
            Ok(outcome) => self.tally.registered += u64::from(outcome == Reserved::New),
            Err(error) => return self.refused("registered model", &name, error),
        }
        for version in versions {
            self.version(&registered, version).await?;
        }
        Ok(())
    }

    /// The versions of a registered model, oldest first.
    async fn versions(&self, name: &str, filter: &str) -> Result<Vec<Version>, Failure> {
        let quote = if name.contains('\'') { '"' } else { '\'' };
        let mut which = format!("name = {quote}{name}{quote}");
        if !filter.is_empty() {
            which.push_str(&format!(" AND {filter}"));
        }
        let query = [("filter", which.as_str()), ("max_results", "1000")];
        let mut found: Vec<Version> = Vec::new();
        let mut token = PageToken::first();
        let path = ["mlflow", "model-versions", "search"];
        while let Some(page) = self.source.get_page::<VersionPage>(&path, &query, &mut token).await? {
            found.extend(page.model_versions.into_iter().map(Version::from));
        }
        found.sort_by_key(|v| v.version);
        Ok(found)
    }

    async fn version(&mut self, registered: &Registered, mut version: Version) -> Result<(), Failure> {
        let (name, number) = (registered.name.as_str(), version.version);
        if self.transfer.knows_version(name, number) {
            self.tally.there += 1;
            return Ok(());
        }
        let path = ["mlflow", "model-versions", "get-download-uri"];
        let query = [("name", name), ("version", &number.to_string())];
        version.location = self.source.get::<DownloadUri>(&path, &query).await.ok().map(|answer| answer.artifact_uri);
        let at = registered.aliases.iter().filter(|(_, at)| **at == number);
        let aliases: Vec<&str> = at.map(|(alias, _)| alias.as_str()).collect();
        let place = format!("{name} version {number}");
        match self.transfer.version(name, &version, &aliases).await {
            Ok(VersionOutcome::Brought { has_files }) => {
                self.tally.versions += 1;
                let is_prompt = registered.tags.contains_key(IS_PROMPT) || version.tags.contains_key(IS_PROMPT);
                if !has_files && !is_prompt {
                    self.tally.unproxied.push(format!("{place}, which stay at {}", version.source));
                }
            }
            Ok(VersionOutcome::There) => self.tally.there += 1,
            Ok(VersionOutcome::NumberTaken) => {
                self.refuse("model version", &place, "the model has a version of that number here");
            }
            Err(error) => self.refused("model version", &place, error)?,
        }
        Ok(())
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
