//! The way back in for who has forgotten the password: a link to their address, once and for half an hour. It replaces
//! the password and nothing else: whoever has a second factor is asked for it as always.

pub(crate) mod http;
mod service;
pub(crate) mod system;

pub(crate) use service::{Recovery, acceptable};
