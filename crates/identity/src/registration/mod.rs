//! How people come: by registering, where the settings allow it, and proving their address; or by an invitation.

pub(crate) mod http;
mod model;
mod service;
mod system;

pub use model::{RegistrationMode, RegistrationRules};
pub(crate) use service::{Came, Registrations};
