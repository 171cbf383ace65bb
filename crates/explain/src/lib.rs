//! Why a model says what it says. Values in, values out: no I/O, no clock, no global randomness.

mod error;
mod explanation;
mod rows;
mod tree;

pub use error::ExplainError;
pub use explanation::Explanation;
pub use rows::Rows;
pub use tree::{Interactions, TreeExplainer};
