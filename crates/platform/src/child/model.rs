//! What the two ends say to each other.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a child may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildLimits {
    /// Bytes of memory of its own.
    pub memory: u64,
    /// Processor time, all threads together; seconds are counted, at least one.
    pub processor: Duration,
    /// Largest file it may write, in bytes.
    pub file: u64,
    /// Files open at the same time.
    pub open_files: u64,
    /// Threads it should compute with. Advice: a child that ignores it pays with its processor time.
    pub threads: usize,
}

/// What goes in.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) task: String,
    pub(super) limits: ChildLimits,
    pub(super) input: Value,
}

/// What comes out, a line each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    /// Something on the way.
    News(Value),
    /// The result; the last line.
    Done(Value),
    /// The input cannot be worked on, and why, for the person whose input it is; the last line.
    Refused(String),
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The input is at fault. The text is for the person whose input it is.
    #[error("{0}")]
    Refused(String),
    /// It needed more than it may have: which limit, for the person whose input it is.
    #[error("{0}")]
    Exceeded(String),
    /// Nobody wants the result any more.
    #[error("stopped")]
    Stopped,
    /// It ended without a result, or said what nobody can read.
    #[error("the child process failed: {0}")]
    Failed(String),
    /// It could not be started or talked to.
    #[error("the child process cannot be used")]
    Io(#[from] std::io::Error),
}
