//! Taking one's data along, and going: everything that is kept about a person as one document, and an account that ends.
//! What they made belongs to their organisations and stays; their row stays too, without anything about them, because
//! the audit chain and what they made refer to it.

pub(crate) mod http;
mod service;
mod store_rows;
mod system;

pub(crate) use service::Departures;
