//! The job that fetches and reads a version.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use rhiza_kernel::{Coded as _, DatasetId};
use rhiza_platform::authz::Access;
use rhiza_platform::child::{ChildError, Work, Workshop};
use rhiza_platform::jobs::{JobContext, JobError, JobHandler};
use rhiza_platform::outbound::{GuardedClient, GuardedResponse, OutboundError};
use rhiza_store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::jobs_task::{ReadTable, Reading, Stage, TableOrder};
use super::model::{State, Version};
use super::service::Datasets;
use crate::error::{Code, TrackingError};
use crate::protocol::Caller;
use crate::state::TrackingState;

pub(super) const KIND: &str = "tracking.read_dataset";

/// Processor time that the reading of one file may take.
const PROCESSOR: Duration = Duration::from_secs(900);
/// The file's name in the folder of the work.
const FILE: &str = "data";

/// What the job is given.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReadInput {
    pub(super) dataset: DatasetId,
    pub(super) version: i64,
    /// The column to look at: only a profile is to be made.
    pub(super) target: Option<String>,
    /// Where the bytes are to be fetched.
    pub(super) url: Option<String>,
    /// The organisation's plan when the job was asked for.
    pub(super) plan: String,
}

/// Why there is nothing to keep.
#[derive(Debug)]
pub(super) enum Fault {
    /// The file, or where it is: for the person whose file it is.
    Refused(String),
    /// Another time it may work. One text for the person, one for the log.
    Passing(String, String),
    /// Somebody asked to stop, or the lease is lost.
    Stopped,
}

/// Fetches and reads versions of datasets.
pub struct ReadDataset {
    datasets: Datasets,
    workshop: Workshop,
    client: GuardedClient,
}

impl ReadDataset {
    /// The job, which has files read in `workshop` and fetches them with `client`.
    #[must_use]
    pub fn new(state: &TrackingState, workshop: Workshop, client: GuardedClient) -> Self {
        Self { datasets: Datasets::new(state), workshop, client }
    }

    async fn read(
        &self,
        caller: &Caller,
        context: &JobContext,
        mut version: Version,
        input: &ReadInput,
    ) -> Result<Value, Fault> {
        if version.path.is_none()
            && let Some(url) = &input.url
        {
            context.progress(0.0, "fetching the file");
            version = tokio::select! {
                fetched = self.fetch(caller, context, version, url) => fetched?,
                () = context.cancelled().cancelled() => return Err(Fault::Stopped),
            };
        }
        let reading = self.look(caller, context, &mut version, input).await?;
        let (rows, columns) = (reading.rows, reading.schema.columns.len());
        match &input.target {
            Some(target) => self.datasets.finish_profile(caller, context, &version, target, &reading).await?,
            None => self.datasets.finish(caller, context, &version, reading).await?,
        }
        Ok(json!({ "dataset_id": input.dataset, "version": input.version, "rows": rows, "columns": columns }))
    }

    async fn fetch(
        &self,
        caller: &Caller,
        context: &JobContext,
        version: Version,
        url: &str,
    ) -> Result<Version, Fault> {
        // What does not fit into memory could not be read.
        let most = usize::try_from(self.workshop.limits().memory).unwrap_or(usize::MAX);
        let response = self.client.get(url).body_limit(most).send().await.map_err(of_outside)?;
        let status = response.status();
        if !status.is_success() {
            let answer = format!("the address answered {status}");
            let passing = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
            return Err(if passing { Fault::Passing(answer.clone(), answer) } else { Fault::Refused(answer) });
        }
        // The storage only says that the sender broke off; why, is said here.
        let broke = Mutex::new(None);
        let body = pieces(response).map_err(|error| {
            let told = error.to_string();
            *broke.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            told
        });
        let taken = self.datasets.take_in(caller, context, version, body).await;
        match broke.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(of_outside(error)),
            None => taken,
        }
    }

    /// Has a child read the version's bytes.
    async fn look(
        &self,
        caller: &Caller,
        context: &JobContext,
        version: &mut Version,
        input: &ReadInput,
    ) -> Result<Reading, Fault> {
        context.progress(0.2, "copying the file");
        let folder = self.workshop.folder().map_err(ChildError::Io)?;
        let file = folder.path().join(FILE);
        let copied = tokio::select! {
            copied = self.datasets.copy_out(caller, version, &file) => copied?,
            () = context.cancelled().cancelled() => return Err(Fault::Stopped),
        };
        if version.digest.get_or_insert_with(|| copied.clone()) != &copied {
            let why = format!("the stored bytes hash to {copied}, not to {:?}", version.digest);
            return Err(Fault::Passing("the stored bytes are damaged".to_owned(), why));
        }
        let order = TableOrder {
            file: FILE.to_owned(),
            format: version.format,
            types: version.types.clone(),
            target: input.target.clone(),
        };
        let mut limits = self.workshop.limits();
        limits.processor = limits.processor.min(PROCESSOR);
        let task = rhiza_platform::child::Task::name(&ReadTable);
        let order = serde_json::to_value(order).map_err(|e| TrackingError::Internal(e.to_string()))?;
        let work = Work { task, input: order, folder: folder.path(), limits };
        let heard = |stage: Stage| {
            match stage {
                Stage::Parsing => context.progress(0.3, "reading the table"),
                Stage::Profiling => context.progress(0.6, "looking at the columns"),
            }
            std::future::ready(Ok::<(), Fault>(()))
        };
        let found = self.workshop.run(work, context.cancelled(), heard).await?;
        let unreadable = |e: serde_json::Error| ChildError::Failed(format!("its result cannot be read: {e}"));
        Ok(serde_json::from_value(found).map_err(unreadable)?)
    }
}

#[async_trait]
impl JobHandler for ReadDataset {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, context: JobContext) -> Result<Value, JobError> {
        let input: ReadInput = context.input()?;
        let scope = context.job.project_scope();
        let scope = scope.ok_or_else(|| JobError::Fatal("the job has no project".to_owned()))?;
        let caller = Caller { plan: input.plan.as_str().into(), ..Access::system(scope, "").into() };
        let version = self.datasets.to_read(&caller, &input).await.map_err(JobError::retry)?;
        let Some(version) = version.filter(|version| version.state == State::Reading || input.target.is_some()) else {
            return Ok(json!({ "skipped": "there is nothing to read any more" }));
        };
        let fault = match self.read(&caller, &context, version.clone(), &input).await {
            Ok(result) => return Ok(result),
            Err(fault) => fault,
        };
        let last = context.job.attempts >= context.job.max_attempts;
        let (told, error) = match fault {
            Fault::Refused(why) => (Some(why.clone()), JobError::Fatal(why)),
            Fault::Passing(why, detail) => (last.then_some(why), JobError::Retry(detail)),
            Fault::Stopped => (None, JobError::Cancelled),
        };
        if let Some(why) = told.filter(|_| input.target.is_none())
            && let Err(unwritten) = self.datasets.fail(&caller, &context, &version, &why).await
        {
            // The next attempt will tell; and where there is none, the state of the job does.
            tracing::warn!(?unwritten, dataset = %input.dataset, "why a dataset cannot be read was not written down");
        }
        Err(error)
    }
}

/// The answer's body as it comes.
fn pieces(response: GuardedResponse) -> impl Stream<Item = Result<Bytes, OutboundError>> + Send {
    futures::stream::try_unfold(response, |mut response| async move {
        Ok(response.chunk().await?.map(|piece| (piece, response)))
    })
}

fn of_outside(error: OutboundError) -> Fault {
    let why = error.public_detail();
    if error.is_passing() { Fault::Passing(why, error.to_string()) } else { Fault::Refused(why) }
}

impl From<ChildError> for Fault {
    fn from(error: ChildError) -> Self {
        match error {
            ChildError::Refused(why) => Self::Refused(why),
            ChildError::Exceeded(why) => Self::Refused(format!("reading the file was stopped: {why}")),
            ChildError::Stopped => Self::Stopped,
            error @ (ChildError::Failed(_) | ChildError::Io(_)) => {
                Self::Passing("reading the file failed here; the log has the reason".to_owned(), error.to_string())
            }
        }
    }
}

impl From<TrackingError> for Fault {
    fn from(error: TrackingError) -> Self {
        match error.mlflow_code() {
            Code::InternalError | Code::TemporarilyUnavailable => {
                Self::Passing(error.public_detail(), error.to_string())
            }
            // The sender broke off: the other side of an address.
            Code::BadRequest => Self::Passing("the file did not arrive whole".to_owned(), error.to_string()),
            _ => Self::Refused(error.public_detail()),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        TrackingError::from(error).into()
    }
}

impl From<JobError> for Fault {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Cancelled => Self::Stopped,
            JobError::Retry(why) | JobError::Fatal(why) => {
                Self::Passing("reading the file failed here; the log has the reason".to_owned(), why)
            }
        }
    }
}
