//! What a single column holds.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{ProfileOptions, number, word};
use crate::table::{Column, Kind, Values, datetime};

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// How its values are read.
    pub kind: Kind,
    /// Rows with a value.
    pub count: usize,
    /// Rows without.
    pub missing: usize,
    /// Different values.
    pub distinct: usize,
    /// Infinite numbers.
    pub infinite: usize,
    /// All rows that have a value have the same one (also if none has).
    pub constant: bool,
    /// Nearly every row has a value of its own, as names and numbers of things have.
    pub identifier: bool,
    /// The most frequent values of a column that is not of numbers or dates.
    pub top: Vec<TopValue>,
    /// Of numbers, dates (in seconds since 1970) and texts (their length in characters).
    pub numbers: Option<NumberProfile>,
    /// First and last of dates.
    pub range: Option<(String, String)>,
}

/// A value and how often it occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopValue {
    /// The value.
    pub value: String,
    /// Rows that hold it.
    pub count: usize,
}

/// The shape of finite numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumberProfile {
    /// Mean of all rows.
    pub mean: f64,
    /// Standard deviation (n − 1) of all rows.
    pub deviation: f64,
    /// Smallest.
    pub minimum: f64,
    /// Largest.
    pub maximum: f64,
    /// Quantiles 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99 of the sample, interpolated linearly.
    pub quantiles: [f64; 7],
    /// `m₃ / m₂^1.5` of the sample.
    pub skew: f64,
    /// `m₄ / m₂² − 3` of the sample.
    pub kurtosis: f64,
    /// Rows that are exactly zero.
    pub zeros: usize,
    /// Rows below zero.
    pub negative: usize,
    /// Equal steps from the sample's smallest to its largest.
    pub histogram: Vec<Bin>,
}

/// A bar of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Where it begins; the last includes its end.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Rows of the sample in it.
    pub count: usize,
}

/// The quantiles of [`NumberProfile::quantiles`].
const QUANTILES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
/// Share of different values among the rows that makes an identifier…
const IDENTIFIER_SHARE: f64 = 0.98;
/// …of at least so many rows.
const IDENTIFIER_ROWS: usize = 20;

pub(super) fn describe(column: &Column, sample: &[usize], options: &ProfileOptions) -> ColumnProfile {
    let rows = column.values.len();
    let missing = (0..rows).filter(|row| column.is_missing(*row)).count();
    let (distinct, top) = frequencies(column, options.top);
    let kind = column.kind();
    let scale = if kind == Kind::Datetime { 1e-6 } else { 1.0 };
    let infinite = match &column.values {
        Values::Numeric(values) => values.iter().filter(|v| v.is_infinite()).count(),
        _ => 0,
    };
    let numbers = match (&column.values, kind) {
        (_, Kind::Numeric | Kind::Datetime) => shape(rows, sample, options.bins, |row| number(column, row) * scale),
        (Values::Text(strings), _) => shape(rows, sample, options.bins, |row| {
            #[expect(clippy::cast_precision_loss, reason = "the length of a text")]
            strings.get(row).map_or(f64::NAN, |text| text.chars().count() as f64)
        }),
        _ => None,
    };
    ColumnProfile {
        name: column.name.clone(),
        kind,
        count: rows - missing,
        missing,
        distinct,
        infinite,
        constant: distinct <= 1,
        identifier: is_identifier(column, rows - missing, distinct),
        top,
        numbers,
        range: range(column),
    }
}

fn range(column: &Column) -> Option<(String, String)> {
    let Values::Datetime(values) = &column.values else { return None };
    let there = || values.iter().copied().filter(|v| *v != crate::table::NO_TIME);
    Some((datetime::display(there().min()?), datetime::display(there().max()?)))
}

fn is_identifier(column: &Column, count: usize, distinct: usize) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
    let unique = count >= IDENTIFIER_ROWS && distinct as f64 >= IDENTIFIER_SHARE * count as f64;
    unique
        && match &column.values {
            // Measurements differ, too; what counts rows is whole and without gaps.
            Values::Numeric(values) => {
                let (low, high) = values
                    .iter()
                    .filter(|v| !v.is_nan())
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
                #[expect(clippy::cast_precision_loss, reason = "a number of rows")]
                let dense = high - low <= 1.1 * count as f64;
                dense && values.iter().all(|v| v.is_nan() || v.fract() == 0.0)
            }
            Values::Categorical(_) => true,
            _ => false,
        }
}

/// Number of different values, and the most frequent of those that have names.
fn frequencies(column: &Column, top: usize) -> (usize, Vec<TopValue>) {
    let strings = match &column.values {
        Values::Categorical(strings) | Values::Text(strings) => strings,
        Values::Boolean(values) => {
            let count = |truth: bool| values.iter().filter(|v| **v == Some(truth)).count();
            let mut both: Vec<TopValue> = [true, false]
                .map(|truth| TopValue { value: truth.to_string(), count: count(truth) })
                .into_iter()
                .filter(|value| value.count > 0)
                .collect();
            both.sort_by_key(|value| std::cmp::Reverse(value.count));
            return (both.len(), both);
        }
        _ => {
            let words = (0..column.values.len()).filter(|row| !column.is_missing(*row)).map(|row| word(column, row));
            return (words.collect::<std::collections::HashSet<_>>().len(), Vec::new());
        }
    };
    let mut counts: HashMap<u32, usize> = HashMap::new();
    for code in strings.codes.iter().filter(|code| **code != crate::table::MISSING) {
        *counts.entry(*code).or_default() += 1;
    }
    let distinct = counts.len();
    let mut counts: Vec<(u32, usize)> = counts.into_iter().collect();
    counts.sort_unstable_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
    counts.truncate(top);
    let named = |(code, count): (u32, usize)| TopValue { value: strings.levels[code as usize].clone(), count };
    (distinct, counts.into_iter().map(named).collect())
}

/// `None` where there is no finite number.
#[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
fn shape(rows: usize, sample: &[usize], bins: usize, value: impl Fn(usize) -> f64) -> Option<NumberProfile> {
    let (mut n, mut mean, mut squares) = (0_usize, 0.0, 0.0);
    let (mut minimum, mut maximum, mut zeros, mut negative) = (f64::INFINITY, f64::NEG_INFINITY, 0, 0);
    for value in (0..rows).map(&value).filter(|v| v.is_finite()) {
        // Welford's recurrence: stable where the mean is large.
        n += 1;
        let before = value - mean;
        mean += before / n as f64;
        squares += before * (value - mean);
        minimum = f64::min(minimum, value);
        maximum = f64::max(maximum, value);
        zeros += usize::from(value == 0.0);
        negative += usize::from(value < 0.0);
    }
    if n == 0 {
        return None;
    }
    let mut seen: Vec<f64> = sample.iter().map(|row| value(*row)).filter(|v| v.is_finite()).collect();
    if seen.is_empty() {
        seen.push(mean);
    }
    seen.sort_by(f64::total_cmp);
    let centre = seen.iter().sum::<f64>() / seen.len() as f64;
    let moment = |power: i32| seen.iter().map(|v| (v - centre).powi(power)).sum::<f64>() / seen.len() as f64;
    let (second, third, fourth) = (moment(2), moment(3), moment(4));
    let spread = second > 0.0;
    Some(NumberProfile {
        mean,
        deviation: if n > 1 { (squares / (n - 1) as f64).sqrt() } else { 0.0 },
        minimum,
        maximum,
        quantiles: QUANTILES.map(|q| quantile(&seen, q)),
        skew: if spread { third / second.powf(1.5) } else { 0.0 },
        kurtosis: if spread { fourth / (second * second) - 3.0 } else { 0.0 },
        zeros,
        negative,
        histogram: histogram(&seen, bins),
    })
}

/// The quantile `q` of sorted, non-empty numbers, interpolated linearly between ranks.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank")]
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    if low == high { low } else { low + (high - low) * at.fract() }
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a bin")]
fn histogram(sorted: &[f64], bins: usize) -> Vec<Bin> {
    let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
    // Halves first: the difference of the largest numbers is infinite.
    let step = (high / bins.max(1) as f64) - (low / bins.max(1) as f64);
    if step <= 0.0 || !step.is_finite() {
        return vec![Bin { from: low, to: high, count: sorted.len() }];
    }
    let mut counts = vec![0; bins];
    for value in sorted {
        counts[(((value - low) / step) as usize).min(bins - 1)] += 1;
    }
    let edge = |bin: usize| if bin == bins { high } else { low + step * bin as f64 };
    counts.into_iter().enumerate().map(|(bin, count)| Bin { from: edge(bin), to: edge(bin + 1), count }).collect()
}
