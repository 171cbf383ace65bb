//! Invitations: a letter with a secret that makes whoever has the letter's address a member. It can be used once, for a
//! week, and gives no more than whoever sent it could still give when it is used.

pub(crate) mod http;
mod model;
mod service;
pub(crate) mod store;
pub(crate) mod system;

pub(crate) use model::{Invitation, NewInvitation, Offer};
pub(crate) use service::{Invitations, accept, is_to};
