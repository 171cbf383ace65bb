//! Copying thing by thing: each is there whole or noted as unfinished, so that a copy that broke off goes on where it
//! stopped, and one that is repeated brings only what is new.
//!
//! Ids are given out first and things filled afterwards, because tags and models mention each other in any order.

use std::collections::HashMap;

use serde_json::Value;

use super::known::{Known, Place, Target};
use super::model::{Experiment, Model, OwnerKind, Run, is_model_id, is_run_id};
use super::store;
use super::writer::Writer;
use crate::error::{TrackingError, TrackingResult};
use crate::experiments::ids::ExperimentIds;
use crate::journal::Change;
use crate::metrics::{Point, history};
use crate::protocol::Caller;
use crate::runs::store::RunChange;
use crate::state::TrackingState;
use crate::{experiments, logged_models, runs};

const EXPERIMENT: &str = "experiment";
pub(super) const REGISTERED: &str = "registered_model";

impl OwnerKind {
    const fn noted(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Model => "model",
        }
    }
}

/// What became of a thing that was to get its id here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// It has one, and is still to be filled.
    New,
    /// It was brought before, but not whole.
    Unfinished,
    /// It was brought before.
    There,
    /// It cannot be brought, because of this.
    Refused(String),
}

pub(super) struct Noted {
    pub(super) target: String,
    pub(super) done: bool,
}

/// A copy out of one source into one project.
pub struct Transfer {
    pub(super) state: TrackingState,
    pub(super) caller: Caller,
    pub(super) source: String,
    ids: ExperimentIds,
    pub(super) known: Known,
    notes: HashMap<(String, String), Noted>,
}

impl Transfer {
    /// Begins or continues the copy. `source` names the place things come from: the same name finds again what was
    /// brought before.
    ///
    /// # Errors
    /// Database failures.
    pub async fn open(state: &TrackingState, caller: &Caller, source: &str) -> TrackingResult<Self> {
        let ids = state.ids.of(&caller.scope).await?;
        let mut transfer = Self {
            state: state.clone(),
            caller: caller.clone(),
            source: source.to_owned(),
            ids,
            known: Known::default(),
            notes: HashMap::new(),
        };
        transfer.remember().await?;
        Ok(transfer)
    }

    /// Reads what earlier copies brought.
    async fn remember(&mut self) -> TrackingResult<()> {
        let scope = &self.caller.scope;
        let tx = self.state.db.read(&scope.org_scope()).await?;
        let notes = store::notes(&tx, scope, &self.source).await?;
        let mut locations = HashMap::new();
        for note in notes.iter().filter(|n| n.kind == EXPERIMENT) {
            let row = note.target_id.parse().unwrap_or_default();
            let Some(row) = experiments::store::by_id(&tx, scope, row).await? else { continue };
            locations.insert(row.id, row.artifact_location.clone());
            let place = Place { row: row.id, location: row.artifact_location };
            self.known.experiments.insert(note.source_id.clone(), place);
        }
        let of_kind = |kind: OwnerKind| notes.iter().filter(move |n| n.kind == kind.noted());
        let targets: Vec<String> = of_kind(OwnerKind::Run).map(|n| n.target_id.clone()).collect();
        let heads = runs::store::find_runs(&tx, scope, &targets).await?;
        let heads: HashMap<&str, _> = heads.iter().map(|head| (head.run_id.as_str(), head)).collect();
        for note in of_kind(OwnerKind::Run) {
            let Some(head) = heads.get(note.target_id.as_str()) else { continue };
            let target = Target { row: head.id, experiment: head.experiment_id, run_id: head.run_id.clone() };
            if let Some(location) = locations.get(&head.experiment_id) {
                let root = format!("{}/{}/artifacts", location.trim_end_matches('/'), head.run_id);
                self.known.roots.insert((OwnerKind::Run, note.source_id.clone()), root);
            }
            self.known.changed(&note.source_id, &note.target_id);
            self.known.runs.insert(note.source_id.clone(), target);
        }
        for note in of_kind(OwnerKind::Model) {
            self.known.changed(&note.source_id, &note.target_id);
            self.known.models.insert(note.source_id.clone(), note.target_id.clone());
            let row = logged_models::store::find_any(&tx, scope, &note.target_id, true).await?;
            if let Some(row) = row {
                self.known.roots.insert((OwnerKind::Model, note.source_id.clone()), row.artifact_uri);
            }
        }
        for note in notes.iter().filter(|n| n.kind == REGISTERED) {
            self.known.names.insert(note.source_id.clone(), note.target_id.clone());
        }
        drop(tx);
        let noted = |n: store::Note| ((n.kind, n.source_id), Noted { target: n.target_id, done: n.done });
        self.notes = notes.into_iter().map(noted).collect();
        Ok(())
    }

    pub(super) fn noted(&self, kind: &str, id: &str) -> Option<&Noted> {
        self.notes.get(&(kind.to_owned(), id.to_owned()))
    }

    pub(super) fn remember_note(&mut self, kind: &str, id: &str, target: &str, done: bool) {
        self.notes.insert((kind.to_owned(), id.to_owned()), Noted { target: target.to_owned(), done });
    }

    /// Brings an experiment, without runs. The source's Default experiment is the project's Default experiment.
    ///
    /// # Errors
    /// When a text cannot be stored; database failures.
    pub async fn experiment(&mut self, experiment: &Experiment) -> TrackingResult<Reserved> {
        if self.noted(EXPERIMENT, &experiment.id).is_some() {
            let removed = || Reserved::Refused("it was copied before and has been removed here for good".to_owned());
            return Ok(self.known.experiments.get(&experiment.id).map_or_else(removed, |_| Reserved::There));
        }
        let scope = &self.caller.scope;
        let tx = self.state.db.write(&scope.org_scope()).await?;
        let default = (experiment.id == "0").then(|| self.ids.default_row());
        let mut writer = Writer::new(&tx, scope, &self.state.env, &mut self.known);
        match default {
            Some(row) => writer.join_default(experiment, row).await?,
            None => writer.experiment(experiment).await?,
        }
        let target = self.known.place(&experiment.id)?.row.to_string();
        store::note(&tx, scope, &self.source, EXPERIMENT, &experiment.id, &target, true).await?;
        tx.commit().await?;
        self.remember_note(EXPERIMENT, &experiment.id, &target, true);
        Ok(Reserved::New)
    }

    /// Gives runs their ids here; they are there from then on, and empty.
    ///
    /// # Errors
    /// Database failures.
    pub async fn reserve_runs(&mut self, heads: &[Run]) -> TrackingResult<Vec<Reserved>> {
        let scope = self.caller.scope;
        let tx = self.state.db.write(&scope.org_scope()).await?;
        let mut outcomes = Vec::with_capacity(heads.len());
        for run in heads {
            let outcome = match self.state_of(OwnerKind::Run, &run.id) {
                Some(outcome) => outcome,
                None if !is_run_id(&run.id) => Reserved::Refused("its id is not 32 hexadecimal digits".to_owned()),
                None => {
                    let reserved = Writer::new(&tx, &scope, &self.state.env, &mut self.known).reserve_run(run).await;
                    outcome_of(reserved)?
                }
            };
            if outcome == Reserved::New {
                let target = self.known.run_id(&run.id);
                store::note(&tx, &scope, &self.source, OwnerKind::Run.noted(), &run.id, &target, false).await?;
                self.remember_note(OwnerKind::Run.noted(), &run.id, &target, false);
            }
            outcomes.push(outcome);
        }
        tx.commit().await?;
        Ok(outcomes)
    }

    /// Gives logged models their ids here; they are not there until they are filled.
    ///
    /// # Errors
    /// Database failures.
    pub async fn reserve_models(&mut self, heads: &[Model]) -> TrackingResult<Vec<Reserved>> {
        let scope = self.caller.scope;
        let tx = self.state.db.write(&scope.org_scope()).await?;
        let mut outcomes = Vec::with_capacity(heads.len());
        for model in heads {
            let before = self.state_of(OwnerKind::Model, &model.id);
            // Reserved before, but never written: its place is not known yet.
            let written = self.known.roots.contains_key(&(OwnerKind::Model, model.id.clone()));
            let outcome = match before {
                Some(Reserved::Unfinished) if !written => {
                    Writer::new(&tx, &scope, &self.state.env, &mut self.known).place_model(model)?;
                    Reserved::Unfinished
                }
                Some(outcome) => outcome,
                None if !is_model_id(&model.id) => Reserved::Refused("its id is not that of a logged model".to_owned()),
                None => {
                    let reserved =
                        Writer::new(&tx, &scope, &self.state.env, &mut self.known).reserve_model(model).await;
                    outcome_of(reserved)?
                }
            };
            if outcome == Reserved::New {
                let target = self.known.model_id(&model.id);
                store::note(&tx, &scope, &self.source, OwnerKind::Model.noted(), &model.id, &target, false).await?;
                self.remember_note(OwnerKind::Model.noted(), &model.id, &target, false);
            }
            outcomes.push(outcome);
        }
        tx.commit().await?;
        Ok(outcomes)
    }

    /// How far a run or model is that was noted before.
    fn state_of(&self, of: OwnerKind, id: &str) -> Option<Reserved> {
        let noted = self.noted(of.noted(), id)?;
        Some(if noted.done || self.is_gone(of, id) { Reserved::There } else { Reserved::Unfinished })
    }

    /// Whether a thing was brought and has been removed here for good: it stays removed.
    pub(super) fn is_gone(&self, of: OwnerKind, id: &str) -> bool {
        match of {
            OwnerKind::Run => !self.known.runs.contains_key(id),
            OwnerKind::Model => self.noted(of.noted(), id).is_some_and(|n| n.done) && self.known.root(of, id).is_err(),
        }
    }

    /// Whether a run or model is here, whole or not.
    #[must_use]
    pub fn knows(&self, of: OwnerKind, id: &str) -> bool {
        self.notes.contains_key(&(of.noted().to_owned(), id.to_owned()))
    }

    /// Fills a run with all but its histories and files.
    ///
    /// # Errors
    /// When a text cannot be stored; database failures. Nothing is written then.
    pub async fn run(&mut self, run: &Run) -> TrackingResult<()> {
        let scope = &self.caller.scope;
        let tx = self.state.db.write(&scope.org_scope()).await?;
        Writer::new(&tx, scope, &self.state.env, &mut self.known).run(run).await?;
        // It may have been reserved while it still ran.
        let change = RunChange { status: Some(run.status.number()), end_time: run.end_ms, name: Some(&run.name) };
        runs::store::update_run(&tx, scope, self.known.run(&run.id)?.row, &change).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Adds the history of one metric to a run; points that are there already are not added again.
    ///
    /// # Errors
    /// When the key cannot be stored; database failures.
    pub async fn history(&mut self, run_id: &str, key: &str, mut points: Vec<Point>) -> TrackingResult<()> {
        let org = self.caller.scope.org_scope();
        let tx = self.state.db.write(&org).await?;
        let row = self.known.run(run_id)?.row;
        let there = history::read(&tx, &org, row, key, 0, usize::MAX).await?.all()?;
        if !there.is_empty() {
            points.retain(|p| there.binary_search_by(|other| other.history_order(p)).is_err());
        }
        Writer::new(&tx, &self.caller.scope, &self.state.env, &mut self.known).points(run_id, key, points).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Fills a logged model with all but its files.
    ///
    /// # Errors
    /// When a text cannot be stored; database failures. Nothing is written then.
    pub async fn model(&mut self, model: &Model) -> TrackingResult<()> {
        let scope = &self.caller.scope;
        let tx = self.state.db.write(&scope.org_scope()).await?;
        let id = self.known.model_id(&model.id);
        let there = logged_models::store::find_any(&tx, scope, &id, true).await?.is_some();
        let writer = Writer::new(&tx, scope, &self.state.env, &mut self.known);
        if there {
            logged_models::store::set_status(&tx, scope, &id, model.status, model.updated_ms).await?;
            writer.model_metrics(model).await?;
        } else {
            writer.model(model).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Notes that nothing but files is missing of a run or model.
    ///
    /// # Errors
    /// Database failures.
    pub async fn finish(&mut self, of: OwnerKind, id: &str) -> TrackingResult<()> {
        let tx = self.state.db.write(&self.caller.scope.org_scope()).await?;
        store::finish(&tx, &self.caller.scope, &self.source, of.noted(), id).await?;
        tx.commit().await?;
        if let Some(noted) = self.notes.get_mut(&(of.noted().to_owned(), id.to_owned())) {
            noted.done = true;
        }
        Ok(())
    }

    /// Ends the copy with an audit entry that says what it brought.
    ///
    /// # Errors
    /// Database failures.
    pub async fn close(self, brought: Value) -> TrackingResult<()> {
        let tx = self.state.db.write(&self.caller.scope.org_scope()).await?;
        Change::new("import", "copied", self.source).after(brought).record(&tx, &self.caller, &self.state.env).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// A refusal concerns one thing; any other failure ends the copy.
fn outcome_of(reserved: TrackingResult<()>) -> TrackingResult<Reserved> {
    match reserved {
        Ok(()) => Ok(Reserved::New),
        Err(TrackingError::Refused { message, .. }) => Ok(Reserved::Refused(message)),
        Err(error) => Err(error),
    }
}
