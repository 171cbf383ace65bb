//! `rhiza automl --server`: the search is done by a running Rhiza, whose leaderboard is shown here.

use std::collections::BTreeMap;

use rhiza_mlops::automl::{Line, Summary, Winner};
use serde_json::{Value, json};

use super::automl::{Progress, say};
use super::remote::{Remote, text};
use super::tables;
use crate::cli::AutomlOptions;
use crate::error::Failure;

/// Searches there. What the server found, and the address of its page.
pub(super) async fn run(options: &AutomlOptions, address: &str) -> Result<(Summary, String), Failure> {
    if options.onnx.is_some() {
        return Err(Failure::usage(
            "--onnx goes with a search that is done here; with --server the page offers the file",
        ));
    }
    let remote = Remote::new(address)?;
    let kinds = tables::kinds(&options.types)?;
    let types: Vec<(String, String)> =
        kinds.into_iter().map(|(name, kind)| (name, kind.to_string().to_ascii_lowercase())).collect();
    let (dataset, version) = remote.dataset(&options.data, tables::content(&options.data)?, &types).await?;
    let started = remote.post(&["api", "v1", "automl", "jobs"], &[], &wishes(options, &dataset, version)).await?;
    let id = text(&started, "/automl_id")?;
    // A key belongs to one project.
    let project = text(&remote.get(&["api", "v1", "me"]).await?, "/projects/0/slug")?;
    let page = remote.page(&format!("/p/{project}/automl/{id}"));
    say(&format!("the search can be watched at {page}"));
    let path = ["api", "v1", "automl", "jobs", &id];
    let progress = Progress::new();
    let search = remote.wait(&path, |job| progress.line(&shown(job)));
    let job = tokio::select! {
        ended = search => ended?,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.map_err(|e| Failure::failed(format!("no signals can be received: {e}")))?;
            remote.post(&["api", "v1", "automl", "jobs", &id, "cancel"], &[], &json!({})).await?;
            say("stopping: the trials so far are made into a model");
            remote.post(&["api", "v1", "automl", "jobs", &id, "resume"], &[], &json!({ "seconds": 0 })).await?;
            remote.wait(&path, |_| {}).await?
        }
    };
    progress.end();
    let trials = remote.get(&["api", "v1", "automl", "jobs", &id, "trials"]).await?;
    let results = remote.get(&["api", "v1", "automl", "jobs", &id, "results"]).await?;
    let mut summary = summary(&job, &results, &trials, options.seed)?;
    if let Some(out) = &options.out {
        tables::write(out, &remote.download(&["api", "v1", "automl", "jobs", &id, "model"]).await?)?;
        summary.model_path = Some(out.display().to_string());
    }
    Ok((summary, page))
}

fn wishes(options: &AutomlOptions, dataset: &str, version: i64) -> Value {
    let given = json!({
        "dataset_id": dataset,
        "version": version,
        "target": options.target,
        "task": options.task,
        "metric": options.metric,
        "seconds": options.time,
        "trials": options.trials,
        "seed": options.seed,
        "folds": options.folds,
        "hold_out": options.hold_out,
        "time_column": options.time_column,
        "group_column": options.group_column,
        "ignore": options.ignore,
        "families": Some(&options.family).filter(|families| !families.is_empty()),
    });
    match given {
        Value::Object(members) => Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect()),
        other => other,
    }
}

/// A line about a search that goes on.
fn shown(job: &Value) -> String {
    let word = |pointer: &str| job.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let number = |pointer: &str| job.pointer(pointer).and_then(Value::as_f64);
    let best = match (number("/best/score"), word("/best/name")) {
        (Some(score), name) => format!("{score:.5} ({name})"),
        (None, _) => "none yet".to_owned(),
    };
    let used = number("/seconds_used").unwrap_or(0.0);
    let trials = job.pointer("/trials").and_then(Value::as_i64).unwrap_or(0);
    format!("{used:5.1} s · {trials} trials · {} · best {best}", word("/message"))
}

fn summary(job: &Value, results: &Value, trials: &Value, seed: u64) -> Result<Summary, Failure> {
    let number = |from: &Value, pointer: &str| from.pointer(pointer).and_then(Value::as_f64);
    let lacking = |what: &str| Failure::failed(format!("the server's answer has no {what}"));
    let scored = trials.pointer("/trials").and_then(Value::as_array).into_iter().flatten();
    let scored = scored.filter_map(|trial| Some((trial, number(trial, "/score")?)));
    let line = |(rank, (trial, score)): (usize, (&Value, f64))| {
        Ok::<_, Failure>(Line {
            rank,
            name: text(trial, "/name")?,
            family: text(trial, "/family")?,
            cv_score: score,
            cv_std: number(trial, "/deviation"),
            fit_seconds: number(trial, "/seconds"),
            weight: number(trial, "/weight").unwrap_or(0.0),
            params: trial.pointer("/params").cloned().unwrap_or_default(),
        })
    };
    let leaderboard = (1..).zip(scored).map(line).collect::<Result<Vec<_>, _>>()?;
    let first = leaderboard.first().ok_or_else(|| lacking("scored trial"))?;
    let best = Winner { name: first.name.clone(), cv_score: first.cv_score, cv_std: first.cv_std };
    let scores = results.pointer("/hold_out/scores").and_then(Value::as_object).into_iter().flatten();
    let holdout: BTreeMap<String, f64> = scores.filter_map(|(name, s)| Some((name.clone(), s.as_f64()?))).collect();
    let rows = results.pointer("/rows").and_then(Value::as_u64).and_then(|rows| usize::try_from(rows).ok());
    Ok(Summary {
        task: text(results, "/task")?,
        metric: text(results, "/metric")?,
        seed,
        holdout,
        best,
        ensemble_score: number(results, "/score").ok_or_else(|| lacking("score"))?,
        leaderboard,
        model_path: None,
        rows: rows.ok_or_else(|| lacking("number of rows"))?,
        seconds: number(job, "/seconds_used").unwrap_or(0.0),
        stopped: results.pointer("/stopped").and_then(Value::as_bool).unwrap_or(false),
    })
}
