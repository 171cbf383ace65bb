//! LIME for rows of a table.

use super::{check, fit};
use crate::bins::{Bins, Condition};
use crate::predict::{Predict, ask, check_output};
use crate::{ExplainError, Rows, count};
use rhiza_learn::ensemble::Feature;
use rhiza_learn::random::Random;

/// Explains rows by a linear model of what of them stays the same.
///
/// Quantities are cut at the training table's quartiles. Rows are made up by taking each column from a random row of the training
/// table; a column "stays the same" when the made-up value falls between the same quartiles (or has the same category, or is missing
/// too). Weights fall with the number of columns that differ, `e^(−differing / (2 width²))`.
#[derive(Debug, Clone)]
pub struct LimeTabular<'a> {
    features: &'a [Feature],
    training: Rows<'a>,
    bins: Bins,
    /// Rows made up.
    pub samples: usize,
    /// Rules to keep at most.
    pub keep: usize,
    /// Width of the neighbourhood, as a distance: the root of the number of columns that differ.
    pub width: f64,
    /// The seed of the rows made up.
    pub seed: u64,
}

/// What LIME says of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct LimeExplanation {
    /// The local model's value where no kept rule holds.
    pub intercept: f64,
    /// The kept rules, weightiest first.
    pub rules: Vec<LimeRule>,
    /// What the model says of the row.
    pub prediction: f64,
    /// What the local model says of the row: intercept plus coefficients.
    pub local_prediction: f64,
    /// Weighted share of the variance of the model's answers that the local model explains: how far to trust it.
    pub r2: f64,
}

/// What it means for the prediction that the row meets a condition.
#[derive(Debug, Clone, PartialEq)]
pub struct LimeRule {
    /// The column.
    pub column: usize,
    /// Its name.
    pub name: String,
    /// What of the row is kept.
    pub condition: Condition,
    /// What keeping it adds to the prediction.
    pub coefficient: f64,
}

impl<'a> LimeTabular<'a> {
    /// With LIME's usual settings: 5,000 rows, 10 rules, width `0.75 √columns`.
    ///
    /// # Errors
    /// [`ExplainError::Columns`] when the training table is not as wide as `features`, [`ExplainError::Empty`] when it has no rows.
    pub fn new(features: &'a [Feature], training: Rows<'a>) -> Result<Self, ExplainError> {
        let bins = Bins::new(features, training)?;
        let width = 0.75 * count(features.len()).sqrt();
        Ok(Self { features, training, bins, samples: 5000, keep: 10, width, seed: 0 })
    }

    /// Explains one output of `model` for `row`.
    ///
    /// # Errors
    /// [`ExplainError::Columns`] for a row of another width, [`ExplainError::Setting`] for settings out of range or an output that is
    /// not there, and what the model answers.
    pub fn explain<M: Predict + ?Sized>(
        &self,
        model: &M,
        row: &[f64],
        output: usize,
    ) -> Result<LimeExplanation, ExplainError> {
        let columns = self.features.len();
        Rows::new(row, row.len())?.expect("the row", columns)?;
        check(self.samples, self.keep)?;
        check_output(model, output)?;
        if self.width.is_nan() || self.width <= 0.0 {
            return Err(ExplainError::Setting { setting: "width", fault: format!("{} is not positive", self.width) });
        }
        let conditions = self.bins.conditions(row);
        let (table, flags) = self.draw(row, &conditions);
        let said = ask(model, Rows::new(&table, columns)?)?;
        let scores: Vec<f64> = said.into_iter().skip(output).step_by(model.outputs()).collect();
        let weigh = |flags: &[f64]| {
            let differing = count(columns) - flags.iter().sum::<f64>();
            (-differing / (2.0 * self.width * self.width)).exp()
        };
        let weights: Vec<f64> = flags.chunks_exact(columns).map(weigh).collect();
        let (kept, fitted) = fit(&flags, columns, &scores, &weights, self.keep)?;
        let rule = |(column, coefficient): (usize, &f64)| LimeRule {
            column,
            name: self.features[column].name.clone(),
            condition: conditions[column],
            coefficient: *coefficient,
        };
        Ok(LimeExplanation {
            intercept: fitted.intercept,
            rules: kept.into_iter().zip(&fitted.coefficients).map(rule).collect(),
            prediction: scores[0],
            local_prediction: fitted.intercept + fitted.coefficients.iter().sum::<f64>(),
            r2: fitted.r2,
        })
    }

    /// Rows made up, the row itself first, and what of each stays the same.
    fn draw(&self, row: &[f64], conditions: &[Condition]) -> (Vec<f64>, Vec<f64>) {
        let mut random = Random::stream(self.seed, "lime tabular", 0);
        let mut table = row.to_vec();
        for _ in 1..self.samples {
            table.extend((0..row.len()).map(|column| self.training.row(random.below(self.training.len()))[column]));
        }
        let same = |(at, value): (usize, &f64)| f64::from(u8::from(conditions[at % row.len()].holds(*value)));
        let flags = table.iter().enumerate().map(same).collect();
        (table, flags)
    }
}
