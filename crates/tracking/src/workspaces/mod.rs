//! What MLflow's clients ask of the server itself: whether it is well, which version's protocol it speaks, what it
//! offers, and which workspaces there are. A workspace is a project under its slug; projects belong to identity, so
//! this folder sees them through the port [`Workspaces`] and creates or changes none.

pub mod http;
pub mod model;
mod ports;

pub use http::{WorkspacesState, router};
pub use model::Workspace;
pub use ports::Workspaces;

#[cfg(test)]
mod tests;
