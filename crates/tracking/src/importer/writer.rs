//! The rows of imported things, written into one transaction.

use std::collections::{BTreeMap, HashMap};

use rhiza_kernel::{Env, ProjectScope};
use rhiza_store::Tx;

use super::model::{Entry, Experiment, Model, OwnerKind, Registered, Run, Version};
use super::service::Stored;
use super::store;
use crate::artifacts::{self, Artifact};
use crate::error::{TrackingError, TrackingResult};
use crate::logged_models::{self, LoggedModel};
use crate::metrics::Point;
use crate::metrics::store::{self as metrics, Latest, Segment};
use crate::protocol::{json_str, user_text};
use crate::registry::{self, ModelVersion, Tag};
use crate::runs::model::{NAME_TAG, run_id};
use crate::runs::store::NewRun;
use crate::{experiments, runs};

/// An experiment's row and the root of its artifacts.
struct Place {
    row: i64,
    location: String,
}

/// A run as it is here.
struct Target {
    row: i64,
    experiment: i64,
    run_id: String,
}

/// Writes imported things and remembers what became of their ids.
pub(super) struct Writer<'a> {
    tx: &'a Tx,
    scope: &'a ProjectScope,
    env: &'a Env,
    experiments: HashMap<String, Place>,
    runs: HashMap<String, Target>,
    models: HashMap<String, String>,
    names: HashMap<String, String>,
    /// The root of each owner's files.
    roots: HashMap<(OwnerKind, String), String>,
    /// Texts that mean something else here.
    changed: Vec<(String, String)>,
}

fn lost(what: &str, id: &str) -> TrackingError {
    TrackingError::invalid(format!("The import names the {what} {id:?}, which it does not bring."))
}

fn pairs(map: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    map.iter().map(|(k, v)| (k.as_str(), v.as_str()))
}

fn check_pairs(map: &BTreeMap<String, String>) -> TrackingResult<()> {
    for (key, value) in pairs(map) {
        user_text(key, "key")?;
        user_text(value, "value")?;
    }
    Ok(())
}

impl<'a> Writer<'a> {
    pub(super) fn new(tx: &'a Tx, scope: &'a ProjectScope, env: &'a Env) -> Self {
        Self {
            tx,
            scope,
            env,
            experiments: HashMap::new(),
            runs: HashMap::new(),
            models: HashMap::new(),
            names: HashMap::new(),
            roots: HashMap::new(),
            changed: Vec::new(),
        }
    }

    /// Gives every thing its id here, so that mentions of it can be written whatever their order.
    pub(super) async fn reserve(&mut self, entries: &[Entry]) -> TrackingResult<()> {
        for entry in entries {
            match entry {
                Entry::Experiment(experiment) => self.experiment(experiment).await?,
                Entry::Run(run) => self.reserve_run(run).await?,
                Entry::Model(model) => self.reserve_model(model).await?,
                Entry::RegisteredModel(registered) => self.reserve_name(&registered.name).await?,
                Entry::Artifact(_) => {}
            }
        }
        Ok(())
    }

    async fn experiment(&mut self, experiment: &Experiment) -> TrackingResult<()> {
        user_text(&experiment.name, "name")?;
        check_pairs(&experiment.tags)?;
        let mut name = experiment.name.clone();
        let mut number = 1;
        while experiments::store::by_name(self.tx, self.scope, &name).await?.is_some() {
            number += 1;
            name = format!("{} ({number})", experiment.name);
        }
        let row = experiments::store::insert(self.tx, self.scope, &name, None, experiment.created_ms).await?;
        store::date_experiment(self.tx, self.scope, row, experiment).await?;
        let tags: Vec<(String, String)> = pairs(&experiment.tags).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        experiments::store::set_tags(self.tx, self.scope, row, &tags).await?;
        let found = experiments::store::by_id(self.tx, self.scope, row).await?;
        let location = found.ok_or_else(|| lost("experiment", &experiment.id))?.artifact_location;
        self.experiments.insert(experiment.id.clone(), Place { row, location });
        Ok(())
    }

    fn place(&self, id: &str) -> TrackingResult<&Place> {
        self.experiments.get(id).ok_or_else(|| lost("experiment", id))
    }

    async fn reserve_run(&mut self, run: &Run) -> TrackingResult<()> {
        user_text(&run.name, "name")?;
        user_text(&run.user, "user")?;
        let place = self.place(&run.experiment)?;
        let (experiment, location) = (place.row, place.location.clone());
        let deleted = run.deleted.then(|| self.env.now_ms());
        let mut id = run.id.clone();
        let row = loop {
            let new = NewRun {
                run_id: &id,
                experiment,
                name: &run.name,
                user_id: &run.user,
                status: run.status.number(),
                start_time: run.start_ms,
                end_time: run.end_ms,
            };
            if let Some(row) = store::insert_run(self.tx, self.scope, &new, deleted).await? {
                break row;
            }
            id = run_id(self.env.random_bytes());
        };
        if id != run.id {
            self.changed.push((run.id.clone(), id.clone()));
        }
        let root = format!("{}/{id}/artifacts", location.trim_end_matches('/'));
        self.roots.insert((OwnerKind::Run, run.id.clone()), root);
        self.runs.insert(run.id.clone(), Target { row, experiment, run_id: id });
        Ok(())
    }

    async fn reserve_model(&mut self, model: &Model) -> TrackingResult<()> {
        let location = self.place(&model.experiment)?.location.clone();
        let mut id = model.id.clone();
        while logged_models::store::find_any(self.tx, self.scope, &id, true).await?.is_some() {
            id = format!("m-{}", run_id(self.env.random_bytes()));
        }
        if id != model.id {
            self.changed.push((model.id.clone(), id.clone()));
        }
        let root = format!("{}/models/{id}/artifacts", location.trim_end_matches('/'));
        self.roots.insert((OwnerKind::Model, model.id.clone()), root);
        self.models.insert(model.id.clone(), id);
        Ok(())
    }

    async fn reserve_name(&mut self, name: &str) -> TrackingResult<()> {
        registry::model::check_name(name)?;
        let mut free = name.to_owned();
        let mut number = 1;
        while registry::store::find_model(self.tx, self.scope, &free).await?.is_some() {
            number += 1;
            free = format!("{name}-{number}");
        }
        if free != name {
            // As logged models list where they are registered.
            let listed = |name: &str| format!("{{\"name\": {}, ", json_str(name));
            self.changed.push((listed(name), listed(&free)));
        }
        self.names.insert(name.to_owned(), free);
        Ok(())
    }

    /// The text with every changed id in it replaced.
    fn follow(&self, text: &str) -> String {
        self.changed.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old, new))
    }

    /// Writes what belongs to a thing that has its id.
    pub(super) async fn entry(&mut self, entry: &Entry) -> TrackingResult<()> {
        match entry {
            Entry::Run(run) => self.run(run).await,
            Entry::Model(model) => self.model(model).await,
            Entry::RegisteredModel(registered) => self.registered(registered).await,
            Entry::Experiment(_) | Entry::Artifact(_) => Ok(()),
        }
    }

    async fn run(&self, run: &Run) -> TrackingResult<()> {
        check_pairs(&run.params)?;
        check_pairs(&run.tags)?;
        let target = self.runs.get(&run.id).ok_or_else(|| lost("run", &run.id))?;
        let org = self.scope.org_scope();
        let params: Vec<(i64, &str, &str)> = pairs(&run.params).map(|(k, v)| (target.row, k, v)).collect();
        runs::store::insert_params(self.tx, &org, &params).await?;
        let mut tags: BTreeMap<&str, String> = pairs(&run.tags).map(|(k, v)| (k, self.follow(v))).collect();
        tags.insert(NAME_TAG, run.name.clone());
        let tags: Vec<(i64, &str, &str)> = tags.iter().map(|(k, v)| (target.row, *k, v.as_str())).collect();
        runs::store::set_tags(self.tx, &org, &tags).await?;
        self.histories(run, target).await?;
        for (position, dataset) in run.datasets.iter().enumerate() {
            check_pairs(&dataset.tags)?;
            for text in [&dataset.name, &dataset.digest, &dataset.source_type, &dataset.source] {
                user_text(text, "dataset")?;
            }
            let position = i64::try_from(position).unwrap_or(i64::MAX);
            store::add_dataset(self.tx, self.scope, target.experiment, target.row, position, dataset).await?;
        }
        let inputs: Vec<(String, i64)> = run.models_in.iter().map(|id| (self.model_id(id), 0)).collect();
        let outputs: Vec<(String, i64)> = run.models_out.iter().map(|o| (self.model_id(&o.id), o.step)).collect();
        runs::store::add_models(self.tx, self.scope, target.row, &inputs, false).await?;
        runs::store::add_models(self.tx, self.scope, target.row, &outputs, true).await?;
        Ok(())
    }

    /// The id a model has here; one that the file does not bring keeps its own.
    fn model_id(&self, id: &str) -> String {
        self.models.get(id).map_or_else(|| id.to_owned(), Clone::clone)
    }

    /// As [`Self::model_id`], for runs.
    fn run_id(&self, id: &str) -> String {
        self.runs.get(id).map_or_else(|| id.to_owned(), |target| target.run_id.clone())
    }

    async fn histories(&self, run: &Run, target: &Target) -> TrackingResult<()> {
        let org = self.scope.org_scope();
        let mut latest = Vec::with_capacity(run.metrics.len());
        let mut segments = Vec::with_capacity(run.metrics.len());
        for (key, logged) in &run.metrics {
            user_text(key, "key")?;
            let points: Vec<Point> = logged.iter().map(|l| l.0).collect();
            let best = points.iter().copied().reduce(|best, p| if p.supersedes(&best) { p } else { best });
            let Some(point) = best else { continue };
            latest.push(Latest { run_pk: target.row, experiment: target.experiment, key: key.clone(), point });
            segments.extend(Segment::cut(key, points));
        }
        metrics::upsert_latest(self.tx, &org, &latest).await?;
        metrics::insert_segments(self.tx, &org, target.row, segments).await?;
        Ok(())
    }

    async fn model(&self, model: &Model) -> TrackingResult<()> {
        check_pairs(&model.params)?;
        check_pairs(&model.tags)?;
        logged_models::model::check_name(&model.name)?;
        user_text(&model.kind, "model_type")?;
        let place = self.place(&model.experiment)?;
        let id = self.model_id(&model.id);
        let made = LoggedModel {
            experiment_id: place.row,
            name: model.name.clone(),
            model_type: model.kind.clone(),
            source_run_id: self.run_id(&model.run),
            artifact_uri: self.root(OwnerKind::Model, &model.id)?.to_owned(),
            status: model.status,
            created_ms: model.created_ms,
            updated_ms: model.updated_ms,
            params: pairs(&model.params).map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            tags: pairs(&model.tags).map(|(k, v)| (k.to_owned(), self.follow(v))).collect(),
            metrics: Vec::new(),
            model_id: id.clone(),
        };
        logged_models::store::insert(self.tx, self.scope, &made).await?;
        for point in &model.metrics {
            user_text(&point.key, "key")?;
            let metric = logged_models::store::ModelMetric {
                model_id: id.clone(),
                key: point.key.clone(),
                point: Point::new(point.value, point.at_ms, point.step),
                dataset_name: point.dataset.clone(),
                dataset_digest: point.digest.clone(),
            };
            let run = self.run_id(&point.run);
            logged_models::store::record_metrics(self.tx, self.scope, &run, &[metric]).await?;
        }
        Ok(())
    }

    fn root(&self, kind: OwnerKind, id: &str) -> TrackingResult<&str> {
        self.roots.get(&(kind, id.to_owned())).map(String::as_str).ok_or_else(|| lost("owner", id))
    }

    async fn registered(&self, registered: &Registered) -> TrackingResult<()> {
        check_pairs(&registered.tags)?;
        let name = self.names.get(&registered.name).ok_or_else(|| lost("model", &registered.name))?;
        let row = registry::store::insert_model(
            self.tx,
            self.scope,
            name,
            registered.description.as_deref(),
            registered.created_ms,
            registered.updated_ms,
        )
        .await?;
        registry::store::set_model_tags(self.tx, self.scope, row, &tags(&registered.tags)).await?;
        for version in &registered.versions {
            check_pairs(&version.tags)?;
            let made = self.version(name, version);
            registry::store::insert_version(self.tx, self.scope, row, &made).await?;
        }
        for (alias, version) in &registered.aliases {
            user_text(alias, "alias")?;
            registry::store::set_alias(self.tx, self.scope, row, alias, *version).await?;
        }
        Ok(())
    }

    fn version(&self, name: &str, version: &Version) -> ModelVersion {
        let source = self.follow(&version.source);
        let in_run = version.source.strip_prefix("runs:/").and_then(|rest| rest.split_once('/'));
        let storage_location = match (self.roots.get(&(OwnerKind::Model, version.model.clone())), in_run) {
            (Some(root), _) => root.clone(),
            (None, Some((run, path))) => match self.roots.get(&(OwnerKind::Run, run.to_owned())) {
                Some(root) => format!("{root}/{path}"),
                None => source.clone(),
            },
            (None, None) => source.clone(),
        };
        let given = |id: String| Some(id).filter(|id| !id.is_empty());
        ModelVersion {
            name: name.to_owned(),
            version: version.version,
            description: version.description.clone(),
            stage: version.stage,
            source,
            storage_location,
            run_id: given(self.run_id(&version.run)),
            run_link: None,
            model_id: given(self.model_id(&version.model)),
            created_ms: version.created_ms,
            updated_ms: version.updated_ms,
            tags: tags(&version.tags),
            aliases: Vec::new(),
        }
    }

    /// Writes the row of a file whose bytes are stored.
    pub(super) async fn file(&self, stored: &Stored<'_>) -> TrackingResult<()> {
        let file = stored.file;
        let root = self.root(file.of, &file.id)?;
        let folder = artifacts::path::of_uri(root).ok_or_else(artifacts::path::invalid)?;
        let below = artifacts::path::clean(&file.path)?;
        if below.is_empty() {
            return Err(artifacts::path::invalid());
        }
        let artifact = Artifact {
            path: artifacts::path::join(&folder, &below),
            blob: stored.blob,
            size: stored.size,
            checksum: stored.checksum.clone(),
        };
        if artifacts::store::clashes(self.tx, self.scope, &artifact.path).await? {
            return Err(artifacts::path::invalid());
        }
        artifacts::store::put(self.tx, self.scope, &artifact, self.env.now()).await
    }

    /// Notes what came from where. Gives the rows of the experiments and the ids of the runs, in the file's order.
    pub(super) async fn note(&self, source: &str, entries: &[Entry]) -> TrackingResult<(Vec<i64>, Vec<String>)> {
        let (mut rows, mut run_ids) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry {
                Entry::Experiment(experiment) => {
                    let row = self.place(&experiment.id)?.row;
                    let target = row.to_string();
                    store::note(self.tx, self.scope, source, "experiment", &experiment.id, &target).await?;
                    rows.push(row);
                }
                Entry::Run(run) => {
                    let target = self.run_id(&run.id);
                    // The number keeps the file's order.
                    let place = format!("{:06}:{}", run_ids.len(), run.id);
                    store::note(self.tx, self.scope, source, "run", &place, &target).await?;
                    run_ids.push(target);
                }
                Entry::Model(_) | Entry::RegisteredModel(_) | Entry::Artifact(_) => {}
            }
        }
        Ok((rows, run_ids))
    }
}

fn tags(map: &BTreeMap<String, String>) -> Vec<Tag> {
    pairs(map).map(|(key, value)| Tag { key: key.to_owned(), value: value.to_owned() }).collect()
}
