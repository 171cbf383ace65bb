//! The second factor: codes of an authenticator app (RFC 6238), each good once, and recovery codes for the day the
//! device is lost. A sign-in whose first factor was right waits for the second under a secret of its own, for ten
//! minutes and five attempts.

pub(crate) mod http;
mod model;
mod service;
pub(crate) mod system;

pub(crate) use service::{SecondFactor, begin, stranger};
pub use system::SEALED_TOTP;
