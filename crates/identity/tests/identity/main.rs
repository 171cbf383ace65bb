//! Identity through its real routes, behind the real guard, on both databases.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod authenticator;
mod passkeys;
mod service_accounts;
mod sessions_keys_projects;
mod site;
