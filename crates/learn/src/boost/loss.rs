//! Losses: where to begin, which way down, how steep, and how far from the truth a prediction is.

use super::params::BoostError;
use crate::ensemble::Link;
use crate::matrix::{Target, Values};

/// What is minimised; `s` is the raw output, `y` the truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// `(y - s)² / 2`: predicts the mean.
    Squared,
    /// `|y - s|`: predicts the median. Leaves are renewed: each gets the median of its residuals.
    Absolute,
    /// `q·(y - s)` above, `(1 - q)·(s - y)` below: predicts the quantile `q`, in `(0, 1)`. Leaves are renewed.
    Quantile(f64),
    /// Squared within `delta` of the truth, linear beyond: the mean, with outliers held back.
    Huber(f64),
    /// `e^s - y·s` for counts (`y ≥ 0`): predicts the mean `e^s`.
    Poisson,
    /// `ln(1 + e^s) - y·s` for two classes: predicts the probability of class 1.
    Logistic,
    /// `ln Σ e^s_k - s_y` for two or more classes: predicts the probability of each.
    Softmax,
}

/// LightGBM's `poisson_max_delta_step`: the hessian is taken this far up the curve, which keeps steps from blowing up.
const POISSON_STEP: f64 = 0.7;

/// Probabilities are kept this far from 0 and 1 where their logarithm is taken.
const TINY: f64 = 1e-15;

impl Loss {
    pub(super) fn is_good(self) -> bool {
        match self {
            Self::Quantile(q) => q > 0.0 && q < 1.0,
            Self::Huber(delta) => delta > 0.0 && delta.is_finite(),
            _ => true,
        }
    }

    /// From raw outputs to predictions.
    #[must_use]
    pub fn link(self) -> Link {
        match self {
            Self::Poisson => Link::Exponential,
            Self::Logistic => Link::Logistic,
            Self::Softmax => Link::Softmax,
            _ => Link::Identity,
        }
    }

    /// The loss's name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Squared => "squared",
            Self::Absolute => "absolute",
            Self::Quantile(_) => "quantile",
            Self::Huber(_) => "Huber",
            Self::Poisson => "Poisson",
            Self::Logistic => "logistic",
            Self::Softmax => "softmax",
        }
    }

    /// Whether leaves get a quantile of their residuals after growing.
    pub(super) fn renews(self) -> bool {
        self.quantile().is_some()
    }

    pub(super) fn quantile(self) -> Option<f64> {
        match self {
            Self::Absolute => Some(0.5),
            Self::Quantile(q) => Some(q),
            _ => None,
        }
    }

    /// Whether the hessian of every row is its weight.
    pub(super) fn has_unit_hessian(self) -> bool {
        !matches!(self, Self::Poisson | Self::Logistic | Self::Softmax)
    }

    /// The truth as numbers (classes by their code) and the number of raw outputs.
    pub(super) fn truth(self, target: &Target) -> Result<(Vec<f64>, usize), BoostError> {
        let wrong = |needs| BoostError::WrongTarget { loss: self.name(), needs };
        match (self, target.values()) {
            (Self::Logistic | Self::Softmax, Values::Numbers(_)) => Err(wrong("classes as its target")),
            (Self::Logistic, Values::Classes { classes, .. }) if *classes != 2 => {
                Err(wrong("two classes; more go with softmax"))
            }
            (Self::Logistic, Values::Classes { codes, .. }) => Ok((codes.iter().map(|c| f64::from(*c)).collect(), 1)),
            (Self::Softmax, Values::Classes { codes, classes }) => {
                Ok((codes.iter().map(|c| f64::from(*c)).collect(), *classes as usize))
            }
            (_, Values::Classes { .. }) => Err(wrong("numbers as its target")),
            (Self::Poisson, Values::Numbers(y)) if y.iter().any(|y| *y < 0.0) => {
                Err(wrong("a target of counts, 0 or more"))
            }
            (_, Values::Numbers(y)) => Ok((y.clone(), 1)),
        }
    }

    /// The constant raw outputs with the least loss, as far as the loss is defined there.
    pub(super) fn base(self, truth: &[f64], weights: Option<&[f64]>, outputs: usize) -> Vec<f64> {
        let weight = |i: usize| weights.map_or(1.0, |w| w[i]);
        let total: f64 = (0..truth.len()).map(weight).sum();
        let mean = || truth.iter().enumerate().map(|(i, y)| weight(i) * y).sum::<f64>() / total;
        match self {
            Self::Squared => vec![mean()],
            Self::Absolute | Self::Quantile(_) | Self::Huber(_) => {
                let mut pairs: Vec<(f64, f64)> = truth.iter().enumerate().map(|(i, y)| (*y, weight(i))).collect();
                vec![weighted_quantile(&mut pairs, self.quantile().unwrap_or(0.5))]
            }
            Self::Poisson => vec![mean().max(TINY).ln()],
            Self::Logistic => {
                let p = mean().clamp(TINY, 1.0 - TINY);
                vec![(p / (1.0 - p)).ln()]
            }
            Self::Softmax => {
                let mut shares = vec![0.0; outputs];
                for (i, y) in truth.iter().enumerate() {
                    shares[class_of(*y)] += weight(i) / total;
                }
                shares.iter().map(|p: &f64| p.max(TINY).ln()).collect()
            }
        }
    }

    /// Gradients and hessians of a chunk of rows for losses with one raw output; `weights` is empty when every row counts once.
    pub(super) fn slopes(self, truth: &[f64], raw: &[f64], weights: &[f64], g: &mut [f32], h: &mut [f32]) {
        let fill = |g: &mut [f32], h: &mut [f32], slope: &dyn Fn(f64, f64) -> (f64, f64)| {
            for ((y, s), (g, h)) in truth.iter().zip(raw).zip(g.iter_mut().zip(h.iter_mut())) {
                let (a, b) = slope(*y, *s);
                (*g, *h) = (a as f32, b as f32);
            }
        };
        match self {
            Self::Squared => {
                for ((y, s), (g, h)) in truth.iter().zip(raw).zip(g.iter_mut().zip(h.iter_mut())) {
                    (*g, *h) = ((s - y) as f32, 1.0);
                }
            }
            Self::Absolute => fill(g, h, &|y, s| (sign(s - y), 1.0)),
            Self::Quantile(q) => fill(g, h, &|y, s| (if y > s { -q } else { 1.0 - q }, 1.0)),
            Self::Huber(delta) => fill(g, h, &|y, s| ((s - y).clamp(-delta, delta), 1.0)),
            Self::Poisson => fill(g, h, &|y, s| (s.exp() - y, (s + POISSON_STEP).exp())),
            Self::Logistic => {
                for ((y, s), (g, h)) in truth.iter().zip(raw).zip(g.iter_mut().zip(h.iter_mut())) {
                    let p = 1.0 / (1.0 + (-s).exp());
                    (*g, *h) = ((p - y) as f32, (p * (1.0 - p)) as f32);
                }
            }
            // Softmax has its own way, see `Slopes`.
            Self::Softmax => {}
        }
        for (w, (g, h)) in weights.iter().zip(g.iter_mut().zip(h.iter_mut())) {
            *g *= *w as f32;
            *h *= *w as f32;
        }
    }

    /// The loss of one row with these raw outputs.
    pub(super) fn of(self, truth: f64, raw: &[f64]) -> f64 {
        let s = raw[0];
        match self {
            Self::Squared => (truth - s) * (truth - s) * 0.5,
            Self::Absolute => (truth - s).abs(),
            Self::Quantile(q) => (q * (truth - s)).max((q - 1.0) * (truth - s)),
            Self::Huber(delta) => {
                let off = (truth - s).abs();
                if off <= delta { off * off * 0.5 } else { delta * (off - delta * 0.5) }
            }
            Self::Poisson => s.exp() - truth * s,
            // ln(1 + e^s) without overflow.
            Self::Logistic => s.max(0.0) + (-s.abs()).exp().ln_1p() - truth * s,
            Self::Softmax => {
                let top = raw.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = raw.iter().map(|s| (s - top).exp()).sum();
                sum.ln() + top - raw[class_of(truth)]
            }
        }
    }
}

/// The class whose code was kept as a number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made from a u32 by `Loss::truth`")]
pub(super) fn class_of(truth: f64) -> usize {
    truth as usize
}

fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        0.0
    }
}

/// The value with the share `q` of all values below it, between two values halfway where the share falls just between them; 0 when
/// there are none. In linear time; reorders `values`.
pub(super) fn quantile(values: &mut [f64], q: f64) -> f64 {
    let goal = values.len() as f64 * q;
    let at = (goal.floor() as usize).min(values.len().saturating_sub(1));
    if values.is_empty() {
        return 0.0;
    }
    let (below, value, _) = values.select_nth_unstable_by(at, f64::total_cmp);
    let value = *value;
    if goal.fract() == 0.0 && at as f64 == goal {
        // The share falls just between two values.
        return below.iter().copied().max_by(f64::total_cmp).map_or(value, |low| low + (value - low) * 0.5);
    }
    value
}

/// The value with the share `q` of the weight below it: that whose weight reaches over `q`, between two values halfway where the
/// share falls just between them. Sorts `pairs` (value, weight); 0 when there are none.
pub(super) fn weighted_quantile(pairs: &mut [(f64, f64)], q: f64) -> f64 {
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let goal = pairs.iter().map(|(_, w)| w).sum::<f64>() * q;
    let mut below = 0.0;
    for (at, (value, weight)) in pairs.iter().enumerate() {
        below += weight;
        if below > goal {
            return *value;
        }
        if below == goal && *weight > 0.0 {
            let next = pairs[at + 1..].iter().find(|(_, w)| *w > 0.0).map_or(*value, |(v, _)| *v);
            return value + (next - value) * 0.5;
        }
    }
    pairs.last().map_or(0.0, |(value, _)| *value)
}
