//! Identity through its real routes, behind the real guard, on both databases.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by failing")]

mod access_invitations;
mod access_members;
mod access_projects;
mod access_support;
mod account;
mod authenticator;
mod departure;
mod oidc;
mod passkeys;
mod provider;
mod recovery;
mod registration;
mod second_factor;
mod service_accounts;
mod sessions_keys_projects;
mod site;
mod tokens;
