//! Removing for good what was deleted long ago.

use std::time::Duration;

use rhiza_kernel::{Env, ProjectScope};
use rhiza_platform::authz::Access;
use rhiza_store::{Db, Tx};
use serde::Serialize;
use serde_json::json;

use super::store;
use super::system::{self, Due};
use crate::artifacts;
use crate::error::{TrackingError, TrackingResult};
use crate::journal::Change;
use crate::logged_models;
use crate::protocol::Caller;

/// What a purge removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Purged {
    /// Runs.
    pub runs: u64,
    /// Logged models.
    pub models: u64,
    /// Experiments.
    pub experiments: u64,
}

/// How many of the due are looked for at once.
const BATCH: i64 = 200;
/// How many runs or models go in one transaction: a run may have many rows, and others want to write.
const PER_TRANSACTION: usize = 20;

/// Removes the runs, logged models and experiments that have been deleted longer than `grace`; their files become
/// garbage. `keep_going` is asked between transactions.
///
/// # Errors
/// Database failures; what was done until then stays done.
pub async fn purge(
    db: &Db,
    env: &Env,
    grace: Duration,
    keep_going: impl Fn() -> bool + Send + Sync,
) -> TrackingResult<Purged> {
    let grace = i64::try_from(grace.as_millis()).map_err(|e| TrackingError::Internal(e.to_string()))?;
    let purge = Purge { db, env, before: env.now_ms().saturating_sub(grace), keep_going };
    Ok(Purged {
        // In this order: an experiment goes when its runs have gone.
        runs: purge.runs().await?,
        models: purge.models().await?,
        experiments: purge.experiments().await?,
    })
}

struct Purge<'a, F> {
    db: &'a Db,
    env: &'a Env,
    before: i64,
    keep_going: F,
}

impl<F: Fn() -> bool + Send + Sync> Purge<'_, F> {
    async fn runs(&self) -> TrackingResult<u64> {
        let (mut done, mut after) = (0, 0);
        loop {
            let due = system::runs(self.db, self.before, after, BATCH).await?;
            let Some(last) = due.last() else { return Ok(done) };
            after = last.key;
            for (scope, ids) in by_tenant(due) {
                if !(self.keep_going)() {
                    return Ok(done);
                }
                done += self.remove_runs(&scope, &ids).await?;
            }
        }
    }

    async fn remove_runs(&self, scope: &ProjectScope, ids: &[i64]) -> TrackingResult<u64> {
        let tx = self.db.write(&scope.org_scope()).await?;
        let runs = store::lock_runs(&tx, scope, ids, self.before).await?;
        if runs.is_empty() {
            return Ok(0);
        }
        for run in &runs {
            let place = format!("{}/{}", run.artifact_location.trim_end_matches('/'), run.run_id);
            self.discard(&tx, scope, &place).await?;
        }
        let removed = store::remove_runs(&tx, scope, &runs).await?;
        let names: Vec<&str> = runs.iter().map(|run| run.run_id.as_str()).collect();
        self.record(&tx, scope, "runs", json!({ "run_ids": names })).await?;
        tx.commit().await?;
        Ok(removed)
    }

    async fn models(&self) -> TrackingResult<u64> {
        let (mut done, mut after) = (0, String::new());
        loop {
            let due = system::models(self.db, self.before, &after, BATCH).await?;
            let Some(last) = due.last() else { return Ok(done) };
            after.clone_from(&last.key);
            for (scope, ids) in by_tenant(due) {
                if !(self.keep_going)() {
                    return Ok(done);
                }
                done += self.remove_models(&scope, &ids).await?;
            }
        }
    }

    async fn remove_models(&self, scope: &ProjectScope, ids: &[String]) -> TrackingResult<u64> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let tx = self.db.write(&scope.org_scope()).await?;
        let models = store::lock_models(&tx, scope, &ids, self.before).await?;
        if models.is_empty() {
            return Ok(0);
        }
        for model in &models {
            self.discard(&tx, scope, &model.artifact_uri).await?;
        }
        let removed = store::remove_models(&tx, scope, &models).await?;
        let names: Vec<&str> = models.iter().map(|model| model.model_id.as_str()).collect();
        self.record(&tx, scope, "logged_models", json!({ "model_ids": names })).await?;
        tx.commit().await?;
        Ok(removed)
    }

    async fn experiments(&self) -> TrackingResult<u64> {
        let (mut done, mut after) = (0, 0);
        loop {
            let due = system::experiments(self.db, self.before, after, BATCH).await?;
            let Some(last) = due.last() else { return Ok(done) };
            after = last.key;
            for Due { scope, key } in due {
                if !(self.keep_going)() {
                    return Ok(done);
                }
                done += self.remove_experiment(&scope, key).await?;
            }
        }
    }

    async fn remove_experiment(&self, scope: &ProjectScope, id: i64) -> TrackingResult<u64> {
        let tx = self.db.write(&scope.org_scope()).await?;
        let Some(experiment) = store::lock_experiment(&tx, scope, id, self.before).await? else { return Ok(0) };
        for model in store::models_of(&tx, scope, id).await? {
            self.discard(&tx, scope, &model.artifact_uri).await?;
        }
        // Its own runs and models are gone; what else lies in its folder goes if the folder is its alone.
        let others = store::other_locations(&tx, scope, id).await?;
        if !others.iter().any(|other| overlap(&experiment.artifact_location, other)) {
            self.discard(&tx, scope, &experiment.artifact_location).await?;
        }
        logged_models::store::purge_experiment(&tx, scope, id).await?;
        let removed = store::remove_experiment(&tx, scope, id).await?;
        let what = json!({ "experiment_id": experiment.id.to_string(), "name": experiment.name });
        self.record(&tx, scope, "experiment", what).await?;
        tx.commit().await?;
        Ok(removed)
    }

    /// Removes the files below an address of ours; those in other stores are not ours to remove.
    async fn discard(&self, tx: &Tx, scope: &ProjectScope, uri: &str) -> TrackingResult<()> {
        // The root is the whole project's.
        let Some(folder) = artifacts::path::of_uri(uri).filter(|folder| !folder.is_empty()) else { return Ok(()) };
        artifacts::store::remove_tree(tx, scope, &folder, self.env.now()).await?;
        Ok(())
    }

    async fn record(
        &self,
        tx: &Tx,
        scope: &ProjectScope,
        thing: &'static str,
        gone: serde_json::Value,
    ) -> TrackingResult<()> {
        let caller: Caller = Access::system(*scope, "").into();
        Change::new(thing, "purged", scope.project.to_string()).before(gone).record(tx, &caller, self.env).await
    }
}

/// The due of each project, in portions for one transaction.
fn by_tenant<K>(due: Vec<Due<K>>) -> Vec<(ProjectScope, Vec<K>)> {
    let mut portions: Vec<(ProjectScope, Vec<K>)> = Vec::new();
    for Due { scope, key } in due {
        let open = portions.iter_mut().rev().find(|(s, _)| s.org == scope.org && s.project == scope.project);
        match open {
            Some((_, keys)) if keys.len() < PER_TRANSACTION => keys.push(key),
            _ => portions.push((scope, vec![key])),
        }
    }
    portions
}

/// Whether one of two places is inside the other, or they are the same.
fn overlap(a: &str, b: &str) -> bool {
    let (Some(a), Some(b)) = (artifacts::path::of_uri(a), artifacts::path::of_uri(b)) else { return false };
    let inside = |outer: &str, inner: &str| {
        outer.is_empty() || inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    inside(&a, &b) || inside(&b, &a)
}
