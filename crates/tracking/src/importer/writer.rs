//! The rows of imported things, written into one transaction.

use std::collections::BTreeMap;

use rhiza_kernel::{Env, ProjectScope};
use rhiza_store::Tx;

use super::known::{Known, Place, Target, lost};
use super::model::{Entry, Experiment, Model, OwnerKind, Registered, Run, Version};
use super::service::Stored;
use super::store;
use crate::artifacts::{self, Artifact};
use crate::error::TrackingResult;
use crate::logged_models::{self, LoggedModel};
use crate::metrics::Point;
use crate::metrics::store::{self as metrics, Latest, Segment};
use crate::protocol::{json_str, user_text};
use crate::registry::{self, ModelVersion, Tag};
use crate::runs::model::{NAME_TAG, run_id};
use crate::runs::store::NewRun;
use crate::{experiments, runs};

/// Writes imported things and remembers what became of their ids.
pub(super) struct Writer<'a> {
    tx: &'a Tx,
    scope: &'a ProjectScope,
    env: &'a Env,
    known: &'a mut Known,
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
    pub(super) const fn new(tx: &'a Tx, scope: &'a ProjectScope, env: &'a Env, known: &'a mut Known) -> Self {
        Self { tx, scope, env, known }
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

    pub(super) async fn experiment(&mut self, experiment: &Experiment) -> TrackingResult<()> {
        user_text(&experiment.name, "name")?;
        check_pairs(&experiment.tags)?;
        let mut name = experiment.name.clone();
        let mut number = 1;
        while experiments::store::by_name(self.tx, self.scope, &name).await?.is_some() {
            number += 1;
            name = format!("{} ({number})", experiment.name);
        }
        let row = experiments::store::insert(self.tx, self.scope, &name, None, experiment.created_ms).await?;
        store::date_experiment(self.tx, self.scope, row, experiment, self.env.now_ms()).await?;
        let tags: Vec<(String, String)> = pairs(&experiment.tags).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        experiments::store::set_tags(self.tx, self.scope, row, &tags).await?;
        let found = experiments::store::by_id(self.tx, self.scope, row).await?;
        let location = found.ok_or_else(|| lost("experiment", &experiment.id))?.artifact_location;
        self.known.experiments.insert(experiment.id.clone(), Place { row, location });
        Ok(())
    }

    /// Lets an experiment go on in one that is there, adding its tags.
    pub(super) async fn join_default(&mut self, experiment: &Experiment, row: i64) -> TrackingResult<()> {
        check_pairs(&experiment.tags)?;
        let tags: Vec<(String, String)> = pairs(&experiment.tags).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        experiments::store::set_tags(self.tx, self.scope, row, &tags).await?;
        let found = experiments::store::by_id(self.tx, self.scope, row).await?;
        let location = found.ok_or_else(|| lost("experiment", &experiment.id))?.artifact_location;
        self.known.experiments.insert(experiment.id.clone(), Place { row, location });
        Ok(())
    }

    pub(super) async fn reserve_run(&mut self, run: &Run) -> TrackingResult<()> {
        user_text(&run.name, "name")?;
        user_text(&run.user, "user")?;
        let place = self.known.place(&run.experiment)?;
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
        self.known.changed(&run.id, &id);
        let root = format!("{}/{id}/artifacts", location.trim_end_matches('/'));
        self.known.roots.insert((OwnerKind::Run, run.id.clone()), root);
        self.known.runs.insert(run.id.clone(), Target { row, experiment, run_id: id });
        Ok(())
    }

    pub(super) async fn reserve_model(&mut self, model: &Model) -> TrackingResult<()> {
        let mut id = model.id.clone();
        while logged_models::store::find_any(self.tx, self.scope, &id, true).await?.is_some() {
            id = format!("m-{}", run_id(self.env.random_bytes()));
        }
        self.known.changed(&model.id, &id);
        self.known.models.insert(model.id.clone(), id);
        self.place_model(model)
    }

    /// Decides where the files of a model that has its id will be.
    pub(super) fn place_model(&mut self, model: &Model) -> TrackingResult<()> {
        let (location, id) = (&self.known.place(&model.experiment)?.location, self.known.model_id(&model.id));
        let root = format!("{}/models/{id}/artifacts", location.trim_end_matches('/'));
        self.known.roots.insert((OwnerKind::Model, model.id.clone()), root);
        Ok(())
    }

    pub(super) async fn reserve_name(&mut self, name: &str) -> TrackingResult<()> {
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
            self.known.renamed(listed(name), listed(&free));
        }
        self.known.names.insert(name.to_owned(), free);
        Ok(())
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

    pub(super) async fn run(&self, run: &Run) -> TrackingResult<()> {
        check_pairs(&run.params)?;
        check_pairs(&run.tags)?;
        let target = self.known.run(&run.id)?;
        let org = self.scope.org_scope();
        let params: Vec<(i64, &str, &str)> = pairs(&run.params).map(|(k, v)| (target.row, k, v)).collect();
        let wanted: Vec<(i64, &str)> = params.iter().map(|(row, key, _)| (*row, *key)).collect();
        let there = runs::store::params(self.tx, &org, &wanted).await?;
        let missing: Vec<_> =
            params.into_iter().filter(|(row, key, _)| !there.contains_key(&(*row, (*key).to_owned()))).collect();
        runs::store::insert_params(self.tx, &org, &missing).await?;
        let mut tags: BTreeMap<&str, String> = pairs(&run.tags).map(|(k, v)| (k, self.known.follow(v))).collect();
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
        let inputs: Vec<(String, i64)> = run.models_in.iter().map(|id| (self.known.model_id(id), 0)).collect();
        let outputs: Vec<(String, i64)> = run.models_out.iter().map(|o| (self.known.model_id(&o.id), o.step)).collect();
        store::forget_models(self.tx, self.scope, target.row).await?;
        runs::store::add_models(self.tx, self.scope, target.row, &inputs, false).await?;
        runs::store::add_models(self.tx, self.scope, target.row, &outputs, true).await?;
        Ok(())
    }

    async fn histories(&self, run: &Run, target: &Target) -> TrackingResult<()> {
        let histories = run.metrics.iter().map(|(key, logged)| (key.as_str(), logged.iter().map(|l| l.0).collect()));
        self.series(target, histories).await
    }

    /// Adds points to one history of a run.
    pub(super) async fn points(&self, run: &str, key: &str, points: Vec<Point>) -> TrackingResult<()> {
        self.series(self.known.run(run)?, std::iter::once((key, points))).await
    }

    async fn series(&self, target: &Target, all: impl Iterator<Item = (&str, Vec<Point>)>) -> TrackingResult<()> {
        let org = self.scope.org_scope();
        let (mut latest, mut segments) = (Vec::new(), Vec::new());
        for (key, points) in all {
            user_text(key, "key")?;
            let best = points.iter().copied().reduce(|best, p| if p.supersedes(&best) { p } else { best });
            let Some(point) = best else { continue };
            latest.push(Latest { run_pk: target.row, experiment: target.experiment, key: key.to_owned(), point });
            segments.extend(Segment::cut(key, points));
        }
        metrics::upsert_latest(self.tx, &org, &latest).await?;
        metrics::insert_segments(self.tx, &org, target.row, segments).await?;
        Ok(())
    }

    pub(super) async fn model(&self, model: &Model) -> TrackingResult<()> {
        check_pairs(&model.params)?;
        check_pairs(&model.tags)?;
        logged_models::model::check_name(&model.name)?;
        user_text(&model.kind, "model_type")?;
        let place = self.known.place(&model.experiment)?;
        let made = LoggedModel {
            experiment_id: place.row,
            name: model.name.clone(),
            model_type: model.kind.clone(),
            source_run_id: self.known.run_id(&model.run),
            artifact_uri: self.known.root(OwnerKind::Model, &model.id)?.to_owned(),
            status: model.status,
            created_ms: model.created_ms,
            updated_ms: model.updated_ms,
            params: pairs(&model.params).map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            tags: pairs(&model.tags).map(|(k, v)| (k.to_owned(), self.known.follow(v))).collect(),
            metrics: Vec::new(),
            model_id: self.known.model_id(&model.id),
        };
        logged_models::store::insert(self.tx, self.scope, &made).await?;
        self.model_metrics(model).await
    }

    /// Adds what was measured on a model; what is there already is not added again.
    pub(super) async fn model_metrics(&self, model: &Model) -> TrackingResult<()> {
        let id = self.known.model_id(&model.id);
        for point in &model.metrics {
            user_text(&point.key, "key")?;
            let metric = logged_models::store::ModelMetric {
                model_id: id.clone(),
                key: point.key.clone(),
                point: Point::new(point.value, point.at_ms, point.step),
                dataset_name: point.dataset.clone(),
                dataset_digest: point.digest.clone(),
            };
            let run = self.known.run_id(&point.run);
            logged_models::store::record_metrics(self.tx, self.scope, &run, &[metric]).await?;
        }
        Ok(())
    }

    async fn registered(&self, registered: &Registered) -> TrackingResult<()> {
        let row = self.registered_head(registered).await?;
        for version in &registered.versions {
            self.version(&registered.name, row, version).await?;
        }
        for (alias, version) in &registered.aliases {
            self.alias(row, alias, *version).await?;
        }
        Ok(())
    }

    /// The name a registered model has here.
    fn name(&self, name: &str) -> TrackingResult<&str> {
        self.known.names.get(name).map(String::as_str).ok_or_else(|| lost("model", name))
    }

    /// Writes a registered model without versions and aliases; gives its row.
    pub(super) async fn registered_head(&self, registered: &Registered) -> TrackingResult<i64> {
        check_pairs(&registered.tags)?;
        let description = registered.description.as_deref();
        let (created, updated) = (registered.created_ms, registered.updated_ms);
        let name = self.name(&registered.name)?;
        let row = registry::store::insert_model(self.tx, self.scope, name, description, created, updated).await?;
        registry::store::set_model_tags(self.tx, self.scope, row, &tags(&registered.tags)).await?;
        Ok(row)
    }

    pub(super) async fn version(&self, model: &str, row: i64, version: &Version) -> TrackingResult<()> {
        check_pairs(&version.tags)?;
        let made = self.version_here(self.name(model)?, version);
        registry::store::insert_version(self.tx, self.scope, row, &made).await
    }

    pub(super) async fn alias(&self, row: i64, alias: &str, version: i64) -> TrackingResult<()> {
        user_text(alias, "alias")?;
        registry::store::set_alias(self.tx, self.scope, row, alias, version).await
    }

    fn version_here(&self, name: &str, version: &Version) -> ModelVersion {
        let source = self.known.relocate(&version.source).unwrap_or_else(|| self.known.follow(&version.source));
        let given = |id: String| Some(id).filter(|id| !id.is_empty());
        ModelVersion {
            name: name.to_owned(),
            version: version.version,
            description: version.description.clone(),
            stage: version.stage,
            storage_location: self.known.files_of(version).unwrap_or_else(|| source.clone()),
            source,
            run_id: given(self.known.run_id(&version.run)),
            run_link: None,
            model_id: given(self.known.model_id(&version.model)),
            created_ms: version.created_ms,
            updated_ms: version.updated_ms,
            tags: tags(&version.tags),
            aliases: Vec::new(),
        }
    }

    /// Writes the row of a file whose bytes are stored.
    pub(super) async fn file(&self, stored: &Stored<'_>) -> TrackingResult<()> {
        let file = stored.file;
        let root = self.known.root(file.of, &file.id)?;
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
        artifacts::store::put(self.tx, self.scope, &artifact, self.env.now()).await.map(|_| ())
    }

    /// Notes what came from where. Gives the rows of the experiments and the ids of the runs, in the file's order.
    pub(super) async fn note(&self, source: &str, entries: &[Entry]) -> TrackingResult<(Vec<i64>, Vec<String>)> {
        let (mut rows, mut run_ids) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry {
                Entry::Experiment(experiment) => {
                    let row = self.known.place(&experiment.id)?.row;
                    let target = row.to_string();
                    store::note(self.tx, self.scope, source, "experiment", &experiment.id, &target, true).await?;
                    rows.push(row);
                }
                Entry::Run(run) => {
                    let target = self.known.run_id(&run.id);
                    // The number keeps the file's order.
                    let place = format!("{:06}:{}", run_ids.len(), run.id);
                    store::note(self.tx, self.scope, source, "run", &place, &target, true).await?;
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
