//! The settings as types. What each one means stands in `config/default.toml`, and only there.
#![expect(missing_docs, reason = "config/default.toml is the manual; a second one here would drift from it")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub env: Environment,
    pub data_dir: PathBuf,
    pub server: ServerConfig,
    pub database: DatabaseConfig,
    pub storage: StorageConfig,
    pub telemetry: TelemetryConfig,
    pub identity: IdentityConfig,
    pub jobs: JobsConfig,
    pub audit: AuditConfig,
    pub outbound: OutboundConfig,
    pub limits: LimitsConfig,
    pub tracking: TrackingConfig,
    pub mail: MailConfig,
    pub secrets: SecretsConfig,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    Development,
    Production,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    pub listen: SocketAddr,
    pub public_url: String,
    pub trusted_proxies: Vec<String>,
    pub tls_certificate: String,
    pub tls_key: String,
    pub cors_origins: Vec<String>,
    pub request_timeout_seconds: u64,
    pub body_limit_kib: usize,
    pub max_connections: usize,
    pub drain_seconds: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    pub url: SecretString,
    pub max_connections: u32,
    pub sqlite_cache_kib: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageConfig {
    pub url: String,
    pub s3_endpoint: String,
    pub s3_region: String,
    pub s3_path_style: bool,
    pub s3_access_key_id: String,
    pub s3_secret_access_key: SecretString,
    pub upload_limit_mib: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    pub log: String,
    pub log_format: LogFormat,
    pub metrics_listen: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Auto,
    Text,
    Json,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityConfig {
    pub session_idle_hours: u32,
    pub session_days: u32,
    pub password_hashers: usize,
    pub registration: Registration,
    pub registration_domains: Vec<String>,
    pub registration_role: String,
    pub oidc: BTreeMap<String, OidcConfig>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    Invite,
    Open,
    Domain,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    #[serde(default)]
    pub issuer: String,
    #[serde(default)]
    pub client_id: String,
    #[serde(default)]
    pub client_secret: SecretString,
    #[serde(default)]
    pub label: String,
    #[serde(default = "usual_scopes")]
    pub scopes: Vec<String>,
    #[serde(default)]
    pub allowed_domains: Vec<String>,
    #[serde(default)]
    pub organization: String,
    #[serde(default)]
    pub trusted_emails: bool,
    #[serde(default)]
    pub trusted_second_factor: bool,
}

fn usual_scopes() -> Vec<String> {
    ["openid", "email", "profile"].map(str::to_owned).to_vec()
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobsConfig {
    pub concurrency: usize,
    pub child_memory_mib: u64,
    pub child_processor_seconds: u64,
    pub child_threads: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditConfig {
    pub retention_days: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboundConfig {
    pub allow: Vec<String>,
    pub blocked_ports: Vec<u16>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    pub redis_url: SecretString,
    pub redis_timeout_ms: u64,
    pub anonymous: u32,
    pub sign_in: u32,
    pub bad_credentials: u32,
    pub default_plan: String,
    pub plans: BTreeMap<String, PlanConfig>,
}

/// What a plan leaves out it has from the plan `standard`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlanConfig {
    pub read: Option<u32>,
    pub write: Option<u32>,
    pub ingest: Option<u32>,
    pub export: Option<u32>,
    pub requests_per_month: Option<u64>,
    pub storage_mib: Option<u64>,
    pub jobs: Option<u64>,
    pub tokens_per_month: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrackingConfig {
    pub deleted_grace_days: u32,
    pub blob_grace_hours: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    pub enabled: bool,
    pub smtp_url: String,
    pub smtp_user: String,
    pub smtp_password: SecretString,
    pub smtp_ca_file: String,
    pub smtp_timeout_seconds: u64,
    pub from: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretsConfig {
    pub master_key: SecretString,
    pub master_key_file: String,
    pub previous_keys: Vec<SecretString>,
    pub vault_address: String,
    pub vault_namespace: String,
    pub vault_mount: String,
    pub vault_path: String,
    pub vault_field: String,
    pub vault_token: SecretString,
    pub vault_role_id: String,
    pub vault_secret_id: SecretString,
    pub vault_ca_file: String,
    pub aws_secret_id: String,
    pub aws_region: String,
    pub aws_endpoint: String,
    pub aws_access_key_id: String,
    pub aws_secret_access_key: SecretString,
    pub aws_session_token: SecretString,
}

impl Config {
    /// The database's address: the configured one, or SQLite in the data folder.
    #[must_use]
    pub fn database_url(&self) -> String {
        use secrecy::ExposeSecret as _;
        match self.database.url.expose_secret() {
            "" => format!("sqlite://{}", self.data_dir.join("rhiza.db").display()),
            url => url.to_owned(),
        }
    }

    /// Where blobs live: the configured place, or a folder in the data folder.
    #[must_use]
    pub fn storage_url(&self) -> String {
        match self.storage.url.as_str() {
            "" => format!("file://{}", self.data_dir.join("blobs").display()),
            url => url.to_owned(),
        }
    }

    /// Whether this process terminates TLS itself.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        !self.server.tls_certificate.is_empty()
    }

    /// Whether letters lead anywhere: to a mail server, or in development to the log.
    #[must_use]
    pub fn sends_mail(&self) -> bool {
        self.mail.enabled && (!self.mail.smtp_url.is_empty() || self.env == Environment::Development)
    }

    /// The address people type, without a slash at the end.
    #[must_use]
    pub fn public_url(&self) -> String {
        match self.server.public_url.trim_end_matches('/') {
            "" => {
                let scheme = if self.has_tls() { "https" } else { "http" };
                let port = self.server.listen.port();
                // Browsers keep secure cookies on plain http for these names only.
                let host = if self.server.listen.ip().is_loopback() || self.server.listen.ip().is_unspecified() {
                    "localhost".to_owned()
                } else {
                    self.server.listen.ip().to_string()
                };
                format!("{scheme}://{host}:{port}")
            }
            url => url.to_owned(),
        }
    }
}
