//! API keys: long random secrets that programs present. A key belongs to one project or to the whole organisation,
//! carries scopes, and can never do more than the person who answers for it can do today.

mod format;
pub(crate) mod http;
mod model;
mod service;
pub(crate) mod store;
pub(crate) mod system;

pub use format::{KeyHash, KeyText};
pub use model::{ApiKey, Scopes};
pub use service::{Keys, NewKey};
pub(crate) use service::{KnownKeys, record_created};
