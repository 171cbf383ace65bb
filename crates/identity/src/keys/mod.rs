//! API keys: long random secrets that programs present. A key belongs to one project or to the whole organisation,
//! carries scopes, and can never do more than the person or the service account it acts for can do today.

mod format;
pub(crate) mod grants;
pub(crate) mod http;
mod model;
mod networks;
mod service;
pub(crate) mod store;
pub(crate) mod system;

pub(crate) use format::KeyHash;
pub use format::KeyText;
pub use model::{ApiKey, Scopes};
pub use networks::Networks;
pub use service::NewKey;
pub(crate) use service::{Keys, KnownKeys, record_created};
