//! Requests to the outside: the one place where HTTP clients are made. Addresses that users give are guarded: the name
//! is resolved here, every address it resolves to must be public or allowed by the operator, and the connection goes to
//! the address that was checked, so a name that answers differently the next time changes nothing. Each redirect is a
//! new address and is checked the same way.
//!
//! [`operator_client`] makes clients for addresses the operator set; these are trusted as they are.

mod address;
mod allow;
mod client;
mod error;
mod operator;
mod redirect;
mod request;
mod resolve;
mod response;
mod tls;

pub use allow::{AllowList, AllowListError};
pub use client::{GuardedClient, Limits, Outbound, Purpose};
pub use error::OutboundError;
pub use operator::{OperatorClient, operator_client};
pub use request::GuardedRequest;
pub use resolve::{Looking, Lookup};
pub use response::GuardedResponse;
