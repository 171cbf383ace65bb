//! Reading the settings: the only place where environment variables and settings files are touched.

use std::collections::BTreeMap;

use rhiza_platform::config::{self, Config};
use secrecy::SecretString;
use url::Url;

use crate::cli::Settings;
use crate::error::Failure;

/// The settings in force: file, then `RHIZA_…` variables over it, then flags over those.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub(crate) fn load(settings: &Settings) -> Result<Config, Failure> {
    let file = match &settings.config {
        None => None,
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|e| Failure::usage(format!("cannot read the settings file {}: {e}", path.display())))?;
            Some((path.display().to_string(), text))
        }
    };
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("RHIZA_") || name.starts_with("AWS_"))
        .collect();
    let flags: Vec<(&str, String)> = [
        ("data_dir", &settings.data_dir),
        ("server.listen", &settings.listen),
        ("database.url", &settings.database_url),
        ("storage.url", &settings.storage_url),
    ]
    .into_iter()
    .filter_map(|(path, value)| Some((path, value.clone()?)))
    .collect();
    let file = file.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
    config::load(file, &environment, &flags).map_err(|faults| Failure::usage(faults.to_string()))
}

/// What a command shows the Rhiza that it has its work done by.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub(crate) fn api_key() -> Option<SecretString> {
    std::env::var("RHIZA_API_KEY").ok().filter(|key| !key.is_empty()).map(SecretString::from)
}

/// What a command shows the MLflow server it copies from.
#[derive(Clone)]
pub(crate) enum SourceCredentials {
    /// Nothing.
    None,
    /// A token.
    Bearer(SecretString),
    /// A name and a password.
    Basic(String, SecretString),
}

impl SourceCredentials {
    /// What stands before the `@` of an address.
    pub(crate) fn in_address(address: &Url) -> Self {
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let password = decoded(address.password().unwrap_or_default());
        Self::Basic(decoded(address.username()), SecretString::from(password))
    }
}

/// The credentials for the source of an import, under the names that MLflow's own client reads.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub(crate) fn source_credentials() -> SourceCredentials {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (user, password) = (set("MLFLOW_TRACKING_USERNAME"), set("MLFLOW_TRACKING_PASSWORD"));
    // Name and password win over a token, and count only together, as in MLflow's client.
    match (user.zip(password), set("MLFLOW_TRACKING_TOKEN")) {
        (Some((user, password)), _) => SourceCredentials::Basic(user, SecretString::from(password)),
        (None, Some(token)) => SourceCredentials::Bearer(SecretString::from(token)),
        (None, None) => SourceCredentials::None,
    }
}
