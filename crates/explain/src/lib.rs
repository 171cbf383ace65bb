//! Why a model says what it says. Values in, values out: no I/O, no clock, no global randomness; the same input and seed give the
//! same bits whatever the number of threads.
//!
//! | question | of tree ensembles | of any model ([`Predict`]) |
//! |---|---|---|
//! | what each column adds to a prediction | [`TreeExplainer::explain`] (exact, by the training rows' turns), [`TreeExplainer::explain_against`] (exact, against a background) | [`KernelShap`], [`PermutationShap`] (with standard errors); [`LinearExplainer`] for linear ones |
//! | what pairs of columns add together | [`TreeExplainer::interactions`] (exact) | |
//! | a simple model nearby | | [`LimeTabular`], [`LimeText`] |
//! | a rule that suffices | | [`Anchors`] |
//! | what would have to be different | | [`Counterfactuals`] |
//! | how the prediction moves with a column | | [`partial_dependence`] with the line of each row, [`partial_dependence_surface`], [`ale`], [`ale_of_categories`] |
//! | what a column is worth | [`Explanation::summary`], [`Explanation::importance`] | [`PermutationImportance`], [`DropColumnImportance`] |
//! | pictures of many explanations | [`Explanation::beeswarm`], [`Explanation::dependence`] | |
//!
//! Tables are [`Rows`]: numbers row by row, NaN for "missing", categories as their codes. A model is anything that implements
//! [`Predict`]: a [`rhiza_learn::evaluate::Predictor`], its [`Raw`] outputs, or a [`Function`].

mod anchors;
mod bins;
mod counterfactual;
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

pub use anchors::{Anchor, AnchorRule, Anchors, most_likely};
pub use bins::Condition;
pub use counterfactual::{Change, ColumnRule, Counterfactual, Counterfactuals, Goal};
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
