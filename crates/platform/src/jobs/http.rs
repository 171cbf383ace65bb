//! Looking at jobs, following them, asking them to stop.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use futures::stream::{self, Stream};
use http::StatusCode;
use rhiza_kernel::{Env, JobId};
use rhiza_store::Db;
use rhiza_web::{ApiError, ApiResult, Json, LastEventId, Page, PageQuery, Path, ProblemResponses, Query, sse};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::{Job, JobState};
use super::store::{self, Cancelled, Listing};
use super::worker::topic;
use crate::audit;
use crate::authz::{Access, Allowed, need};
use crate::events::{Hub, Subscription};
use crate::runtime::Tasks;

/// What the job routes need.
#[derive(Debug, Clone)]
pub struct JobsState {
    /// The database.
    pub db: Db,
    /// Time and randomness.
    pub env: Env,
    /// Where changes are announced.
    pub hub: Hub,
    /// Ends event streams at shutdown.
    pub tasks: Tasks,
}

/// The job routes.
#[must_use]
pub fn router() -> OpenApiRouter<JobsState> {
    OpenApiRouter::new()
        .routes(routes!(list_jobs))
        .routes(routes!(get_job))
        .routes(routes!(cancel_job))
        .routes(routes!(stream_job_events))
}

/// A background job.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Job)]
struct JobBody {
    #[schema(example = "job_01900000000070008000000000000001")]
    id: String,
    /// What it does.
    #[schema(example = "tracking.collect_garbage")]
    kind: String,
    state: JobState,
    /// The project it works for; null for jobs of the whole organisation.
    project_id: Option<String>,
    /// 0 to 1.
    progress: f64,
    /// What it is doing.
    message: String,
    /// What it returned.
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
    /// Why the last attempt failed.
    error: Option<String>,
    attempts: i32,
    max_attempts: i32,
    priority: i32,
    /// Someone asked it to stop.
    cancel_requested: bool,
    /// Who asked for it.
    created_by: String,
    /// Not before this.
    run_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
}

impl From<Job> for JobBody {
    fn from(job: Job) -> Self {
        Self {
            id: job.id.to_string(),
            kind: job.kind,
            state: job.state,
            project_id: job.project.map(|p| p.to_string()),
            progress: job.progress,
            message: job.message,
            result: job.result,
            error: job.error,
            attempts: job.attempts,
            max_attempts: job.max_attempts,
            priority: job.priority,
            cancel_requested: job.cancel_requested,
            created_by: job.created_by,
            run_at: job.run_at,
            created_at: job.created_at,
            updated_at: job.updated_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
        }
    }
}

fn no_such_job() -> ApiError {
    ApiError::not_found("There is no such job here.")
}

async fn find(state: &JobsState, access: &Access, id: JobId) -> ApiResult<Job> {
    let tx = state.db.read(&access.scope.org_scope()).await?;
    let job = store::get(&tx, &access.scope, id).await?;
    tx.rollback().await?;
    job.ok_or_else(no_such_job)
}

/// Which jobs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct JobsQuery {
    /// Only in this state.
    state: Option<JobState>,
    /// Only of this kind.
    kind: Option<String>,
}

/// Lists the project's jobs and those of the whole organisation, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/jobs",
    operation_id = "listJobs",
    tag = "jobs",
    params(JobsQuery, PageQuery),
    responses((status = 200, body = Page<JobBody>), ProblemResponses)
)]
async fn list_jobs(
    State(state): State<JobsState>,
    access: Allowed<need::JobRead>,
    Query(query): Query<JobsQuery>,
    page: PageQuery,
) -> ApiResult<Json<Page<JobBody>>> {
    let listing = Listing { state: query.state, kind: query.kind, before: page.cursor()? };
    let tx = state.db.read(&access.scope.org_scope()).await?;
    let jobs = store::list(&tx, &access.scope, &listing, page.fetch()).await?;
    tx.rollback().await?;
    Ok(Json(Page::from_overfetch(jobs, &page, |last| last.id).map(JobBody::from)))
}

/// Shows a job.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}",
    operation_id = "getJob",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, body = JobBody), ProblemResponses)
)]
async fn get_job(
    State(state): State<JobsState>,
    access: Allowed<need::JobRead>,
    Path(id): Path<JobId>,
) -> ApiResult<Json<JobBody>> {
    Ok(Json(find(&state, &access, id).await?.into()))
}

/// Asks a job to stop. A waiting job is cancelled at once, a running one as soon as its worker notices.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{id}/cancel",
    operation_id = "cancelJob",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 202, body = JobBody), ProblemResponses)
)]
async fn cancel_job(
    State(state): State<JobsState>,
    access: Allowed<need::JobManage>,
    Path(id): Path<JobId>,
) -> ApiResult<(StatusCode, Json<JobBody>)> {
    let scope = access.scope.org_scope();
    let tx = state.db.write(&scope).await?;
    match store::cancel(&tx, &access.scope, id, &state.env).await? {
        None => return Err(no_such_job()),
        Some(Cancelled::TooLate) => {
            return Err(ApiError::new(rhiza_kernel::ErrorCode::Conflict, "The job is over already."));
        }
        Some(Cancelled::Now | Cancelled::Requested) => {}
    }
    let job = store::get(&tx, &access.scope, id).await?.ok_or_else(no_such_job)?;
    let entry = audit::Entry::new(&access.caller, "jobs.job.cancel", id.to_string());
    audit::record(&tx, &scope, entry, &state.env).await?;
    tx.commit().await?;
    state.hub.publish(scope.org, &topic(id), serde_json::json!({ "revision": job.revision }));
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}

/// Follows a job: an event `job` with the whole job at once and after each change, until the job is over.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}/events",
    operation_id = "streamJobEvents",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "Events named `job`", content_type = "text/event-stream", body = JobBody), ProblemResponses)
)]
async fn stream_job_events(
    State(state): State<JobsState>,
    access: Allowed<need::JobRead>,
    Path(id): Path<JobId>,
    last: LastEventId,
) -> ApiResult<Response> {
    // Listening begins before reading, so that no change falls between.
    let news = state.hub.subscribe(access.scope.org, &topic(id));
    find(&state, &access, id).await?;
    let shutdown = state.tasks.token();
    let seen = last.0.and_then(|text| text.parse().ok()).unwrap_or(0);
    let follow = Follow { state, access: access.into_inner(), id, news, seen, over: false };
    Ok(sse::respond(follow.events(), shutdown))
}

/// Other processes cannot announce their jobs here: those are looked at this often.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

struct Follow {
    state: JobsState,
    access: Access,
    id: JobId,
    news: Subscription,
    /// The revision the client has.
    seen: i64,
    over: bool,
}

impl Follow {
    fn events(self) -> impl Stream<Item = sse::Event> + Send {
        stream::unfold(self, |mut follow| async move {
            let event = follow.next().await?;
            Some((event, follow))
        })
    }

    async fn next(&mut self) -> Option<sse::Event> {
        while !self.over {
            // A job that cannot be read any more ends the stream; the client comes back and hears why.
            let job = find(&self.state, &self.access, self.id).await.ok()?;
            self.over = job.state.is_final();
            // A client that comes back to a finished job is told once more that it is over.
            if job.revision != self.seen || self.over {
                self.seen = job.revision;
                return sse::Event::json("job", &JobBody::from(job)).ok().map(|event| event.id(self.seen));
            }
            tokio::select! {
                _ = self.news.recv() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        None
    }
}
