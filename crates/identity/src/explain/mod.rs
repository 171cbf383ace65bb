//! Why something is allowed or denied: the roles that count, the policies that led to the answer, what the credential is
//! limited to, and whom to ask.

pub(crate) mod http;
mod service;
mod store;

pub(crate) use service::{Asked, RoleHeld};
