//! Signing in at an OpenID provider (OpenID Connect Core 1.0, authorization code flow with PKCE).
//!
//! The server keeps what a sign-in under way needs (nonce, PKCE verifier, where to go afterwards) sealed in the database;
//! the browser gets the name of it as `state` and a secret in a `__Host-` cookie. Only who brings both can finish: a
//! `state` that somebody else began signs nobody in (login CSRF).
//!
//! ## Whose account it is
//!
//! 1. A provider's account that was linked before, by issuer and subject, opens the account it was linked to.
//! 2. Somebody who is signed in, and proved so lately, can link their account at a provider to the one here.
//! 3. A provider's account that is new here, with an address that has an account here, is *not* let into it: whoever runs
//!    or tricks a provider could take over any account by claiming its address. It is let in, and linked, only where the
//!    operator has said `trusted_emails = true` of the provider, the provider says `email_verified`, and the address was
//!    verified here too: without the last, who registers somebody else's address first would share the account with them.
//! 4. Somebody new gets an account where the provider names an `organization`, says `email_verified`, and the address is
//!    in one of `allowed_domains`; they join that organisation as a viewer. Others follow the link of an invitation and go
//!    to the provider from there: it must say `email_verified` of the address that was invited.
//!
//! Whoever has an authenticator app here is asked for it after all this, unless the provider says that it has seen two
//! factors, or is trusted to.

mod client;
mod cookie;
pub(crate) mod http;
mod model;
mod service;
mod system;

pub use model::OidcProvider;
pub(crate) use service::{Oidc, Seams};
