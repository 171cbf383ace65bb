//! From a table to the numbers that learners read: everything learnt from training rows alone, then applied to any row.
//!
//! Two views: [`View::Trees`] leaves numbers as they are (missing stays missing, categories become codes); [`View::Dense`]
//! gives finite numbers of comparable size (imputed with an indicator, standardised, one-hot).
//!
//! | column | trees | dense |
//! |---|---|---|
//! | numeric | as it is | infinities cut to the training range, median for missing, indicator, scaled |
//! | boolean | 0, 1, missing | 0, 1, share of true for missing |
//! | categorical | code by frequency; from [`Options::encode_from`] levels on also target encoding and frequency | one-hot of the frequent levels; from [`Options::encode_from`] levels on target encoding |
//! | datetime | year, month, day, weekday, hour, day of the year, seconds since 1970 | the same, scaled, months, weekdays and hours as points on a circle |
//! | text | [`Options::text_components`] singular directions of TF-IDF, number of words and characters | the same, scaled |
//!
//! *Target encoding* of training rows is out of fold (five folds): a row's own target never reaches its own features.
//! *Unseen categories* are no known category: missing to trees, zeros in one-hot, the overall mean in target encoding, frequency
//! 0. *Columns that are dropped*: those without two different values, and categories that differ in nearly every row.
//! *Missing columns and cells of another kind* at prediction are errors that name them.

mod category;
mod fit;
mod normal;
mod onnx;
mod row;
mod step;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ensemble::{Feature, FeatureKind};
use crate::matrix::{self, Matrix, MatrixError, Target};
use crate::table::{Kind, Table, TableError};

pub(crate) use self::onnx::Inputs;
pub use self::row::Cell;
use self::step::Step;

/// Whom the numbers are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// Trees: order is all that counts, missing is a value.
    Trees,
    /// Trees that know no categories: as for trees, with one-hot and target encoding instead of codes.
    PlainTrees,
    /// Linear models, neighbours, networks, kernels: all numbers finite and of comparable size.
    Dense,
}

/// How numbers are brought to comparable size in the dense view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Mean 0, standard deviation 1.
    Standard,
    /// Ranks among the training values, as quantiles of the normal distribution: outliers lose their weight.
    Normal,
}

/// How columns are turned into numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Whom for.
    pub view: View,
    /// How numbers are scaled in the dense view.
    pub scale: Scale,
    /// Levels that get a one-hot column, the most frequent first.
    pub one_hot: usize,
    /// Levels from which on a category is also encoded by its targets.
    pub encode_from: usize,
    /// Rows of the overall mean that a level's mean is mixed with.
    pub smoothing: f64,
    /// Different words of a text column that are looked at.
    pub text_terms: usize,
    /// Numbers that a text column becomes.
    pub text_components: usize,
}

impl Options {
    /// What has proved itself: up to 20 one-hot columns, target encoding from 10 levels on mixed with 10 rows of the mean, 2,000
    /// words and 32 components of texts.
    #[must_use]
    pub fn new(view: View) -> Self {
        Self {
            view,
            scale: Scale::Standard,
            one_hot: 20,
            encode_from: 10,
            smoothing: 10.0,
            text_terms: 2_000,
            text_components: 32,
        }
    }
}

/// Why a table cannot be turned into numbers.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PrepareError {
    /// A column that is missing, or a cell that is not of the kind it had in training.
    #[error(transparent)]
    Table(#[from] TableError),
    /// No column has two different values.
    #[error("no column can be learnt from: each is constant, empty or names its rows")]
    NoFeatures,
    /// Target and table of different lengths.
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    /// A row of another number of cells than there are columns.
    #[error("a row of {found} cells where {expected} columns are known")]
    RowLength {
        /// Cells given.
        found: usize,
        /// Columns known.
        expected: usize,
    },
    /// A cell of a single row that is not of the column's kind.
    #[error("column {column}: the cell is not {kind}")]
    WrongCell {
        /// Name of the column.
        column: String,
        /// Its kind in training.
        kind: Kind,
    },
}

/// A column of the table as it was in training.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
}

/// What was learnt about turning a table into numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prepare {
    /// All columns of the training table, dropped ones included, in its order.
    sources: Vec<Source>,
    /// What is done with which source.
    steps: Vec<(u32, Step)>,
    view: View,
}

impl Prepare {
    /// Learns from a table of features (without the target) and turns it into numbers. Needs the target for encodings.
    ///
    /// # Errors
    /// [`PrepareError::NoFeatures`] and [`PrepareError::Matrix`].
    pub fn fit(table: &Table, target: &Target, options: &Options, seed: u64) -> Result<(Self, Matrix), PrepareError> {
        fit::fit(table, target, options, seed)
    }

    /// Columns of the training table.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The columns of the result.
    #[must_use]
    pub fn features(&self) -> Vec<Feature> {
        let of_step = |(source, step): &(u32, Step)| step.features(&self.sources[*source as usize].name, self.view);
        self.steps.iter().flat_map(of_step).collect()
    }

    /// For each column of the result the number of the source it comes from.
    #[must_use]
    pub fn origins(&self) -> Vec<usize> {
        self.steps.iter().flat_map(|(source, step)| vec![*source as usize; step.width()]).collect()
    }

    /// Number of columns of the result.
    #[must_use]
    pub fn width(&self) -> usize {
        self.steps.iter().map(|(_, step)| step.width()).sum()
    }

    /// Turns a table with the columns of the training table (others are ignored, order is free) into numbers.
    ///
    /// # Errors
    /// [`PrepareError::Table`] names the column that is missing or the cell that is not of its kind.
    pub fn transform(&self, table: &Table) -> Result<Matrix, PrepareError> {
        let blocks: Vec<Vec<Vec<f64>>> = self
            .steps
            .par_iter()
            .map(|(source, step)| {
                let source = &self.sources[*source as usize];
                let column = table.column(&source.name)?;
                let converted;
                let column = if column.kind() == source.kind {
                    column
                } else {
                    converted = Table::new(vec![column.clone()])?.with_kind(&source.name, source.kind)?;
                    converted.column(&source.name)?
                };
                Ok(step.columns(column))
            })
            .collect::<Result<_, PrepareError>>()?;
        self.assemble(blocks)
    }

    /// Whether numbers read from a file go together, so that nothing goes out of bounds.
    pub(crate) fn is_sound(&self) -> bool {
        self.steps.iter().all(|(source, step)| {
            self.sources.get(*source as usize).is_some_and(|source| step.kind() == source.kind && step.is_sound())
        })
    }

    fn assemble(&self, blocks: Vec<Vec<Vec<f64>>>) -> Result<Matrix, PrepareError> {
        let columns = self.features().into_iter().zip(blocks.into_iter().flatten());
        let column = |(feature, values): (Feature, Vec<f64>)| match feature.kind {
            FeatureKind::Numeric => matrix::Column::numeric(feature.name, values),
            FeatureKind::Categorical => matrix::Column::categorical(feature.name, values),
        };
        Ok(Matrix::new(columns.map(column).collect())?)
    }

    /// Turns one row into numbers: a cell per source, in the order of [`Prepare::sources`]. `into` gets [`Prepare::width`]
    /// numbers. Equal to [`Prepare::transform`] bit by bit.
    ///
    /// # Errors
    /// [`PrepareError::RowLength`] and [`PrepareError::WrongCell`].
    pub fn transform_row(&self, cells: &[Cell<'_>], into: &mut Vec<f64>) -> Result<(), PrepareError> {
        if cells.len() != self.sources.len() {
            return Err(PrepareError::RowLength { found: cells.len(), expected: self.sources.len() });
        }
        into.clear();
        for (source, step) in &self.steps {
            let source_column = &self.sources[*source as usize];
            if !step.row(&cells[*source as usize], into) {
                return Err(PrepareError::WrongCell { column: source_column.name.clone(), kind: source_column.kind });
            }
        }
        Ok(())
    }

    /// The cells of a table's row, in the order of [`Prepare::sources`].
    ///
    /// # Errors
    /// [`PrepareError::Table`] names a column that is missing.
    pub fn cells<'a>(&self, table: &'a Table, row: usize) -> Result<Vec<Cell<'a>>, PrepareError> {
        self.sources.iter().map(|source| Ok(Cell::of(table.column(&source.name)?, row))).collect()
    }
}

/// Strings that many parts share.
type Levels = Arc<[String]>;
