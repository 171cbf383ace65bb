//! What a table holds, before anything is learnt from it: counts, shapes, relations, and what had better be looked at.
//!
//! The cost is bounded: counts, missing values, distinct values and duplicates look at every row; quantiles, histograms and
//! relations at a sample of at most [`ProfileOptions::sample_rows`] rows (even in all parts of the table, drawn from the seed);
//! pairs of columns at the first [`ProfileOptions::pair_columns`] columns that can be related.
//!
//! ```
//! use rhiza_learn::profile::{ProfileOptions, profile};
//! use rhiza_learn::table::{CsvOptions, Table};
//!
//! let read = Table::from_csv(b"x,y\n1,a\n2,a\n3,b\n,b\n", &CsvOptions::default())?;
//! let profile = profile(&read.table, &ProfileOptions::default())?;
//! assert_eq!((profile.rows, profile.columns[0].missing), (4, 1));
//! # Ok::<(), rhiza_learn::table::TableError>(())
//! ```

mod columns;
mod quality;
mod relations;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::random::{Random, mix};
use crate::table::{Column, Kind, Table, TableError, Values};

pub(crate) use self::columns::quantile;
pub use self::columns::{Bin, ColumnProfile, NumberProfile, TopValue};
pub use self::quality::{Issue, IssueKind, Quality, Severity};
#[cfg(test)]
pub(crate) use self::relations::pearson;
pub use self::relations::{Leak, Measure, Relation};

/// How much is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileOptions {
    /// The column to be predicted: suspects of leakage are looked for against it.
    pub target: Option<String>,
    /// Rows looked at for quantiles, histograms and relations.
    pub sample_rows: usize,
    /// Columns of which every pair is related to each other.
    pub pair_columns: usize,
    /// Bins of histograms.
    pub bins: usize,
    /// Values listed as the most frequent.
    pub top: usize,
    /// Of the sample.
    pub seed: u64,
}

impl Default for ProfileOptions {
    /// 20,000 rows, 60 columns (1,770 pairs), 20 bins, 10 values: under a second for 10,000 × 60.
    fn default() -> Self {
        Self { target: None, sample_rows: 20_000, pair_columns: 60, bins: 20, top: 10, seed: 0 }
    }
}

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Rows of the table.
    pub rows: usize,
    /// Rows that quantiles, histograms and relations come from.
    pub sampled_rows: usize,
    /// One per column.
    pub columns: Vec<ColumnProfile>,
    /// Rows that repeat an earlier one.
    pub duplicate_rows: usize,
    /// Relations between columns, strongest first, those below 0.1 left out.
    pub relations: Vec<Relation>,
    /// Columns that tell the target almost by themselves.
    pub leaks: Vec<Leak>,
    /// How much work the table still needs.
    pub quality: Quality,
}

/// Looks at a table.
///
/// # Errors
/// [`TableError::NoColumn`] if the target is not there.
pub fn profile(table: &Table, options: &ProfileOptions) -> Result<Profile, TableError> {
    let target = options.target.as_deref().map(|name| table.column(name)).transpose()?;
    let rows = sample(table.rows(), options);
    let columns: Vec<ColumnProfile> =
        table.columns().par_iter().map(|column| columns::describe(column, &rows, options)).collect();
    let duplicate_rows = duplicates(table);
    let relations = relations::all(table, &columns, &rows, options);
    let leaks = target.map(|target| relations::leaks(table, target, &columns, &rows)).unwrap_or_default();
    let quality = quality::judge(table, &columns, duplicate_rows, &leaks, target);
    Ok(Profile { rows: table.rows(), sampled_rows: rows.len(), columns, duplicate_rows, relations, leaks, quality })
}

fn sample(rows: usize, options: &ProfileOptions) -> Vec<usize> {
    Random::stream(options.seed, "profile sample", 0).sample(rows, options.sample_rows)
}

/// Rows that repeat an earlier one, by two independent 64-bit hashes of all their values.
fn duplicates(table: &Table) -> usize {
    let mut hashes = vec![(0_u64, 1_u64); table.rows()];
    for column in table.columns() {
        for (row, hash) in hashes.iter_mut().enumerate() {
            let word = word(column, row);
            *hash = (mix(hash.0 ^ word), mix(hash.1.wrapping_add(word).rotate_left(29)));
        }
    }
    let mut seen = HashSet::with_capacity(hashes.len());
    hashes.iter().filter(|hash| !seen.insert(**hash)).count()
}

/// A value as a word: the same for the same value.
fn word(column: &Column, row: usize) -> u64 {
    match &column.values {
        Values::Numeric(values) if values[row].is_nan() => u64::MAX,
        // Both zeros are the same number.
        Values::Numeric(values) => (values[row] + 0.0).to_bits(),
        Values::Boolean(values) => values[row].map_or(u64::MAX, u64::from),
        #[expect(clippy::cast_sign_loss, reason = "only the bits count")]
        Values::Datetime(values) => values[row] as u64,
        Values::Categorical(strings) | Values::Text(strings) => u64::from(strings.codes[row]),
    }
}

/// Whether values of this kind are numbers for relations.
fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Numeric | Kind::Datetime | Kind::Boolean)
}

/// A value as a number; NaN is missing.
fn number(column: &Column, row: usize) -> f64 {
    match &column.values {
        Values::Numeric(values) => values[row],
        Values::Boolean(values) => values[row].map_or(f64::NAN, |value| f64::from(u8::from(value))),
        #[expect(clippy::cast_precision_loss, reason = "microseconds: exact for 285 years around 1970")]
        Values::Datetime(values) => {
            if values[row] == crate::table::NO_TIME {
                f64::NAN
            } else {
                values[row] as f64
            }
        }
        Values::Categorical(strings) | Values::Text(strings) => {
            if strings.codes[row] == crate::table::MISSING {
                f64::NAN
            } else {
                f64::from(strings.codes[row])
            }
        }
    }
}
