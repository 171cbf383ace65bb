//! Conditions on a row under which a model nearly always says the same (Ribeiro, Singh and Guestrin, "Anchors: high-precision
//! model-agnostic explanations", 2018).

use crate::bins::{Bins, Condition};
use crate::predict::{Predict, ask};
use crate::{ExplainError, Rows, count};
use bounds::{Throws, best_coins};
use rhiza_learn::ensemble::Feature;
use rhiza_learn::random::Random;
use std::collections::BTreeMap;

mod bounds;

/// Finds anchors: sets of conditions "the column stays between the same quartiles" (or has the same category, or is missing) under
/// which the model says the same of at least a given part of all rows.
///
/// Rows are made up by taking rows of the training table and putting, into each column that the anchor speaks of, a value from a row
/// that meets the condition. A beam search adds one condition at a time; which sets to keep is settled by KL-LUCB, and a set is an
/// anchor when the lower bound of its precision is high enough.
#[derive(Debug, Clone)]
pub struct Anchors<'a> {
    features: &'a [Feature],
    training: Rows<'a>,
    bins: Bins,
    /// The precision wanted, between 0 and 1.
    pub precision: f64,
    /// How far below it the lower bound may be.
    pub tolerance: f64,
    /// The probability that a bound may be wrong.
    pub risk: f64,
    /// Sets kept from one size to the next.
    pub beam: usize,
    /// Conditions of an anchor at most.
    pub most: usize,
    /// Rows made up at once.
    pub batch: usize,
    /// Rows made up altogether at most.
    pub draws: usize,
    /// The seed of the rows made up.
    pub seed: u64,
}

/// Conditions under which the model says the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Anchor {
    /// The conditions, by column. None when the model nearly always says the same.
    pub rules: Vec<AnchorRule>,
    /// What the model says of the row: the label that stays the same.
    pub label: usize,
    /// The part of made-up rows that meet the conditions and get the label.
    pub precision: f64,
    /// Bounds of the precision at the risk accepted.
    pub interval: (f64, f64),
    /// The part of the training rows that meet the conditions.
    pub coverage: f64,
    /// Whether the precision wanted is reached; if not, this is the set that came nearest.
    pub reached: bool,
    /// Rows made up.
    pub draws: usize,
}

/// A condition of an anchor.
#[derive(Debug, Clone, PartialEq)]
pub struct AnchorRule {
    /// The column.
    pub column: usize,
    /// Its name.
    pub name: String,
    /// What of the row stays the same.
    pub condition: Condition,
}

/// The number of the largest output (the first of equals); of a single output, 1 when it is above one half. A label for anchors of
/// classifiers.
#[must_use]
pub fn most_likely(predictions: &[f64]) -> usize {
    match predictions {
        [one] => usize::from(*one > 0.5),
        _ => (0..predictions.len()).rev().max_by(|a, b| predictions[*a].total_cmp(&predictions[*b])).unwrap_or(0),
    }
}

impl<'a> Anchors<'a> {
    /// With usual settings: precision 0.95 at risk 0.1, tolerance 0.05, beam of 4, up to 6 conditions, 100,000 rows.
    ///
    /// # Errors
    /// [`ExplainError::Columns`] when the training table is not as wide as `features`, [`ExplainError::Empty`] when it has no rows.
    pub fn new(features: &'a [Feature], training: Rows<'a>) -> Result<Self, ExplainError> {
        let bins = Bins::new(features, training)?;
        Ok(Self {
            features,
            training,
            bins,
            precision: 0.95,
            tolerance: 0.05,
            risk: 0.1,
            beam: 4,
            most: 6,
            batch: 100,
            draws: 100_000,
            seed: 0,
        })
    }

    /// The anchor of widest coverage that the search finds for `row`. `label` makes of a row's predictions what shall stay the same,
    /// [`most_likely`] for a classifier.
    ///
    /// # Errors
    /// [`ExplainError::Columns`] for a row of another width, [`ExplainError::Setting`] for settings out of range, and what the model
    /// answers.
    pub fn explain<M: Predict + ?Sized>(
        &self,
        model: &M,
        row: &[f64],
        label: impl Fn(&[f64]) -> usize,
    ) -> Result<Anchor, ExplainError> {
        self.check(row)?;
        let own = label(&ask(model, Rows::new(row, row.len())?)?);
        let conditions = self.bins.conditions(row);
        let meet: Vec<Vec<usize>> = (conditions.iter().enumerate())
            .map(|(column, c)| (0..self.training.len()).filter(|r| c.holds(self.training.row(*r)[column])).collect())
            .collect();
        let random = Random::stream(self.seed, "anchors", 0);
        let mut search = Search { settings: self, row, meet, model, label, own, random, draws: 0 };
        let (columns, throws, reached) = search.run()?;
        let level = self.level();
        let rule = |column: &usize| AnchorRule {
            column: *column,
            name: self.features[*column].name.clone(),
            condition: conditions[*column],
        };
        Ok(Anchor {
            rules: columns.iter().map(rule).collect(),
            label: own,
            precision: throws.mean(),
            interval: (throws.lower(level), throws.upper(level)),
            coverage: search.coverage(&columns),
            reached,
            draws: search.draws,
        })
    }

    /// The exploration rate of a single set among all that the beam may come to look at.
    fn level(&self) -> f64 {
        (count(1 + self.beam.saturating_sub(1) * self.features.len()) / self.risk).ln()
    }

    fn check(&self, row: &[f64]) -> Result<(), ExplainError> {
        Rows::new(row, row.len())?.expect("the row", self.features.len())?;
        let shares = [("precision", self.precision), ("risk", self.risk), ("tolerance", self.tolerance)];
        for (setting, value) in shares {
            if !(value > 0.0 && value < 1.0) {
                return Err(ExplainError::Setting { setting, fault: format!("{value} is not between 0 and 1") });
            }
        }
        for (setting, value) in [("beam", self.beam), ("batch", self.batch), ("draws", self.draws)] {
            if value == 0 {
                return Err(ExplainError::Setting { setting, fault: "at least 1 is needed".to_owned() });
            }
        }
        Ok(())
    }
}

/// A set of columns and what was seen of it.
type Candidate = (Vec<usize>, Throws);

struct Search<'a, 'b, M: ?Sized, L> {
    settings: &'a Anchors<'b>,
    row: &'a [f64],
    /// Per column the training rows that meet the condition.
    meet: Vec<Vec<usize>>,
    model: &'a M,
    label: L,
    own: usize,
    random: Random,
    draws: usize,
}

impl<M: Predict + ?Sized, L: Fn(&[f64]) -> usize> Search<'_, '_, M, L> {
    /// The anchor, what was seen of it, and whether it is as precise as wanted.
    fn run(&mut self) -> Result<(Vec<usize>, Throws, bool), ExplainError> {
        let mut nearest: Candidate = (Vec::new(), Throws::default());
        if self.verify(&[], &mut nearest.1)? {
            return Ok((nearest.0, nearest.1, true));
        }
        let mut beam: Vec<Vec<usize>> = vec![Vec::new()];
        let mut anchor: Option<(Candidate, f64)> = None;
        for _ in 0..self.settings.most.min(self.row.len()) {
            let wide = anchor.as_ref().map_or(0.0, |(_, coverage)| *coverage);
            let mut candidates = self.extend(&beam, wide)?;
            if candidates.is_empty() {
                break;
            }
            let (columns, mut throws): (Vec<Vec<usize>>, Vec<Throws>) = candidates.drain(..).unzip();
            let (beam_size, tolerance, risk) = (self.settings.beam, self.settings.tolerance, self.settings.risk);
            let best = best_coins(&mut throws, beam_size, tolerance, risk, |at, t| self.throw(&columns[at], t))?;
            beam = best.iter().map(|at| columns[*at].clone()).collect();
            for at in best {
                let reached = self.verify(&columns[at], &mut throws[at])?;
                let candidate = (columns[at].clone(), throws[at]);
                let coverage = self.coverage(&columns[at]);
                if reached && anchor.as_ref().is_none_or(|(_, widest)| coverage > *widest) {
                    anchor = Some((candidate, coverage));
                } else if throws[at].mean() > nearest.1.mean() {
                    nearest = candidate;
                }
            }
        }
        Ok(match anchor {
            Some(((columns, throws), _)) => (columns, throws, true),
            None => (nearest.0, nearest.1, false),
        })
    }

    /// The sets of the beam with one more column each, those that cover more than `wide`, thrown once.
    fn extend(&mut self, beam: &[Vec<usize>], wide: f64) -> Result<Vec<Candidate>, ExplainError> {
        let mut sets = BTreeMap::new();
        for set in beam {
            for column in (0..self.row.len()).filter(|c| !set.contains(c)) {
                let mut longer = set.clone();
                longer.push(column);
                longer.sort_unstable();
                sets.insert(longer, Throws::default());
            }
        }
        let mut candidates = Vec::new();
        for (set, mut throws) in sets {
            if self.coverage(&set) > wide {
                self.throw(&set, &mut throws)?;
                candidates.push((set, throws));
            }
        }
        Ok(candidates)
    }

    /// Throws until it is clear whether the precision is as wanted.
    fn verify(&mut self, columns: &[usize], throws: &mut Throws) -> Result<bool, ExplainError> {
        let (wanted, tolerance, level) = (self.settings.precision, self.settings.tolerance, self.settings.level());
        if throws.all == 0 && !self.throw(columns, throws)? {
            return Ok(false);
        }
        loop {
            let mean = throws.mean();
            if mean >= wanted && throws.lower(level) >= wanted - tolerance {
                return Ok(true);
            }
            if mean < wanted && throws.upper(level) < wanted + tolerance.min((1.0 - wanted) / 2.0) {
                return Ok(false);
            }
            if !self.throw(columns, throws)? {
                return Ok(false);
            }
        }
    }

    /// Makes up a batch of rows that meet the conditions on `columns` and asks the model. `false` when there are no more to be made.
    fn throw(&mut self, columns: &[usize], throws: &mut Throws) -> Result<bool, ExplainError> {
        let batch = self.settings.batch.min(self.settings.draws - self.draws);
        if batch == 0 {
            return Ok(false);
        }
        let training = self.settings.training;
        let mut table = Vec::with_capacity(batch * self.row.len());
        for _ in 0..batch {
            let start = table.len();
            table.extend_from_slice(training.row(self.random.below(training.len())));
            for column in columns {
                let from = self.meet[*column].get(self.random.below(self.meet[*column].len()));
                table[start + column] = from.map_or(self.row[*column], |from| training.row(*from)[*column]);
            }
        }
        let said = ask(self.model, Rows::new(&table, self.row.len())?)?;
        let same = said.chunks_exact(self.model.outputs()).filter(|said| (self.label)(said) == self.own).count();
        self.draws += batch;
        throws.all += batch;
        throws.heads += same;
        Ok(true)
    }

    /// The part of the training rows that meet the conditions on `columns`.
    fn coverage(&self, columns: &[usize]) -> f64 {
        let Some((first, rest)) = columns.split_first() else { return 1.0 };
        let all = |row: &&usize| rest.iter().all(|column| self.meet[*column].binary_search(row).is_ok());
        count(self.meet[*first].iter().filter(all).count()) / count(self.settings.training.len())
    }
}
