//! Tables and models as files, whatever wrote them.

mod cells;
mod model;
mod table;
#[cfg(test)]
mod tests;

pub use cells::{cell, record};
pub(crate) use model::numbers;
pub use model::{AnyModel, Prediction, PredictionDocument};
pub use table::{Format, ReadTable, read_table};
