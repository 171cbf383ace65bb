//! Sign-ins under way: what this installation asked of a browser, an authenticator or another site, kept until the
//! answer comes. The state lies sealed in the database, so that any process can finish what another began; whoever
//! answers shows a token of which only the hash is kept; and every answer is taken once.

mod service;
mod system;

pub(crate) use service::{Challenges, Kind};
