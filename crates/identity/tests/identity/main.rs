//! Identity through its real routes, behind the real guard, on both databases.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod access_invitations;
mod access_members;
mod access_projects;
mod access_support;
mod account;
mod authenticator;
mod departure;
mod passkeys;
mod recovery;
mod registration;
mod second_factor;
mod service_accounts;
mod sessions_keys_projects;
mod site;
mod tokens;
