//! Curves for a screen: histories of several metrics of several runs, read in stretches of bounded size and thinned.

use std::collections::{HashMap, HashSet};

use rhiza_store::Tx;

use super::model::thin;
use super::store_series::{self, Head, SeriesRun};
use super::wire::{MetricNumber, Series, SeriesAxis, SeriesResult};
use crate::TrackingState;
use crate::error::{TrackingError, TrackingResult};
use crate::metrics::Point;
use crate::metrics::model;
use crate::metrics::store as metrics;
use crate::protocol::Caller;

/// The most curves of one answer.
const MAX_SERIES: i64 = 20_000;
/// The most points of one answer: with many curves each gets fewer.
const MAX_ANSWER: usize = 500_000;
/// Runs whose logs are in memory together.
const RUNS_AT_ONCE: usize = 10;
/// Packed points that are in memory together, unless one curve alone has more.
const POINTS_AT_ONCE: i64 = 1_000_000;

/// Which curves.
#[derive(Debug)]
pub(crate) struct SeriesRequest {
    pub(crate) run_ids: Vec<String>,
    pub(crate) keys: Vec<String>,
    pub(crate) axis: SeriesAxis,
    pub(crate) most: usize,
    pub(crate) from: Option<f64>,
    pub(crate) to: Option<f64>,
}

/// The part of the axis that is wanted, in steps or in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
struct Window {
    axis: SeriesAxis,
    /// What the axis calls 0.
    origin: i64,
    from: i64,
    to: i64,
}

impl Window {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates, which is what a bound beyond all points means"
    )]
    fn of(request: &SeriesRequest, run: &SeriesRun) -> Self {
        let origin = if request.axis == SeriesAxis::Relative { run.start_time } else { 0 };
        Self {
            axis: request.axis,
            origin,
            from: request.from.map_or(i64::MIN, |from| (from.ceil() as i64).saturating_add(origin)),
            to: request.to.map_or(i64::MAX, |to| (to.floor() as i64).saturating_add(origin)),
        }
    }

    const fn touches(&self, head: &Head) -> bool {
        match self.axis {
            SeriesAxis::Step => head.max_step >= self.from && head.min_step <= self.to,
            SeriesAxis::Time | SeriesAxis::Relative => head.last_at >= self.from && head.first_at <= self.to,
        }
    }

    const fn place(&self, point: &Point) -> i64 {
        match self.axis {
            SeriesAxis::Step => point.step,
            SeriesAxis::Time | SeriesAxis::Relative => point.timestamp,
        }
    }
}

/// A curve on its way: where its points are, then the points.
struct Draft {
    run_id: String,
    key: String,
    window: Window,
    segments: Vec<i64>,
    packed: i64,
    blobs: Vec<Vec<u8>>,
    fresh: Vec<Point>,
}

impl Draft {
    fn finish(self, most: usize) -> TrackingResult<Option<Series>> {
        let mut points = Vec::with_capacity(usize::try_from(self.packed).unwrap_or(0) + self.fresh.len());
        for blob in &self.blobs {
            points.extend(model::decode_segment(blob).map_err(metrics::damaged)?);
        }
        points.extend(self.fresh);
        let window = self.window;
        points.retain(|point| (window.from..=window.to).contains(&window.place(point)));
        model::normalise(&mut points);
        if window.axis == SeriesAxis::Step && !points.is_sorted_by_key(|point| point.step) {
            points.sort_by(Point::step_order);
        }
        if points.is_empty() {
            return Ok(None);
        }
        let kept = thin(&points, most);
        Ok(Some(Series {
            run_id: self.run_id,
            key: self.key,
            count: points.len(),
            downsampled: kept.len() < points.len(),
            x: kept.iter().map(|point| window.place(point).saturating_sub(window.origin)).collect(),
            y: kept.iter().map(|point| MetricNumber(point.value)).collect(),
        }))
    }
}

/// The curves asked for that have points, run by run in the order asked for.
pub(crate) async fn query(
    state: &TrackingState,
    caller: &Caller,
    request: SeriesRequest,
) -> TrackingResult<SeriesResult> {
    let tx = state.db.read(&caller.scope.org_scope()).await?;
    let mut runs = store_series::runs(&tx, &caller.scope, &request.run_ids).await?;
    let place: HashMap<&str, usize> =
        request.run_ids.iter().enumerate().rev().map(|(i, id)| (id.as_str(), i)).collect();
    runs.sort_by_key(|run| place.get(run.run_id.as_str()).copied());
    let ids: Vec<i64> = runs.iter().map(|run| run.id).collect();
    let names = store_series::names(&tx, &caller.scope, &ids, &request.keys, MAX_SERIES).await?;
    let most = request.most.min(MAX_ANSWER / names.len().max(1)).max(2);
    let order: HashMap<&str, usize> = request.keys.iter().enumerate().rev().map(|(i, key)| (key.as_str(), i)).collect();
    let mut keys: HashMap<i64, Vec<String>> = HashMap::new();
    for name in names {
        keys.entry(name.run_pk).or_default().push(name.metric_key);
    }
    for keys in keys.values_mut() {
        keys.sort_by_key(|key| order.get(key.as_str()).copied());
    }
    let mut items = Vec::new();
    for group in runs.chunks(RUNS_AT_ONCE) {
        let drafts = locate(&tx, caller, &request, group, &mut keys).await?;
        for batch in batches(drafts) {
            items.extend(finish(&tx, caller, batch, most).await?);
        }
    }
    Ok(SeriesResult { items })
}

/// Finds the segments of the runs' curves, and the points that are in none yet.
async fn locate(
    tx: &Tx,
    caller: &Caller,
    request: &SeriesRequest,
    runs: &[SeriesRun],
    keys: &mut HashMap<i64, Vec<String>>,
) -> TrackingResult<Vec<Draft>> {
    let ids: Vec<i64> = runs.iter().map(|run| run.id).collect();
    let mut drafts: Vec<Draft> = Vec::new();
    let mut places: HashMap<(i64, String), usize> = HashMap::new();
    for run in runs {
        for key in keys.remove(&run.id).unwrap_or_default() {
            places.insert((run.id, key.clone()), drafts.len());
            drafts.push(Draft {
                run_id: run.run_id.clone(),
                key,
                window: Window::of(request, run),
                segments: Vec::new(),
                packed: 0,
                blobs: Vec::new(),
                fresh: Vec::new(),
            });
        }
    }
    for head in store_series::heads(tx, &caller.scope, &ids, &request.keys).await? {
        let Some(at) = places.get(&(head.run_pk, head.metric_key.clone())) else { continue };
        if let Some(draft) = drafts.get_mut(*at).filter(|draft| draft.window.touches(&head)) {
            draft.segments.push(head.id);
            draft.packed += head.points;
        }
    }
    let wanted: HashSet<&String> = request.keys.iter().collect();
    for row in store_series::logs(tx, &caller.scope, &ids).await? {
        let is_wanted = |key: &str| wanted.is_empty() || wanted.contains(&key.to_owned());
        model::decode_log(&row.data, is_wanted, |key, points| {
            let draft = places.get(&(row.run_pk, key.to_owned())).and_then(|at| drafts.get_mut(*at));
            if let Some(draft) = draft {
                draft.fresh.extend(points);
            }
        })
        .map_err(metrics::damaged)?;
    }
    Ok(drafts)
}

/// Cuts the curves into groups whose points fit into memory together.
fn batches(drafts: Vec<Draft>) -> Vec<Vec<Draft>> {
    let mut groups: Vec<Vec<Draft>> = Vec::new();
    let mut room = 0;
    for draft in drafts {
        room -= draft.packed;
        match groups.last_mut() {
            Some(group) if room >= 0 => group.push(draft),
            _ => {
                room = POINTS_AT_ONCE - draft.packed;
                groups.push(vec![draft]);
            }
        }
    }
    groups
}

async fn finish(tx: &Tx, caller: &Caller, mut drafts: Vec<Draft>, most: usize) -> TrackingResult<Vec<Series>> {
    let ids: Vec<i64> = drafts.iter().flat_map(|draft| draft.segments.iter().copied()).collect();
    let mut blobs = metrics::segment_data(tx, &caller.scope.org_scope(), &ids).await?.into_iter();
    for draft in &mut drafts {
        draft.blobs = blobs.by_ref().take(draft.segments.len()).collect();
    }
    // A million points take a while to unpack: not where other requests wait for their turn.
    let finished = tokio::task::spawn_blocking(move || {
        drafts.into_iter().filter_map(|draft| draft.finish(most).transpose()).collect()
    });
    finished.await.map_err(|e| TrackingError::Internal(format!("unpacking curves: {e}")))?
}
