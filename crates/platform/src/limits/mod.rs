//! How much and how often: rate limits per caller, kind of request and plan, in this process or shared through Redis.
//!
//! Two layers. The address layer stands before authentication: it limits calls that show no credential, and stops a
//! place that keeps showing bad ones before each costs a look into the database. The principal layer stands behind
//! it and counts each key and each person by themselves, so that people who share an address do not share a limit.

mod gcra;
mod http;
mod key;
mod known;
mod limiter;
mod local;
mod plans;
pub mod quota;
mod redis;
mod system;

pub use gcra::{Rate, Verdict};
pub use http::{address_layer, principal_layer, refusal};
pub use key::{Subject, place};
pub use known::{KnownPlaces, PURGE_SCHEDULE, Purge};
pub use limiter::{Limiter, RedisAddressError, RedisOptions};
pub use plans::{Allowances, Class, Plan, Plans};
