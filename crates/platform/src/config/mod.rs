//! The settings of an installation: one commented file that is the defaults, the sample and the manual; layers over it;
//! and a check that lists every fault at once. Nothing here reads a file or a variable: the binary hands them in.

mod check;
mod layers;
mod model;
mod production;
mod reference;
mod secrets;

pub use check::{Fault, Faults, check};
pub use layers::load;
pub use model::{
    AuditConfig, Config, DatabaseConfig, Environment, IdentityConfig, JobsConfig, LimitsConfig, LogFormat, MailConfig,
    OidcConfig, OutboundConfig, PlanConfig, Registration, SecretsConfig, ServerConfig, StorageConfig, TelemetryConfig,
    TrackingConfig,
};
pub use reference::reference;

/// The settings file that holds every default.
pub const DEFAULTS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/default.toml"));
