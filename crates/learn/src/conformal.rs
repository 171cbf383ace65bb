//! How far off: intervals around numbers and sets of classes that hold the truth as often as they promise, whatever the model,
//! as long as new rows come from where the old ones came from.
//!
//! Numbers: split conformal intervals, and CV+ (Barber et al., "Predictive inference with the jackknife+", 2021), which needs no
//! rows set apart: with `1 − α` asked for, at least `1 − 2α` is guaranteed and `1 − α` is what is seen. Classes: adaptive sets
//! (Romano, Sesia and Candès, 2020), which grow where the model is unsure.

use serde::{Deserialize, Serialize};

/// The rank, from 1, that `n` values need for a coverage: `⌈(n + 1) × coverage⌉`; more than `n` if they are too few.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank")]
fn rank(n: usize, coverage: f64) -> usize {
    // Less a hair: 0.9 × 10 is 9 although binary fractions make it more.
    ((n as f64 + 1.0) * coverage.clamp(0.0, 1.0) - 1e-9).ceil().max(1.0) as usize
}

/// Half the width of split conformal intervals: what `coverage` of new rows will be off by at most, after absolute residuals of
/// rows not learnt from. Infinite if they are too few.
#[must_use]
pub fn half_width(residuals: &[f64], coverage: f64) -> f64 {
    let mut sizes: Vec<f64> = residuals.iter().map(|r| r.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.get(rank(sizes.len(), coverage) - 1).copied().unwrap_or(f64::INFINITY)
}

/// CV+: what each fold's model was off by on the rows it had not learnt from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CvPlus {
    /// Sorted absolute residuals by fold.
    by_fold: Vec<Vec<f64>>,
}

impl CvPlus {
    /// `residuals` of all rows and the fold of each.
    #[must_use]
    pub fn new(residuals: &[f64], fold: &[usize], folds: usize) -> Self {
        let mut by_fold = vec![Vec::new(); folds];
        for (residual, fold) in residuals.iter().zip(fold) {
            if let Some(own) = by_fold.get_mut(*fold) {
                own.push(residual.abs());
            }
        }
        by_fold.iter_mut().for_each(|own| own.sort_by(f64::total_cmp));
        Self { by_fold }
    }

    /// Number of folds.
    #[must_use]
    pub fn folds(&self) -> usize {
        self.by_fold.len()
    }

    /// The interval of a row from the predictions of the folds' models for it. Infinite if there are too few residuals.
    #[must_use]
    pub fn interval(&self, predictions: &[f64], coverage: f64) -> (f64, f64) {
        let n: usize = self.by_fold.iter().map(Vec::len).sum();
        let rank = rank(n, coverage);
        if rank > n {
            return (f64::NEG_INFINITY, f64::INFINITY);
        }
        let upper = self.ranked(predictions, rank);
        let mirrored: Vec<f64> = predictions.iter().map(|p| -p).collect();
        (-self.ranked(&mirrored, rank), upper)
    }

    /// The `rank`-th smallest of all `prediction of the fold + residual`: bisection, then the value itself.
    fn ranked(&self, predictions: &[f64], rank: usize) -> f64 {
        let pairs = || self.by_fold.iter().zip(predictions).filter(|(own, _)| !own.is_empty());
        let count = |x: f64| pairs().map(|(own, p)| own.partition_point(|r| p + r <= x)).sum::<usize>();
        let mut low = pairs().map(|(own, p)| p + own[0]).fold(f64::INFINITY, f64::min);
        let mut high = pairs().map(|(own, p)| p + own[own.len() - 1]).fold(f64::NEG_INFINITY, f64::max);
        if count(low) >= rank {
            return low;
        }
        for _ in 0..200 {
            let middle = low + (high - low) / 2.0;
            if middle <= low || middle >= high {
                break;
            }
            if count(middle) >= rank { high = middle } else { low = middle }
        }
        high
    }
}

/// Adaptive sets of classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveSets {
    /// Sorted: how much probability stood before or on the true class.
    scores: Vec<f64>,
}

/// Classes of a row, the most probable first.
fn by_probability(row: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|a, b| row[*b].total_cmp(&row[*a]).then(a.cmp(b)));
    order
}

impl AdaptiveSets {
    /// From probabilities (`width` a row) of rows that were not learnt from.
    #[must_use]
    pub fn new(probabilities: &[f64], codes: &[u32], width: usize) -> Self {
        let score = |(row, code): (&[f64], &u32)| {
            let order = by_probability(row);
            let place = order.iter().position(|class| *class == *code as usize).unwrap_or(order.len());
            order.iter().take(place + 1).map(|class| row[*class]).sum::<f64>()
        };
        let mut scores: Vec<f64> = probabilities.chunks_exact(width.max(1)).zip(codes).map(score).collect();
        scores.sort_by(f64::total_cmp);
        Self { scores }
    }

    /// The classes that hold the truth with this coverage, the most probable first; never none.
    #[must_use]
    pub fn set(&self, row: &[f64], coverage: f64) -> Vec<u32> {
        let enough = self.scores.get(rank(self.scores.len(), coverage) - 1).copied().unwrap_or(f64::INFINITY);
        let mut sum = 0.0;
        let mut set = Vec::new();
        for class in by_probability(row) {
            sum += row[class];
            // A class belongs in if its own score would not have been among the largest.
            if !set.is_empty() && sum > enough + 1e-12 {
                break;
            }
            set.push(u32::try_from(class).unwrap_or(u32::MAX));
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn ranks_are_those_of_the_books() {
        assert_eq!((rank(9, 0.9), rank(19, 0.9), rank(5, 0.9)), (9, 18, 6));
        assert_eq!(half_width(&[1.0, -2.0, 3.0], 0.5), 2.0);
        assert_eq!(half_width(&[1.0], 0.9), f64::INFINITY);
    }

    #[test]
    fn intervals_hold_what_they_promise() {
        let mut random = Random::stream(1, "conformal tests", 0);
        let residuals: Vec<f64> = (0..5000).map(|_| random.normal()).collect();
        let fold: Vec<usize> = (0..5000).map(|row| row % 5).collect();
        let cv = CvPlus::new(&residuals, &fold, 5);
        let (low, high) = cv.interval(&[10.0; 5], 0.9);
        let expected = half_width(&residuals, 0.9);
        assert!((high - 10.0 - expected).abs() < 1e-9 && (10.0 - low - expected).abs() < 1e-9);
        let seen = (0..2000)
            .filter(|_| {
                let y = 10.0 + random.normal();
                low <= y && y <= high
            })
            .count();
        assert!((1740..1860).contains(&seen), "{seen}");
        let (wider_low, wider_high) = cv.interval(&[9.0, 10.0, 10.0, 10.0, 11.0], 0.9);
        assert!(wider_high > high && wider_low < low);
        assert_eq!(CvPlus::new(&[1.0], &[0], 1).interval(&[0.0], 0.9), (f64::NEG_INFINITY, f64::INFINITY));
    }

    #[test]
    fn sets_hold_what_they_promise_and_grow_with_doubt() {
        let mut random = Random::stream(2, "conformal tests", 0);
        let mut draw = |n: usize| {
            let (mut p, mut codes) = (Vec::new(), Vec::new());
            for _ in 0..n {
                let sure = random.unit() * 0.9;
                let row = [0.05 + sure, (0.95 - sure) / 2.0, (0.95 - sure) / 2.0];
                let ball = random.unit();
                codes.push(if ball < row[0] {
                    0
                } else if ball < row[0] + row[1] {
                    1
                } else {
                    2
                });
                p.extend(row);
            }
            (p, codes)
        };
        let (p, codes) = draw(1000);
        let sets = AdaptiveSets::new(&p, &codes, 3);
        let (p, codes) = draw(2000);
        let held = p.chunks(3).zip(&codes).filter(|(row, code)| sets.set(row, 0.8).contains(*code)).count();
        assert!((1540..1720).contains(&held), "{held}");
        assert_eq!(sets.set(&[0.34, 0.33, 0.33], 0.99).len(), 3);
        assert_eq!(sets.set(&[0.97, 0.02, 0.01], 0.8), [0]);
    }
}
