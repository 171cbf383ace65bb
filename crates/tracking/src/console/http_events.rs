//! A run's events as a stream.

use axum::extract::State;
use axum::response::Response;
use futures::StreamExt as _;
use rhiza_web::{ApiResult, Path, ProblemResponses, sse};

use super::follow::Follow;
use super::wire::RunEvent;
use crate::protocol::CanReadExperiments;
use crate::state::TrackingState;

/// Follow a run
///
/// The run at once and after each change, points as they are logged (at most four messages a second), and a word when
/// its files changed. A client that comes back starts over with the run: points logged in between are in its curves.
#[utoipa::path(
    get,
    path = "/runs/{run_id}/events",
    operation_id = "streamRunEvents",
    tag = "tracking",
    params(("run_id" = String, Path, description = "The run")),
    responses(
        (status = 200, description = "Events named after their `type`", content_type = "text/event-stream", body = RunEvent),
        ProblemResponses
    )
)]
pub(super) async fn stream_run_events(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(run_id): Path<String>,
) -> ApiResult<Response> {
    let follow = Follow::begin(&state, &caller, &run_id).await?;
    let events = follow.events().filter_map(|event| async move {
        let name = match event {
            RunEvent::Run { .. } => "run",
            RunEvent::Metrics { .. } => "metrics",
            RunEvent::Artifacts => "artifacts",
        };
        sse::Event::json(name, &event).ok()
    });
    Ok(sse::respond(events, state.streams.clone()))
}
