//! Columns cut into at most 256 bins each, so that a value takes one byte and a split is looked for among bins instead of rows.
//!
//! Quantities are cut so that bins hold about equally many rows (the greedy rule of Ke et al., "LightGBM", 2017: a value that
//! alone is more than a bin's share gets a bin of its own); categories get a bin each, the most frequent first. NaN has a bin
//! of its own where it occurs.

use crate::ensemble::{Feature, FeatureKind};
use crate::matrix::{Column, Matrix};
use crate::random::Random;
use rayon::prelude::*;

mod cut;

/// Most bins of one column that hold values; one more code is left for what is missing or unknown.
pub const MAX_BINS: usize = 255;

/// Cut points are taken from at most this many rows: quantiles of 200,000 rows are within 0.3 % of the whole's, and it is what
/// LightGBM looks at.
const SAMPLE: usize = 200_000;

/// How to cut columns into bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BinParams {
    /// Most bins of a column, 2 to [`MAX_BINS`].
    pub max_bins: usize,
    /// A bin of a quantity holds at least this many of the sampled rows.
    pub min_rows: usize,
    /// Which rows are sampled when there are more than 200,000.
    pub seed: u64,
}

impl Default for BinParams {
    /// LightGBM's: 255 bins of at least 3 rows.
    fn default() -> Self {
        Self { max_bins: MAX_BINS, min_rows: 3, seed: 0 }
    }
}

/// A table of bins.
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    pub(crate) rows: usize,
    pub(crate) columns: Vec<Binned>,
}

/// One column of bins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Binned {
    pub(crate) feature: Feature,
    /// The bin of each row.
    pub(crate) codes: Vec<u8>,
    pub(crate) cut: Cut,
}

/// How values become bins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cut {
    /// Bin `b` holds the values in `(upper[b - 1], upper[b]]`; the last bin has no upper end. Where `missing`, one bin more
    /// holds NaN.
    Quantity { upper: Vec<f64>, missing: bool },
    /// Bin `b` holds the category `codes[b]`; one bin more holds everything else.
    Category { codes: Vec<u32> },
}

/// What makes a table unfit to be cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BinError {
    /// A number of bins outside 2 to [`MAX_BINS`].
    #[error("{0} bins: a column can have 2 to {MAX_BINS}")]
    BadBins(usize),
    /// Rows are numbered with 32 bits.
    #[error("{0} rows are more than fit: at most {max}", max = u32::MAX)]
    TooManyRows(usize),
}

impl Bins {
    /// Cuts every column of `matrix`.
    ///
    /// # Errors
    /// [`BinError`] for parameters or a number of rows out of range.
    pub fn new(matrix: &Matrix, params: &BinParams) -> Result<Self, BinError> {
        if !(2..=MAX_BINS).contains(&params.max_bins) {
            return Err(BinError::BadBins(params.max_bins));
        }
        if u32::try_from(matrix.rows()).is_err() {
            return Err(BinError::TooManyRows(matrix.rows()));
        }
        let sample = (matrix.rows() > SAMPLE)
            .then(|| Random::stream(params.seed, "rows for cut points", 0).sample(matrix.rows(), SAMPLE));
        let columns = matrix
            .columns()
            .par_iter()
            .map(|column| {
                let cut = match column.feature.kind {
                    FeatureKind::Numeric => cut::quantity(column.values(), sample.as_deref(), params),
                    FeatureKind::Categorical => cut::category(column.values(), params.max_bins),
                };
                Binned { feature: column.feature.clone(), codes: cut.codes(column), cut }
            })
            .collect();
        Ok(Self { rows: matrix.rows(), columns })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// The columns' names and kinds.
    #[must_use]
    pub fn features(&self) -> Vec<Feature> {
        self.columns.iter().map(|c| c.feature.clone()).collect()
    }
}

impl Cut {
    /// Number of bins, that of missing or unknown values included.
    pub(crate) fn bins(&self) -> usize {
        match self {
            Self::Quantity { upper, missing } => upper.len() + 1 + usize::from(*missing),
            Self::Category { codes } => codes.len() + 1,
        }
    }

    /// Bins that hold values; what is missing or unknown comes after them.
    pub(crate) fn value_bins(&self) -> usize {
        match self {
            Self::Quantity { upper, .. } => upper.len() + 1,
            Self::Category { codes } => codes.len(),
        }
    }

    fn codes(&self, column: &Column) -> Vec<u8> {
        let mut codes = vec![0; column.values().len()];
        match self {
            Self::Quantity { upper, .. } => cut::encode_quantity(upper, column.values(), &mut codes),
            Self::Category { codes: known } => cut::encode_category(known, column.values(), &mut codes),
        }
        codes
    }
}

#[cfg(test)]
mod tests;
