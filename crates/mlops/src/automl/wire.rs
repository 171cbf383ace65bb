//! What the routes of searches send and receive.

use chrono::{DateTime, Utc};
use rhiza_kernel::{AutomlId, DatasetId};
use rhiza_learn::automl::Plan;
use rhiza_learn::metrics::Metric;
use rhiza_learn::model::Task;
use rhiza_learn::search::Family;
use rhiza_web::Faults;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::model::{JobSettings, SECONDS, State, StoredTrial, TRIALS};
use super::results::{AutomlBest, task_name};
use super::service::{Draft, View};

/// What is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AutomlTask {
    /// One of two classes.
    Binary,
    /// One of several classes.
    Multiclass,
    /// A number.
    Regression,
}

impl From<AutomlTask> for Task {
    fn from(task: AutomlTask) -> Self {
        match task {
            AutomlTask::Binary => Self::Binary,
            AutomlTask::Multiclass => Self::Multiclass,
            AutomlTask::Regression => Self::Regression,
        }
    }
}

impl From<Task> for AutomlTask {
    fn from(task: Task) -> Self {
        match task {
            Task::Binary => Self::Binary,
            Task::Multiclass => Self::Multiclass,
            Task::Regression => Self::Regression,
        }
    }
}

/// A way to learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AutomlFamily {
    /// Mean or class shares; always tried.
    Baseline,
    /// Linear and logistic regression.
    Linear,
    /// Gradient-boosted trees.
    Boost,
    /// Random forests.
    Forest,
    /// Extremely randomised trees.
    ExtraTrees,
    /// Kernel ridge regression.
    Kernel,
    /// Nearest neighbours.
    Neighbours,
    /// Small networks.
    Network,
}

impl From<AutomlFamily> for Family {
    fn from(family: AutomlFamily) -> Self {
        match family {
            AutomlFamily::Baseline => Self::Baseline,
            AutomlFamily::Linear => Self::Linear,
            AutomlFamily::Boost => Self::Boost,
            AutomlFamily::Forest => Self::Forest,
            AutomlFamily::ExtraTrees => Self::ExtraTrees,
            AutomlFamily::Kernel => Self::Kernel,
            AutomlFamily::Neighbours => Self::Neighbours,
            AutomlFamily::Network => Self::Network,
        }
    }
}

impl From<Family> for AutomlFamily {
    fn from(family: Family) -> Self {
        match family {
            Family::Baseline => Self::Baseline,
            Family::Linear => Self::Linear,
            Family::Boost => Self::Boost,
            Family::Forest => Self::Forest,
            Family::ExtraTrees => Self::ExtraTrees,
            Family::Kernel => Self::Kernel,
            Family::Neighbours => Self::Neighbours,
            Family::Network => Self::Network,
        }
    }
}

/// A search to begin.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartAutoml {
    /// The data.
    #[schema(value_type = String)]
    dataset_id: DatasetId,
    /// Which version of it; the newest when absent.
    version: Option<i64>,
    /// The column to be predicted.
    target: String,
    /// What to call the search; made of target and dataset when absent.
    name: Option<String>,
    /// The experiment of its runs, made if there is none of this name; `automl/` and the dataset's name when absent.
    experiment: Option<String>,
    /// What is predicted; found out by the target's values when absent.
    task: Option<AutomlTask>,
    /// By what models are ranked: `roc_auc`, `log_loss`, `accuracy`, `f1_macro`, `rmse`, `mae`, `r2`, `pinball@0.9`, …; chosen by
    /// the task when absent.
    metric: Option<String>,
    /// Seconds for the search, 60 when absent; what is under way then is finished.
    seconds: Option<f64>,
    /// Most trials, 200 when absent. The same number and seed give the same models, if the time is long enough.
    trials: Option<usize>,
    /// Of everything random, 0 when absent.
    seed: Option<u64>,
    /// Folds of the cross-validation; chosen by the table when absent.
    folds: Option<usize>,
    /// Share of the rows that the search never sees, 0.2 when absent.
    hold_out: Option<f64>,
    /// A column of points in time: learn from the past, judge by the future.
    time_column: Option<String>,
    /// A column that names groups: rows of a group stay together.
    group_column: Option<String>,
    /// Columns not to learn from.
    ignore: Option<Vec<String>>,
    /// Families to be tried; all when absent.
    families: Option<Vec<AutomlFamily>>,
    /// Whether several models may be blended; true when absent.
    blend: Option<bool>,
}

/// Longest name of a search, in characters.
const NAME_MAX: usize = 200;

fn words(faults: &mut Faults, pointer: &str, text: Option<String>) -> Option<String> {
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let good = text.as_ref().is_none_or(|t| t.chars().count() <= NAME_MAX && !t.chars().any(char::is_control));
    faults.check(good, pointer, "must have at most 200 characters, none of them a control character");
    text
}

impl StartAutoml {
    pub(super) fn draft(self) -> Result<Draft, rhiza_web::ApiError> {
        let mut faults = Faults::default();
        let name = words(&mut faults, "/name", self.name);
        let experiment = words(&mut faults, "/experiment", self.experiment);
        let metric = self.metric.and_then(|metric| match metric.parse::<Metric>() {
            Ok(metric) => Some(metric),
            Err(error) => {
                faults.push("/metric", error.to_string());
                None
            }
        });
        let seconds = self.seconds.unwrap_or(SECONDS);
        faults.check(seconds >= 1.0, "/seconds", "must be at least 1");
        faults.finish()?;
        Ok(Draft {
            dataset: self.dataset_id,
            version: self.version,
            target: self.target,
            name,
            experiment,
            settings: JobSettings {
                task: self.task.map(Task::from),
                metric,
                seconds,
                trials: self.trials.unwrap_or(TRIALS),
                seed: self.seed.unwrap_or(0),
                folds: self.folds,
                hold_out: self.hold_out.unwrap_or(0.2),
                time_column: self.time_column,
                group_column: self.group_column,
                ignore: self.ignore.unwrap_or_default(),
                families: self.families.map(|all| all.into_iter().map(Family::from).collect()),
                blend: self.blend.unwrap_or(true),
            },
        })
    }
}

/// A search to take up again.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResumeAutoml {
    /// Seconds to go on searching; with 0 the model is made of the trials there are. What was left when absent, or 60.
    pub(super) seconds: Option<f64>,
    /// Most trials, with those there are; as before when absent.
    pub(super) trials: Option<usize>,
}

/// A model to be registered.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterAutoml {
    /// The registered model, made if there is none of this name.
    pub(super) name: String,
    /// What is to be said of the version.
    pub(super) description: Option<String>,
    /// An alias that is to point at the version.
    pub(super) alias: Option<String>,
}

/// A version of a registered model.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct RegisteredVersion {
    /// The model's name.
    pub(super) name: String,
    /// The version's number.
    pub(super) version: String,
}

/// Where a search stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WorkState {
    /// Waiting for a worker.
    Queued,
    /// At work.
    Running,
    /// It has a result.
    Succeeded,
    /// It has none; `error` says why.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl From<State> for WorkState {
    fn from(state: State) -> Self {
        match state {
            State::Queued => Self::Queued,
            State::Running => Self::Running,
            State::Succeeded => Self::Succeeded,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Cancelled,
        }
    }
}

impl From<WorkState> for State {
    fn from(state: WorkState) -> Self {
        match state {
            WorkState::Queued => Self::Queued,
            WorkState::Running => Self::Running,
            WorkState::Succeeded => Self::Succeeded,
            WorkState::Failed => Self::Failed,
            WorkState::Cancelled => Self::Cancelled,
        }
    }
}

/// How a search goes about.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct AutomlSettings {
    task: Option<AutomlTask>,
    metric: Option<String>,
    seconds: f64,
    trials: usize,
    seed: u64,
    folds: Option<usize>,
    hold_out: f64,
    time_column: Option<String>,
    group_column: Option<String>,
    ignore: Vec<String>,
    families: Option<Vec<AutomlFamily>>,
    blend: bool,
}

/// What a search made of table and settings.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct AutomlPlan {
    /// `binary`, `multiclass` or `regression`.
    task: String,
    /// The classes; none for numbers.
    classes: Vec<String>,
    /// By what models are ranked.
    metric: String,
    /// Whether more of it is better.
    greater_is_better: bool,
    /// Rows with a target.
    rows: usize,
    /// Rows without one, which are left out.
    rows_without_target: usize,
    /// Rows that the search never sees.
    hold_out_rows: usize,
    /// Folds of the cross-validation; 1: a single part of the rows judges.
    folds: usize,
    /// Rows that judge.
    judging_rows: usize,
    /// Columns that are learnt from.
    columns: Vec<String>,
}

impl From<Plan> for AutomlPlan {
    fn from(plan: Plan) -> Self {
        Self {
            task: task_name(plan.task).to_owned(),
            classes: plan.classes,
            metric: plan.metric.to_string(),
            greater_is_better: plan.metric.greater_is_better(),
            rows: plan.rows,
            rows_without_target: plan.rows_without_target,
            hold_out_rows: plan.hold_out_rows,
            folds: plan.folds,
            judging_rows: plan.judging_rows,
            columns: plan.columns,
        }
    }
}

/// Where a model is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct AutomlRegistered {
    /// The registered model.
    name: String,
    /// The version's number.
    version: String,
}

/// A search for a model.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct AutomlJob {
    /// Its id.
    #[schema(value_type = String)]
    automl_id: AutomlId,
    /// Its name.
    name: String,
    /// The data.
    #[schema(value_type = String)]
    dataset_id: DatasetId,
    /// What the dataset was called when the search began.
    dataset_name: String,
    /// Which version of it.
    version: i64,
    /// The column to be predicted.
    target: String,
    /// How it goes about.
    settings: AutomlSettings,
    /// Where it stands.
    state: WorkState,
    /// Why there is no model.
    error: Option<String>,
    /// From 0 to 1.
    progress: f64,
    /// What it is doing.
    message: String,
    /// The experiment of its runs.
    experiment_id: String,
    /// The run of the whole search; those of its trials are below it.
    run_id: String,
    /// What it made of table and settings, once it has looked at the table.
    plan: Option<AutomlPlan>,
    /// Trials that have ended.
    trials: i64,
    /// The best of them.
    best: Option<AutomlBest>,
    /// Seconds it has searched.
    seconds_used: f64,
    /// The metric of the finished model over the judging rows.
    score: Option<f64>,
    /// How long the model's file is.
    model_bytes: Option<i64>,
    /// Where the model is registered.
    registered: Vec<AutomlRegistered>,
    /// The id of who began it.
    created_by: String,
    /// When.
    created_at: DateTime<Utc>,
    /// When it was first worked on.
    started_at: Option<DateTime<Utc>>,
    /// When it came to its end.
    finished_at: Option<DateTime<Utc>>,
}

impl From<View> for AutomlJob {
    fn from(View { job, progress, registered }: View) -> Self {
        let settings = job.settings;
        let done = job.state == State::Succeeded;
        Self {
            automl_id: job.id,
            name: job.name,
            dataset_id: job.dataset,
            dataset_name: job.dataset_name,
            version: job.version,
            target: job.target,
            settings: AutomlSettings {
                task: settings.task.map(AutomlTask::from),
                metric: settings.metric.map(|metric| metric.to_string()),
                seconds: settings.seconds,
                trials: settings.trials,
                seed: settings.seed,
                folds: settings.folds,
                hold_out: settings.hold_out,
                time_column: settings.time_column,
                group_column: settings.group_column,
                ignore: settings.ignore,
                families: settings.families.map(|all| all.into_iter().map(AutomlFamily::from).collect()),
                blend: settings.blend,
            },
            state: job.state.into(),
            error: job.error,
            progress: if done { 1.0 } else { progress.fraction },
            message: if job.state.is_final() { String::new() } else { progress.message },
            experiment_id: job.experiment_id,
            run_id: job.run_id,
            plan: job.plan.map(AutomlPlan::from),
            trials: job.trials,
            best: job.best.map(AutomlBest::from),
            seconds_used: job.seconds_used,
            score: job.score,
            model_bytes: job.model_bytes,
            registered: registered
                .into_iter()
                .map(|(name, version)| AutomlRegistered { name, version: version.to_string() })
                .collect(),
            created_by: job.created_by,
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
        }
    }
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AutomlTrialState {
    /// It has a score.
    Scored,
    /// It has none; `error` says why.
    Failed,
}

/// A trial of a search.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct AutomlTrial {
    /// Its place in the sequence, from 0.
    pub(super) number: usize,
    /// Its name.
    name: String,
    /// Family of the model.
    family: String,
    /// How it ended.
    state: AutomlTrialState,
    /// The metric over all judging rows.
    pub(super) score: Option<f64>,
    /// Standard deviation of the metric over the folds.
    deviation: Option<f64>,
    /// The metric of each fold, where it is defined.
    fold_scores: Vec<Option<f64>>,
    /// Share in the finished model, once there is one.
    weight: f64,
    /// How long it took.
    seconds: f64,
    /// Rows that each fold learnt from, at most.
    learning_rows: usize,
    /// What was chosen about the model.
    #[schema(value_type = Object)]
    params: Value,
    /// What was found along the path, in words.
    detail: Option<String>,
    /// Why it failed.
    error: Option<String>,
    /// Its MLflow run.
    run_id: String,
    /// When it ended.
    at: DateTime<Utc>,
}

impl AutomlTrial {
    pub(super) fn of(trial: StoredTrial, weight: f64) -> Self {
        let StoredTrial { line, run_id, ended_at } = trial;
        Self {
            number: line.number,
            name: line.name,
            family: line.family,
            state: if line.score.is_some() { AutomlTrialState::Scored } else { AutomlTrialState::Failed },
            score: line.score,
            deviation: line.deviation,
            fold_scores: line.fold_scores,
            weight,
            seconds: line.seconds,
            learning_rows: line.learning_rows,
            params: line.params,
            detail: line.detail,
            error: line.error,
            run_id,
            at: ended_at,
        }
    }
}

/// All trials of a search.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct AutomlTrials {
    /// By what they are ranked, once that is known.
    pub(super) metric: Option<String>,
    /// Whether more of it is better.
    pub(super) greater_is_better: Option<bool>,
    /// Best first, those that failed last.
    pub(super) trials: Vec<AutomlTrial>,
}

/// What happens to a search that is followed.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum AutomlEvent {
    /// How the search is now: at once, and after each change.
    Job {
        /// The search.
        job: Box<AutomlJob>,
    },
    /// A trial has ended.
    Trial {
        /// The trial.
        trial: Box<AutomlTrial>,
    },
}
