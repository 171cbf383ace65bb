//! Why a model says what it says, in terms of a table's own columns.
//!
//! [`explain`] divides what is said of rows among their columns. Asked for over the network, any kind of explanation is a job: it
//! is made in a child process, kept, and can be compared with others.

mod answer;
mod asked;
mod encode;
mod explain;
mod http;
mod jobs;
mod model;
mod service;
mod store;
mod task;
mod trees;
mod wire;
mod wire_result;

pub(crate) use asked::truth;
pub(crate) use encode::{Encoded, Encoding};
pub use explain::{ExplainOptions, ExplanationDocument, Method, RowValues, explain};
pub use http::router;
pub use jobs::ExplainModels;
pub use task::ExplainModel;

#[cfg(test)]
mod tests;
