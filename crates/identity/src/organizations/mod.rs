//! Organisations and their projects: the walls everything else stands inside. A project's slug is its name in URLs,
//! in `X-Rhiza-Project` and, for MLflow clients, of the workspace.

mod directory;
pub(crate) mod http;
pub(crate) mod http_mine;
pub(crate) mod http_settings;
mod mine;
mod model;
mod service;
mod settings;
pub(crate) mod store;
pub(crate) mod system;

pub(crate) use directory::choose;
pub use directory::{ProjectDirectory, ProjectRef};
pub use model::{DEFAULT_SLUG, Organization, Project, Slug};
pub use service::{NewProject, ProjectChange, Projects};
pub use system::{PlacedProject, PlanSet, placed_projects, set_plan};
