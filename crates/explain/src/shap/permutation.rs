//! Shapley values by adding columns in random orders, each order followed by its reverse.

use super::game::{Game, Outcome, explain};
use crate::predict::Predict;
use crate::{Estimate, ExplainError, Rows, count};
use rhiza_learn::random::Random;

/// Permutation sampling (Štrumbelj and Kononenko, 2014) with antithetic pairs: every order is used forwards and backwards, which
/// makes interactions of two columns exact and spares much of the variance of others (Mitchell and others, "Sampling permutations
/// for Shapley value estimation", 2022).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PermutationShap {
    /// Orders drawn, each used twice; at least 2. A row costs `2 · orders · columns · background rows` predictions.
    pub orders: usize,
    /// The seed of the orders.
    pub seed: u64,
}

impl PermutationShap {
    /// The estimated Shapley values of `model` for each of `rows`, with standard errors, against `background`.
    ///
    /// # Errors
    /// [`ExplainError::Setting`] for fewer than 2 orders, [`ExplainError::Columns`] and [`ExplainError::Empty`] for a background that
    /// does not fit, and what the model answers.
    pub fn explain<M: Predict + ?Sized>(
        &self,
        model: &M,
        rows: Rows<'_>,
        background: Rows<'_>,
    ) -> Result<Estimate, ExplainError> {
        if self.orders < 2 {
            let fault = "at least 2 are needed for a standard error".to_owned();
            return Err(ExplainError::Setting { setting: "orders", fault });
        }
        explain(model, rows, background, |number, game, base, whole| self.solve(number, game, base, whole))
    }

    fn solve<M: Predict + ?Sized>(
        &self,
        number: usize,
        game: &Game<'_, M>,
        base: &[f64],
        whole: &[f64],
    ) -> Result<Outcome, ExplainError> {
        let (players, outputs) = (game.players.len(), base.len());
        let mut random = Random::stream(self.seed, "permutation shap", number as u64);
        let (mut sums, mut squares) = (vec![0.0; players * outputs], vec![0.0; players * outputs]);
        // Of two columns one pair of orders is all there are.
        let orders = if players <= 2 { 1 } else { self.orders };
        for _ in 0..orders {
            let order = random.permutation(players);
            let mut pair = vec![0.0; players * outputs];
            for order in [order.clone(), order.into_iter().rev().collect()] {
                add_gains(game, &order, base, whole, &mut pair)?;
            }
            for ((sum, square), gain) in sums.iter_mut().zip(&mut squares).zip(&pair) {
                *sum += gain / 2.0;
                *square += gain * gain / 4.0;
            }
        }
        let n = count(orders);
        let values: Vec<f64> = sums.iter().map(|sum| sum / n).collect();
        let error = |(square, value): (&f64, &f64)| {
            if players <= 2 { 0.0 } else { ((square / n - value * value).max(0.0) / (n - 1.0)).sqrt() }
        };
        let errors = squares.iter().zip(&values).map(error).collect();
        Ok(Outcome { values, errors })
    }
}

/// Adds what each player gains when it joins those before it in `order`.
fn add_gains<M: Predict + ?Sized>(
    game: &Game<'_, M>,
    order: &[usize],
    base: &[f64],
    whole: &[f64],
    gains: &mut [f64],
) -> Result<(), ExplainError> {
    let (players, outputs) = (order.len(), base.len());
    let mut coalition = vec![false; players];
    let mut coalitions = Vec::with_capacity(players * players);
    for player in order.iter().take(players - 1) {
        coalition[*player] = true;
        coalitions.extend_from_slice(&coalition);
    }
    let worth = game.worth(&coalitions)?;
    let mut before = base;
    for (player, after) in order.iter().zip(worth.chunks_exact(outputs).chain([whole])) {
        for output in 0..outputs {
            gains[output * players + player] += after[output] - before[output];
        }
        before = after;
    }
    Ok(())
}
