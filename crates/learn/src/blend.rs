//! Several models as one: greedy selection with repetition on out-of-fold predictions (Caruana et al., "Ensemble selection from
//! libraries of models", 2004), made steadier by bags of candidates, as in its section 2.3.
//!
//! Predictions have to be out of fold: a model's word on rows it has learnt from says nothing.

use rayon::prelude::*;

use crate::matrix::Target;
use crate::metrics::{Metric, MetricError};
use crate::random::Random;

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
    fn one_and_no_candidate_are_blends() {
        let truth = Target::numbers(vec![1.0, 2.0]).unwrap();
        let params = Params { steps: 5, bags: 3, seed: 0 };
        assert_eq!(select(&[&[1.0, 2.5]], &truth, RMSE, &params).unwrap().len(), 1);
        assert!(select(&[], &truth, RMSE, &params).unwrap().is_empty());
        assert!(select(&[&[1.0]], &truth, RMSE, &params).is_err());
    }
}
