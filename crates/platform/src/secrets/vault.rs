//! The master key out of HashiCorp Vault or OpenBao: the key-value engine, version 2, by its HTTP interface.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::SecretsError;
use super::provider::{Given, client};
use crate::config::SecretsConfig;

/// Times a vault is asked that is sealed, starting or not there yet, and how long is waited in between: a cluster that
/// starts as a whole has its vault a little later.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn load(config: &SecretsConfig) -> Result<Given, SecretsError> {
    let vault = Vault { client: client(&config.vault_ca_file, "secrets.vault_ca_file")?, config };
    let mut attempt = 1;
    loop {
        match vault.read().await {
            Err(Trouble::Passing(why)) if attempt < ATTEMPTS => {
                tracing::warn!(attempt, why, "the vault did not give the master key; trying again");
                tokio::time::sleep(PAUSE * attempt).await;
                attempt += 1;
            }
            Err(Trouble::Passing(why) | Trouble::Lasting(why)) => {
                return Err(SecretsError::Provider(format!(
                    "the master key cannot be read from Vault at {}: {why}",
                    config.vault_address
                )));
            }
            Ok(given) => return Ok(given),
        }
    }
}

enum Trouble {
    /// May pass by itself.
    Passing(String),
    /// Somebody has to do something.
    Lasting(String),
}

struct Vault<'a> {
    client: Client,
    config: &'a SecretsConfig,
}

impl Vault<'_> {
    async fn read(&self) -> Result<Given, Trouble> {
        let config = self.config;
        let token = self.token().await?;
        let path = format!("{}/data/{}", config.vault_mount.trim_matches('/'), config.vault_path.trim_matches('/'));
        let request = self.client.get(self.url(&path)).header("X-Vault-Token", token.as_str());
        let answer = self.ask(request, &format!("reading {path}")).await?;
        // Version 2 wraps the fields once more: data.data; a deleted version has no data there.
        let fields = &answer["data"]["data"];
        let field = |name: &str| fields[name].as_str().map(|text| Zeroizing::new(text.to_owned()));
        let place = format!("Vault at {path}, field {}", config.vault_field);
        let current = field(&config.vault_field)
            .ok_or_else(|| Trouble::Lasting(format!("the secret {path} has no text field {}", config.vault_field)))?;
        let previous = field(&format!("{}_previous", config.vault_field)).unwrap_or_default();
        let previous = previous.split(',').map(str::trim).filter(|key| !key.is_empty());
        let previous = previous.map(|key| Zeroizing::new(key.to_owned())).collect();
        Ok(Given { place, current, previous })
    }

    /// The token of the settings, or one for the AppRole.
    async fn token(&self) -> Result<Zeroizing<String>, Trouble> {
        let config = self.config;
        let token = config.vault_token.expose_secret();
        if !token.is_empty() {
            return Ok(Zeroizing::new(token.to_owned()));
        }
        let body = json!({ "role_id": config.vault_role_id, "secret_id": config.vault_secret_id.expose_secret() });
        let request = self.client.post(self.url("auth/approle/login")).json(&body);
        let answer = self.ask(request, "signing in with the AppRole").await?;
        let token = answer["auth"]["client_token"].as_str().filter(|token| !token.is_empty());
        token
            .map(|token| Zeroizing::new(token.to_owned()))
            .ok_or_else(|| Trouble::Lasting("signing in with the AppRole gave no token".to_owned()))
    }

    fn url(&self, path: &str) -> String {
        format!("{}/v1/{path}", self.config.vault_address.trim_end_matches('/'))
    }

    async fn ask(&self, request: RequestBuilder, what: &str) -> Result<Value, Trouble> {
        // Vault refuses requests without it that come through certain proxies; it never hurts.
        let mut request = request.header("X-Vault-Request", "true");
        if !self.config.vault_namespace.is_empty() {
            request = request.header("X-Vault-Namespace", &self.config.vault_namespace);
        }
        let response = request.send().await.map_err(|e| Trouble::Passing(describe(&e)))?;
        let status = response.status();
        let body = response.text().await.map_err(|e| Trouble::Passing(describe(&e)))?;
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        let said: Vec<&str> = answer["errors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let why = match (status, said.is_empty()) {
            (StatusCode::NOT_FOUND, true) => format!("{what}: there is no such secret (404)"),
            (StatusCode::SERVICE_UNAVAILABLE, _) => format!("{what}: Vault is sealed or not ready (503)"),
            (_, true) => format!("{what}: {status}"),
            (_, false) => format!("{what}: {} ({})", said.join("; "), status.as_u16()),
        };
        let passing = status.is_server_error() || matches!(status.as_u16(), 412 | 429 | 472 | 473);
        Err(if passing { Trouble::Passing(why) } else { Trouble::Lasting(why) })
    }
}

/// The error with its causes; addresses and no headers, so no token.
fn describe(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}
