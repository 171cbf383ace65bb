//! Several models as one: greedy selection with repetition on out-of-fold predictions (Caruana et al., "Ensemble selection from
//! libraries of models", 2004), made steadier by bags of candidates, as in its section 2.3; and stacking (Wolpert, "Stacked
//! generalization", 1992), a model of the models' predictions, held to what was selected.
//!
//! Predictions have to be out of fold: a model's word on rows it has learnt from says nothing.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::matrix::{Target, Values};
use crate::metrics::{Metric, MetricError};
use crate::optimise::{Effort, minimise};
use crate::random::Random;
use crate::rows::softmax;

/// What is minimised by choices: the metric, and where it hardly changes from row to row (orders, decisions) a little log loss,
/// so that of equally good models the better calibrated is taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// The metric.
    pub metric: Metric,
}

/// Log loss in an objective of an order.
const ORDER: f64 = 0.02;
/// Log loss in an objective of decisions.
const DECISION: f64 = 0.05;

impl Objective {
    /// The loss of predictions; less is better.
    ///
    /// # Errors
    /// As [`Metric::score`].
    pub fn loss(&self, truth: &Target, predictions: &[f64]) -> Result<f64, MetricError> {
        let loss = self.metric.loss(truth, predictions)?;
        let share = match self.metric {
            Metric::RocAuc | Metric::PrAuc => ORDER,
            metric if metric.of_classes() && !metric.of_probabilities() => DECISION,
            _ => return Ok(loss),
        };
        Ok(loss + share * Metric::LogLoss.loss(truth, predictions)?)
    }
}

/// How much is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Steps of a bag; each adds a model (perhaps again).
    pub steps: usize,
    /// Bags, each with its own part of the candidates.
    pub bags: usize,
    /// Of the bags.
    pub seed: u64,
}

impl Params {
    /// What a number of rows can bear: small tables are blended with many bags, large ones are costly and steady by themselves.
    #[must_use]
    pub fn for_rows(rows: usize, seed: u64) -> Self {
        let (steps, bags) = match rows {
            0..5_000 => (30, 10),
            5_000..50_000 => (25, 3),
            _ => (20, 1),
        };
        Self { steps, bags, seed }
    }
}

/// Share of the candidates in a bag.
const BAG: f64 = 0.6;
/// Up to so many candidates are one bag.
const FEW: usize = 5;

/// A weight for each candidate, summing to 1. `candidates` are predictions for the rows of `truth`.
///
/// # Errors
/// As [`Metric::score`], of the first candidate. None if there is no candidate: then there are no weights.
pub fn select(
    candidates: &[&[f64]],
    truth: &Target,
    objective: Objective,
    params: &Params,
) -> Result<Vec<f64>, MetricError> {
    let losses: Vec<f64> =
        candidates.par_iter().map(|p| objective.loss(truth, p)).collect::<Result<_, MetricError>>()?;
    let mut weights = vec![0.0; candidates.len()];
    let Some(best) = (0..losses.len()).min_by(|a, b| losses[*a].total_cmp(&losses[*b])) else { return Ok(weights) };
    // A few candidates are no library to draw from.
    let bags = if candidates.len() <= FEW { 1 } else { params.bags.max(1) };
    for bag in 0..bags {
        let mut random = Random::stream(params.seed, "blend bag", bag as u64);
        let mut chosen: Vec<usize> =
            (0..candidates.len()).filter(|at| bags == 1 || *at == best || random.chance(BAG)).collect();
        // Each bag begins with its best.
        chosen.sort_by(|a, b| losses[*a].total_cmp(&losses[*b]).then(a.cmp(b)));
        for (at, weight) in greedy(candidates, &chosen, truth, objective, params.steps)? {
            #[expect(clippy::cast_precision_loss, reason = "a number of bags")]
            let share = weight / bags as f64;
            weights[at] += share;
        }
    }
    Ok(weights)
}

/// Adds what lowers the loss most until nothing does; gives the share of each chosen candidate.
fn greedy(
    candidates: &[&[f64]],
    chosen: &[usize],
    truth: &Target,
    objective: Objective,
    steps: usize,
) -> Result<Vec<(usize, f64)>, MetricError> {
    let Some(first) = chosen.first() else { return Ok(Vec::new()) };
    let mut sum = candidates[*first].to_vec();
    let mut picks = vec![*first];
    let mut loss = objective.loss(truth, &sum)?;
    for step in 1..steps {
        #[expect(clippy::cast_precision_loss, reason = "a number of steps")]
        let size = (step + 1) as f64;
        let tried: Vec<f64> = chosen
            .par_iter()
            .map(|at| {
                let mean: Vec<f64> = sum.iter().zip(candidates[*at]).map(|(s, p)| (s + p) / size).collect();
                objective.loss(truth, &mean).unwrap_or(f64::INFINITY)
            })
            .collect();
        let Some(best) = (0..tried.len()).min_by(|a, b| tried[*a].total_cmp(&tried[*b])) else { break };
        // What gains less than this is noise: a smaller blend is worth more.
        if tried[best] >= loss - 1e-5 * loss.abs() {
            break;
        }
        loss = tried[best];
        sum.iter_mut().zip(candidates[chosen[best]]).for_each(|(s, p)| *s += p);
        picks.push(chosen[best]);
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of picks")]
    let share = 1.0 / picks.len() as f64;
    let mut weights: Vec<(usize, f64)> = Vec::new();
    for pick in picks {
        match weights.iter_mut().find(|(at, _)| *at == pick) {
            Some((_, weight)) => *weight += share,
            None => weights.push((pick, share)),
        }
    }
    Ok(weights)
}

/// The weighted mean of predictions.
#[must_use]
pub fn mean(candidates: &[&[f64]], weights: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; candidates.first().map_or(0, |p| p.len())];
    for (candidate, weight) in candidates.iter().zip(weights).filter(|(_, weight)| **weight != 0.0) {
        out.iter_mut().zip(*candidate).for_each(|(sum, p)| *sum += weight * p);
    }
    out
}

/// A model of models. Numbers: `Σ wₘ pₘ + b`. Classes: `softmax(Σ wₘ ln pₘ + b)`, a weighted geometric mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    /// One per model.
    pub weights: Vec<f64>,
    /// One for numbers, else one per class.
    pub intercepts: Vec<f64>,
}

/// Logarithms are taken of probabilities no smaller than this: one model alone cannot rule a class out.
pub(crate) const RARE: f64 = 1e-6;
/// How strongly weights are held to those selected, in units of the loss.
const HOLDS: [f64; 3] = [0.3, 0.03, 0.003];
/// A stack has to be better than the blend by this share: it has more to go wrong.
const BETTER: f64 = 0.004;

impl Stack {
    /// The stack whose predictions for each fold, learnt on the other folds, are best; `None` if the mean by `weights` is as good.
    /// Gives its out-of-fold predictions, too.
    ///
    /// # Errors
    /// As [`Metric::score`].
    pub fn learn(
        candidates: &[&[f64]],
        weights: &[f64],
        truth: &Target,
        fold_of: &[usize],
        objective: Objective,
    ) -> Result<Option<(Self, Vec<f64>)>, MetricError> {
        let folds = fold_of.iter().max().map_or(0, |most| most + 1);
        let apt = match objective.metric {
            Metric::Rmse | Metric::R2 => truth.class_count().is_none(),
            metric => metric.of_classes(),
        };
        if candidates.len() < 2 || folds < 2 || !apt {
            return Ok(None);
        }
        let limit = objective.loss(truth, &mean(candidates, weights))?;
        let width = candidates[0].len() / truth.len();
        let rows_of = |own: bool, fold: usize| -> Vec<usize> {
            (0..fold_of.len()).filter(|row| (fold_of[*row] == fold) == own).collect()
        };
        let mut best: Option<(f64, f64, Vec<f64>)> = None;
        for hold in HOLDS {
            let parts: Vec<(Vec<usize>, Vec<f64>)> = (0..folds)
                .into_par_iter()
                .map(|fold| {
                    let stack = fit(candidates, weights, truth, &rows_of(false, fold), hold);
                    let rows = rows_of(true, fold);
                    let said = rows.iter().flat_map(|row| stack.row(candidates, *row, width)).collect();
                    (rows, said)
                })
                .collect();
            let mut pooled = vec![0.0; candidates[0].len()];
            for (rows, said) in &parts {
                for (row, said) in rows.iter().zip(said.chunks_exact(width)) {
                    pooled[row * width..(row + 1) * width].copy_from_slice(said);
                }
            }
            let loss = objective.loss(truth, &pooled).unwrap_or(f64::INFINITY);
            if loss < limit - BETTER * limit.abs() && best.as_ref().is_none_or(|b| loss < b.0) {
                best = Some((loss, hold, pooled));
            }
        }
        let all: Vec<usize> = (0..truth.len()).collect();
        Ok(best.map(|(_, hold, pooled)| (fit(candidates, weights, truth, &all, hold), pooled)))
    }

    fn row(&self, candidates: &[&[f64]], row: usize, width: usize) -> Vec<f64> {
        let own: Vec<&[f64]> = candidates.iter().map(|c| &c[row * width..(row + 1) * width]).collect();
        self.combine(&own)
    }

    /// What it makes of the models' words on one row.
    #[must_use]
    pub fn combine(&self, said: &[&[f64]]) -> Vec<f64> {
        let mut out = self.intercepts.clone();
        let classes = out.len() > 1;
        for (said, weight) in said.iter().zip(&self.weights) {
            for (out, p) in out.iter_mut().zip(*said) {
                *out += weight * if classes { p.max(RARE).ln() } else { *p };
            }
        }
        if classes {
            softmax(&mut out);
        }
        out
    }
}

/// Least squares or log loss on some rows, plus `hold × Σ (w − w₀)²` in units of the loss of the middle.
#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
fn fit(candidates: &[&[f64]], begin: &[f64], truth: &Target, rows: &[usize], hold: f64) -> Stack {
    let models = candidates.len();
    let n = rows.len().max(1) as f64;
    let width = candidates[0].len() / truth.len();
    let mut x = begin.to_vec();
    x.extend(vec![0.0; width]);
    let unit = match truth.values() {
        Values::Classes { .. } => 1.0,
        Values::Numbers(y) => {
            let mean = rows.iter().map(|row| y[*row]).sum::<f64>() / n;
            (rows.iter().map(|row| (y[*row] - mean).powi(2)).sum::<f64>() / n).max(f64::MIN_POSITIVE)
        }
    };
    let effort = Effort { steps: 100, flat: 1e-7 * unit, gain: 1e-8 };
    minimise(&mut x, &vec![0.0; models + width], effort, |x, gradient| {
        let stack = Stack { weights: x[..models].to_vec(), intercepts: x[models..].to_vec() };
        gradient.fill(0.0);
        let mut value = 0.0;
        for (at, (w, from)) in stack.weights.iter().zip(begin).enumerate() {
            value += unit * hold * (w - from).powi(2);
            gradient[at] = 2.0 * unit * hold * (w - from);
        }
        for row in rows {
            let mut off = stack.row(candidates, *row, width);
            match truth.values() {
                Values::Numbers(y) => {
                    off[0] -= y[*row];
                    value += off[0] * off[0] / n;
                    off[0] *= 2.0 / n;
                }
                Values::Classes { codes, .. } => {
                    let own = &mut off[codes[*row] as usize];
                    value -= own.max(f64::MIN_POSITIVE).ln() / n;
                    *own -= 1.0;
                    off.iter_mut().for_each(|o| *o /= n);
                }
            }
            for (slope, candidate) in gradient.iter_mut().zip(candidates) {
                for (off, p) in off.iter().zip(&candidate[row * width..]) {
                    *slope += off * if width > 1 { p.max(RARE).ln() } else { *p };
                }
            }
            gradient[models..].iter_mut().zip(&off).for_each(|(slope, off)| *slope += off);
        }
        value
    });
    Stack { weights: x[..models].to_vec(), intercepts: x[models..].to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RMSE: Objective = Objective { metric: Metric::Rmse };

    #[test]
    fn errors_that_cancel_are_blended() {
        let mut random = Random::stream(1, "blend tests", 0);
        let y: Vec<f64> = (0..300).map(|_| random.normal()).collect();
        let noisy = |random: &mut Random, noise: f64| y.iter().map(|y| y + noise * random.normal()).collect::<Vec<_>>();
        let models = [noisy(&mut random, 0.5), noisy(&mut random, 0.5), noisy(&mut random, 3.0)];
        let candidates: Vec<&[f64]> = models.iter().map(Vec::as_slice).collect();
        let truth = Target::numbers(y.clone()).unwrap();
        let weights = select(&candidates, &truth, RMSE, &Params::for_rows(300, 1)).unwrap();
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(weights[0] > 0.2 && weights[1] > 0.2 && weights[2] < 0.1, "{weights:?}");
        let blended = RMSE.loss(&truth, &mean(&candidates, &weights)).unwrap();
        assert!(blended < 0.85 * RMSE.loss(&truth, candidates[0]).unwrap());
        assert_eq!(weights, select(&candidates, &truth, RMSE, &Params::for_rows(300, 1)).unwrap());
    }

    #[test]
    fn stacks_find_what_means_cannot() {
        let mut random = Random::stream(4, "blend tests", 0);
        let y: Vec<f64> = (0..400).map(|_| random.normal()).collect();
        let secret: Vec<f64> = (0..400).map(|_| random.normal()).collect();
        // One model is off by a known amount, the other knows that amount.
        let off: Vec<f64> = y.iter().zip(&secret).map(|(y, s)| y + s).collect();
        let truth = Target::numbers(y).unwrap();
        let fold_of: Vec<usize> = (0..400).map(|row| row % 4).collect();
        let candidates: [&[f64]; 2] = [&off, &secret];
        let (stack, said) = Stack::learn(&candidates, &[1.0, 0.0], &truth, &fold_of, RMSE).unwrap().unwrap();
        assert!((stack.weights[0] - 1.0).abs() < 0.05 && (stack.weights[1] + 1.0).abs() < 0.05, "{stack:?}");
        assert!(RMSE.loss(&truth, &said).unwrap() < 0.1);
        let useless = Stack::learn(&candidates[..1], &[1.0], &truth, &fold_of, RMSE).unwrap();
        assert!(useless.is_none());
    }

    #[test]
    fn stacks_of_classes_are_probabilities() {
        let mut random = Random::stream(5, "blend tests", 0);
        let (mut a, mut b, mut codes) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..600 {
            let (x, z) = (random.normal(), random.normal());
            let p = |s: f64| 1.0 / (1.0 + f64::exp(-s));
            // Each model sees half of what there is to know: their odds multiply.
            a.extend([1.0 - p(x), p(x)]);
            b.extend([1.0 - p(z), p(z)]);
            codes.push(u32::from(random.chance(p(x + z))));
        }
        let truth = Target::classes(codes, 2).unwrap();
        let fold_of: Vec<usize> = (0..600).map(|row| row % 3).collect();
        let objective = Objective { metric: Metric::LogLoss };
        let learnt = Stack::learn(&[&a, &b], &[0.5, 0.5], &truth, &fold_of, objective).unwrap();
        let (stack, said) = learnt.unwrap();
        assert!(stack.weights.iter().all(|w| (0.6..1.4).contains(w)), "{stack:?}");
        assert!(said.chunks(2).all(|row| (row[0] + row[1] - 1.0).abs() < 1e-12));
    }

    #[test]
    fn one_and_no_candidate_are_blends() {
        let truth = Target::numbers(vec![1.0, 2.0]).unwrap();
        let params = Params { steps: 5, bags: 3, seed: 0 };
        assert_eq!(select(&[&[1.0, 2.5]], &truth, RMSE, &params).unwrap().len(), 1);
        assert!(select(&[], &truth, RMSE, &params).unwrap().is_empty());
        assert!(select(&[&[1.0]], &truth, RMSE, &params).is_err());
    }
}
