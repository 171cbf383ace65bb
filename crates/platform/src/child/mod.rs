//! Work that must not take the server down, in a process of its own: the same program started again as `rhiza job-child`, with
//! limits on memory, processor time and files, an empty environment, no network, and no file but those of the folder it works
//! in. It says what it found line by line; whoever started it reads, checks and keeps that. A dead child is a failed attempt
//! with its reason.
//!
//! The two ends are [`Children::run`] in the server and [`serve`] in the child. Between them are lines of JSON: one goes in
//! (task, limits, input), any number come out ([`Said`](model::Said)). Standard input stays open as long as the server lives
//! and wants the result; when it closes, the child ends by itself.

mod confine;
mod model;
mod parent;
mod task;
mod workshop;

pub use model::{ChildError, ChildLimits};
pub use parent::{Children, Work};
pub use task::{Speak, Task, TaskError, Workplace, serve};
pub use workshop::{WorkFolder, Workshop};
