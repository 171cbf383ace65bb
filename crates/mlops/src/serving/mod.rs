//! Registered models that answer, in the protocol of MLflow's scoring server.

mod answer;
mod http;
mod request;

pub(crate) use answer::table as table_of;
pub use answer::{Answered, answer, answer_table};
pub use http::router;

#[cfg(test)]
mod tests;
