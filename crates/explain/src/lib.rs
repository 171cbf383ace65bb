//! Why a model says what it says. Values in, values out: no I/O, no clock, no global randomness.

mod bins;
mod effects;
mod error;
mod explanation;
mod importance;
mod lime;
mod predict;
mod rows;
mod shap;
mod solve;
mod statistics;
mod summary;
mod tree;

pub use bins::Condition;
pub use effects::{
    AccumulatedEffect, PartialDependence, PartialDependenceSurface, ale, ale_of_categories, grid, partial_dependence,
    partial_dependence_surface,
};
pub use error::ExplainError;
pub use explanation::Explanation;
pub use importance::{DropColumnImportance, Importance, Importances, PermutationImportance};
pub use lime::{LimeExplanation, LimeRule, LimeTabular, LimeText, TextExplanation, WordWeight};
pub use predict::{Function, Predict, Raw};
pub use rows::Rows;
pub use shap::{Estimate, KernelShap, LinearExplainer, LinearModel, PermutationShap};
pub use summary::{ColumnSummary, Dependence, Swarm};
pub use tree::{Interactions, TreeExplainer};

#[expect(clippy::cast_precision_loss, reason = "counts of rows and columns are below 2^53")]
const fn count(n: usize) -> f64 {
    n as f64
}
