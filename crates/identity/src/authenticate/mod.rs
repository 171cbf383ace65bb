//! From a credential to a caller: the implementation of the platform's `Authenticator`.

mod notes;
mod service;
mod system;

pub(crate) use notes::{FailedSignIn, Notes};
pub use service::IdentityAuthenticator;
pub(crate) use service::{Known, Who};
