//! Shapley values as the solution of a least-squares problem.

use super::game::{Game, Outcome, explain};
use crate::predict::Predict;
use crate::solve::Factor;
use crate::{Estimate, ExplainError, Rows, count};
use rhiza_learn::random::Random;

/// `KernelSHAP` (Lundberg and Lee, "A unified approach to interpreting model predictions", 2017): the Shapley values are the
/// coefficients of the linear function of membership that fits the worth of all coalitions best, each weighted by
/// `(n − 1) / (C(n, s) s (n − s))`, among those that are right for the empty and the full coalition.
///
/// With few columns every coalition is tried and the values are exact. Otherwise whole sizes are tried as far as the budget reaches,
/// from both ends, and of the rest coalitions are drawn together with their complements (Covert and Lee, "Improving KernelSHAP",
/// 2021); standard errors are from a jackknife over 20 groups of the drawn pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelShap {
    /// Coalitions tried per row, at least twice the number of columns. Each costs a prediction per background row.
    pub samples: usize,
    /// The seed of the draw.
    pub seed: u64,
}

/// Groups that the jackknife leaves out in turn.
const GROUPS: usize = 20;

/// Normal equations of the weighted problem, for all outputs.
#[derive(Clone)]
struct Equations {
    gram: Vec<f64>,
    /// Output after output.
    right: Vec<f64>,
}

/// What is tried of a game's coalitions.
struct Draw {
    /// Flags of the coalitions of sizes tried completely, and the weight of each coalition.
    whole: Vec<bool>,
    weights: Vec<f64>,
    /// Flags of drawn coalitions, each followed by its complement; all together weigh `rest`.
    drawn: Vec<bool>,
    rest: f64,
}

impl KernelShap {
    /// The Shapley values of `model` for each of `rows` against `background`, exact where all coalitions of the columns that differ
    /// from the background fit into the budget.
    ///
    /// # Errors
    /// [`ExplainError::Setting`] for a budget below twice the number of columns, [`ExplainError::Columns`] and
    /// [`ExplainError::Empty`] for a background that does not fit, and what the model answers.
    pub fn explain<M: Predict + ?Sized>(
        &self,
        model: &M,
        rows: Rows<'_>,
        background: Rows<'_>,
    ) -> Result<Estimate, ExplainError> {
        if self.samples < 2 * rows.columns() {
            let fault = format!("{} are fewer than two for each of {} columns", self.samples, rows.columns());
            return Err(ExplainError::Setting { setting: "samples", fault });
        }
        explain(model, rows, background, |number, game, base, whole| {
            let players = game.players.len();
            if players < 24 && (1_usize << players) - 2 <= self.samples {
                return exact(game, base, whole);
            }
            let random = Random::stream(self.seed, "kernel shap", number as u64);
            self.sampled(random, game, base, whole)
        })
    }

    fn sampled<M: Predict + ?Sized>(
        &self,
        random: Random,
        game: &Game<'_, M>,
        base: &[f64],
        whole: &[f64],
    ) -> Result<Outcome, ExplainError> {
        let players = game.players.len();
        let gain: Vec<f64> = whole.iter().zip(base).map(|(w, b)| w - b).collect();
        let draw = self.draw(random, players);
        let mut fixed = Equations::new(players, base.len());
        let worth = game.worth(&draw.whole)?;
        fixed.add(&draw.whole, &worth, base, |at| draw.weights[at]);
        let pairs = draw.drawn.len() / (2 * players);
        if pairs == 0 {
            let values = fixed.solve(&gain)?;
            return Ok(Outcome { errors: vec![0.0; values.len()], values });
        }
        let worth = game.worth(&draw.drawn)?;
        let groups = GROUPS.min(pairs);
        let parts: Vec<Equations> = (0..groups)
            .map(|group| {
                let mut part = Equations::new(players, base.len());
                for pair in (group..pairs).step_by(groups) {
                    let (flags, say) = (2 * pair * players, 2 * pair * base.len());
                    let flags = &draw.drawn[flags..flags + 2 * players];
                    part.add(flags, &worth[say..say + 2 * base.len()], base, |_| 1.0);
                }
                part
            })
            .collect();
        let solve = |left_out: Option<usize>| {
            let mut equations = fixed.clone();
            let used: Vec<usize> = (0..groups).filter(|g| Some(*g) != left_out).collect();
            let coalitions: usize = used.iter().map(|g| 2 * (*g..pairs).step_by(groups).len()).sum();
            used.iter().for_each(|g| equations.merge(&parts[*g], draw.rest / count(coalitions)));
            equations.solve(&gain)
        };
        let values = solve(None)?;
        if groups < 2 {
            return Ok(Outcome { errors: vec![f64::INFINITY; values.len()], values });
        }
        let without: Vec<Vec<f64>> = (0..groups).map(|g| solve(Some(g))).collect::<Result<_, _>>()?;
        let errors = (0..values.len()).map(|at| jackknife(without.iter().map(|w| w[at]))).collect();
        Ok(Outcome { values, errors })
    }

    /// Chooses the coalitions: sizes 1 and `n − 1` always, further pairs of sizes while the share of the remaining budget that their
    /// weight deserves would hold all of them, and a random sample of the others.
    fn draw(&self, mut random: Random, players: usize) -> Draw {
        let n = count(players);
        let mut sizes: Vec<(usize, f64)> = (1..=players / 2)
            .map(|s| {
                let weight = (n - 1.0) / (count(s) * (n - count(s)));
                (s, if 2 * s == players { weight } else { 2.0 * weight })
            })
            .collect();
        let total: f64 = sizes.iter().map(|(_, w)| w).sum();
        sizes.iter_mut().for_each(|(_, w)| *w /= total);
        let mut draw = Draw { whole: Vec::new(), weights: Vec::new(), drawn: Vec::new(), rest: 1.0 };
        let mut left = self.samples;
        let mut first = 0;
        for (size, weight) in &sizes {
            let both = if 2 * size == players { 1.0 } else { 2.0 };
            let all = both * choose(players, *size);
            let deserved = count(left) * weight / draw.rest.max(f64::MIN_POSITIVE);
            if *size > 1 && deserved < all - 1e-9 {
                break;
            }
            let before = draw.whole.len();
            subsets(players, *size, &mut draw.whole);
            if both > 1.0 {
                let complement: Vec<bool> = draw.whole[before..].iter().map(|member| !member).collect();
                draw.whole.extend(complement);
            }
            let made = (draw.whole.len() - before) / players;
            draw.weights.extend(std::iter::repeat_n(weight / all, made));
            left = left.saturating_sub(made);
            draw.rest -= weight;
            first += 1;
        }
        let sizes = &sizes[first..];
        for _ in 0..left / 2 {
            let Some((last, _)) = sizes.last() else { break };
            let mut at = random.unit() * sizes.iter().map(|(_, w)| w).sum::<f64>();
            let size = sizes
                .iter()
                .find(|(_, w)| {
                    at -= w;
                    at < 0.0
                })
                .map_or(*last, |(size, _)| *size);
            let mut flags = vec![false; players];
            random.sample(players, size).into_iter().for_each(|player| flags[player] = true);
            draw.drawn.extend_from_slice(&flags);
            draw.drawn.extend(flags.iter().map(|member| !member));
        }
        draw
    }
}

/// The Shapley values from the worth of every coalition.
fn exact<M: Predict + ?Sized>(game: &Game<'_, M>, base: &[f64], whole: &[f64]) -> Result<Outcome, ExplainError> {
    let (players, outputs) = (game.players.len(), base.len());
    let last = (1_usize << players) - 1;
    let flags: Vec<bool> = (1..last).flat_map(|set| (0..players).map(move |p| set >> p & 1 == 1)).collect();
    let between = game.worth(&flags)?;
    let worth = |set: usize| match set {
        0 => base,
        set if set == last => whole,
        set => &between[(set - 1) * outputs..set * outputs],
    };
    // s! (n − 1 − s)! / n! by size.
    let mut weights = vec![1.0 / count(players)];
    for s in 1..players {
        weights.push(weights[s - 1] * count(s) / count(players - s));
    }
    let mut values = vec![0.0; players * outputs];
    for set in 0..=last {
        for player in (0..players).filter(|p| set >> p & 1 == 0) {
            let weight = weights[set.count_ones() as usize];
            for (output, (with, without)) in worth(set | 1 << player).iter().zip(worth(set)).enumerate() {
                values[output * players + player] += weight * (with - without);
            }
        }
    }
    Ok(Outcome { errors: vec![0.0; values.len()], values })
}

impl Equations {
    fn new(players: usize, outputs: usize) -> Self {
        Self { gram: vec![0.0; players * players], right: vec![0.0; players * outputs] }
    }

    /// Adds coalitions and what they are worth.
    fn add(&mut self, flags: &[bool], worth: &[f64], base: &[f64], weight: impl Fn(usize) -> f64) {
        let outputs = base.len();
        let players = self.right.len() / outputs;
        for (at, (flags, worth)) in flags.chunks_exact(players).zip(worth.chunks_exact(outputs)).enumerate() {
            let weight = weight(at);
            let members: Vec<usize> = (0..players).filter(|p| flags[*p]).collect();
            for i in &members {
                for j in members.iter().take_while(|j| *j <= i) {
                    self.gram[i * players + j] += weight;
                }
                for output in 0..outputs {
                    self.right[output * players + i] += weight * (worth[output] - base[output]);
                }
            }
        }
    }

    fn merge(&mut self, other: &Self, weight: f64) {
        self.gram.iter_mut().zip(&other.gram).for_each(|(a, b)| *a += weight * b);
        self.right.iter_mut().zip(&other.right).for_each(|(a, b)| *a += weight * b);
    }

    /// The coefficients that add up to `gain`, output after output.
    fn solve(&self, gain: &[f64]) -> Result<Vec<f64>, ExplainError> {
        let players = self.right.len() / gain.len();
        let factor = Factor::new("the least-squares problem of the Shapley values", players, &self.gram)?;
        let ones = factor.solve(&vec![1.0; players]);
        let spread: f64 = ones.iter().sum();
        let mut values = Vec::with_capacity(self.right.len());
        for (right, gain) in self.right.chunks_exact(players).zip(gain) {
            let free = factor.solve(right);
            let shift = (gain - free.iter().sum::<f64>()) / spread;
            values.extend(free.iter().zip(&ones).map(|(f, o)| f + shift * o));
        }
        Ok(values)
    }
}

/// The standard error of a statistic, from its values without one group each.
fn jackknife(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let n = count(values.clone().count());
    let mean = values.clone().sum::<f64>() / n;
    ((n - 1.0) / n * values.map(|v| (v - mean) * (v - mean)).sum::<f64>()).sqrt()
}

/// All subsets of `size` players, in lexicographic order.
fn subsets(players: usize, size: usize, flags: &mut Vec<bool>) {
    let mut members: Vec<usize> = (0..size).collect();
    loop {
        let start = flags.len();
        flags.resize(start + players, false);
        members.iter().for_each(|m| flags[start + m] = true);
        let Some(at) = (0..size).rev().find(|i| members[*i] < players - size + i) else { return };
        members[at] += 1;
        for i in at + 1..size {
            members[i] = members[i - 1] + 1;
        }
    }
}

/// The binomial coefficient, as near as an `f64` comes.
fn choose(n: usize, k: usize) -> f64 {
    (0..k).fold(1.0, |c, i| c * count(n - i) / count(i + 1))
}
