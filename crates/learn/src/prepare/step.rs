//! What is done with one column.

use serde::{Deserialize, Serialize};

use super::category::Category;
use super::normal::Normal;
use super::text::Text;
use super::{Cell, View};
use crate::ensemble::{Feature, FeatureKind};
use crate::table::cells::{self, Decimal};
use crate::table::datetime::{self, Order};
use crate::table::{Column, Kind, NO_TIME, Values};

/// Numbers of the dense view lie within this distance of 0.
pub(super) const FAR: f64 = 1e6;

/// What is done with one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Step {
    Number(Number),
    Truth(Number),
    Category(Category),
    Time(Time),
    Text(Text),
}

/// A number and what it becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Number {
    /// `None`: as it is (trees).
    pub(super) dense: Option<Dense>,
    /// A second column says whether the value is missing.
    pub(super) indicator: bool,
}

/// From a number to one of comparable size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Dense {
    /// Instead of missing.
    pub(super) fill: f64,
    /// Smallest and largest finite number of the training rows: infinities become these.
    pub(super) range: (f64, f64),
    pub(super) scaling: Scaling,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Scaling {
    /// `(x − shift) × factor`.
    Linear {
        shift: f64,
        factor: f64,
    },
    Normal(Normal),
}

impl Dense {
    pub(super) fn apply(&self, value: f64) -> f64 {
        let value = if value.is_nan() { self.fill } else { value };
        // Only infinities are cut: a large finite number is a large number.
        let value = if value.is_infinite() { value.clamp(self.range.0, self.range.1) } else { value };
        match &self.scaling {
            // Numbers far outside the training range would overflow distances and products.
            Scaling::Linear { shift, factor } => ((value - shift) * factor).clamp(-FAR, FAR),
            Scaling::Normal(normal) => normal.apply(value),
        }
    }
}

impl Number {
    fn push(&self, value: f64, into: &mut impl Extend<f64>) {
        into.extend(std::iter::once(self.dense.as_ref().map_or(value, |dense| dense.apply(value))));
        if self.indicator {
            into.extend(std::iter::once(f64::from(u8::from(value.is_nan()))));
        }
    }
}

/// Parts of a point in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Time {
    /// One per part of [`Time::parts`].
    pub(super) numbers: Vec<Number>,
    /// Months, weekdays and hours as sine and cosine.
    pub(super) circles: bool,
    /// Some training row has a time of day.
    pub(super) hours: bool,
}

impl Time {
    /// Seconds since 1970, year, month, day, weekday, day of the year, and the hour where there are hours.
    pub(super) fn parts(micros: Option<i64>, hours: bool) -> Vec<f64> {
        let Some(micros) = micros else { return vec![f64::NAN; 6 + usize::from(hours)] };
        let at = datetime::parts(micros);
        #[expect(clippy::cast_precision_loss, reason = "seconds and years")]
        let (seconds, year) = (micros as f64 / 1e6, at.year as f64);
        let mut parts = vec![seconds, year];
        parts.extend([at.month, at.day, at.weekday, at.day_of_year].map(f64::from));
        if hours {
            parts.push(f64::from(at.hour) + f64::from(at.minute) / 60.0);
        }
        parts
    }

    fn names(&self) -> Vec<&'static str> {
        let mut names = vec!["seconds", "year", "month", "day", "weekday", "day_of_year"];
        if self.hours {
            names.push("hour");
        }
        names
    }

    /// The part's number and the length of its circle.
    pub(super) fn periods(&self) -> impl Iterator<Item = (usize, f64)> {
        [(2, 12.0), (4, 7.0), (6, 24.0)].into_iter().filter(|(part, _)| self.circles && *part < self.numbers.len())
    }

    fn push(&self, micros: Option<i64>, into: &mut impl Extend<f64>) {
        let parts = Self::parts(micros, self.hours);
        self.numbers.iter().zip(&parts).for_each(|(number, part)| number.push(*part, into));
        for (part, period) in self.periods() {
            let angle = parts[part] / period * std::f64::consts::TAU;
            let point = if angle.is_nan() { [0.0, 0.0] } else { [angle.sin(), angle.cos()] };
            into.extend(point);
        }
    }
}

impl Step {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Number(_) => Kind::Numeric,
            Self::Truth(_) => Kind::Boolean,
            Self::Category(_) => Kind::Categorical,
            Self::Time(_) => Kind::Datetime,
            Self::Text(_) => Kind::Text,
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        let number = |number: &Number| {
            number.dense.as_ref().is_none_or(|dense| {
                dense.range.0 <= dense.range.1
                    && !matches!(&dense.scaling, Scaling::Normal(normal) if !normal.is_sound())
            })
        };
        match self {
            Self::Number(own) | Self::Truth(own) => number(own),
            Self::Category(category) => category.is_sound(),
            Self::Time(time) => time.numbers.len() == 6 + usize::from(time.hours) && time.numbers.iter().all(number),
            Self::Text(text) => text.is_sound(),
        }
    }

    pub(super) fn width(&self) -> usize {
        match self {
            Self::Number(number) | Self::Truth(number) => 1 + usize::from(number.indicator),
            Self::Category(category) => category.width(),
            Self::Time(time) => {
                time.numbers.iter().map(|n| 1 + usize::from(n.indicator)).sum::<usize>() + 2 * time.periods().count()
            }
            Self::Text(text) => text.width(),
        }
    }

    pub(super) fn features(&self, name: &str, view: View) -> Vec<Feature> {
        let numeric = |name: String| Feature { name, kind: FeatureKind::Numeric };
        let with_indicator = |number: &Number, name: String| {
            let indicator = number.indicator.then(|| numeric(format!("{name} is missing")));
            std::iter::once(numeric(name)).chain(indicator).collect::<Vec<_>>()
        };
        match self {
            Self::Number(number) | Self::Truth(number) => with_indicator(number, name.to_owned()),
            Self::Category(category) => category.features(name, view),
            Self::Time(time) => {
                let names = time.names();
                let parts = time.numbers.iter().zip(&names);
                let mut features: Vec<Feature> =
                    parts.flat_map(|(number, part)| with_indicator(number, format!("{name}.{part}"))).collect();
                for (part, _) in time.periods() {
                    features.extend(["sin", "cos"].map(|side| numeric(format!("{name}.{}.{side}", names[part]))));
                }
                features
            }
            Self::Text(text) => text.features(name),
        }
    }

    /// All rows of a column of the right kind, as columns of the result.
    pub(super) fn columns(&self, column: &Column) -> Vec<Vec<f64>> {
        let rows = column.values.len();
        let width = self.width();
        let mut flat: Vec<f64> = Vec::with_capacity(rows * width);
        match (self, &column.values) {
            (Self::Number(number), Values::Numeric(values)) => values.iter().for_each(|v| number.push(*v, &mut flat)),
            (Self::Truth(number), Values::Boolean(values)) => {
                values.iter().for_each(|v| number.push(truth(*v), &mut flat));
            }
            (Self::Category(category), Values::Categorical(strings)) => {
                let codes: Vec<Option<u32>> = strings.levels.iter().map(|level| category.code(level)).collect();
                let code = |code: &u32| codes.get(*code as usize).copied().flatten();
                strings.codes.iter().for_each(|c| category.push(code(c), &mut flat));
            }
            (Self::Time(time), Values::Datetime(values)) => {
                values.iter().for_each(|v| time.push((*v != NO_TIME).then_some(*v), &mut flat));
            }
            (Self::Text(text), Values::Text(strings)) => {
                let levels: Vec<Vec<f64>> = strings.levels.iter().map(|level| text.numbers(Some(level))).collect();
                let missing = text.numbers(None);
                strings.codes.iter().for_each(|c| flat.extend(levels.get(*c as usize).unwrap_or(&missing)));
            }
            // The caller has converted the column to the step's kind.
            _ => flat.resize(rows * width, f64::NAN),
        }
        (0..width).map(|at| flat.iter().skip(at).step_by(width).copied().collect()).collect()
    }

    /// One row's numbers; `false` for a cell of another kind.
    pub(super) fn row(&self, cell: &Cell<'_>, into: &mut Vec<f64>) -> bool {
        match self {
            Self::Number(number) => match as_number(cell) {
                Some(value) => number.push(value, into),
                None => return false,
            },
            Self::Truth(number) => match *cell {
                Cell::Missing => number.push(f64::NAN, into),
                Cell::Truth(value) => number.push(truth(Some(value)), into),
                Cell::Number(value) if value == 0.0 || value == 1.0 => number.push(value, into),
                Cell::Text("true" | "True" | "yes" | "1") => number.push(1.0, into),
                Cell::Text("false" | "False" | "no" | "0") => number.push(0.0, into),
                _ => return false,
            },
            Self::Category(category) => match *cell {
                Cell::Missing => category.push(None, into),
                Cell::Text(text) => category.push(category.code(text), into),
                Cell::Number(value) => category.push(category.code(&value.to_string()), into),
                Cell::Truth(value) => category.push(category.code(&value.to_string()), into),
            },
            Self::Time(time) => match *cell {
                Cell::Missing => time.push(None, into),
                #[expect(clippy::cast_possible_truncation, reason = "a point in time; extremes are cut")]
                Cell::Number(seconds) if seconds.is_finite() => time.push(Some((seconds * 1e6).round() as i64), into),
                Cell::Text(text) => match datetime::parse(text, Order::MonthFirst) {
                    Some(micros) => time.push(Some(micros), into),
                    None => return false,
                },
                _ => return false,
            },
            Self::Text(text) => match *cell {
                Cell::Missing => into.extend(text.numbers(None)),
                Cell::Text(words) => into.extend(text.numbers(Some(words))),
                _ => return false,
            },
        }
        true
    }
}

fn truth(value: Option<bool>) -> f64 {
    value.map_or(f64::NAN, |value| f64::from(u8::from(value)))
}

fn as_number(cell: &Cell<'_>) -> Option<f64> {
    match *cell {
        Cell::Missing => Some(f64::NAN),
        Cell::Number(value) => Some(value),
        Cell::Truth(value) => Some(truth(Some(value))),
        Cell::Text(text) if cells::is_missing(text.trim()) => Some(f64::NAN),
        Cell::Text(text) => cells::number(text, Decimal::Point),
    }
}
