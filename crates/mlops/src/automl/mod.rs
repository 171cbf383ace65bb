//! From a table to a leaderboard and a model.

mod summary;

pub use summary::{Line, Summary, Winner};
