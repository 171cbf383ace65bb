//! The first start: an installation without an owner prints a link that can be used once, and whoever follows it
//! becomes the owner. There is no default password anywhere. `init_owner` does the same without a browser.

pub(crate) mod http;
mod model;
mod service;
pub(crate) mod system;

pub use model::{NewOwner, Owner, SetupToken};
pub(crate) use service::Setup;
pub use service::{ensure_link, init_owner};
