//! Who has a role in a single project, beside the role in the organisation: people, teams and service accounts.

pub(crate) mod http;
mod model;
mod service;
pub(crate) mod store;
mod system;

pub(crate) use model::{Given, Subject};
