//! A search as its job does it: each thing the child tells is one transaction, tied to the job's lease, so that a worker which was
//! taken for dead changes nothing any more, and what was told twice is there once.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::TryStreamExt as _;
use rhiza_kernel::AutomlId;
use rhiza_learn::automl::Plan;
use rhiza_platform::jobs::JobContext;
use rhiza_store::Tx;
use rhiza_tracking::artifacts::{Artifacts, path};
use rhiza_tracking::metrics::Point;
use rhiza_tracking::protocol::Caller;
use rhiza_tracking::runs::RunStatus;
use rhiza_tracking::runs::record::{self, Facts, Record};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use super::jobs::{Fault, goes_on};
use super::model::{AutomlJob, Best, State, StoredTrial, TrialLine};
use super::results::{MLMODEL_FILE, MODEL_FILE, ONNX_FILE};
use super::service::{NO_SEARCH, Searches};
use super::store;
use super::task::{Found, Signature};
use crate::error::MlopsError;

/// A model's file is read in pieces of this size.
const PIECE: usize = 64 << 10;

impl Searches {
    /// Marks the search as at work; nothing when there is nothing to do any more.
    pub(super) async fn begin(
        &self,
        caller: &Caller,
        context: &JobContext,
        id: AutomlId,
    ) -> Result<Option<AutomlJob>, Fault> {
        let tx = self.held(caller, context).await?;
        let there = store::get(&tx, &caller.scope, id, true).await?;
        let Some(mut job) = there.filter(|job| goes_on(job, context)) else { return Ok(None) };
        job.state = State::Running;
        job.started_at = job.started_at.or_else(|| Some(self.state.env.now()));
        store::update(&tx, &caller.scope, &job).await?;
        tx.commit().await?;
        Ok(Some(job))
    }

    /// Trials that ended earlier.
    pub(super) async fn kept(&self, caller: &Caller, job: &AutomlJob) -> Result<Vec<Vec<u8>>, Fault> {
        let tx = self.state.db.read(&caller.scope.org_scope()).await?;
        let kept = store::kept(&tx, &caller.scope, job.id).await?;
        tx.rollback().await?;
        Ok(kept)
    }

    /// Keeps the plan.
    pub(super) async fn planned(
        &self,
        caller: &Caller,
        context: &JobContext,
        job: &AutomlJob,
        plan: Plan,
    ) -> Result<(), Fault> {
        let (tx, mut now) = self.open(caller, context, job.id).await?;
        now.plan = Some(plan);
        store::update(&tx, &caller.scope, &now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Keeps a trial with its run, unless it is there.
    pub(super) async fn ended(
        &self,
        caller: &Caller,
        context: &JobContext,
        job: &AutomlJob,
        line: TrialLine,
        kept: Vec<u8>,
        used: f64,
    ) -> Result<(), Fault> {
        let (tx, mut now) = self.open(caller, context, job.id).await?;
        let plan = now.plan.clone().ok_or_else(|| MlopsError::Internal("a trial before the plan".to_owned()))?;
        let trial =
            StoredTrial { run_id: record::new_run_id(&self.state.tracking), ended_at: self.state.env.now(), line };
        if !store::insert_trial(&tx, &caller.scope, now.id, &trial, kept).await? {
            return Ok(());
        }
        let metric = metric_key(&plan.metric.to_string());
        self.trial_run(&tx, caller, &now, &trial, &metric).await?;
        now.trials += 1;
        now.seconds_used = used.max(now.seconds_used);
        if let Some(score) = trial.line.score {
            let better =
                |best: &Best| if plan.metric.greater_is_better() { score > best.score } else { score < best.score };
            if now.best.as_ref().is_none_or(better) {
                let TrialLine { number, name, family, .. } = trial.line.clone();
                now.best = Some(Best { number, name, family, score });
            }
            // The search as a curve on its own run: the best so far by trial.
            let best = now.best.as_ref().map_or(score, |best| best.score);
            let step = i64::try_from(trial.line.number).unwrap_or(i64::MAX);
            let point = Point::new(best, trial.ended_at.timestamp_millis(), step);
            let facts = Facts { metrics: vec![(format!("best_cv_{metric}"), vec![point])], ..Facts::default() };
            record::add(&tx, &caller.scope, &now.run_id, None, &facts).await?;
        }
        store::update(&tx, &caller.scope, &now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Writes a trial's run below that of the search.
    async fn trial_run(
        &self,
        tx: &Tx,
        caller: &Caller,
        job: &AutomlJob,
        trial: &StoredTrial,
        metric: &str,
    ) -> Result<(), Fault> {
        let (line, end) = (&trial.line, trial.ended_at.timestamp_millis());
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a trial")]
        let took = (line.seconds * 1_000.0) as i64;
        let mut metrics = vec![("fit_seconds".to_owned(), vec![Point::new(line.seconds, end, 0)])];
        for (key, value) in [(format!("cv_{metric}"), line.score), (format!("cv_{metric}_std"), line.deviation)] {
            metrics.extend(value.map(|value| (key, vec![Point::new(value, end, 0)])));
        }
        let folds = line.fold_scores.iter().zip(0_i64..);
        let folds: Vec<Point> = folds.filter_map(|(score, fold)| Some(Point::new((*score)?, end, fold))).collect();
        metrics.push((format!("fold_{metric}"), folds));
        let mut params = vec![("family".to_owned(), line.family.clone())];
        params.extend(
            line.params
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(_, v)| !v.is_null())
                .map(|(key, value)| (key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))),
        );
        params.push(("learning_rows".to_owned(), line.learning_rows.to_string()));
        let mut tags = vec![
            ("mlflow.parentRunId".to_owned(), job.run_id.clone()),
            ("mlflow.user".to_owned(), job.created_by.clone()),
            ("mlflow.source.name".to_owned(), "rhiza automl".to_owned()),
            ("mlflow.source.type".to_owned(), "JOB".to_owned()),
            ("rhiza.automl".to_owned(), job.id.to_string()),
            ("rhiza.automl.trial".to_owned(), line.number.to_string()),
        ];
        tags.extend(line.detail.iter().map(|detail| ("rhiza.automl.detail".to_owned(), detail.clone())));
        tags.extend(line.error.iter().map(|error| ("rhiza.automl.error".to_owned(), error.clone())));
        let run = Record {
            run_id: &trial.run_id,
            experiment: job.experiment_row,
            name: &line.name,
            user: &job.created_by,
            status: if line.error.is_some() { RunStatus::Failed } else { RunStatus::Finished },
            start_ms: end - took,
            end_ms: Some(end),
        };
        record::insert(tx, &caller.scope, &run, &Facts { params, tags, metrics }).await?;
        Ok(())
    }

    /// Notes how long the search took.
    pub(super) async fn searched(
        &self,
        caller: &Caller,
        context: &JobContext,
        job: &AutomlJob,
        used: f64,
    ) -> Result<(), Fault> {
        let (tx, mut now) = self.open(caller, context, job.id).await?;
        now.seconds_used = used.max(now.seconds_used);
        store::update(&tx, &caller.scope, &now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Keeps model and results: the search has succeeded.
    pub(super) async fn finish(
        &self,
        caller: &Caller,
        context: &JobContext,
        job: &AutomlJob,
        mut found: Found,
        [file, onnx]: &[PathBuf; 2],
    ) -> Result<Value, Fault> {
        let artifacts = Artifacts::new(&self.state.tracking);
        let (_, folder) = artifacts.run_folder(caller, &job.run_id).await?;
        let folder = folder.ok_or_else(|| Fault::Refused("the run's files are kept in another store".to_owned()))?;
        let folder = path::join(&folder, "model");
        let size = tokio::fs::metadata(file).await.map_err(disk)?.len();
        let model_path = path::join(&folder, MODEL_FILE);
        artifacts.upload(caller, &model_path, Some(size), read(file).await?).await?;
        found.results.no_onnx = found.no_onnx.take();
        let as_onnx = found.results.no_onnx.is_none();
        if as_onnx {
            let size = tokio::fs::metadata(onnx).await.map_err(disk)?.len();
            artifacts.upload(caller, &path::join(&folder, ONNX_FILE), Some(size), read(onnx).await?).await?;
        }
        let described = mlmodel(job, &found.signature, as_onnx, self.state.env.now().to_rfc3339());
        let body = futures::stream::once(std::future::ready(Ok::<_, std::io::Error>(Bytes::from(described))));
        artifacts.upload(caller, &path::join(&folder, MLMODEL_FILE), None, body).await?;
        let (tx, mut now) = self.open(caller, context, job.id).await?;
        now.state = State::Succeeded;
        now.score = Some(found.results.score);
        now.model_path = Some(model_path);
        now.model_bytes = Some(i64::try_from(size).unwrap_or(i64::MAX));
        now.finished_at = Some(self.state.env.now());
        store::update(&tx, &caller.scope, &now).await?;
        store::set_results(&tx, &caller.scope, now.id, &found.results).await?;
        let end = self.state.env.now_ms();
        let metric = metric_key(&found.results.metric);
        let mut metrics = vec![(format!("cv_{metric}"), vec![Point::new(found.results.score, end, 0)])];
        for (name, score) in found.results.hold_out.iter().flat_map(|report| &report.scores) {
            metrics.push((format!("holdout_{}", metric_key(name)), vec![Point::new(*score, end, 0)]));
        }
        let tags = vec![("rhiza.automl.members".to_owned(), json!(found.results.members).to_string())];
        let facts = Facts { metrics, tags, ..Facts::default() };
        record::add(&tx, &caller.scope, &now.run_id, Some((RunStatus::Finished, end)), &facts).await?;
        tx.commit().await?;
        Ok(json!({ "automl_id": now.id, "run_id": now.run_id, "score": found.results.score, "trials": now.trials }))
    }

    /// Notes why there is no model.
    pub(super) async fn fail(
        &self,
        caller: &Caller,
        context: &JobContext,
        id: AutomlId,
        run_id: &str,
        why: &str,
    ) -> Result<(), Fault> {
        let (tx, mut now) = self.open(caller, context, id).await?;
        now.state = State::Failed;
        now.error = Some(why.to_owned());
        now.finished_at = Some(self.state.env.now());
        store::update(&tx, &caller.scope, &now).await?;
        let tags = vec![("rhiza.automl.error".to_owned(), why.to_owned())];
        let ended = Some((RunStatus::Failed, self.state.env.now_ms()));
        record::add(&tx, &caller.scope, run_id, ended, &Facts { tags, ..Facts::default() }).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn held(&self, caller: &Caller, context: &JobContext) -> Result<Tx, Fault> {
        let tx = self.state.db.write(&caller.scope.org_scope()).await?;
        context.hold(&tx).await?;
        Ok(tx)
    }

    /// A transaction in which the search is this attempt's, and stays so.
    async fn open(&self, caller: &Caller, context: &JobContext, id: AutomlId) -> Result<(Tx, AutomlJob), Fault> {
        let tx = self.held(caller, context).await?;
        let job = store::get(&tx, &caller.scope, id, true).await?.ok_or(NO_SEARCH)?;
        if goes_on(&job, context) { Ok((tx, job)) } else { Err(Fault::Stopped) }
    }
}

fn disk(error: std::io::Error) -> Fault {
    Fault::Passing("the work failed here; the log has the reason".to_owned(), error.to_string())
}

/// A file's bytes as they are read.
async fn read(file: &Path) -> Result<impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send, Fault> {
    let file = tokio::fs::File::open(file).await.map_err(disk)?;
    Ok(futures::stream::try_unfold(file, |mut file| async move {
        let mut piece = Vec::with_capacity(PIECE);
        let length = file.read_buf(&mut piece).await?;
        Ok((length > 0).then(|| (Bytes::from(piece), file)))
    })
    .into_stream())
}

/// A metric's name as MLflow allows it.
pub(super) fn metric_key(metric: &str) -> String {
    metric.chars().map(|c| if c.is_ascii_alphanumeric() || "_-. /:".contains(c) { c } else { '_' }).collect()
}

/// What tells MLflow's clients what the folder is. A value of JSON is a value of YAML.
fn mlmodel(job: &AutomlJob, signature: &Signature, as_onnx: bool, now: String) -> String {
    let inputs: Vec<Value> =
        signature.inputs.iter().map(|(name, kind)| json!({ "type": kind, "name": name, "required": false })).collect();
    let signature = json!({ "inputs": json!(inputs).to_string(), "outputs": null, "params": null });
    let mut flavors = json!({ "rhiza": { "data": MODEL_FILE, "automl_id": job.id } });
    if as_onnx {
        flavors["onnx"] = json!({ "data": ONNX_FILE, "onnx_version": "1.16.0", "providers": ["CPUExecutionProvider"] });
        flavors["python_function"] = json!({ "loader_module": "mlflow.onnx", "data": ONNX_FILE, "config": {} });
    }
    [
        format!("artifact_path: {}", json!("model")),
        format!("flavors: {}", flavors),
        format!("run_id: {}", json!(job.run_id)),
        format!("signature: {signature}"),
        format!("utc_time_created: {}", json!(now)),
        String::new(),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_have_names_that_clients_take() {
        assert_eq!(metric_key("roc_auc"), "roc_auc");
        assert_eq!(metric_key("pinball@0.9"), "pinball_0.9");
    }
}
