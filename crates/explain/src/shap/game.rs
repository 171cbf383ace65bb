//! The game whose Shapley values are asked for: what a model predicts on average when some columns are the row's own and the
//! others are taken from a background.

use crate::predict::{Predict, ask};
use crate::{Estimate, ExplainError, Explanation, Rows};
use rayon::prelude::*;

/// Numbers given to the model at once.
const BATCH: usize = 1 << 20;

/// The game of one row.
pub(super) struct Game<'a, M: ?Sized> {
    model: &'a M,
    row: &'a [f64],
    background: Rows<'a>,
    /// Columns in which any background row differs from the row; the others have no say.
    pub(super) players: Vec<usize>,
}

/// Values and standard errors of a game, output by output, a number per player each.
pub(super) struct Outcome {
    pub(super) values: Vec<f64>,
    pub(super) errors: Vec<f64>,
}

impl<'a, M: Predict + ?Sized> Game<'a, M> {
    fn new(model: &'a M, row: &'a [f64], background: Rows<'a>) -> Self {
        let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
        let players = (0..row.len()).filter(|c| background.iter().any(|other| !same(other[*c], row[*c]))).collect();
        Self { model, row, background, players }
    }

    pub(super) fn outputs(&self) -> usize {
        self.model.outputs()
    }

    /// What each coalition (one flag per player, coalition after coalition) is worth, output by output within a coalition.
    pub(super) fn worth(&self, coalitions: &[bool]) -> Result<Vec<f64>, ExplainError> {
        let (players, outputs) = (self.players.len(), self.outputs());
        let per_coalition = self.background.values().len();
        let mut worth = Vec::with_capacity(coalitions.len() / players.max(1) * outputs);
        let mut table = Vec::new();
        for batch in coalitions.chunks((BATCH / per_coalition).max(1) * players.max(1)) {
            table.clear();
            for coalition in batch.chunks_exact(players.max(1)) {
                for other in self.background {
                    let start = table.len();
                    table.extend_from_slice(other);
                    for (column, member) in self.players.iter().zip(coalition) {
                        if *member {
                            table[start + column] = self.row[*column];
                        }
                    }
                }
            }
            let predictions = ask(self.model, Rows::new(&table, self.row.len())?)?;
            for predictions in predictions.chunks_exact(self.background.len() * outputs) {
                worth.extend(mean(predictions, outputs));
            }
        }
        Ok(worth)
    }
}

/// Solves the game of every row and puts the outcomes together.
pub(super) fn explain<M: Predict + ?Sized>(
    model: &M,
    rows: Rows<'_>,
    background: Rows<'_>,
    solve: impl Fn(usize, &Game<'_, M>, &[f64], &[f64]) -> Result<Outcome, ExplainError> + Sync,
) -> Result<Estimate, ExplainError> {
    background.expect("the background", rows.columns())?;
    if background.is_empty() {
        return Err(ExplainError::Empty("the background"));
    }
    let (columns, outputs) = (rows.columns(), model.outputs());
    let base = mean(&ask(model, background)?, outputs);
    let predictions = ask(model, rows)?;
    let size = columns * outputs;
    let (mut values, mut errors) = (vec![0.0; rows.len() * size], vec![0.0; rows.len() * size]);
    values.par_chunks_mut(size).zip(errors.par_chunks_mut(size)).enumerate().try_for_each(
        |(number, (values, errors))| {
            let game = Game::new(model, rows.row(number), background);
            let whole = &predictions[number * outputs..(number + 1) * outputs];
            let players = game.players.len();
            if players == 0 {
                return Ok(());
            }
            let outcome = solve(number, &game, &base, whole)?;
            for output in 0..outputs {
                for (player, column) in game.players.iter().enumerate() {
                    values[output * columns + column] = outcome.values[output * players + player];
                    errors[output * columns + column] = outcome.errors[output * players + player];
                }
            }
            Ok::<(), ExplainError>(())
        },
    )?;
    Ok(Estimate { explanation: Explanation::new(rows.len(), columns, base, values), errors })
}

/// The mean of predictions, output by output.
fn mean(predictions: &[f64], outputs: usize) -> Vec<f64> {
    let mut mean = vec![0.0; outputs];
    for prediction in predictions.chunks_exact(outputs) {
        mean.iter_mut().zip(prediction).for_each(|(sum, p)| *sum += p);
    }
    let rows = crate::count(predictions.len() / outputs);
    mean.iter_mut().for_each(|sum| *sum /= rows);
    mean
}
