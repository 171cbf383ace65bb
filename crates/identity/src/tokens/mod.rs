//! Access tokens: short-lived JWTs that programs show instead of a key, the refresh tokens behind them, and the keys
//! they are signed with. A token says who and within which limits, never which role: what it opens is looked up, so
//! that a change of roles or a revocation counts at once and not when the token ends.

mod gate;
pub(crate) mod http;
mod jwt;
mod model;
mod service;
mod signing;
mod store;
pub(crate) mod system;

pub(crate) use gate::TokenGate;
pub(crate) use jwt::{Issuer, Verified};
pub(crate) use model::{Family, RefreshHash, RefreshText};
pub(crate) use service::{Issued, KnownFamilies, KnownTokens, NewFamily, Tokens};
pub(crate) use signing::SigningKeys;
pub use signing::{RotatedKey, rotate_signing_key};
pub use system::SEALED_SIGNING_KEYS;
