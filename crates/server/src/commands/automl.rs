//! `rhiza automl`: from a table to a leaderboard and a saved model, without a server or on one.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rhiza_kernel::Env;
use rhiza_learn::automl::{self, Event, Outcome, Settings, Trial, TrialResult};
use rhiza_learn::metrics::Metric;
use rhiza_learn::model::Task;
use rhiza_learn::search::Family;
use rhiza_learn::table::Table;
use rhiza_mlops::automl::Summary;

use super::{automl_remote, tables};
use crate::cli::AutomlOptions;
use crate::commands::{print, print_json};
use crate::error::Failure;

/// Lines of the leaderboard that people are shown; `--json` has all of them.
const SHOWN: usize = 15;

pub(crate) async fn run(options: AutomlOptions) -> Result<(), Failure> {
    if !(options.time.is_finite() && options.time > 0.0) {
        return Err(Failure::usage("--time must be more than 0 seconds"));
    }
    if let Some(address) = &options.server {
        let (summary, page) = automl_remote::run(&options, address).await?;
        return tell(&options, &summary, &page);
    }
    let settings = settings(&options)?;
    let kinds = tables::kinds(&options.types)?;
    let out = options.out.clone().unwrap_or_else(|| beside(&options.data));
    // A place that cannot be written to is told before the work, not after.
    for (option, file) in [("--out", Some(&out)), ("--onnx", options.onnx.as_ref())] {
        let folder = file.and_then(|file| file.parent());
        if let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
            return Err(Failure::usage(format!("{option}: there is no folder {}", folder.display())));
        }
    }
    let stopped = Arc::new(AtomicBool::new(false));
    let (stop, data, time, seed) = (Arc::clone(&stopped), options.data.clone(), options.time, options.seed);
    let with_onnx = options.onnx.is_some();
    let env = rhiza_platform::runtime::system_env();
    let work = tables::compute(move || {
        let start = env.monotonic();
        let table = tables::table(&data, &kinds)?.table;
        let (outcome, fit_seconds) = search(&table, &settings, Duration::from_secs_f64(time), &stop, &env)?;
        let seconds = (env.monotonic() - start).as_secs_f64();
        let summary = Summary::new(&outcome, seed, &fit_seconds, seconds).map_err(|e| tables::failed(&e))?;
        let file = outcome.model.save().map_err(|e| Failure::failed(e.to_string()))?;
        let onnx = with_onnx.then(|| outcome.model.to_onnx());
        Ok((summary, file, onnx))
    });
    tokio::pin!(work);
    let (mut summary, file, onnx) = tokio::select! {
        done = &mut work => done?,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.map_err(|e| Failure::failed(format!("no signals can be received: {e}")))?;
            stopped.store(true, Ordering::Relaxed);
            say("stopping: the trials so far are made into a model");
            work.await?
        }
    };
    tables::write(&out, &file)?;
    summary.model_path = Some(out.display().to_string());
    if let (Some(path), Some(onnx)) = (&options.onnx, onnx) {
        let kept = format!("the model itself is in {}", out.display());
        tables::write(path, &onnx.map_err(|e| Failure::failed(format!("--onnx: {e}; {kept}")))?)?;
    }
    tell(&options, &summary, &out.display().to_string())
}

/// The answer, which ends with where the model is.
fn tell(options: &AutomlOptions, summary: &Summary, place: &str) -> Result<(), Failure> {
    if options.json {
        return print_json(&serde_json::to_value(summary).map_err(|e| Failure::failed(e.to_string()))?);
    }
    print(&shown(summary, place));
    Ok(())
}

fn settings(options: &AutomlOptions) -> Result<Settings, Failure> {
    let metric: Option<Metric> = options
        .metric
        .as_deref()
        .map(|name| name.parse().map_err(|e| Failure::usage(format!("--metric: {e}"))))
        .transpose()?;
    let task = options.task.as_deref().map(|task| match task {
        "binary" => Task::Binary,
        "multiclass" => Task::Multiclass,
        _ => Task::Regression,
    });
    let families: Vec<Family> = options
        .family
        .iter()
        .map(|name| serde_json::from_value(name.as_str().into()))
        .collect::<Result<_, _>>()
        .map_err(|e| Failure::usage(format!("--family: {e}")))?;
    Ok(Settings {
        families: (!families.is_empty()).then_some(families),
        task,
        metric,
        trials: options.trials,
        seed: options.seed,
        folds: options.folds,
        hold_out: options.hold_out,
        time_column: options.time_column.clone(),
        group_column: options.group_column.clone(),
        ignore: options.ignore.clone(),
        ..Settings::new(&options.target)
    })
}

/// Searches until the time is over or somebody says stop, and tells how long each trial took.
fn search(
    table: &Table,
    settings: &Settings,
    time: Duration,
    stopped: &AtomicBool,
    env: &Env,
) -> Result<(Outcome, BTreeMap<usize, f64>), Failure> {
    let begun = env.monotonic();
    let stop = || stopped.load(Ordering::Relaxed) || env.monotonic() - begun >= time;
    let (mut seconds, mut began) = (BTreeMap::new(), begun);
    let mut progress = Progress::new();
    let outcome = automl::run(table, settings, &[], &stop, &mut |event| {
        match event {
            Event::Started { .. } => began = env.monotonic(),
            Event::Finished(trial) => {
                seconds.insert(trial.number, (env.monotonic() - began).as_secs_f64());
            }
            _ => {}
        }
        progress.tell(&event, (env.monotonic() - begun).as_secs_f64(), time.as_secs_f64());
    });
    progress.end();
    outcome.map(|outcome| (outcome, seconds)).map_err(|e| Failure::failed(e.to_string()))
}

/// What is seen while it goes on: a line that changes on a terminal, a line per better model elsewhere.
pub(super) struct Progress {
    terminal: bool,
    best: String,
    trials: usize,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), best: "none yet".to_owned(), trials: 0 }
    }

    fn tell(&mut self, event: &Event<'_>, seconds: f64, time: f64) {
        match event {
            Event::Planned(plan) => {
                say(&format!(
                    "{} rows, {} columns to learn from; ranked by {}; {} rows are set apart",
                    plan.rows,
                    plan.columns.len(),
                    plan.metric,
                    plan.hold_out_rows
                ));
            }
            Event::Started { config, .. } => self.line(&format!(
                "{seconds:5.1} s of {time:.0} · trial {} · {} · best {}",
                self.trials + 1,
                config.family().name(),
                self.best
            )),
            Event::Finished(trial) => {
                self.trials = self.trials.max(trial.number + 1);
                if let TrialResult::Failed { reason } = &trial.result {
                    self.lasting(&format!(
                        "trial {} ({}) failed: {reason}",
                        trial.number,
                        trial.config.family().name()
                    ));
                }
            }
            Event::Best(trial) => {
                self.best = format!("{:.5} ({})", trial.score().unwrap_or(f64::NAN), name(trial));
                if !self.terminal {
                    say(&format!("{seconds:5.1} s: best {}", self.best));
                }
            }
            Event::Blending { trials } => self.line(&format!("{seconds:5.1} s · blending the best of {trials} trials")),
        }
    }

    pub(super) fn line(&self, text: &str) {
        if self.terminal {
            let mut out = std::io::stderr().lock();
            // Back to the start of the line, and what was longer is wiped out.
            write!(out, "\r\x1b[K{text}").and_then(|()| out.flush()).ok();
        }
    }

    fn lasting(&self, text: &str) {
        self.line("");
        say(text);
    }

    pub(super) fn end(&self) {
        self.line("");
    }
}

#[expect(clippy::print_stderr, reason = "progress goes to standard error, as the command line contract says")]
pub(super) fn say(text: &str) {
    eprintln!("{text}");
}

fn name(trial: &Trial) -> String {
    format!("{} {}", trial.config.family().name(), trial.number)
}

/// DATA with our ending; standard input has no name to keep.
fn beside(data: &std::path::Path) -> PathBuf {
    if data == std::path::Path::new("-") { PathBuf::from("model.rhiza") } else { data.with_extension("rhiza") }
}

fn shown(summary: &Summary, place: &str) -> String {
    let mut lines = vec![format!(
        "{:>4}  {:<22} {:>12} {:>10} {:>8} {:>7}",
        "rank", "model", summary.metric, "± folds", "seconds", "weight"
    )];
    for line in summary.leaderboard.iter().take(SHOWN) {
        let spread = line.cv_std.map_or_else(String::new, |spread| format!("{spread:.5}"));
        let seconds = line.fit_seconds.map_or_else(String::new, |seconds| format!("{seconds:.2}"));
        let weight = if line.weight > 0.0 { format!("{:.2}", line.weight) } else { String::new() };
        lines.push(format!(
            "{:>4}  {:<22} {:>12.5} {spread:>10} {seconds:>8} {weight:>7}",
            line.rank, line.name, line.cv_score
        ));
    }
    if summary.leaderboard.len() > SHOWN {
        lines.push(format!("      … and {} more", summary.leaderboard.len() - SHOWN));
    }
    lines
        .push(format!("blend: {} {:.5} on rows its parts had not learnt from", summary.metric, summary.ensemble_score));
    let scores: Vec<String> = summary.holdout.iter().map(|(metric, score)| format!("{metric} {score:.4}")).collect();
    if !scores.is_empty() {
        lines.push(format!("on the rows set apart: {}", scores.join(", ")));
    }
    lines.push(format!("model: {place} ({:.1} s)", summary.seconds));
    lines.join("\n")
}
