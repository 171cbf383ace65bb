//! Why a model says what it says, in terms of a table's own columns: words, dates and categories included.
//!
//! Explainers know numbers only. A table's rows become numbers (a category is its code, a date its microseconds) and, each time
//! the model is asked, become a table again; so every model is explained as it is, preparation and all. Trees, and our own models
//! that are sums of trees, can be taken apart exactly instead: [`Method::Tree`].

mod encode;
mod explain;
#[cfg(test)]
mod tests;
mod trees;

pub use explain::{ExplainOptions, ExplanationDocument, Method, RowValues, explain};
