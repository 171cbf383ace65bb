//! Probabilities that mean what they say: Platt's scaling (1999), isotonic regression (Zadrozny and Elkan, 2002) and temperature
//! (Guo et al., "On calibration of modern neural networks", 2017).
//!
//! Fit them on predictions for rows that the model has not learnt from.
//!
//! ```
//! use rhiza_learn::calibrate::Temperature;
//! // Too sure: right three times in four, but says 0.99.
//! let (p, truth) = ([0.01, 0.99].repeat(400), [1, 1, 1, 0].repeat(100));
//! let temperature = Temperature::fit(&p, &truth, 2);
//! let mut row = [0.01, 0.99];
//! temperature.apply(&mut row);
//! assert!((row[1] - 0.75).abs() < 0.05);
//! ```

use serde::{Deserialize, Serialize};

use crate::optimise::{Effort, minimise};
use crate::rows::softmax;

/// Logarithms are taken of probabilities no smaller than this.
pub(crate) const TINY: f64 = 1e-12;
const EFFORT: Effort = Effort { steps: 100, flat: 1e-9, gain: 1e-12 };

/// `p_k ∝ p_k^(1/T)`: the order of the classes stays, sureness changes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Temperature {
    /// `1 / T`; below 1 makes less sure.
    pub sharpness: f64,
}

impl Temperature {
    /// Leaves probabilities as they are.
    pub const NONE: Self = Self { sharpness: 1.0 };

    /// The temperature of least log loss; `probabilities` holds `width` numbers a row.
    #[must_use]
    pub fn fit(probabilities: &[f64], codes: &[u32], width: usize) -> Self {
        if codes.is_empty() || probabilities.len() != codes.len() * width {
            return Self::NONE;
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
        let n = codes.len() as f64;
        let logs: Vec<f64> = probabilities.iter().map(|p| p.max(TINY).ln()).collect();
        let mut row = vec![0.0; width];
        // In the logarithm: sharpness stays positive. A pull towards 1 keeps a few perfect rows from running away.
        let mut x = vec![0.0];
        minimise(&mut x, &[0.0], EFFORT, |x, gradient| {
            let sharpness = x[0].exp();
            let (mut value, mut slope) = (x[0] * x[0] / n, 2.0 * x[0] / n);
            for (logs, code) in logs.chunks_exact(width).zip(codes) {
                row.iter_mut().zip(logs).for_each(|(out, log)| *out = sharpness * log);
                softmax(&mut row);
                value -= row[*code as usize].max(f64::MIN_POSITIVE).ln() / n;
                let mean: f64 = row.iter().zip(logs).map(|(p, log)| p * log).sum();
                slope += sharpness * (mean - logs[*code as usize]) / n;
            }
            gradient[0] = slope;
            value
        });
        Self { sharpness: x[0].exp().clamp(0.05, 20.0) }
    }

    /// Changes the probabilities of a row in place.
    pub fn apply(&self, row: &mut [f64]) {
        if self.sharpness == 1.0 {
            return;
        }
        row.iter_mut().for_each(|p| *p = self.sharpness * p.max(TINY).ln());
        softmax(row);
    }
}

/// `1 / (1 + e^{−(slope × score + intercept)})`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Platt {
    /// Slope.
    pub slope: f64,
    /// Intercept.
    pub intercept: f64,
}

impl Platt {
    /// Fits scores (any numbers, larger for positive rows), with Platt's targets `(n₊ + 1) / (n₊ + 2)` and `1 / (n₋ + 2)`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
    pub fn fit(scores: &[f64], positive: &[bool]) -> Self {
        let n = positive.len().max(1) as f64;
        let positives = positive.iter().filter(|p| **p).count() as f64;
        let (high, low) = ((positives + 1.0) / (positives + 2.0), 1.0 / (n - positives + 2.0));
        let spread = (scores.iter().map(|s| s * s).sum::<f64>() / n).sqrt().max(TINY);
        let mut x = vec![1.0, 0.0];
        minimise(&mut x, &[0.0, 0.0], EFFORT, |x, gradient| {
            gradient.fill(0.0);
            let mut value = 0.0;
            for (score, positive) in scores.iter().zip(positive) {
                let (score, target) = (score / spread, if *positive { high } else { low });
                let raw = x[0] * score + x[1];
                value += (raw.max(0.0) + (-raw.abs()).exp().ln_1p() - target * raw) / n;
                let off = (1.0 / (1.0 + (-raw).exp()) - target) / n;
                gradient[0] += off * score;
                gradient[1] += off;
            }
            value
        });
        Self { slope: x[0] / spread, intercept: x[1] }
    }

    /// The probability that belongs to a score.
    #[must_use]
    pub fn apply(&self, score: f64) -> f64 {
        1.0 / (1.0 + (-(self.slope * score + self.intercept)).exp())
    }
}

/// A rising step function, straight between the middles of its steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Isotonic {
    scores: Vec<f64>,
    values: Vec<f64>,
}

impl Isotonic {
    /// The rising function of least squared error (pool adjacent violators).
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
    pub fn fit(scores: &[f64], truth: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..scores.len().min(truth.len())).collect();
        order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        // Blocks: sum of scores, sum of truth, rows.
        let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
        let mut last = f64::NAN;
        for row in order {
            let (score, y) = (scores[row], truth[row]);
            match blocks.last_mut() {
                Some(block) if score == last => *block = (block.0 + score, block.1 + y, block.2 + 1),
                _ => blocks.push((score, y, 1)),
            }
            last = score;
        }
        let mut pooled: Vec<(f64, f64, usize)> = Vec::new();
        for block in blocks {
            pooled.push(block);
            while let [.., a, b] = pooled.as_slice()
                && a.1 / a.2 as f64 >= b.1 / b.2 as f64
            {
                let merged = (a.0 + b.0, a.1 + b.1, a.2 + b.2);
                pooled.truncate(pooled.len() - 2);
                pooled.push(merged);
            }
        }
        Self {
            scores: pooled.iter().map(|block| block.0 / block.2 as f64).collect(),
            values: pooled.iter().map(|block| block.1 / block.2 as f64).collect(),
        }
    }

    /// The value that belongs to a score; outside the known scores that of the nearest.
    #[must_use]
    pub fn apply(&self, score: f64) -> f64 {
        let at = self.scores.partition_point(|known| *known <= score);
        match (at.checked_sub(1), self.scores.get(at)) {
            (None, None) => f64::NAN,
            (None, Some(_)) => self.values[0],
            (Some(below), None) => self.values[below],
            (Some(below), Some(above)) => {
                let share = (score - self.scores[below]) / (above - self.scores[below]);
                self.values[below] + share * (self.values[at] - self.values[below])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn platt_and_isotonic_find_the_truth() {
        let mut random = Random::stream(1, "calibration tests", 0);
        let scores: Vec<f64> = (0..4000).map(|_| random.normal() * 20.0).collect();
        let true_p = |s: f64| 1.0 / (1.0 + (-(0.1 * s - 0.5)).exp());
        let positive: Vec<bool> = scores.iter().map(|s| random.chance(true_p(*s))).collect();
        let platt = Platt::fit(&scores, &positive);
        assert!((platt.slope - 0.1).abs() < 0.01 && (platt.intercept + 0.5).abs() < 0.1, "{platt:?}");
        let truth: Vec<f64> = positive.iter().map(|p| f64::from(u8::from(*p))).collect();
        let isotonic = Isotonic::fit(&scores, &truth);
        for score in [-30.0, -10.0, 0.0, 10.0, 30.0] {
            assert!((isotonic.apply(score) - true_p(score)).abs() < 0.08, "{score}");
        }
        assert!(isotonic.values.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn temperature_keeps_what_is_right() {
        let mut random = Random::stream(2, "calibration tests", 0);
        let (mut p, mut codes) = (Vec::new(), Vec::new());
        for _ in 0..5000 {
            let mut row = [random.normal(), random.normal(), random.normal()];
            softmax(&mut row);
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
        let right = Temperature::fit(&p, &codes, 3);
        assert!((right.sharpness - 1.0).abs() < 0.1, "{right:?}");
        assert_eq!(Temperature::fit(&[], &[], 2), Temperature::NONE);
        let perfect = Temperature::fit(&[0.9, 0.1, 0.1, 0.9], &[0, 1], 2);
        assert!(perfect.sharpness.is_finite() && perfect.sharpness > 1.0);
    }
}
