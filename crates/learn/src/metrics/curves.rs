//! Curves over all thresholds, and what a model's probabilities are worth in bins.

use serde::{Deserialize, Serialize};

/// A point of a curve: what holds when every row scored at least `threshold` is called positive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// False-positive rate (ROC) or recall (precision-recall).
    pub x: f64,
    /// True-positive rate (ROC) or precision (precision-recall).
    pub y: f64,
    /// The threshold; `None` where nothing (ROC's origin) is called positive.
    pub threshold: Option<f64>,
}

/// A curve and the area under it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// From the highest threshold to the lowest.
    pub points: Vec<CurvePoint>,
    /// ROC AUC, or average precision.
    pub area: f64,
}

/// Rows of neighbouring probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Mean probability said.
    pub predicted: f64,
    /// Share of positive rows.
    pub observed: f64,
    /// Number of rows.
    pub rows: usize,
}

/// The rows scored best, down to a share of all.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LiftBin {
    /// Share of all rows, best first.
    pub share: f64,
    /// Share of the positive rows that are among them (cumulative gain).
    pub gain: f64,
    /// `gain / share`.
    pub lift: f64,
}

/// Counts at each different score, highest first: (score, positives so far, rows so far).
fn steps(positive: &[bool], scores: &[f64]) -> Vec<(f64, usize, usize)> {
    let mut order: Vec<usize> = (0..scores.len().min(positive.len())).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let mut steps: Vec<(f64, usize, usize)> = Vec::new();
    let mut hits = 0;
    for (rows, row) in order.into_iter().enumerate() {
        hits += usize::from(positive[row]);
        match steps.last_mut() {
            Some(last) if last.0 == scores[row] => *last = (last.0, hits, rows + 1),
            _ => steps.push((scores[row], hits, rows + 1)),
        }
    }
    steps
}

#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

/// Positive and negative rows, if there are both.
fn both(positive: &[bool]) -> Option<(usize, usize)> {
    let positives = positive.iter().filter(|p| **p).count();
    (positives > 0 && positives < positive.len()).then_some((positives, positive.len() - positives))
}

/// Area by trapezoids: rows of equal score count half.
pub(super) fn area_under_roc(positive: &[bool], scores: &[f64]) -> Option<f64> {
    let (positives, negatives) = both(positive)?;
    let (mut area, mut last) = (0.0, (0.0, 0.0));
    for (_, hits, rows) in steps(positive, scores) {
        let point = (share(rows - hits, negatives), share(hits, positives));
        area += (point.0 - last.0) * (point.1 + last.1) / 2.0;
        last = point;
    }
    Some(area)
}

/// `Σ (R_i − R_{i−1}) P_i`.
pub(super) fn average_precision(positive: &[bool], scores: &[f64]) -> Option<f64> {
    let (positives, _) = both(positive)?;
    let (mut sum, mut before) = (0.0, 0);
    for (_, hits, rows) in steps(positive, scores) {
        sum += share(hits - before, positives) * share(hits, rows);
        before = hits;
    }
    Some(sum)
}

/// Receiver operating characteristic of at most `limit` points (the corners of the curve are kept, evenly thinned out above
/// that); `None` when only one sort of rows is there.
#[must_use]
pub fn roc(positive: &[bool], scores: &[f64], limit: usize) -> Option<Curve> {
    let (positives, negatives) = both(positive)?;
    let mut points = vec![CurvePoint { x: 0.0, y: 0.0, threshold: None }];
    for (score, hits, rows) in steps(positive, scores) {
        let point = CurvePoint { x: share(rows - hits, negatives), y: share(hits, positives), threshold: Some(score) };
        // Steps in a straight line with the one before add nothing to see.
        if let [.., before, last] = points.as_slice()
            && ((before.x == last.x && last.x == point.x) || (before.y == last.y && last.y == point.y))
        {
            points.pop();
        }
        points.push(point);
    }
    Some(Curve { points: thin(points, limit), area: area_under_roc(positive, scores)? })
}

/// Precision against recall, of at most `limit` points; `None` when only one sort of rows is there.
#[must_use]
pub fn precision_recall(positive: &[bool], scores: &[f64], limit: usize) -> Option<Curve> {
    let (positives, _) = both(positive)?;
    let points = steps(positive, scores)
        .into_iter()
        .map(|(score, hits, rows)| CurvePoint {
            x: share(hits, positives),
            y: share(hits, rows),
            threshold: Some(score),
        })
        .collect();
    Some(Curve { points: thin(points, limit), area: average_precision(positive, scores)? })
}

fn thin(points: Vec<CurvePoint>, limit: usize) -> Vec<CurvePoint> {
    let limit = limit.max(2);
    if points.len() <= limit {
        return points;
    }
    (0..limit).map(|at| points[at * (points.len() - 1) / (limit - 1)]).collect()
}

/// Rows in `bins` bins of equal number, from the lowest probability to the highest. Rows of equal probability stay together.
#[must_use]
pub fn calibration_curve(positive: &[bool], probabilities: &[f64], bins: usize) -> Vec<CalibrationBin> {
    let n = probabilities.len().min(positive.len());
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]));
    let mut out = Vec::new();
    let mut start = 0;
    for bin in 1..=bins.max(1) {
        let mut end = (bin * n / bins.max(1)).max(start);
        while end > start && end < n && probabilities[order[end]] == probabilities[order[end - 1]] {
            end += 1;
        }
        if end > start {
            let rows = &order[start..end];
            let predicted = rows.iter().map(|row| probabilities[*row]).sum::<f64>() * share(1, rows.len());
            let observed = share(rows.iter().filter(|row| positive[**row]).count(), rows.len());
            out.push(CalibrationBin { predicted, observed, rows: rows.len() });
        }
        start = end;
    }
    out
}

/// Mean distance between said and seen probability over the bins, weighted by their rows.
#[must_use]
pub fn expected_calibration_error(bins: &[CalibrationBin]) -> f64 {
    let n: usize = bins.iter().map(|bin| bin.rows).sum();
    bins.iter().map(|bin| (bin.predicted - bin.observed).abs() * share(bin.rows, n.max(1))).sum()
}

/// Cumulative gain and lift at `bins` equal steps of the rows, best first.
#[must_use]
pub fn lift(positive: &[bool], scores: &[f64], bins: usize) -> Vec<LiftBin> {
    let Some((positives, _)) = both(positive) else { return Vec::new() };
    let n = positive.len().min(scores.len());
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let mut out: Vec<LiftBin> = Vec::with_capacity(bins);
    let (mut hits, mut at) = (0, 0);
    for bin in 1..=bins {
        let end = bin * n / bins;
        hits += order[at..end].iter().filter(|row| positive[**row]).count();
        if end > at {
            let (gain, part) = (share(hits, positives), share(end, n));
            out.push(LiftBin { share: part, gain, lift: gain / part });
        }
        at = end;
    }
    out
}
