//! Passkeys (WebAuthn Level 3): discoverable credentials that made sure of their user. A sign-in with one counts as
//! password and second factor, and asks for no address: the authenticator knows whose passkey it is.
//!
//! Passkeys belong to the host name people type. They are offered where `server.public_url` (in development:
//! `localhost`) is a name; a site reached by its IP address has none, for browsers refuse them there.

pub(crate) mod http;
mod model;
mod service;
mod site;
mod system;

pub(crate) use model::Passkey;
pub(crate) use service::Passkeys;
pub(crate) use site::Site;
