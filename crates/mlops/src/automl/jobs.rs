//! The job that has a child process search, and writes what it tells.

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rhiza_kernel::{AutomlId, Coded as _, ErrorCode};
use rhiza_platform::authz::Access;
use rhiza_platform::child::{ChildError, Task as _, Work, Workshop};
use rhiza_platform::jobs::{JobContext, JobError, JobHandler};
use rhiza_store::StoreError;
use rhiza_tracking::TrackingError;
use rhiza_tracking::datasets::Datasets;
use rhiza_tracking::protocol::Caller;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::model::AutomlJob;
use super::service::Searches;
use super::task::{Found, Search, SearchNews, SearchOrder};
use crate::error::MlopsError;
use crate::state::MlopsState;

pub(super) const KIND: &str = "mlops.search_models";

/// Files in the folder of the work.
const TABLE: &str = "table";
const FINISHED: &str = "finished";
const MODEL: &str = "model";
const ONNX: &str = "onnx";

/// What the job is given.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SearchInput {
    pub(super) automl: AutomlId,
    /// The organisation's plan when the job was asked for.
    pub(super) plan: String,
}

/// Why there is no model.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Data or wishes: for the person whose they are.
    Refused(String),
    /// Another time it may work. One text for the person, one for the log.
    Passing(String, String),
    /// Somebody asked to stop, or the lease is lost.
    Stopped,
}

/// Searches for models.
pub struct SearchModels {
    searches: Searches,
    workshop: Workshop,
}

impl SearchModels {
    /// The job, which has searches done in `workshop`.
    #[must_use]
    pub fn new(state: &MlopsState, workshop: Workshop) -> Self {
        Self { searches: Searches::new(state), workshop }
    }

    async fn search(&self, caller: &Caller, context: &JobContext, job: AutomlJob) -> Result<Value, Fault> {
        context.progress(0.0, "copying the data");
        let folder = self.workshop.folder().map_err(ChildError::Io)?;
        let datasets = Datasets::new(&self.searches.state.tracking);
        let table = folder.path().join(TABLE);
        let version = tokio::select! {
            fetched = datasets.fetch(caller, job.dataset, job.version, &table) => fetched?,
            () = context.cancelled().cancelled() => return Err(Fault::Stopped),
        };
        let kept = self.searches.kept(caller, &job).await?;
        let lines: Vec<String> = kept.iter().map(|trial| BASE64_STANDARD.encode(trial)).collect();
        tokio::fs::write(folder.path().join(FINISHED), lines.join("\n")).await.map_err(ChildError::Io)?;
        let limits = self.workshop.limits();
        // The table itself, and what is made of it on the way, take the rest.
        let memory = limits.memory / 2;
        let order = SearchOrder {
            table: TABLE.to_owned(),
            format: version.format,
            types: version.types,
            settings: job.settings.for_search(&job.target, memory),
            seconds: (job.settings.seconds - job.seconds_used).max(0.0),
            finished: Some(FINISHED.to_owned()).filter(|_| !kept.is_empty()),
            model: MODEL.to_owned(),
            onnx: ONNX.to_owned(),
        };
        let order = serde_json::to_value(order).map_err(|e| MlopsError::Unwritable(e.to_string()))?;
        let work = Work { task: Search.name(), input: order, folder: folder.path(), limits };
        let job = &job;
        let heard = |news: SearchNews| async move { self.heard(caller, context, job, news).await };
        let found = self.workshop.run(work, context.cancelled(), heard).await?;
        let unreadable = |e: serde_json::Error| ChildError::Failed(format!("its result cannot be read: {e}"));
        let found: Found = serde_json::from_value(found).map_err(unreadable)?;
        context.progress(0.99, "keeping the model");
        let files = [folder.path().join(MODEL), folder.path().join(ONNX)];
        self.searches.finish(caller, context, job, found, &files).await
    }

    async fn heard(
        &self,
        caller: &Caller,
        context: &JobContext,
        job: &AutomlJob,
        news: SearchNews,
    ) -> Result<(), Fault> {
        let total = job.settings.seconds.max(1e-9);
        let used = |seconds: f64| job.seconds_used + seconds;
        let share = |seconds: f64| (used(seconds) / total).clamp(0.0, 1.0) * 0.95;
        match news {
            SearchNews::Planned { plan } => self.searches.planned(caller, context, job, plan).await,
            SearchNews::Started { name, seconds } => {
                context.progress(share(seconds), format!("trying {name}"));
                Ok(())
            }
            SearchNews::Ended { line, kept, seconds } => {
                let kept = BASE64_STANDARD.decode(kept).map_err(|e| ChildError::Failed(format!("a trial: {e}")))?;
                self.searches.ended(caller, context, job, line, kept, used(seconds)).await
            }
            SearchNews::Blending { trials, seconds } => {
                context.progress(share(seconds).max(0.9), format!("blending the best of {trials} trials"));
                self.searches.searched(caller, context, job, used(seconds)).await
            }
            SearchNews::Weighing => {
                context.progress(0.97, "weighing the columns");
                Ok(())
            }
        }
    }
}

#[async_trait]
impl JobHandler for SearchModels {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, context: JobContext) -> Result<Value, JobError> {
        let input: SearchInput = context.input()?;
        let scope = context.job.project_scope();
        let scope = scope.ok_or_else(|| JobError::Fatal("the job has no project".to_owned()))?;
        let caller = Caller { plan: input.plan.as_str().into(), ..Access::system(scope, "").into() };
        let job = self.searches.begin(&caller, &context, input.automl).await;
        let job = match job {
            Ok(Some(job)) => job,
            Ok(None) => return Ok(json!({ "skipped": "there is nothing to search any more" })),
            Err(Fault::Stopped) => return Err(JobError::Cancelled),
            Err(Fault::Refused(why)) => return Err(JobError::Fatal(why)),
            Err(Fault::Passing(_, detail)) => return Err(JobError::Retry(detail)),
        };
        let (id, run_id) = (job.id, job.run_id.clone());
        let fault = match self.search(&caller, &context, job).await {
            Ok(result) => return Ok(result),
            Err(fault) => fault,
        };
        let last = context.job.attempts >= context.job.max_attempts;
        let (told, error) = match fault {
            Fault::Refused(why) => (Some(why.clone()), JobError::Fatal(why)),
            Fault::Passing(why, detail) => (last.then_some(why), JobError::Retry(detail)),
            Fault::Stopped => (None, JobError::Cancelled),
        };
        if let Some(why) = told
            && let Err(unwritten) = self.searches.fail(&caller, &context, id, &run_id, &why).await
        {
            // The state of the job tells that it failed, if not why.
            tracing::warn!(?unwritten, automl = %id, "why a search found no model was not written down");
        }
        Err(error)
    }
}

impl From<ChildError> for Fault {
    fn from(error: ChildError) -> Self {
        match error {
            ChildError::Refused(why) => Self::Refused(why),
            ChildError::Exceeded(why) => Self::Refused(format!("the work was stopped: {why}")),
            ChildError::Stopped => Self::Stopped,
            error @ (ChildError::Failed(_) | ChildError::Io(_)) => {
                Self::Passing("the work failed here; the log has the reason".to_owned(), error.to_string())
            }
        }
    }
}

impl From<MlopsError> for Fault {
    fn from(error: MlopsError) -> Self {
        match error.code() {
            ErrorCode::Internal => {
                Self::Passing("the work failed here; the log has the reason".to_owned(), error.to_string())
            }
            ErrorCode::Unavailable => Self::Passing(error.public_detail(), error.to_string()),
            _ => Self::Refused(error.public_detail()),
        }
    }
}

impl From<TrackingError> for Fault {
    fn from(error: TrackingError) -> Self {
        MlopsError::from(error).into()
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        MlopsError::from(error).into()
    }
}

impl From<JobError> for Fault {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Cancelled => Self::Stopped,
            JobError::Retry(why) | JobError::Fatal(why) => {
                Self::Passing("the work failed here; the log has the reason".to_owned(), why)
            }
        }
    }
}

/// Whether the search is still this job's to go on with. One that was cancelled may be taken up by another job while this one is
/// coming to its end.
pub(super) fn goes_on(job: &AutomlJob, context: &JobContext) -> bool {
    !job.state.is_final() && job.job == Some(context.job.id)
}
