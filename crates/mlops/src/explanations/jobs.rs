//! The job that has a child process explain.

use std::path::Path;

use async_trait::async_trait;
use futures::TryStreamExt as _;
use rhiza_kernel::ExplanationId;
use rhiza_platform::authz::Access;
use rhiza_platform::child::{ChildError, Task as _, Work, Workshop};
use rhiza_platform::jobs::{JobContext, JobError, JobHandler};
use rhiza_tracking::artifacts::{Artifact, blob_error};
use rhiza_tracking::datasets::Datasets;
use rhiza_tracking::protocol::Caller;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::model::{Explanation, Source};
use super::service::Explanations;
use super::task::{ExplainModel, ExplainOrder, TableFile};
use super::wire_result::ExplanationResult;
use crate::automl::Fault;
use crate::error::MlopsError;
use crate::models;
use crate::state::MlopsState;

pub(super) const KIND: &str = "mlops.explain_model";

/// Files in the folder of the work.
const MODEL: &str = "model";
const ROWS: &str = "rows";
const BACKGROUND: &str = "background";

/// What the job is given.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ExplainInput {
    pub(super) explanation: ExplanationId,
    /// The organisation's plan when the job was asked for.
    pub(super) plan: String,
}

/// Explains models.
pub struct ExplainModels {
    explanations: Explanations,
    workshop: Workshop,
}

impl ExplainModels {
    /// The job, which has explanations made in `workshop`.
    #[must_use]
    pub fn new(state: &MlopsState, workshop: Workshop) -> Self {
        Self { explanations: Explanations::new(state), workshop }
    }

    async fn explain(
        &self,
        caller: &Caller,
        context: &JobContext,
        made: Explanation,
    ) -> Result<ExplanationResult, Fault> {
        context.progress(0.1, "copying model and rows");
        let folder = self.workshop.folder().map_err(ChildError::Io)?;
        let order = tokio::select! {
            order = self.order(caller, folder.path(), made) => order?,
            () = context.cancelled().cancelled() => return Err(Fault::Stopped),
        };
        context.progress(0.2, "explaining");
        let order = serde_json::to_value(order).map_err(|e| MlopsError::Unwritable(e.to_string()))?;
        let limits = self.workshop.limits();
        let work = Work { task: ExplainModel.name(), input: order, folder: folder.path(), limits };
        let heard = |_: Value| std::future::ready(Ok::<(), Fault>(()));
        let found = self.workshop.run(work, context.cancelled(), heard).await?;
        let unreadable = |e: serde_json::Error| ChildError::Failed(format!("its result cannot be read: {e}"));
        Ok(serde_json::from_value(found).map_err(unreadable)?)
    }

    /// Lays out what the child needs.
    async fn order(&self, caller: &Caller, folder: &Path, made: Explanation) -> Result<ExplainOrder, Fault> {
        let state = &self.explanations.state;
        let model = models::find(state, caller, &made.request.model).await?;
        self.copy(&model.file, &folder.join(MODEL)).await?;
        let datasets = Datasets::new(&state.tracking);
        let table = async |dataset, version, file: &str| {
            let version = datasets.fetch(caller, dataset, version, &folder.join(file)).await?;
            Ok::<_, Fault>(TableFile { file: file.to_owned(), format: version.format, types: version.types })
        };
        let (rows, records) = match made.request.rows {
            Source::Dataset { dataset, version, first, count } => {
                (Some((table(dataset, version, ROWS).await?, first, count)), Vec::new())
            }
            Source::Records(records) => (None, records),
        };
        let background = match made.request.background {
            Some((dataset, version)) => Some(table(dataset, version, BACKGROUND).await?),
            None => None,
        };
        Ok(ExplainOrder { model: MODEL.to_owned(), rows, records, background, wish: made.request.wish })
    }

    async fn copy(&self, file: &Artifact, to: &Path) -> Result<(), Fault> {
        let read = self.explanations.state.tracking.blobs.get(file.blob, None).await.map_err(blob_error)?;
        let mut pieces = read.stream;
        let mut copy = tokio::fs::File::create(to).await.map_err(ChildError::Io)?;
        while let Some(piece) = pieces.try_next().await.map_err(blob_error)? {
            copy.write_all(&piece).await.map_err(ChildError::Io)?;
        }
        copy.flush().await.map_err(ChildError::Io)?;
        Ok(())
    }
}

#[async_trait]
impl JobHandler for ExplainModels {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, context: JobContext) -> Result<Value, JobError> {
        let input: ExplainInput = context.input()?;
        let scope = context.job.project_scope();
        let scope = scope.ok_or_else(|| JobError::Fatal("the job has no project".to_owned()))?;
        let caller = Caller { plan: input.plan.as_str().into(), ..Access::system(scope, "").into() };
        let id = input.explanation;
        let found = match self.explanations.begin(&caller, &context, id).await {
            Ok(Some(made)) => self.explain(&caller, &context, made).await,
            Ok(None) => return Ok(json!({ "skipped": "there is nothing to explain any more" })),
            Err(fault) => Err(fault),
        };
        let kept = match found {
            Ok(found) => self.explanations.finish(&caller, &context, id, Ok(&found)).await,
            Err(fault) => Err(fault),
        };
        let fault = match kept {
            Ok(()) => return Ok(json!({ "explanation_id": id })),
            Err(fault) => fault,
        };
        let last = context.job.attempts >= context.job.max_attempts;
        let (told, error) = match fault {
            Fault::Refused(why) => (Some(why.clone()), JobError::Fatal(why)),
            Fault::Passing(why, detail) => (last.then_some(why), JobError::Retry(detail)),
            Fault::Stopped => (None, JobError::Cancelled),
        };
        if let Some(why) = told
            && let Err(unwritten) = self.explanations.finish(&caller, &context, id, Err(&why)).await
        {
            // The state of the job tells that it failed, if not why.
            tracing::warn!(?unwritten, explanation = %id, "why an explanation failed was not written down");
        }
        Err(error)
    }
}
