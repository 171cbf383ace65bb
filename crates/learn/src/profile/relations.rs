//! How columns go together, and which of them tell the target.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::columns::ColumnProfile;
use super::{ProfileOptions, is_number, number};
use crate::table::{Column, Kind, Table};

/// How a relation is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Numbers with numbers, −1 to 1: straight lines.
    Pearson,
    /// Numbers with numbers, −1 to 1: Pearson's of the ranks, ties at their mean.
    Spearman,
    /// Categories with categories, 0 to 1: `√(χ² / n / (min(rows, columns) − 1))`, with Bergsma's correction for chance.
    CramersV,
    /// Categories with numbers, 0 to 1: `√(variance between / variance)`.
    CorrelationRatio,
}

/// How two columns go together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    /// One column.
    pub a: String,
    /// The other.
    pub b: String,
    /// How it is measured.
    pub measure: Measure,
    /// How strong it is.
    pub value: f64,
}

/// A column that tells the target almost by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leak {
    /// The column.
    pub column: String,
    /// Share of what there is to know that it tells, 0 to 1: of the rows that guessing the commonest class gets wrong, or of
    /// the target's variance.
    pub strength: f64,
}

/// Relations weaker than this are not listed.
const WEAKEST: f64 = 0.1;
/// A column that tells this share of the target is suspect.
const LEAK: f64 = 0.98;
/// Categories of more levels are names; nothing general can be said by them.
const LEVELS: usize = 200;

pub(super) fn all(
    table: &Table,
    profiles: &[ColumnProfile],
    rows: &[usize],
    options: &ProfileOptions,
) -> Vec<Relation> {
    let usable: Vec<usize> = (0..profiles.len())
        .filter(|at| {
            let profile = &profiles[*at];
            !profile.constant && profile.kind != Kind::Text && (is_number(profile.kind) || profile.distinct <= LEVELS)
        })
        .take(options.pair_columns)
        .collect();
    let values: Vec<Vec<f64>> =
        usable.par_iter().map(|at| rows.iter().map(|row| number(&table.columns()[*at], *row)).collect()).collect();
    let pairs: Vec<(usize, usize)> =
        (0..usable.len()).flat_map(|a| (a + 1..usable.len()).map(move |b| (a, b))).collect();
    let mut relations: Vec<Relation> = pairs
        .par_iter()
        .flat_map_iter(|(a, b)| {
            let kinds = (profiles[usable[*a]].kind, profiles[usable[*b]].kind);
            related(&values[*a], &values[*b], is_number(kinds.0), is_number(kinds.1)).into_iter().map(
                |(measure, value)| Relation {
                    a: profiles[usable[*a]].name.clone(),
                    b: profiles[usable[*b]].name.clone(),
                    measure,
                    value,
                },
            )
        })
        .filter(|relation| relation.value.abs() >= WEAKEST)
        .collect();
    relations.sort_by(|x, y| y.value.abs().total_cmp(&x.value.abs()));
    relations
}

/// The measures that fit two columns, over the rows where both have finite values.
fn related(a: &[f64], b: &[f64], a_number: bool, b_number: bool) -> Vec<(Measure, f64)> {
    let (a, b): (Vec<f64>, Vec<f64>) =
        a.iter().zip(b).filter(|(x, y)| x.is_finite() && y.is_finite()).map(|(x, y)| (*x, *y)).unzip();
    if a.len() < 3 {
        return Vec::new();
    }
    match (a_number, b_number) {
        (true, true) => {
            vec![(Measure::Pearson, pearson(&a, &b)), (Measure::Spearman, pearson(&ranks(&a), &ranks(&b)))]
        }
        (false, false) => vec![(Measure::CramersV, cramers_v(&a, &b))],
        (false, true) => vec![(Measure::CorrelationRatio, correlation_ratio(&a, &b))],
        (true, false) => vec![(Measure::CorrelationRatio, correlation_ratio(&b, &a))],
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
pub(crate) fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let (mean_a, mean_b) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let (mut product, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (x - mean_a, y - mean_b);
        product += x * y;
        square_a += x * x;
        square_b += y * y;
    }
    let spread = (square_a * square_b).sqrt();
    if spread > 0.0 && spread.is_finite() { (product / spread).clamp(-1.0, 1.0) } else { 0.0 }
}

/// Ranks from 1; equal values share the mean of theirs.
#[expect(clippy::cast_precision_loss, reason = "a rank")]
pub(crate) fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let end = start + order[start..].iter().take_while(|row| values[**row] == values[order[start]]).count().max(1);
        let shared = (start + 1 + end) as f64 / 2.0;
        order[start..end].iter().for_each(|row| ranks[*row] = shared);
        start = end;
    }
    ranks
}

fn key(value: f64) -> u64 {
    value.to_bits()
}

/// Bergsma, "A bias-correction for Cramér's V and Tschuprow's T", 2013.
#[expect(clippy::cast_precision_loss, reason = "numbers of rows and levels")]
fn cramers_v(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let mut cells: BTreeMap<(u64, u64), f64> = BTreeMap::new();
    let (mut of_a, mut of_b): (BTreeMap<u64, f64>, BTreeMap<u64, f64>) = Default::default();
    for (x, y) in a.iter().zip(b) {
        *cells.entry((key(*x), key(*y))).or_default() += 1.0;
        *of_a.entry(key(*x)).or_default() += 1.0;
        *of_b.entry(key(*y)).or_default() += 1.0;
    }
    // Σ (o − e)² / e = Σ o² / e − n, where empty cells add nothing to the sum.
    let over: f64 = cells.iter().map(|((x, y), o)| o * o * n / (of_a[x] * of_b[y])).sum();
    let (r, c) = (of_a.len() as f64, of_b.len() as f64);
    let phi = (((over - n) / n) - (r - 1.0) * (c - 1.0) / (n - 1.0)).max(0.0);
    let (r, c) = (r - (r - 1.0).powi(2) / (n - 1.0), c - (c - 1.0).powi(2) / (n - 1.0));
    let smaller = (r - 1.0).min(c - 1.0);
    if smaller > 0.0 { (phi / smaller).sqrt().min(1.0) } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
fn correlation_ratio(groups: &[f64], values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let total: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    let mut sums: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for (group, value) in groups.iter().zip(values) {
        let sum = sums.entry(key(*group)).or_default();
        *sum = (sum.0 + 1.0, sum.1 + value - mean);
    }
    let between: f64 = sums.values().map(|(n, sum)| sum * sum / n).sum();
    if total > 0.0 { (between / total).sqrt().min(1.0) } else { 0.0 }
}

/// Bins of a column with so many rows say something by themselves.
const BIN_ROWS: usize = 5;
/// Bins that numbers are cut into.
const BINS: usize = 50;

/// Columns that tell at least [`LEAK`] of the target, strongest first.
pub(super) fn leaks(table: &Table, target: &Column, profiles: &[ColumnProfile], rows: &[usize]) -> Vec<Leak> {
    let truth: Vec<f64> = rows.iter().map(|row| number(target, *row)).collect();
    let distinct = profiles.iter().find(|p| p.name == target.name).map_or(0, |p| p.distinct);
    let classes = !matches!(target.kind(), Kind::Numeric | Kind::Datetime) || distinct <= 20;
    let mut leaks: Vec<Leak> = table
        .columns()
        .par_iter()
        .zip(profiles)
        .filter(|(column, profile)| column.name != target.name && !profile.constant && column.kind() != Kind::Text)
        .filter_map(|(column, _)| {
            let values: Vec<f64> = rows.iter().map(|row| number(column, *row)).collect();
            let bins = if is_number(column.kind()) { cut(&values) } else { values };
            let strength = if classes { told_classes(&bins, &truth) } else { told_numbers(&bins, &truth) };
            (strength >= LEAK).then(|| Leak { column: column.name.clone(), strength })
        })
        .collect();
    leaks.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    leaks
}

/// Numbers as the number of their bin, bins of about equal count; few different numbers are bins themselves.
fn cut(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let mut different = sorted.clone();
    different.dedup();
    if different.len() <= BINS {
        return values.to_vec();
    }
    let edges: Vec<f64> = (1..BINS).map(|bin| sorted[bin * sorted.len() / BINS]).collect();
    #[expect(clippy::cast_precision_loss, reason = "the number of a bin")]
    let bin = |v: &f64| if v.is_nan() { f64::NAN } else { edges.partition_point(|edge| edge < v) as f64 };
    values.iter().map(bin).collect()
}

/// Rows by bin; rows without a target are left out, bins of a few rows too.
fn by_bin<'a>(bins: &'a [f64], truth: &'a [f64]) -> Vec<Vec<f64>> {
    let mut groups: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for (bin, y) in bins.iter().zip(truth).filter(|(_, y)| y.is_finite()) {
        groups.entry(key(*bin)).or_default().push(*y);
    }
    groups.into_values().filter(|rows| rows.len() >= BIN_ROWS).collect()
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
fn told_classes(bins: &[f64], truth: &[f64]) -> f64 {
    let groups = by_bin(bins, truth);
    let commonest = |rows: &[f64]| {
        let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
        rows.iter().for_each(|y| *counts.entry(key(*y)).or_default() += 1);
        counts.values().copied().max().unwrap_or(0)
    };
    let all: Vec<f64> = groups.concat();
    // Bins too small to count are rows that nothing is told about.
    let n = truth.iter().filter(|y| y.is_finite()).count();
    let base = commonest(&all) + (n - all.len());
    let told: usize = groups.iter().map(|rows| commonest(rows)).sum();
    if n > base { told.saturating_sub(commonest(&all)) as f64 / (n - commonest(&all)) as f64 } else { 0.0 }
}

fn told_numbers(bins: &[f64], truth: &[f64]) -> f64 {
    let groups = by_bin(bins, truth);
    let labels: Vec<f64> = groups.iter().enumerate().flat_map(|(at, g)| vec![f64::from(at as u32); g.len()]).collect();
    let all = groups.concat();
    let n = truth.iter().filter(|y| y.is_finite()).count();
    if all.len() * 2 < n { 0.0 } else { correlation_ratio(&labels, &all).powi(2) }
}
