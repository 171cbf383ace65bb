//! Following a run: its events for as long as somebody listens.
//!
//! The run is looked at twice a second, one short read each time, instead of being told about by the writers: this
//! finds what any process writes, costs nothing while nobody listens, and leaves the way of the logged points alone.
//! New points are in the log, behind the last row seen. But the log is emptied into segments now and then, and the
//! write that makes it full is never seen in it. So when there are new segments, what they hold is compared with what
//! was seen in the log since the segments before: only the rest is new. When old segments have been merged into the
//! new ones as well, their points cannot be told from late ones, and only points behind all seen before count as new.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use futures::{Stream, stream};
use rhiza_store::Tx;

use super::model::thin;
use super::service;
use super::store_events::{self, Files, Glance, Newest};
use super::wire::{LivePoint, MetricNumber, RunEvent};
use crate::TrackingState;
use crate::artifacts::Artifacts;
use crate::error::{TrackingError, TrackingResult};
use crate::metrics::Point;
use crate::metrics::model;
use crate::metrics::store as metrics;
use crate::protocol::Caller;
use crate::runs::store;

/// How often the run is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Files are looked at only every so many times.
const FILES_EVERY: u32 = 4;
/// The pause between two messages with points.
const MESSAGE_EVERY: Duration = Duration::from_millis(250);
/// The most points of a message.
const MESSAGE_POINTS: usize = 2_000;
/// Beyond so many points at once the messages would lag behind the run: then curves are thinned.
const MOST_POINTS: usize = 20_000;

/// A run and what its follower has been told.
pub(crate) struct Follow {
    state: TrackingState,
    caller: Caller,
    run_pk: i64,
    folder: Option<String>,
    glance: Glance,
    files: Option<Files>,
    points: Seen,
    looks: u32,
    queue: VecDeque<RunEvent>,
    rested: bool,
}

impl Follow {
    /// Begins with the run as it is.
    pub(crate) async fn begin(state: &TrackingState, caller: &Caller, run_id: &str) -> TrackingResult<Self> {
        let ids = state.ids.of(&caller.scope).await?;
        let (_, folder) = Artifacts::new(state).run_folder(caller, run_id).await?;
        let tx = state.db.read(&caller.scope.org_scope()).await?;
        let run_pk = store::require_run(&tx, &caller.scope, run_id).await?.id;
        let glance = store_events::glance(&tx, &caller.scope, run_pk).await?.ok_or_else(|| store::no_run(run_id))?;
        let points = Seen::begin(&tx, caller, run_pk).await?;
        let files = match &folder {
            Some(folder) => Some(store_events::files(&tx, &caller.scope, folder).await?),
            None => None,
        };
        let run = service::row(&tx, caller, ids, run_pk).await?.ok_or_else(|| store::no_run(run_id))?;
        Ok(Self {
            state: state.clone(),
            caller: caller.clone(),
            run_pk,
            folder,
            glance,
            files,
            points,
            looks: 0,
            queue: VecDeque::from([RunEvent::Run { run: Box::new(run) }]),
            rested: true,
        })
    }

    /// The events, without end unless the run goes away or cannot be read.
    pub(crate) fn events(self) -> impl Stream<Item = RunEvent> + Send {
        stream::unfold(self, |mut follow| async move {
            let event = follow.next().await?;
            Some((event, follow))
        })
    }

    async fn next(&mut self) -> Option<RunEvent> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                if matches!(event, RunEvent::Metrics { .. }) && !std::mem::take(&mut self.rested) {
                    tokio::time::sleep(MESSAGE_EVERY).await;
                }
                return Some(event);
            }
            tokio::time::sleep(LOOK_EVERY).await;
            self.rested = true;
            match self.look().await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    // The listener comes back by itself, and hears why then if it lasts.
                    tracing::warn!(%error, "a run could not be followed any further");
                    return None;
                }
            }
        }
    }

    /// Queues what is new. Tells whether the run is still there.
    async fn look(&mut self) -> TrackingResult<bool> {
        let ids = self.state.ids.of(&self.caller.scope).await?;
        let scope = self.caller.scope;
        let tx = self.state.db.read(&scope.org_scope()).await?;
        let Some(glance) = store_events::glance(&tx, &scope, self.run_pk).await? else { return Ok(false) };
        let fresh = self.points.advance(&tx, &self.caller, self.run_pk).await?;
        self.queue.extend(messages(fresh));
        if glance != self.glance {
            self.glance = glance;
            if let Some(run) = service::row(&tx, &self.caller, ids, self.run_pk).await? {
                self.queue.push_back(RunEvent::Run { run: Box::new(run) });
            }
        }
        self.looks = self.looks.wrapping_add(1);
        if self.looks.is_multiple_of(FILES_EVERY)
            && let Some(folder) = &self.folder
        {
            let files = Some(store_events::files(&tx, &scope, folder).await?);
            if files != self.files {
                self.files = files;
                self.queue.push_back(RunEvent::Artifacts);
            }
        }
        Ok(true)
    }
}

/// New points of each metric, in the order they are found.
type Fresh = Vec<(String, Vec<Point>)>;

fn messages(mut fresh: Fresh) -> Vec<RunEvent> {
    let total: usize = fresh.iter().map(|(_, points)| points.len()).sum();
    if total > MOST_POINTS {
        for (_, points) in &mut fresh {
            let share = (points.len() * MOST_POINTS / total).max(2);
            *points = thin(points, share);
        }
    }
    let points: Vec<LivePoint> = fresh
        .into_iter()
        .flat_map(|(key, points)| {
            points.into_iter().map(move |point| LivePoint {
                key: key.clone(),
                step: point.step,
                timestamp_ms: point.timestamp,
                value: MetricNumber(point.value),
            })
        })
        .collect();
    points.chunks(MESSAGE_POINTS).map(|points| RunEvent::Metrics { points: points.to_vec() }).collect()
}

/// Which points have been told.
#[derive(Debug)]
struct Seen {
    newest: Newest,
    /// The segments there were, by metric.
    segments: HashMap<String, HashSet<i64>>,
    /// What came from the log since then: at most as much as a log holds.
    recent: HashMap<String, Vec<Point>>,
    /// The latest spot of each metric, time and step.
    latest: HashMap<String, (i64, i64)>,
}

impl Seen {
    /// Everything there is now counts as told.
    async fn begin(tx: &Tx, caller: &Caller, run_pk: i64) -> TrackingResult<Self> {
        let newest = store_events::newest(tx, &caller.scope, run_pk).await?;
        let mut seen = Self {
            newest: Newest { log: 0, segment: newest.segment },
            segments: HashMap::new(),
            recent: HashMap::new(),
            latest: HashMap::new(),
        };
        for segment in store_events::segments(tx, &caller.scope, run_pk).await? {
            seen.reach(&segment.metric_key, (segment.last_at, segment.last_step));
            seen.segments.entry(segment.metric_key).or_default().insert(segment.id);
        }
        seen.read_log(tx, caller, run_pk).await?;
        Ok(seen)
    }

    fn reach(&mut self, key: &str, spot: (i64, i64)) {
        match self.latest.get_mut(key) {
            Some(latest) => *latest = spot.max(*latest),
            None => {
                self.latest.insert(key.to_owned(), spot);
            }
        }
    }

    /// The points that have come since the last time.
    async fn advance(&mut self, tx: &Tx, caller: &Caller, run_pk: i64) -> TrackingResult<Fresh> {
        let newest = store_events::newest(tx, &caller.scope, run_pk).await?;
        let mut fresh = Vec::new();
        if newest.segment != self.newest.segment {
            self.newest.segment = newest.segment;
            fresh = self.read_segments(tx, caller, run_pk).await?;
        }
        if newest.log > self.newest.log {
            fresh.extend(self.read_log(tx, caller, run_pk).await?);
        }
        Ok(fresh)
    }

    /// The log behind the last row seen.
    async fn read_log(&mut self, tx: &Tx, caller: &Caller, run_pk: i64) -> TrackingResult<Fresh> {
        let mut fresh: Fresh = Vec::new();
        for row in store_events::log(tx, &caller.scope, run_pk, self.newest.log).await? {
            self.newest.log = row.id;
            model::decode_log(&row.data, |_| true, |key, points| fresh.push((key.to_owned(), points)))
                .map_err(metrics::damaged)?;
        }
        for (key, points) in &fresh {
            if let Some(spot) = points.iter().map(|p| (p.timestamp, p.step)).max() {
                self.reach(key, spot);
            }
            match self.recent.get_mut(key) {
                Some(recent) => recent.extend(points),
                None => {
                    self.recent.insert(key.clone(), points.clone());
                }
            }
        }
        Ok(fresh)
    }

    /// What new segments hold beyond what has been told. They took in the whole log there was.
    async fn read_segments(&mut self, tx: &Tx, caller: &Caller, run_pk: i64) -> TrackingResult<Fresh> {
        let mut now: HashMap<String, HashSet<i64>> = HashMap::new();
        for segment in store_events::segments(tx, &caller.scope, run_pk).await? {
            now.entry(segment.metric_key).or_default().insert(segment.id);
        }
        let before = std::mem::replace(&mut self.segments, now);
        let mut recent = std::mem::take(&mut self.recent);
        let mut fresh = Vec::new();
        for (key, ids) in &self.segments {
            let old = before.get(key);
            let new: Vec<i64> = ids.iter().copied().filter(|id| old.is_none_or(|old| !old.contains(id))).collect();
            if new.is_empty() {
                continue;
            }
            let merged = old.is_some_and(|old| !old.is_subset(ids));
            let behind = self.latest.get(key).copied().filter(|_| merged);
            let blobs = metrics::segment_data(tx, &caller.scope.org_scope(), &new).await?;
            let told = recent.remove(key).unwrap_or_default();
            let points = unpack(blobs, told, behind).await?;
            if !points.is_empty() {
                fresh.push((key.clone(), points));
            }
        }
        fresh.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, points) in &fresh {
            if let Some(last) = points.last() {
                self.reach(key, (last.timestamp, last.step));
            }
        }
        Ok(fresh)
    }
}

/// The points of the segments without those told, and only those behind the given spot if there is one.
async fn unpack(blobs: Vec<Vec<u8>>, mut told: Vec<Point>, behind: Option<(i64, i64)>) -> TrackingResult<Vec<Point>> {
    let unpacked = tokio::task::spawn_blocking(move || {
        let mut points = Vec::new();
        for blob in &blobs {
            points.extend(model::decode_segment(blob).map_err(metrics::damaged)?);
        }
        model::normalise(&mut points);
        model::normalise(&mut told);
        points.retain(|point| {
            behind.is_none_or(|spot| (point.timestamp, point.step) > spot)
                && told.binary_search_by(|known| known.history_order(point)).is_err()
        });
        Ok(points)
    });
    unpacked.await.map_err(|e| TrackingError::Internal(format!("unpacking new points: {e}")))?
}
