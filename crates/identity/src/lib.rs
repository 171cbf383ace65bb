//! Who is calling: organisations and their projects, people, browser sessions, API keys, and the first set-up.
//!
//! [`Identity`] is the slice put together. It hands the server its routes ([`router`]), the implementation of the
//! platform's authenticator ([`Identity::authenticator`]) and a small background loop ([`Identity::run`]).

mod access;
mod account;
mod authenticate;
mod challenges;
mod departure;
mod errors;
mod explain;
mod fresh;
mod freshness;
#[cfg(test)]
mod freshness_tests;
mod http;
mod identity;
mod invitations;
mod keys;
mod letters;
mod members;
mod oidc;
mod organizations;
mod passkeys;
mod people;
mod project_members;
mod recovery;
mod registration;
mod roles;
mod second_factor;
mod secret_link;
mod service_accounts;
mod sessions;
pub mod setup;
mod teams;
mod throttle;
mod tokens;
mod trail;

pub use authenticate::IdentityAuthenticator;
pub use errors::IdentityError;
pub(crate) use http::refuse;
pub use http::router;
pub use identity::{Identity, IdentityOptions};
pub use keys::{ApiKey, KeyText, Networks, NewKey, Scopes};
pub use letters::WriteLetters;
pub use oidc::OidcProvider;
pub use organizations::{
    DEFAULT_SLUG, NewProject, Organization, PlacedProject, PlanSet, Project, ProjectChange, ProjectDirectory,
    ProjectRef, Projects, Slug, placed_projects, set_plan,
};
pub use people::{Email, Me, PasswordCost, Passwords, PasswordsBusy, PersonName, User, member_addresses};
pub use registration::{RegistrationMode, RegistrationRules};
pub use second_factor::SEALED_TOTP;
pub use sessions::SessionLimits;
pub use throttle::{Attempt, Throttle};
pub use tokens::http::well_known;
pub use tokens::{RotatedKey, SEALED_SIGNING_KEYS, rotate_signing_key};

use rhiza_store::{Migration, MigrationSet};

/// The slice's tables.
pub const MIGRATIONS: MigrationSet = MigrationSet {
    slice: "identity",
    migrations: &[
        Migration { version: 1, name: "init", sql: include_str!("migrations/0001_init.sql") },
        Migration { version: 2, name: "access", sql: include_str!("migrations/0002_access.sql") },
        Migration { version: 3, name: "people", sql: include_str!("migrations/0003_people.sql") },
        Migration { version: 4, name: "tokens", sql: include_str!("migrations/0004_tokens.sql") },
        Migration { version: 5, name: "changes", sql: include_str!("migrations/0005_changes.sql") },
    ],
};
