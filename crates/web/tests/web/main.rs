//! The kit as callers meet it: real sockets, bytes on the wire, hostile and impatient clients.

mod errors;
mod limits;
mod server;
mod streams;
mod support;
mod wire;
