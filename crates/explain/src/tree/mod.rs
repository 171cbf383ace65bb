//! Exact Shapley values of tree ensembles.

use crate::{ExplainError, Explanation, Rows};
use fearless_simd::Level;
use kernel::{LANES, Lanes};
use plan::Plan;
use rayon::prelude::*;
use rhiza_learn::ensemble::Ensemble;
use std::sync::Arc;
use task::{Task, Values, with_vectors};

mod background;
mod interactions;
mod kernel;
mod plan;
mod quadrature;
mod sums;
mod task;
mod walk;

#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

pub use interactions::Interactions;

/// Blocks that go through a tree before the next tree: enough to share the tree's tape, few enough to stay in the cache.
const BLOCKS: usize = 16;
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
        let plan = Plan::new(&ensemble, false);
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
            .for_each(|(values, rows)| {
                let task = Task { ensemble: &self.ensemble, plan: &self.plan };
                with_vectors(level, Values { task, rows, values });
            });
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
}
