//! What would have to be different about a row for the model to say something else.

use crate::bins::quantile;
use crate::predict::{Predict, ask};
use crate::{ExplainError, Rows};
use rhiza_learn::ensemble::{Feature, FeatureKind};
use rhiza_learn::random::Random;
use search::Search;

mod search;

/// What the model shall say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// The output is at least the value.
    AtLeast {
        /// The output.
        output: usize,
        /// The least value.
        value: f64,
    },
    /// The output is at most the value.
    AtMost {
        /// The output.
        output: usize,
        /// The largest value.
        value: f64,
    },
    /// The class has the largest output of all; of a model with a single output, class 1 has it above one half and class 0 below.
    Class(usize),
}

/// How a column may change.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ColumnRule {
    /// In which direction.
    pub change: Change,
    /// The least and the largest value it may change to.
    pub range: Option<(f64, f64)>,
}

/// In which direction a column may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Change {
    /// In any.
    #[default]
    Free,
    /// It stays as it is.
    Never,
    /// Up only.
    Up,
    /// Down only.
    Down,
}

/// Finds rows like a given one for which the model says what is wanted: few columns changed, by little, to values that occur in a
/// reference table, and rows that differ from each other.
///
/// The search starts at rows of the reference for which the goal is met once what may not change is kept (Brughmans, Leyman and
/// Martens, "NICE: an algorithm for nearest instance counterfactual explanations", 2023), and at rows put together from it at random
/// where these are too few. From each, changes are taken over one by one, the one that helps most first, until the goal is met;
/// then changes that are not needed are taken back, and quantities are moved back towards the row as far as values of the reference
/// allow. Of what is found, rows are chosen in turn by their cost less a share of their distance to those chosen.
#[derive(Debug, Clone)]
pub struct Counterfactuals<'a> {
    features: &'a [Feature],
    reference: Rows<'a>,
    /// Per column the different values of the reference, ascending.
    values: Vec<Vec<f64>>,
    /// Per column what counts as a change of size 1.
    scales: Vec<f64>,
    /// How each column may change; free in the beginning.
    pub rules: Vec<ColumnRule>,
    /// Rows wanted.
    pub count: usize,
    /// Rows that the search starts from.
    pub starts: usize,
    /// How much the distance to rows already chosen counts against the cost: 0 for the cheapest whatever their likeness.
    pub diversity: f64,
    /// The seed of the rows put together at random.
    pub seed: u64,
}

/// A row that meets the goal.
#[derive(Debug, Clone, PartialEq)]
pub struct Counterfactual {
    /// The row.
    pub row: Vec<f64>,
    /// The columns in which it differs from the row given.
    pub changed: Vec<usize>,
    /// How far it is away: for a quantity the difference in units of the column's spread (1.4826 times the median absolute deviation
    /// in the reference), for a category, or between missing and known, 1.
    pub distance: f64,
    /// What the model says of it.
    pub predictions: Vec<f64>,
}

impl<'a> Counterfactuals<'a> {
    /// For rows like those of `reference`.
    ///
    /// # Errors
    /// [`ExplainError::Columns`] when the reference is not as wide as `features`, [`ExplainError::Empty`] when it has no rows.
    pub fn new(features: &'a [Feature], reference: Rows<'a>) -> Result<Self, ExplainError> {
        reference.expect("the reference", features.len())?;
        if reference.is_empty() {
            return Err(ExplainError::Empty("the reference"));
        }
        let sorted = |column| {
            let mut values: Vec<f64> = reference.column(column).into_iter().filter(|v| v.is_finite()).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let columns: Vec<Vec<f64>> = (0..features.len()).map(sorted).collect();
        let scales = columns.iter().map(|values| spread(values)).collect();
        let different = |mut values: Vec<f64>| {
            values.dedup();
            values
        };
        Ok(Self {
            features,
            reference,
            values: columns.into_iter().map(different).collect(),
            scales,
            rules: vec![ColumnRule::default(); features.len()],
            count: 4,
            starts: 40,
            diversity: 0.5,
            seed: 0,
        })
    }

    /// Rows like `row` for which `model` says what `goal` wants, the best first: up to [`Counterfactuals::count`], none where the
    /// rules leave no way that the search finds. A row that meets the goal already is returned as it is.
    ///
    /// # Errors
    /// [`ExplainError::Columns`] for a row of another width, [`ExplainError::Length`] for rules of another number than columns,
    /// [`ExplainError::Setting`] for a goal about an output that is not there or settings out of range, and what the model answers.
    pub fn explain<M: Predict + ?Sized>(
        &self,
        model: &M,
        row: &[f64],
        goal: Goal,
    ) -> Result<Vec<Counterfactual>, ExplainError> {
        self.check(row, goal, model.outputs())?;
        let search = Search { settings: self, model, row, goal };
        let said = ask(model, Rows::new(row, row.len())?)?;
        if goal.margin(&said) >= 0.0 {
            let (row, changed) = (row.to_vec(), Vec::new());
            return Ok(vec![Counterfactual { row, changed, distance: 0.0, predictions: said }]);
        }
        let mut found: Vec<Vec<f64>> = Vec::new();
        for start in self.starts_for(&search)? {
            let better = search.refine(&start)?;
            if !found.iter().any(|other| same_row(other, &better)) {
                found.push(better);
            }
        }
        let mut chosen = Vec::new();
        for row in self.choose(row, found) {
            let predictions = ask(model, Rows::new(&row, row.len())?)?;
            let changed = search.changed(&row);
            let distance = search.distance(&row);
            chosen.push(Counterfactual { row, changed, distance, predictions });
        }
        Ok(chosen)
    }

    fn check(&self, row: &[f64], goal: Goal, outputs: usize) -> Result<(), ExplainError> {
        let columns = self.features.len();
        Rows::new(row, row.len())?.expect("the row", columns)?;
        if self.rules.len() != columns {
            return Err(ExplainError::Length { what: "rules", found: self.rules.len(), expected: columns });
        }
        if self.count == 0 || self.starts == 0 {
            let fault = "at least one row and one start are needed".to_owned();
            return Err(ExplainError::Setting { setting: "count", fault });
        }
        let fits = match goal {
            Goal::AtLeast { output, value } | Goal::AtMost { output, value } => output < outputs && value.is_finite(),
            Goal::Class(class) => class < outputs.max(2),
        };
        if fits {
            return Ok(());
        }
        Err(ExplainError::Setting { setting: "goal", fault: format!("{goal:?} of a model with {outputs} outputs") })
    }

    /// Rows that meet the goal, nearest first: from the reference, and put together at random where these are too few.
    fn starts_for<M: Predict + ?Sized>(&self, search: &Search<'_, '_, M>) -> Result<Vec<Vec<f64>>, ExplainError> {
        let mut table: Vec<f64> = self.reference.iter().flat_map(|other| search.allowed(other)).collect();
        let mut starts = search.meeting(&table)?;
        if starts.len() < self.starts {
            let mut random = Random::stream(self.seed, "counterfactuals", 0);
            table.clear();
            for draw in 0..50 * self.starts {
                let keep = [0.75, 0.5, 0.0][draw % 3];
                let other: Vec<f64> = (search.row.iter().enumerate())
                    .map(|(column, own)| {
                        let from = self.reference.row(random.below(self.reference.len()));
                        if random.chance(keep) { *own } else { from[column] }
                    })
                    .collect();
                table.extend(search.allowed(&other));
            }
            starts.extend(search.meeting(&table)?);
        }
        starts.sort_by(|a, b| search.cost(a).total_cmp(&search.cost(b)));
        starts.truncate(self.starts);
        Ok(starts)
    }

    /// The best by cost less distance to those before.
    fn choose(&self, row: &[f64], mut found: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
        let mut chosen: Vec<Vec<f64>> = Vec::new();
        while chosen.len() < self.count {
            let value = |one: &Vec<f64>| {
                let nearest = chosen.iter().map(|other| self.cost(one, other)).fold(f64::INFINITY, f64::min);
                let apart = if nearest.is_finite() { nearest } else { 0.0 };
                self.cost(row, one) - self.diversity * apart
            };
            let values: Vec<f64> = found.iter().map(value).collect();
            let Some(best) = (0..found.len()).min_by(|a, b| values[*a].total_cmp(&values[*b])) else { break };
            chosen.push(found.remove(best));
        }
        chosen
    }

    /// How far two values of a column are apart.
    fn apart(&self, column: usize, a: f64, b: f64) -> f64 {
        if same(a, b) {
            return 0.0;
        }
        match self.features[column].kind {
            FeatureKind::Numeric if a.is_finite() && b.is_finite() => (a - b).abs() / self.scales[column],
            _ => 1.0,
        }
    }

    /// Distance plus number of columns that differ.
    fn cost(&self, a: &[f64], b: &[f64]) -> f64 {
        let of = |(column, (a, b)): (usize, (&f64, &f64))| {
            if same(*a, *b) { 0.0 } else { 1.0 + self.apart(column, *a, *b) }
        };
        a.iter().zip(b).enumerate().map(of).sum()
    }
}

impl Goal {
    /// At least 0 where predictions meet the goal; the larger the nearer.
    fn margin(self, said: &[f64]) -> f64 {
        match self {
            Self::AtLeast { output, value } => said[output] - value,
            Self::AtMost { output, value } => value - said[output],
            Self::Class(class) => {
                let margin = if said.len() == 1 {
                    if class == 1 { said[0] - 0.5 } else { 0.5 - said[0] }
                } else {
                    let others = said.iter().enumerate().filter(|(k, _)| *k != class).map(|(_, p)| *p);
                    said[class] - others.fold(f64::NEG_INFINITY, f64::max)
                };
                // A tie is no majority.
                if margin == 0.0 { -f64::MIN_POSITIVE } else { margin }
            }
        }
    }
}

/// What counts as a change of size 1: 1.4826 times the median absolute deviation, or the range where more than half of the values
/// are equal, or 1 where all are.
fn spread(sorted: &[f64]) -> f64 {
    let Some(median) = quantile(sorted, 0.5) else { return 1.0 };
    let mut away: Vec<f64> = sorted.iter().map(|v| (v - median).abs()).collect();
    away.sort_by(f64::total_cmp);
    let deviation = quantile(&away, 0.5).unwrap_or(0.0) * 1.4826;
    let range = sorted.last().unwrap_or(&median) - sorted.first().unwrap_or(&median);
    if deviation > 0.0 {
        deviation
    } else if range > 0.0 {
        range
    } else {
        1.0
    }
}

fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

fn same_row(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| same(*a, *b))
}
