//! Whether the settings of mail and of the master key can work.

use secrecy::ExposeSecret as _;

use super::check::Fault;
use super::model::{Config, Environment};
use super::production;
use crate::mail::SmtpAddress;
use crate::secrets::MasterKey;

pub(super) fn check_mail(config: &Config, faults: &mut Vec<Fault>) {
    let mail = &config.mail;
    if mail.smtp_timeout_seconds == 0 {
        faults.push(Fault::new("mail.smtp_timeout_seconds", "must be at least 1"));
    }
    if mail.smtp_user.is_empty() != mail.smtp_password.expose_secret().is_empty() {
        faults.push(Fault::new("mail.smtp_user", "and mail.smtp_password must both be set, or neither"));
    }
    if !mail.from.is_empty()
        && let Err(fault) = crate::mail::sender(&mail.from)
    {
        faults.push(Fault::new("mail.from", fault.to_string().trim_start_matches("mail.from ")));
    }
    if mail.smtp_url.is_empty() {
        return;
    }
    if mail.from.is_empty() {
        faults.push(Fault::new("mail.from", "must be set with mail.smtp_url: who are the letters from?"));
    }
    if let Err(fault) = SmtpAddress::parse(&mail.smtp_url) {
        faults.push(Fault::new("mail.smtp_url", fault));
    }
}

/// Where the master key comes from: one place, and completely described.
pub(super) fn check_secrets(config: &Config, faults: &mut Vec<Fault>) {
    let secrets = &config.secrets;
    let key = secrets.master_key.expose_secret();
    let places: Vec<&str> = [
        ("secrets.master_key", !key.is_empty()),
        ("secrets.master_key_file", !secrets.master_key_file.is_empty()),
        ("secrets.vault_address", !secrets.vault_address.is_empty()),
        ("secrets.aws_secret_id", !secrets.aws_secret_id.is_empty()),
    ]
    .into_iter()
    .filter_map(|(name, set)| set.then_some(name))
    .collect();
    if let [first, others @ ..] = places.as_slice()
        && !others.is_empty()
    {
        faults.push(Fault::new(first, format!("and {} are all set: which one holds the key?", others.join(", "))));
    }
    if places.is_empty() && config.env == Environment::Production {
        faults.push(Fault::new(
            "secrets.master_key",
            "must be set in production (or master_key_file, vault_address or aws_secret_id); \
             `rhiza secrets generate` makes one",
        ));
    }
    let given = (!key.is_empty()).then_some(("secrets.master_key", key));
    let previous = secrets.previous_keys.iter().map(|key| ("secrets.previous_keys", key.expose_secret()));
    for (name, text) in given.into_iter().chain(previous) {
        if let Err(fault) = MasterKey::parse(text, name) {
            let text = fault.to_string();
            let detail = text.strip_prefix(&format!("the master key in {name} ")).unwrap_or(&text);
            faults.push(Fault::new(name, detail));
        }
    }
    check_vault(config, faults);
    check_aws(config, faults);
}

fn check_vault(config: &Config, faults: &mut Vec<Fault>) {
    let secrets = &config.secrets;
    if secrets.vault_address.is_empty() {
        return;
    }
    let plain = secrets.vault_address.starts_with("http://");
    if !plain && !secrets.vault_address.starts_with("https://") {
        faults.push(Fault::new("secrets.vault_address", "must be an address like https://vault.example.org:8200"));
    }
    if plain && config.env == Environment::Production && !production::is_local(&secrets.vault_address) {
        faults
            .push(Fault::new("secrets.vault_address", "must be https in production: the master key comes from there"));
    }
    for (name, value) in [
        ("secrets.vault_path", &secrets.vault_path),
        ("secrets.vault_mount", &secrets.vault_mount),
        ("secrets.vault_field", &secrets.vault_field),
    ] {
        if value.is_empty() {
            faults.push(Fault::new(name, "must be set with secrets.vault_address"));
        }
    }
    let role = (secrets.vault_role_id.is_empty(), secrets.vault_secret_id.expose_secret().is_empty());
    let token = !secrets.vault_token.expose_secret().is_empty();
    if role.0 != role.1 {
        faults.push(Fault::new("secrets.vault_role_id", "and secrets.vault_secret_id must both be set, or neither"));
    } else if token != role.0 {
        faults.push(Fault::new("secrets.vault_token", "or secrets.vault_role_id must be set, and not both"));
    }
}

fn check_aws(config: &Config, faults: &mut Vec<Fault>) {
    let secrets = &config.secrets;
    if secrets.aws_secret_id.is_empty() {
        return;
    }
    let id = secrets.aws_access_key_id.is_empty();
    if id != secrets.aws_secret_access_key.expose_secret().is_empty() {
        faults.push(Fault::new("secrets.aws_access_key_id", "and the secret must both be set, or neither"));
    }
    if id && config.storage.s3_access_key_id.is_empty() {
        faults.push(Fault::new("secrets.aws_access_key_id", "must be set with secrets.aws_secret_id"));
    }
    if secrets.aws_endpoint.starts_with("http://")
        && config.env == Environment::Production
        && !production::is_local(&secrets.aws_endpoint)
    {
        faults.push(Fault::new("secrets.aws_endpoint", "must be https in production: the master key comes from there"));
    }
}
