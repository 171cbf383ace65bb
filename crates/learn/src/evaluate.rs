//! Fast prediction with an [`Ensemble`]: equal to [`Ensemble::raw`] bit for bit, many times as fast.
//!
//! The thresholds of each column are numbered in ascending order. A row's value is looked up among them once; every comparison in
//! every tree is then one of small whole numbers, a fork takes eight bytes, and several trees (for one row) or several rows (in a
//! batch) go down in step, so that their cache misses overlap. Model files hold those numbers, so that a file becomes a predictor
//! without an ensemble in between ([`crate::format::read_predictor`]).
//!
//! ```
//! # use rhiza_learn::ensemble::{Ensemble, Feature, FeatureKind, Link, Missing, Node, NodeKind, Test, Tree};
//! use rhiza_learn::evaluate::Predictor;
//! # let split = NodeKind::Split { feature: 0, test: Test::AtMost(0.5), missing: Missing::Left, left: 1, right: 2 };
//! # let nodes = [split, NodeKind::Leaf(0), NodeKind::Leaf(1)].map(|kind| Node { kind, cover: 1.0 }).to_vec();
//! # let tree = Tree { output: Some(0), nodes, leaf_values: vec![-1.0, 1.0], category_words: vec![] };
//! # let features = vec![Feature { name: "x".into(), kind: FeatureKind::Numeric }];
//! # let (base, link) = (vec![0.0], Link::Identity);
//! # let ensemble = Ensemble { features, base, link, trees: vec![tree], single_precision_input: false };
//! let predictor = Predictor::new(ensemble)?;
//! assert_eq!(predictor.predict_rows(&[0.2, 0.7, f64::NAN])?, [-1.0, 1.0, -1.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::{Arc, OnceLock};

use crate::ensemble::{Ensemble, EnsembleError, Feature, Link};
use crate::matrix::Matrix;
use rayon::prelude::*;

mod flat;
mod plant;

pub(crate) use flat::{Flat, Fork, MOST, Small, Trees, Wide};
pub(crate) use plant::{Kinds, Planter, grids, missing_left, number_of, part};

/// Nodes of the largest tree whose forks take eight bytes: half of them are leaves.
pub(crate) const SMALL_TREE: usize = u16::MAX as usize;

/// Rows of a batch that go down a tree in step; the tree is in the first-level cache by then.
const LANES: usize = 8;
/// Trees that one row goes down in step: most steps wait for the third-level cache, and processors keep about this many loads in
/// flight.
const TREES: usize = 16;
/// Rows of a block: their numbers stay in the first-level cache while all trees pass over them.
const BLOCK: usize = 64;

/// An ensemble prepared for prediction.
#[derive(Debug, Clone)]
pub struct Predictor {
    features: Vec<Feature>,
    base: Vec<f64>,
    link: Link,
    /// Made when it is first asked for, where `packed` holds it.
    ensemble: OnceLock<Ensemble>,
    /// The content of a file's section, known to be good; none where the ensemble came first.
    packed: Arc<[u8]>,
    /// `None` when the ensemble is of a shape that has no fast form; it is then asked itself.
    flat: Option<Flat>,
}

/// Input that does not fit the ensemble.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PredictError {
    /// Values that do not fill rows of the ensemble's columns.
    #[error("{found} values do not fill rows of the model's {columns} columns")]
    Shape {
        /// How many values came.
        found: usize,
        /// Columns of the ensemble.
        columns: usize,
    },
    /// Room for another number of outputs than the ensemble has.
    #[error("room for {found} outputs, the model has {expected}")]
    Outputs {
        /// Room given.
        found: usize,
        /// Outputs of the ensemble.
        expected: usize,
    },
}

impl Predictor {
    /// Prepares an ensemble.
    ///
    /// # Errors
    /// The fault that [`Ensemble::validate`] finds.
    pub fn new(ensemble: Ensemble) -> Result<Self, EnsembleError> {
        ensemble.validate()?;
        let flat = Flat::new(&ensemble);
        Ok(Self::whole(ensemble, flat))
    }

    /// Of a sound ensemble.
    pub(crate) fn whole(ensemble: Ensemble, flat: Option<Flat>) -> Self {
        let (features, base, link) = (ensemble.features.clone(), ensemble.base.clone(), ensemble.link);
        Self { features, base, link, ensemble: OnceLock::from(ensemble), packed: Arc::from([]), flat }
    }

    /// Of a section that has been found good, and its fast form.
    pub(crate) fn packed(features: Vec<Feature>, base: Vec<f64>, link: Link, packed: Arc<[u8]>, flat: Flat) -> Self {
        Self { features, base, link, ensemble: OnceLock::new(), packed, flat: Some(flat) }
    }

    /// The ensemble. Where the predictor came from a file it is unpacked the first time.
    #[must_use]
    pub fn ensemble(&self) -> &Ensemble {
        self.ensemble.get_or_init(|| {
            let unpacked = crate::format::decode_ensemble(&self.packed);
            debug_assert!(unpacked.is_ok(), "everything in it was checked when it was read");
            let nothing = |_| {
                let (features, base) = (self.features.clone(), self.base.clone());
                Ensemble { features, base, link: self.link, trees: Vec::new(), single_precision_input: false }
            };
            unpacked.unwrap_or_else(nothing)
        })
    }

    /// The section of a model file that holds it.
    pub(crate) fn section(&self) -> Vec<u8> {
        if self.packed.is_empty() { crate::format::encode_ensemble(self.ensemble()) } else { self.packed.to_vec() }
    }

    /// The columns it reads.
    #[must_use]
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// Number of raw outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.base.len()
    }

    /// From raw outputs to predictions.
    #[must_use]
    pub fn link(&self) -> Link {
        self.link
    }

    /// The raw outputs of one row: what [`Ensemble::raw`] gives.
    ///
    /// # Errors
    /// [`PredictError`] when `row` has not a value per column or `raw` not a place per output.
    pub fn raw(&self, row: &[f64], raw: &mut [f64]) -> Result<(), PredictError> {
        self.check(row.len(), raw.len())?;
        match &self.flat {
            Some(flat) => flat.row(row, &self.base, raw),
            None => self.ensemble().raw(row, raw),
        }
        Ok(())
    }

    /// The prediction for one row: its raw outputs through the link.
    ///
    /// # Errors
    /// As [`Predictor::raw`].
    pub fn predict(&self, row: &[f64], out: &mut [f64]) -> Result<(), PredictError> {
        self.raw(row, out)?;
        self.link.apply(out);
        Ok(())
    }

    /// The raw outputs of many rows, given and returned row by row.
    ///
    /// # Errors
    /// [`PredictError::Shape`] when the values do not fill rows.
    pub fn raw_rows(&self, rows: &[f64]) -> Result<Vec<f64>, PredictError> {
        self.map_rows(rows, false)
    }

    /// The predictions for many rows, given and returned row by row.
    ///
    /// # Errors
    /// [`PredictError::Shape`] when the values do not fill rows.
    pub fn predict_rows(&self, rows: &[f64]) -> Result<Vec<f64>, PredictError> {
        self.map_rows(rows, true)
    }

    /// The predictions for the rows of a matrix, row by row.
    ///
    /// # Errors
    /// [`PredictError::Shape`] when it has another number of columns.
    pub fn predict_matrix(&self, matrix: &Matrix) -> Result<Vec<f64>, PredictError> {
        let (columns, found) = (self.features.len(), matrix.width());
        if columns != found {
            return Err(PredictError::Shape { found, columns });
        }
        if columns == 0 {
            let mut one = self.base.clone();
            self.predict(&[], &mut one)?;
            return Ok(one.repeat(matrix.rows()));
        }
        self.predict_rows(&matrix.to_rows())
    }

    fn check(&self, values: usize, places: usize) -> Result<(), PredictError> {
        let (columns, expected) = (self.features.len(), self.outputs());
        if values != columns {
            return Err(PredictError::Shape { found: values, columns });
        }
        if places != expected {
            return Err(PredictError::Outputs { found: places, expected });
        }
        Ok(())
    }

    fn map_rows(&self, rows: &[f64], link: bool) -> Result<Vec<f64>, PredictError> {
        let (columns, outputs) = (self.features.len(), self.outputs());
        if columns == 0 || !rows.len().is_multiple_of(columns) {
            return Err(PredictError::Shape { found: rows.len(), columns });
        }
        let mut out = vec![0.0; rows.len() / columns * outputs];
        out.par_chunks_mut(BLOCK * outputs).zip(rows.par_chunks(BLOCK * columns)).for_each(|(out, rows)| {
            match &self.flat {
                Some(flat) => flat.block(rows, columns, &self.base, out),
                None => {
                    let pairs = rows.chunks(columns).zip(out.chunks_mut(outputs));
                    pairs.for_each(|(row, out)| self.ensemble().raw(row, out));
                }
            }
            if link {
                out.chunks_mut(outputs).for_each(|out| self.link.apply(out));
            }
        });
        Ok(out)
    }
}

#[cfg(test)]
mod tests;
