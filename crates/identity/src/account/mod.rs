//! One's own account: name, address, password, what is known of its safety, proving again who one is, and leaving every
//! place where one is signed in.

pub(crate) mod http;
mod service;
mod system;

pub(crate) use service::Accounts;
