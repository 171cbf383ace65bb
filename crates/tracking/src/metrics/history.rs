//! Reading a history in order without holding more of it than needed: segments that cannot overlap are unpacked
//! one after the other, and those before the page asked for are skipped by their count.

use rhiza_kernel::OrgScope;
use rhiza_store::Tx;

use super::model::{self, Point};
use super::store::{self, SegmentHead};
use crate::error::TrackingResult;

/// Where a piece of a history is.
#[derive(Debug)]
enum Piece {
    /// A segment in the database.
    Stored(SegmentHead),
    /// Points of the log, already in order.
    Fresh(Vec<Point>),
}

impl Piece {
    fn bounds(&self) -> Option<((i64, i64), (i64, i64))> {
        match self {
            Self::Stored(h) => Some(((h.first_at, h.first_step), (h.last_at, h.last_step))),
            Self::Fresh(points) => {
                let (first, last) = (points.first()?, points.last()?);
                Some(((first.timestamp, first.step), (last.timestamp, last.step)))
            }
        }
    }

    fn points(&self) -> usize {
        match self {
            Self::Stored(head) => usize::try_from(head.points).unwrap_or(0),
            Self::Fresh(points) => points.len(),
        }
    }
}

/// Packed points, ready to be unpacked in order.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    clusters: std::collections::VecDeque<Cluster>,
    skip: usize,
    left: usize,
}

/// Pieces that overlap each other and nothing else.
#[derive(Debug, Default)]
struct Cluster {
    blobs: Vec<Vec<u8>>,
    fresh: Vec<Point>,
}

impl Cluster {
    fn unpack(self) -> TrackingResult<Vec<Point>> {
        let pieces = self.blobs.len() + usize::from(!self.fresh.is_empty());
        let mut points = self.fresh;
        for blob in &self.blobs {
            let piece = model::decode_segment(blob).map_err(store::damaged)?;
            if points.is_empty() {
                points = piece;
            } else {
                points.extend(piece);
            }
        }
        if pieces > 1 {
            model::normalise(&mut points);
        }
        Ok(points)
    }
}

impl Packed {
    /// The next stretch of points, or nothing at the end.
    pub(crate) fn next(&mut self) -> Option<TrackingResult<Vec<Point>>> {
        while self.left > 0 {
            let cluster = self.clusters.pop_front()?;
            let mut points = match cluster.unpack() {
                Ok(points) => points,
                Err(error) => return Some(Err(error)),
            };
            let skipped = self.skip.min(points.len());
            self.skip -= skipped;
            points.drain(..skipped);
            points.truncate(self.left);
            self.left -= points.len();
            if !points.is_empty() {
                return Some(Ok(points));
            }
        }
        None
    }

    /// Everything at once.
    pub(crate) fn all(mut self) -> TrackingResult<Vec<Point>> {
        let mut all = Vec::new();
        while let Some(points) = self.next() {
            let points = points?;
            if all.is_empty() {
                all = points;
            } else {
                all.extend(points);
            }
        }
        Ok(all)
    }

    /// At most how many points will come.
    pub(crate) fn at_most(&self) -> usize {
        self.left
    }
}

/// Groups pieces that may overlap. Two pieces that share a spot (time and step) overlap.
fn clusters(mut pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    pieces.retain(|p| p.bounds().is_some());
    pieces.sort_by_key(Piece::bounds);
    let mut groups: Vec<Vec<Piece>> = Vec::new();
    let mut end = None;
    for piece in pieces {
        let bounds = piece.bounds();
        let overlaps = bounds.map(|b| b.0) <= end;
        end = end.max(bounds.map(|b| b.1));
        match groups.last_mut() {
            Some(group) if overlaps => group.push(piece),
            _ => groups.push(vec![piece]),
        }
    }
    groups
}

/// The history of one metric in order, from the `skip`-th point and at most `limit` points long.
pub(crate) async fn read(
    tx: &Tx,
    scope: &OrgScope,
    run_pk: i64,
    key: &str,
    skip: usize,
    limit: usize,
) -> TrackingResult<Packed> {
    read_where(tx, scope, run_pk, key, (skip, limit), |_| true).await
}

/// The points with steps in the given range, in the order of histories.
pub(crate) async fn read_steps(
    tx: &Tx,
    scope: &OrgScope,
    run_pk: i64,
    key: &str,
    steps: (i64, i64),
) -> TrackingResult<Vec<Point>> {
    let packed = read_where(tx, scope, run_pk, key, (0, usize::MAX), |head| {
        head.max_step >= steps.0 && head.min_step <= steps.1
    })
    .await?;
    let mut points = packed.all()?;
    points.retain(|p| p.step >= steps.0 && p.step <= steps.1);
    Ok(points)
}

async fn read_where(
    tx: &Tx,
    scope: &OrgScope,
    run_pk: i64,
    key: &str,
    (mut skip, limit): (usize, usize),
    wanted: impl Fn(&SegmentHead) -> bool,
) -> TrackingResult<Packed> {
    let heads = store::segment_heads(tx, scope, run_pk, key).await?;
    let fresh = store::log_points(tx, scope, run_pk, key).await?;
    let mut pieces: Vec<Piece> = heads.into_iter().filter(|h| wanted(h)).map(Piece::Stored).collect();
    pieces.push(Piece::Fresh(fresh));
    let mut needed = Vec::new();
    let mut expected = 0_usize;
    for group in clusters(pieces) {
        let points: usize = group.iter().map(Piece::points).sum();
        // A piece alone holds no duplicates, so its count is exact and it can be skipped unread.
        if group.len() == 1 && needed.is_empty() && skip >= points {
            skip -= points;
            continue;
        }
        if expected >= skip.saturating_add(limit) {
            break;
        }
        // Of several pieces some points may be the same; only one alone is sure to give all it counts.
        expected = expected.saturating_add(if group.len() == 1 { points } else { 0 });
        needed.push(group);
    }
    fetch(tx, scope, needed, skip, limit).await
}

async fn fetch(
    tx: &Tx,
    scope: &OrgScope,
    groups: Vec<Vec<Piece>>,
    skip: usize,
    limit: usize,
) -> TrackingResult<Packed> {
    let most: usize = groups.iter().flatten().map(Piece::points).sum();
    let ids: Vec<i64> = groups
        .iter()
        .flatten()
        .filter_map(|p| if let Piece::Stored(head) = p { Some(head.id) } else { None })
        .collect();
    let mut blobs = store::segment_data(tx, scope, &ids).await?.into_iter();
    let clusters = groups
        .into_iter()
        .map(|group| {
            let mut cluster = Cluster::default();
            for piece in group {
                match piece {
                    Piece::Stored(_) => cluster.blobs.extend(blobs.next()),
                    Piece::Fresh(points) => cluster.fresh = points,
                }
            }
            cluster
        })
        .collect();
    Ok(Packed { clusters, skip, left: limit.min(most) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(spots: &[(i64, i64)]) -> Piece {
        Piece::Fresh(spots.iter().map(|(t, s)| Point::new(0.0, *t, *s)).collect())
    }

    #[test]
    fn pieces_that_touch_are_read_together_and_others_are_not() {
        let groups = clusters(vec![
            fresh(&[(10, 0), (20, 0)]),
            fresh(&[(0, 0), (9, 9)]),
            fresh(&[(20, 0), (30, 0)]),
            fresh(&[]),
            fresh(&[(30, 1)]),
        ]);
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 1]);
    }

    #[test]
    fn a_piece_inside_another_keeps_the_longer_end() {
        let groups = clusters(vec![fresh(&[(0, 0), (100, 0)]), fresh(&[(1, 0), (2, 0)]), fresh(&[(50, 0)])]);
        assert_eq!(groups.len(), 1);
    }
}
