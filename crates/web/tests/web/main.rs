//! The kit as callers meet it: real sockets, bytes on the wire, hostile and impatient clients.

#[cfg(test)]
mod errors;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod server;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod support;
#[cfg(test)]
mod wire;
