//! Whether settings can work together, and whether they are fit for production. Lists every fault at once.

use std::fmt;

use rhiza_kernel::{Coded, ErrorCode, Role};
use secrecy::ExposeSecret as _;

use super::model::{Config, Environment, Registration};
use super::{production, secrets};

/// One fault of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The setting, as `section.name`; empty when the file as a whole is at fault.
    pub setting: String,
    /// What is wrong with it and what would be right.
    pub detail: String,
}

impl Fault {
    pub(super) fn new(setting: &str, detail: impl Into<String>) -> Self {
        Self { setting: setting.to_owned(), detail: detail.into() }
    }
}

/// All faults of the settings; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the settings cannot be used:")?;
        for fault in &self.0 {
            write!(f, "\n  {} {}", fault.setting, fault.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl Coded for Faults {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidArgument
    }

    fn public_detail(&self) -> String {
        self.to_string()
    }
}

/// Every fault of `config`.
#[must_use]
pub fn check(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    check_server(config, &mut faults);
    check_places(config, &mut faults);
    check_limits(config, &mut faults);
    secrets::check_mail(config, &mut faults);
    secrets::check_secrets(config, &mut faults);
    check_registration(config, &mut faults);
    if config.env == Environment::Production {
        production::check(config, &mut faults);
    }
    faults
}

fn check_server(config: &Config, faults: &mut Vec<Fault>) {
    let server = &config.server;
    if server.tls_certificate.is_empty() != server.tls_key.is_empty() {
        faults.push(Fault::new("server.tls_certificate", "and server.tls_key must both be set, or neither"));
    }
    if !server.public_url.is_empty() && server.public_url.trim_end_matches('/').parse::<rhiza_web::Origin>().is_err() {
        faults.push(Fault::new("server.public_url", "must be an address like https://rhiza.example.org"));
    }
    for origin in &server.cors_origins {
        if origin != "*" && origin.parse::<rhiza_web::Origin>().is_err() {
            faults.push(Fault::new("server.cors_origins", format!("{origin:?} is not an origin like https://a.org")));
        }
    }
    for network in &server.trusted_proxies {
        if rhiza_web::TrustedProxies::parse([network]).is_err() {
            faults.push(Fault::new("server.trusted_proxies", format!("{network:?} is not a network like 10.0.0.0/8")));
        }
    }
    for (name, value) in [
        ("server.request_timeout_seconds", server.request_timeout_seconds),
        ("server.body_limit_kib", server.body_limit_kib as u64),
        ("server.max_connections", server.max_connections as u64),
        ("database.max_connections", u64::from(config.database.max_connections)),
        ("identity.session_idle_hours", u64::from(config.identity.session_idle_hours)),
        ("identity.session_days", u64::from(config.identity.session_days)),
        ("identity.password_hashers", config.identity.password_hashers as u64),
        ("jobs.concurrency", config.jobs.concurrency as u64),
        ("jobs.child_memory_mib", config.jobs.child_memory_mib),
        ("jobs.child_processor_seconds", config.jobs.child_processor_seconds),
    ] {
        if value == 0 {
            faults.push(Fault::new(name, "must be at least 1"));
        }
    }
    if server.drain_seconds > 30 {
        faults.push(Fault::new("server.drain_seconds", "must be at most 30: a stopping process may not take longer"));
    }
    for allowed in &config.outbound.allow {
        if let Err(error) = crate::outbound::AllowList::parse([allowed]) {
            faults.push(Fault::new("outbound.allow", error.to_string()));
        }
    }
    for (name, provider) in &config.identity.oidc {
        let setting = |part: &str| format!("identity.oidc.{name}.{part}");
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            faults.push(Fault::new(&setting("issuer"), "stands under a name with other than a-z, 0-9 and -"));
        }
        let issuer = url::Url::parse(&provider.issuer);
        if !issuer.is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host()) {
            faults.push(Fault::new(&setting("issuer"), "must be an address like https://login.example.org"));
        }
        if provider.client_id.is_empty() {
            faults.push(Fault::new(&setting("client_id"), "must be set"));
        }
        if provider.client_secret.expose_secret().is_empty() {
            faults.push(Fault::new(&setting("client_secret"), "must be set"));
        }
    }
    let metrics = &config.telemetry.metrics_listen;
    if !metrics.is_empty() && metrics.parse::<std::net::SocketAddr>().is_err() {
        faults.push(Fault::new("telemetry.metrics_listen", "must be an address and port like 127.0.0.1:9090"));
    }
}

fn check_registration(config: &Config, faults: &mut Vec<Fault>) {
    let identity = &config.identity;
    if identity.registration == Registration::Domain && identity.registration_domains.is_empty() {
        faults.push(Fault::new("identity.registration_domains", "must name a domain when registration is \"domain\""));
    }
    for domain in &identity.registration_domains {
        let fits = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
        if domain.is_empty() || domain.starts_with('.') || domain.ends_with('.') || !domain.chars().all(fits) {
            faults.push(Fault::new("identity.registration_domains", format!("{domain:?} is not a domain like a.org")));
        }
    }
    match identity.registration_role.parse::<Role>() {
        // Whoever has an address in a domain would own the organisation.
        Ok(Role::Owner | Role::Admin) => {
            faults.push(Fault::new("identity.registration_role", "must not be owner or admin: give those by hand"));
        }
        Ok(_) => {}
        Err(_) => faults.push(Fault::new("identity.registration_role", "must be a role: engineer, viewer, …")),
    }
}

fn check_places(config: &Config, faults: &mut Vec<Fault>) {
    if let Err(error) = rhiza_store::DbUrl::parse(&config.database_url()) {
        faults.push(Fault::new("database.url", error.to_string()));
    }
    let storage = config.storage_url();
    if !storage.starts_with("file://") && !storage.starts_with("s3://") {
        faults.push(Fault::new("storage.url", "must begin with file:// or s3://"));
    }
    if storage == "s3://" || storage == "file://" {
        faults.push(Fault::new("storage.url", "names no place"));
    }
    let id = config.storage.s3_access_key_id.is_empty();
    if storage.starts_with("s3://") && id != config.storage.s3_secret_access_key.expose_secret().is_empty() {
        faults.push(Fault::new("storage.s3_access_key_id", "and the secret must both be set, or neither"));
    }
}

fn check_limits(config: &Config, faults: &mut Vec<Fault>) {
    let limits = &config.limits;
    let url = limits.redis_url.expose_secret();
    if !url.is_empty() && !url.starts_with("redis://") && !url.starts_with("rediss://") {
        faults.push(Fault::new("limits.redis_url", "must begin with redis:// or rediss://"));
    }
    if !(1..=1000).contains(&limits.redis_timeout_ms) {
        faults
            .push(Fault::new("limits.redis_timeout_ms", "must be between 1 and 1000: every request may wait so long"));
    }
    if !limits.plans.contains_key(&limits.default_plan) {
        faults.push(Fault::new("limits.default_plan", format!("{:?} is not one of the plans", limits.default_plan)));
    }
    let fit = |name: &str| {
        name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
    };
    for name in limits.plans.keys().filter(|name| !fit(name)) {
        faults.push(Fault::new("limits.plans", format!("{name:?} is no name of a plan: a-z, 0-9, - and _ only")));
    }
}
