//! Exact Shapley values of tree ensembles.

use crate::{ExplainError, Explanation, Rows};
use fearless_simd::{Level, Simd, dispatch};
use kernel::{Block, LANES, Lanes, Memory, Turns};
use plan::{Plan, Tape};
use rayon::prelude::*;
use rhiza_learn::ensemble::Ensemble;
use std::sync::Arc;

mod kernel;
mod plan;
mod quadrature;

/// Blocks that go through a tree before the next tree: enough to share the tree's tape, few enough to stay in the cache.
const BLOCKS: usize = 16;
/// Tapes that a block goes through before the next block.
const TAPES: usize = 8;
/// Bytes that the sums of one task may take.
const SUMS: usize = 4 << 20;

/// Takes the predictions of one ensemble apart, in its raw outputs, by the shares of training rows that took each turn
/// ("path-dependent" TreeSHAP: Lundberg and others, "From local explanations to global understanding with explainable AI for
/// trees", 2020).
///
/// A column that is not known is averaged over: at each test on it both turns are taken, weighted by the cover of the children. The
/// values are the exact Shapley values of that game; nothing is sampled. Making an explainer costs about as much as explaining a
/// hundred rows, so keep it.
///
/// ```
/// use rhiza_explain::{Rows, TreeExplainer};
/// use rhiza_learn::ensemble::{Ensemble, Feature, FeatureKind, Link, Missing, Node, NodeKind, Test, Tree};
/// let split = NodeKind::Split { feature: 0, test: Test::AtMost(0.5), missing: Missing::Left, left: 1, right: 2 };
/// let tree = Tree {
///     output: Some(0),
///     nodes: vec![
///         Node { kind: split, cover: 4.0 },
///         Node { kind: NodeKind::Leaf(0), cover: 3.0 },
///         Node { kind: NodeKind::Leaf(1), cover: 1.0 },
///     ],
///     leaf_values: vec![0.0, 8.0],
///     category_words: vec![],
/// };
/// let ensemble = Ensemble {
///     features: vec![Feature { name: "x".into(), kind: FeatureKind::Numeric }],
///     base: vec![1.0],
///     link: Link::Identity,
///     trees: vec![tree],
///     single_precision_input: false,
/// };
/// let explanation = TreeExplainer::new(ensemble)?.explain(Rows::new(&[1.0], 1)?)?;
/// assert_eq!(explanation.base(), &[3.0]);
/// assert!((explanation.parts(0, 0)[0] - 6.0).abs() < 1e-12);
/// # Ok::<(), rhiza_explain::ExplainError>(())
/// ```
#[derive(Debug, Clone)]
pub struct TreeExplainer {
    ensemble: Arc<Ensemble>,
    plan: Plan,
}

impl TreeExplainer {
    /// Prepares the explanation of `ensemble`.
    ///
    /// # Errors
    /// [`ExplainError::Ensemble`] when it contradicts itself.
    pub fn new(ensemble: impl Into<Arc<Ensemble>>) -> Result<Self, ExplainError> {
        let ensemble = ensemble.into();
        ensemble.validate()?;
        let plan = Plan::new(&ensemble);
        Ok(Self { ensemble, plan })
    }

    /// What is explained.
    #[must_use]
    pub fn ensemble(&self) -> &Ensemble {
        &self.ensemble
    }

    /// What the ensemble says on average over its training rows, per raw output: the value that the parts are added to.
    #[must_use]
    pub fn base(&self) -> &[f64] {
        &self.plan.base
    }

    /// The Shapley value of each column, for each row and raw output. The bits do not depend on the number of threads.
    ///
    /// # Errors
    /// [`ExplainError::Columns`] when the rows are not as wide as the ensemble's table.
    pub fn explain(&self, rows: Rows<'_>) -> Result<Explanation, ExplainError> {
        let columns = self.ensemble.features.len();
        rows.expect("the table to explain", columns)?;
        let (used, outputs) = (self.plan.used.len(), self.plan.base.len());
        let mut values = vec![0.0; rows.len() * columns * outputs];
        let per_block = (used * outputs).max(1) * size_of::<Lanes>();
        let blocks = BLOCKS.min(SUMS / per_block).max(1);
        let level = Level::new();
        values
            .par_chunks_mut(blocks * LANES * columns * outputs)
            .zip(rows.values().par_chunks(blocks * LANES * columns))
            .for_each(|(values, rows)| dispatch!(level, simd => self.task(simd, rows, values)));
        Ok(Explanation::new(rows.len(), columns, self.plan.base.clone(), values))
    }

    /// The raw outputs of each row, output after output within a row.
    ///
    /// # Errors
    /// [`ExplainError::Columns`] when the rows are not as wide as the ensemble's table.
    pub fn raw(&self, rows: Rows<'_>) -> Result<Vec<f64>, ExplainError> {
        rows.expect("the table to explain", self.ensemble.features.len())?;
        let outputs = self.ensemble.outputs();
        let mut raw = vec![0.0; rows.len() * outputs];
        raw.par_chunks_mut(outputs).enumerate().for_each(|(row, raw)| self.ensemble.raw(rows.row(row), raw));
        Ok(raw)
    }

    /// [`TreeExplainer::explain`], with every row's parts added up and compared with what the ensemble predicts.
    ///
    /// # Errors
    /// As [`TreeExplainer::explain`]; [`ExplainError::NotAdditive`] when a sum is off by more than a millionth of the row's largest
    /// number, which would be a fault of this crate.
    pub fn explain_checked(&self, rows: Rows<'_>) -> Result<Explanation, ExplainError> {
        let explanation = self.explain(rows)?;
        explanation.check_additivity(&self.raw(rows)?, 1e-6)?;
        Ok(explanation)
    }

    /// Explains some rows on one thread.
    #[inline(always)]
    fn task<S: Simd>(&self, simd: S, rows: &[f64], values: &mut [f64]) {
        let columns = self.ensemble.features.len();
        let (used, outputs) = (self.plan.used.len(), self.plan.base.len());
        let blocks: Vec<Planes> = rows.chunks(LANES * columns).map(|rows| self.planes(rows)).collect();
        let mut sums = vec![vec![Lanes([0.0; LANES]); used * outputs]; blocks.len()];
        let mut memory = Memory::new(self.plan.levels);
        for tapes in self.plan.tapes.chunks(TAPES) {
            for (block, sums) in blocks.iter().zip(&mut sums) {
                let block = Block { planes: &block.planes, place: &block.place };
                for tape in tapes {
                    let sums = &mut sums[tape.output * used..(tape.output + 1) * used];
                    self.one(simd, tape, &block, &mut memory, sums);
                }
            }
        }
        for (values, sums) in values.chunks_mut(LANES * columns * outputs).zip(&sums) {
            for (lane, values) in values.chunks_exact_mut(columns * outputs).enumerate() {
                for (values, sums) in values.chunks_exact_mut(columns).zip(sums.chunks_exact(used.max(1))) {
                    for (column, sum) in self.plan.used.iter().zip(sums) {
                        values[*column] = sum.0[lane];
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn one<S: Simd>(&self, simd: S, tape: &Tape, block: &Block<'_>, memory: &mut Memory, sums: &mut [Lanes]) {
        match tape.count {
            1 => simd.vectorize(
                #[inline(always)]
                || kernel::play::<S, 1>(simd, tape, block, self, memory, sums),
            ),
            2 => simd.vectorize(
                #[inline(always)]
                || kernel::play::<S, 2>(simd, tape, block, self, memory, sums),
            ),
            3 => simd.vectorize(
                #[inline(always)]
                || kernel::play::<S, 3>(simd, tape, block, self, memory, sums),
            ),
            _ => simd.vectorize(
                #[inline(always)]
                || kernel::play::<S, 4>(simd, tape, block, self, memory, sums),
            ),
        }
    }

    /// The used columns of up to [`LANES`] rows, each in one piece; with NaN made −∞ besides, where a test wants NaN on the left.
    fn planes(&self, rows: &[f64]) -> Planes {
        let columns = self.ensemble.features.len();
        let used = &self.plan.used;
        let mut planes = vec![Lanes([0.0; LANES]); used.len()];
        for (lane, row) in rows.chunks_exact(columns).enumerate() {
            for (plane, column) in planes.iter_mut().zip(used) {
                plane.0[lane] = self.read(row[*column]);
            }
        }
        let mut place = Vec::with_capacity(2 * used.len());
        for (number, wants_low) in self.plan.wants_low.iter().enumerate() {
            place.push(number);
            if *wants_low && planes[number].0.iter().any(|x| x.is_nan()) {
                let low = planes[number].0.map(|x| if x.is_nan() { f64::NEG_INFINITY } else { x });
                place.push(planes.len());
                planes.push(Lanes(low));
            } else {
                place.push(number);
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "an ensemble numbers columns with 32 bits")]
        let place = place.into_iter().map(|n| n as u32).collect();
        Planes { planes, place }
    }

    /// A value as the ensemble reads it.
    #[expect(clippy::cast_possible_truncation, reason = "rounding to single precision is what is asked for")]
    fn read(&self, value: f64) -> f64 {
        if self.ensemble.single_precision_input { f64::from(value as f32) } else { value }
    }
}

struct Planes {
    planes: Vec<Lanes>,
    place: Vec<u32>,
}

impl Turns for TreeExplainer {
    fn turns(&self, odd: u32, values: &Lanes) -> Lanes {
        let odd = &self.plan.odd[odd as usize];
        let tree = &self.ensemble.trees[odd.tree as usize];
        Lanes(values.0.map(|x| if tree.goes_left(x, odd.test, odd.missing) { -1.0 } else { 1.0 }))
    }
}
