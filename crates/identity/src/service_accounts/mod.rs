//! Accounts of programs: a name, a role, and keys that stay when the person who made them leaves.

pub(crate) mod http;
mod model;
mod service;
mod store;

pub(crate) use model::ServiceAccount;
pub(crate) use service::{AccountChange, NewAccount, ServiceAccounts};
