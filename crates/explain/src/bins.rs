//! Columns cut at their quartiles, as rules about a row speak of them.

use crate::{ExplainError, Rows};
use rhiza_learn::ensemble::{Feature, FeatureKind};
use std::fmt;

/// What a rule says of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Condition {
    /// `above < value ≤ at_most`, where there are bounds.
    Between {
        /// The lower bound, which the value exceeds.
        above: Option<f64>,
        /// The upper bound.
        at_most: Option<f64>,
    },
    /// The category of this code.
    Category(f64),
    /// No value.
    Missing,
}

impl Condition {
    /// Whether `value` meets it.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        match self {
            Self::Between { above, at_most } => {
                !value.is_nan() && above.is_none_or(|a| value > a) && at_most.is_none_or(|m| value <= m)
            }
            Self::Category(code) => value.floor() == *code,
            Self::Missing => value.is_nan(),
        }
    }

    /// The condition in words about a column of this name: `1.5 < age <= 3`.
    #[must_use]
    pub fn about(&self, name: &str) -> String {
        match self {
            Self::Between { above: None, at_most: None } => format!("{name} is known"),
            Self::Between { above: Some(a), at_most: None } => format!("{name} > {a}"),
            Self::Between { above: None, at_most: Some(m) } => format!("{name} <= {m}"),
            Self::Between { above: Some(a), at_most: Some(m) } => format!("{a} < {name} <= {m}"),
            Self::Category(code) => format!("{name} = {code}"),
            Self::Missing => format!("{name} is missing"),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.about("value"))
    }
}

/// How each column of a table is cut.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bins {
    columns: Vec<Cuts>,
}

#[derive(Debug, Clone, PartialEq)]
enum Cuts {
    /// Quartiles, ascending, each once.
    Quartiles(Vec<f64>),
    Categories,
}

impl Bins {
    /// Cuts the columns of `training`.
    pub(crate) fn new(features: &[Feature], training: Rows<'_>) -> Result<Self, ExplainError> {
        training.expect("the training table", features.len())?;
        if training.is_empty() {
            return Err(ExplainError::Empty("the training table"));
        }
        let cut = |(column, feature): (usize, &Feature)| match feature.kind {
            FeatureKind::Categorical => Cuts::Categories,
            FeatureKind::Numeric => {
                let mut values: Vec<f64> = training.column(column).into_iter().filter(|v| v.is_finite()).collect();
                values.sort_by(f64::total_cmp);
                let mut quartiles: Vec<f64> = [0.25, 0.5, 0.75].iter().filter_map(|p| quantile(&values, *p)).collect();
                quartiles.dedup();
                Cuts::Quartiles(quartiles)
            }
        };
        Ok(Self { columns: features.iter().enumerate().map(cut).collect() })
    }

    /// What is to be said of `value` in this column.
    pub(crate) fn condition(&self, column: usize, value: f64) -> Condition {
        match &self.columns[column] {
            _ if value.is_nan() => Condition::Missing,
            Cuts::Categories => Condition::Category(value.floor()),
            Cuts::Quartiles(cuts) => {
                let bin = cuts.partition_point(|cut| *cut < value);
                let above = bin.checked_sub(1).and_then(|at| cuts.get(at)).copied();
                Condition::Between { above, at_most: cuts.get(bin).copied() }
            }
        }
    }

    /// What is to be said of each value of a row.
    pub(crate) fn conditions(&self, row: &[f64]) -> Vec<Condition> {
        row.iter().enumerate().map(|(column, value)| self.condition(column, *value)).collect()
    }
}

/// The quantile `p` of ascending values, between neighbours by linear interpolation; `None` when there are no values.
pub(crate) fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = p.clamp(0.0, 1.0) * crate::count(last);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the last index")]
    let below = at.floor() as usize;
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    let part = at - at.floor();
    Some(if part > 0.0 { low + part * (high - low) } else { low })
}
