//! Histories for clients.

use rhiza_store::Tx;

use super::history;
use super::model::{self, Point};
use crate::TrackingState;
use crate::error::TrackingResult;
use crate::protocol::{Caller, encode_token, write_metric};
use crate::runs::store;

/// A point as JSON; `run` adds the run's id.
pub(crate) fn write_point(key_json: &[u8], point: &Point, run: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"key\":");
    out.extend_from_slice(key_json);
    out.extend_from_slice(b",\"value\":");
    write_metric(point.value, out);
    out.extend_from_slice(b",\"timestamp\":");
    out.extend_from_slice(itoa::Buffer::new().format(point.timestamp).as_bytes());
    out.extend_from_slice(b",\"step\":");
    out.extend_from_slice(itoa::Buffer::new().format(point.step).as_bytes());
    if let Some(run) = run {
        out.extend_from_slice(b",\"run_id\":\"");
        out.extend_from_slice(run.as_bytes());
        out.push(b'"');
    }
    out.push(b'}');
}

fn key_json(key: &str) -> Vec<u8> {
    // A text: this cannot fail.
    serde_json::to_vec(key).unwrap_or_default()
}

/// A history in stretches, each of them a piece of the answer's JSON.
pub(crate) struct Stretches {
    packed: history::Packed,
    key: Vec<u8>,
    next_token: Option<u64>,
    limit: usize,
    started: bool,
    done: bool,
}

impl Iterator for Stretches {
    type Item = TrackingResult<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let mut out = Vec::new();
        match self.packed.next() {
            Some(Err(error)) => {
                self.done = true;
                return Some(Err(error));
            }
            Some(Ok(mut points)) => {
                let more = points.len() > self.limit;
                points.truncate(self.limit);
                self.limit -= points.len();
                out.reserve(points.len() * 72);
                for point in &points {
                    out.extend_from_slice(if self.started { &b","[..] } else { b"{\"metrics\":[" });
                    self.started = true;
                    write_point(&self.key, point, None, &mut out);
                }
                if !more {
                    return Some(Ok(out));
                }
                self.finish(true, &mut out);
            }
            None => self.finish(false, &mut out),
        }
        Some(Ok(out))
    }
}

impl Stretches {
    /// At most how many points it has.
    pub(crate) fn at_most(&self) -> usize {
        self.packed.at_most()
    }

    fn finish(&mut self, more: bool, out: &mut Vec<u8>) {
        self.done = true;
        out.extend_from_slice(if self.started { &b"]"[..] } else { b"{" });
        if let Some(offset) = self.next_token.filter(|_| more) {
            out.extend_from_slice(format!(",\"next_page_token\":\"{}\"", encode_token(offset)).as_bytes());
        }
        out.push(b'}');
    }
}

/// The history of a metric from `offset`, at most `limit` points long.
pub(crate) async fn history(
    state: &TrackingState,
    caller: &Caller,
    run_id: &str,
    key: &str,
    offset: u64,
    limit: Option<u64>,
) -> TrackingResult<Stretches> {
    let scope = caller.scope.org_scope();
    let tx = state.db.read(&scope).await?;
    let head = store::require_run(&tx, &caller.scope, run_id).await?;
    let skip = usize::try_from(offset).unwrap_or(usize::MAX);
    let limit_points = limit.map_or(usize::MAX - 1, |l| usize::try_from(l).unwrap_or(usize::MAX - 1));
    let key_text = crate::protocol::without_nul(key);
    // One point more than asked for tells whether there is another page.
    let packed = history::read(&tx, &scope, head.id, &key_text, skip, limit_points.saturating_add(1)).await?;
    Ok(Stretches {
        packed,
        key: key_json(key),
        next_token: limit.map(|l| offset + l),
        limit: limit_points,
        started: false,
        done: false,
    })
}

/// What a sample of several runs asks for.
#[derive(Debug)]
pub(crate) struct SampleQuery {
    pub(crate) run_ids: Vec<String>,
    pub(crate) key: String,
    pub(crate) steps: Option<(i64, i64)>,
    pub(crate) buckets: usize,
}

async fn points(tx: &Tx, caller: &Caller, run_pk: i64, key: &str, steps: (i64, i64)) -> TrackingResult<Vec<Point>> {
    history::read_steps(tx, &caller.scope.org_scope(), run_pk, key, steps).await
}

/// Evenly chosen points of one metric of several runs, as the answer's JSON.
pub(crate) async fn sample(state: &TrackingState, caller: &Caller, query: &SampleQuery) -> TrackingResult<Vec<u8>> {
    let tx = state.db.read(&caller.scope.org_scope()).await?;
    let heads = store::find_runs(&tx, &caller.scope, &query.run_ids).await?;
    let key = key_json(&query.key);
    let steps = query.steps.unwrap_or((i64::MIN, i64::MAX));
    let mut out = b"{".to_vec();
    let mut any = false;
    for run_id in &query.run_ids {
        let Some(head) = heads.iter().find(|h| h.run_id == *run_id) else { continue };
        let mut points = points(&tx, caller, head.id, &query.key, steps).await?;
        points.sort_by(Point::step_order);
        for point in model::sample(&points, query.buckets) {
            out.extend_from_slice(if any { &b","[..] } else { b"\"metrics\":[" });
            any = true;
            write_point(&key, &point, Some(run_id), &mut out);
        }
    }
    out.extend_from_slice(if any { &b"]}"[..] } else { b"}" });
    Ok(out)
}

/// The histories of one metric of several runs one after the other, capped in total, as the answer's JSON.
pub(crate) async fn bulk(
    state: &TrackingState,
    caller: &Caller,
    run_ids: &[String],
    key: &str,
    cap: usize,
) -> TrackingResult<Vec<u8>> {
    let tx = state.db.read(&caller.scope.org_scope()).await?;
    let mut heads = store::find_runs(&tx, &caller.scope, run_ids).await?;
    heads.sort_by(|a, b| a.run_id.cmp(&b.run_id));
    let key_text = key_json(key);
    let mut out = b"{\"metrics\":[".to_vec();
    let mut left = cap;
    let mut first = true;
    for head in heads {
        let packed = history::read(&tx, &caller.scope.org_scope(), head.id, key, 0, left).await?;
        for point in packed.all()? {
            if !first {
                out.push(b',');
            }
            first = false;
            left -= 1;
            write_point(&key_text, &point, Some(&head.run_id), &mut out);
        }
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(b"]}");
    Ok(out)
}
