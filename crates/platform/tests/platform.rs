//! The platform on both databases.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by failing")]

#[path = "platform/audit.rs"]
mod audit;
#[path = "platform/audit_retention.rs"]
mod audit_retention;
#[path = "platform/backup.rs"]
mod backup;
#[path = "platform/child.rs"]
mod child;
#[path = "platform/http.rs"]
mod http;
#[path = "platform/jobs.rs"]
mod jobs;
#[path = "platform/jobs_interleavings.rs"]
mod jobs_interleavings;
#[path = "platform/limits.rs"]
mod limits;
#[path = "platform/limits_redis.rs"]
mod limits_redis;
#[path = "platform/mail.rs"]
mod mail;
#[path = "platform/outbound.rs"]
mod outbound;
#[path = "platform/outbox.rs"]
mod outbox;
#[path = "platform/quotas.rs"]
mod quotas;
#[path = "platform/secrets.rs"]
mod secrets;

use rhiza_store::MigrationSet;

/// The schema the tests need.
const SETS: &[MigrationSet] = &[rhiza_platform::MIGRATIONS];
