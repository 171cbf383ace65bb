//! The members of an organisation: who they are, what role they have, and their leaving.

pub(crate) mod http;
mod model;
mod service;
pub(crate) mod store;
pub(crate) mod system;

pub(crate) use model::Listed;
