//! Teams: members of an organisation who get roles in projects together.

pub(crate) mod http;
mod model;
mod service;
pub(crate) mod store;

pub(crate) use model::{NewTeam, Team, TeamChange};
