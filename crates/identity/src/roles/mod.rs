//! The roles of an organisation: the fixed ones, and those it makes itself out of permissions.

pub(crate) mod http;
mod model;
mod service;
pub(crate) mod store;

pub(crate) use model::{NewRole, OwnRole, RoleChange, description};
