//! Browser sessions: an opaque token in a cookie, its hash in the database. Signing in always makes a new one, so a
//! token planted beforehand opens nothing.

pub(crate) mod cookie;
pub(crate) mod http;
mod model;
mod service;
pub(crate) mod store;
mod switch;
pub(crate) mod system;

pub(crate) use model::{How, Method, Session, SessionHash, SessionToken};
pub use service::SessionLimits;
pub(crate) use service::{Browser, Entrance, KnownSessions, Opened, Sessions, caller, person};
