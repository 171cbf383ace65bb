//! From a far row that meets the goal to a near one.

use super::{Change, Counterfactuals, Goal, same};
use crate::predict::{Predict, ask};
use crate::{ExplainError, Rows};
use rhiza_learn::ensemble::FeatureKind;

/// Rows given to the model at once.
const BATCH: usize = 4096;

pub(super) struct Search<'a, 'b, M: ?Sized> {
    pub(super) settings: &'a Counterfactuals<'b>,
    pub(super) model: &'a M,
    pub(super) row: &'a [f64],
    pub(super) goal: Goal,
}

impl<M: Predict + ?Sized> Search<'_, '_, M> {
    /// `other`, with the row's own value wherever the rules do not let it change to the other's.
    pub(super) fn allowed(&self, other: &[f64]) -> Vec<f64> {
        let choose = |(column, (own, value)): (usize, (&f64, &f64))| {
            let rule = self.settings.rules[column];
            let direction = match rule.change {
                Change::Free => true,
                Change::Never => false,
                Change::Up => value > own,
                Change::Down => value < own,
            };
            let within = rule.range.is_none_or(|(low, high)| (low..=high).contains(value));
            if direction && within { *value } else { *own }
        };
        self.row.iter().zip(other).enumerate().map(choose).collect()
    }

    /// How near each row of a table comes to the goal.
    fn margins(&self, table: &[f64]) -> Result<Vec<f64>, ExplainError> {
        let columns = self.row.len();
        let mut margins = Vec::with_capacity(table.len() / columns);
        for batch in table.chunks(BATCH * columns) {
            let said = ask(self.model, Rows::new(batch, columns)?)?;
            margins.extend(said.chunks_exact(self.model.outputs()).map(|said| self.goal.margin(said)));
        }
        Ok(margins)
    }

    /// The rows of a table that meet the goal.
    pub(super) fn meeting(&self, table: &[f64]) -> Result<Vec<Vec<f64>>, ExplainError> {
        let margins = self.margins(table)?;
        let rows = table.chunks_exact(self.row.len()).zip(margins);
        Ok(rows.filter(|(_, margin)| *margin >= 0.0).map(|(row, _)| row.to_vec()).collect())
    }

    pub(super) fn changed(&self, row: &[f64]) -> Vec<usize> {
        (0..row.len()).filter(|c| !same(row[*c], self.row[*c])).collect()
    }

    pub(super) fn distance(&self, row: &[f64]) -> f64 {
        (0..row.len()).map(|c| self.settings.apart(c, row[c], self.row[c])).sum()
    }

    pub(super) fn cost(&self, row: &[f64]) -> f64 {
        self.settings.cost(self.row, row)
    }

    /// A row between the explained one and `start` (which meets the goal) that meets it with fewer and smaller changes.
    pub(super) fn refine(&self, start: &[f64]) -> Result<Vec<f64>, ExplainError> {
        let mut row = self.take_over(start)?;
        self.take_back(&mut row)?;
        for column in self.changed(&row) {
            self.move_back(&mut row, column)?;
        }
        // A smaller change of one column may have made another unnecessary; never the other way round.
        self.take_back(&mut row)?;
        Ok(row)
    }

    /// Takes values over from `start`, the one that brings the row nearest to the goal first, until it is met.
    fn take_over(&self, start: &[f64]) -> Result<Vec<f64>, ExplainError> {
        let mut row = self.row.to_vec();
        let mut left = self.changed(start);
        while !left.is_empty() {
            let variants = |column: &usize| {
                let mut variant = row.clone();
                variant[*column] = start[*column];
                variant
            };
            let margins = self.margins(&left.iter().flat_map(variants).collect::<Vec<f64>>())?;
            let Some(best) = (0..left.len()).max_by(|a, b| margins[*a].total_cmp(&margins[*b]).then(b.cmp(a))) else {
                break;
            };
            let column = left.remove(best);
            row[column] = start[column];
            if margins[best] >= 0.0 {
                break;
            }
        }
        Ok(row)
    }

    /// Takes changes back that the goal does not need, the largest first.
    fn take_back(&self, row: &mut [f64]) -> Result<(), ExplainError> {
        let mut columns = self.changed(row);
        let size = |c: &usize| self.settings.apart(*c, row[*c], self.row[*c]);
        columns.sort_by(|a, b| size(b).total_cmp(&size(a)).then(a.cmp(b)));
        for column in columns {
            let value = std::mem::replace(&mut row[column], self.row[column]);
            if self.margins(row)?.iter().any(|margin| *margin < 0.0) {
                row[column] = value;
            }
        }
        Ok(())
    }

    /// Moves a quantity back to the value of the reference that is nearest to the row's own, as far as bisection sees the goal met.
    fn move_back(&self, row: &mut [f64], column: usize) -> Result<(), ExplainError> {
        let (own, far) = (self.row[column], row[column]);
        if self.settings.features[column].kind != FeatureKind::Numeric || !own.is_finite() || !far.is_finite() {
            return Ok(());
        }
        let (low, high) = (own.min(far), own.max(far));
        let mut between: Vec<f64> =
            self.settings.values[column].iter().copied().filter(|v| *v > low && *v < high).collect();
        if let Some((low, high)) = self.settings.rules[column].range {
            between.retain(|v| (low..=high).contains(v));
        }
        if far < own {
            between.reverse();
        }
        // From the row's own value outwards: `near` fails, `met` is met.
        let (mut near, mut met) = (0, between.len());
        while near < met {
            let middle = usize::midpoint(near, met);
            row[column] = between[middle];
            if self.margins(row)?.iter().all(|margin| *margin >= 0.0) { met = middle } else { near = middle + 1 }
        }
        row[column] = between.get(met).copied().unwrap_or(far);
        Ok(())
    }
}
