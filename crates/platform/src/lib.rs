//! The services every slice shares, so that no slice invents its own: who may do what, the audit chain, events,
//! durable jobs, mail, sealed secrets, idempotent requests, limits, configuration, guarded requests to the outside,
//! health, telemetry, backups, and the runtime they all live in.

pub mod audit;
pub mod authz;
pub mod backup;
pub mod child;
pub mod config;
pub mod events;
pub mod health;
pub mod idempotency;
pub mod jobs;
pub mod limits;
pub mod mail;
pub mod outbound;
pub mod outbox;
pub mod runtime;
pub mod secrets;
pub mod telemetry;

use rhiza_store::{Migration, MigrationSet};

/// The tables of this crate.
pub const MIGRATIONS: MigrationSet = MigrationSet {
    slice: "platform",
    migrations: &[
        Migration { version: 1, name: "init", sql: include_str!("migrations/0001_init.sql") },
        Migration { version: 2, name: "mail", sql: include_str!("migrations/0002_mail.sql") },
        Migration { version: 3, name: "secrets", sql: include_str!("migrations/0003_secrets.sql") },
        Migration { version: 4, name: "limits", sql: include_str!("migrations/0004_limits.sql") },
        Migration { version: 5, name: "audit", sql: include_str!("migrations/0005_audit.sql") },
    ],
};
