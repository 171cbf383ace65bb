//! What production refuses: settings that are fit for a laptop only.

use secrecy::ExposeSecret as _;

use super::check::Fault;
use super::model::Config;
use crate::mail::{Security, SmtpAddress};

/// What is fit for a laptop only.
pub(super) fn check(config: &Config, faults: &mut Vec<Fault>) {
    if config.server.cors_origins.iter().any(|origin| origin == "*") {
        faults.push(Fault::new("server.cors_origins", "must name origins in production, not *"));
    }
    let public = config.public_url();
    if config.server.public_url.is_empty() {
        faults.push(Fault::new("server.public_url", "must be set in production"));
    } else if !public.starts_with("https://") {
        faults.push(Fault::new("server.public_url", "must be https in production: sessions need secure cookies"));
    }
    if !config.has_tls() && config.server.trusted_proxies.is_empty() {
        faults.push(Fault::new(
            "server.trusted_proxies",
            "must name the proxy that terminates TLS, or server.tls_certificate and server.tls_key must be set",
        ));
    }
    // Whoever is believed about the client's address walks around every limit and allow-list.
    if config.server.trusted_proxies.iter().any(|network| network.ends_with("/0")) {
        faults.push(Fault::new("server.trusted_proxies", "must not name every address there is"));
    }
    check_mail(config, faults);
    check_places(config, faults);
    check_providers(config, faults);
}

/// Letters carry links that open accounts: they must be sent, and not in the clear.
fn check_mail(config: &Config, faults: &mut Vec<Fault>) {
    let mail = &config.mail;
    if !mail.enabled {
        return;
    }
    if mail.smtp_url.is_empty() {
        faults.push(Fault::new(
            "mail.smtp_url",
            "must be set in production, or mail.enabled be false: without mail nobody can verify an address, reset a \
             password or be invited",
        ));
    }
    if let Ok(address) = SmtpAddress::parse(&mail.smtp_url)
        && address.security == Security::None
        && !address.is_loopback()
    {
        faults.push(Fault::new(
            "mail.smtp_url",
            "must be smtp:// or smtps:// in production: links in letters are secrets",
        ));
    }
    let password = mail.smtp_password.expose_secret();
    if !password.is_empty() {
        weak(faults, "mail.smtp_password", password);
    }
}

/// A secret that others know lets them finish sign-ins of ours.
fn check_providers(config: &Config, faults: &mut Vec<Fault>) {
    for (name, provider) in &config.identity.oidc {
        weak(faults, &format!("identity.oidc.{name}.client_secret"), provider.client_secret.expose_secret());
        if !provider.issuer.starts_with("https://") {
            faults.push(Fault::new(&format!("identity.oidc.{name}.issuer"), "must be https in production"));
        }
    }
}

fn check_places(config: &Config, faults: &mut Vec<Fault>) {
    if let Ok(url) = url::Url::parse(&config.database_url())
        && url.scheme().starts_with("postgres")
    {
        match url.password() {
            Some(password) => weak(faults, "database.url", &decoded(password)),
            // Without a password the server trusts whoever connects, unless the connection stays on this machine.
            None if !is_local(&config.database_url().replacen(url.scheme(), "http", 1)) && url.host_str().is_some() => {
                faults.push(Fault::new("database.url", "holds no password"));
            }
            None => {}
        }
    }
    if let Ok(url) = url::Url::parse(config.limits.redis_url.expose_secret())
        && let Some(password) = url.password()
    {
        weak(faults, "limits.redis_url", password);
    }
    let secret = config.storage.s3_secret_access_key.expose_secret();
    if !secret.is_empty() {
        weak(faults, "storage.s3_secret_access_key", secret);
    }
    let endpoint = &config.storage.s3_endpoint;
    if endpoint.starts_with("http://") && config.storage_url().starts_with("s3://") && !is_local(endpoint) {
        faults.push(Fault::new("storage.s3_endpoint", "must be https in production"));
    }
    let metrics = &config.telemetry.metrics_listen;
    if metrics.parse::<std::net::SocketAddr>().is_ok_and(|address| address.ip().is_unspecified()) {
        faults.push(Fault::new(
            "telemetry.metrics_listen",
            "must name one address in production: metrics need no sign-in, and 0.0.0.0 shows them to every network",
        ));
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Secrets shorter than this can be guessed in reasonable time even through a slow interface.
const SHORTEST_SECRET: usize = 12;

fn weak(faults: &mut Vec<Fault>, setting: &str, secret: &str) {
    let example = [
        "password",
        "changeme",
        "change-me",
        "change_me",
        "secret",
        "example",
        "rhiza",
        "postgres",
        "minioadmin",
        "minio",
        "admin",
        "test",
        "your",
        "here",
        "replace",
        "key",
        "my",
        "super",
        "insecure",
        "default",
        "letmein",
        "qwerty",
    ];
    let lower = secret.to_lowercase();
    // What is left when example words, digits and separators are gone is what had to be guessed.
    let mut rest: String = lower.clone();
    for word in example {
        rest = rest.replace(word, "");
    }
    let rest = rest.chars().filter(|c| c.is_alphabetic()).count();
    let different = lower.chars().collect::<std::collections::BTreeSet<_>>().len();
    if secret.len() < SHORTEST_SECRET {
        faults.push(Fault::new(setting, format!("holds a secret shorter than {SHORTEST_SECRET} characters")));
    } else if different < 5 || (rest < 3 && example.iter().any(|word| lower.contains(word))) {
        faults.push(Fault::new(setting, "holds an example secret"));
    }
}

/// Whether an address is on this machine.
pub(super) fn is_local(address: &str) -> bool {
    url::Url::parse(address).is_ok_and(|url| match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Config, Faults, load};

    /// Settings that are fit for production, to be spoilt one at a time.
    const GOOD: [(&str, &str); 8] = [
        ("RHIZA_ENV", "production"),
        ("RHIZA_SERVER__PUBLIC_URL", "https://rhiza.example.org"),
        ("RHIZA_SERVER__TRUSTED_PROXIES", "10.0.0.0/8"),
        ("RHIZA_SECRETS__MASTER_KEY", "7tHUrCk3WQpzl0cY5vTfNHJ8dYxkPzq3mB1sRw9aUeo="),
        ("RHIZA_MAIL__SMTP_URL", "smtp://mail.example.org"),
        ("RHIZA_MAIL__SMTP_USER", "rhiza"),
        ("RHIZA_MAIL__SMTP_PASSWORD", "vR7-unguessable-Qx2"),
        ("RHIZA_MAIL__FROM", "Rhiza <rhiza@example.org>"),
    ];

    fn production(pairs: &[(&str, &str)]) -> Result<Config, Faults> {
        let all: BTreeMap<String, String> =
            GOOD.iter().chain(pairs).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        load(None, &all, &[])
    }

    #[test]
    fn production_starts_with_good_settings() {
        production(&[]).unwrap();
        production(&[("RHIZA_MAIL__ENABLED", "false"), ("RHIZA_MAIL__SMTP_URL", "")]).unwrap();
        production(&[("RHIZA_DATABASE_URL", "postgres://rhiza:zK4-long-and-odd-7@db/rhiza")]).unwrap();
        production(&[("RHIZA_MAIL__SMTP_URL", "smtp+plain://127.0.0.1:25")]).unwrap();
    }

    #[test]
    fn production_refuses_each_unsafe_setting() {
        for (setting, pairs) in [
            ("server.cors_origins", &[("RHIZA_SERVER__CORS_ORIGINS", "*")][..]),
            ("server.public_url", &[("RHIZA_SERVER__PUBLIC_URL", "http://rhiza.example.org")]),
            ("server.public_url", &[("RHIZA_SERVER__PUBLIC_URL", "")]),
            ("server.trusted_proxies", &[("RHIZA_SERVER__TRUSTED_PROXIES", "")]),
            ("server.trusted_proxies", &[("RHIZA_SERVER__TRUSTED_PROXIES", "0.0.0.0/0")]),
            ("server.trusted_proxies", &[("RHIZA_SERVER__TRUSTED_PROXIES", "10.0.0.0/8,::/0")]),
            ("secrets.master_key", &[("RHIZA_SECRETS__MASTER_KEY", "")]),
            ("secrets.master_key", &[("RHIZA_SECRETS__MASTER_KEY", "c2hvcnQ=")]),
            ("secrets.master_key", &[("RHIZA_SECRETS__MASTER_KEY", "changeme")]),
            ("secrets.master_key", &[("RHIZA_SECRETS__MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]),
            ("secrets.previous_keys", &[("RHIZA_SECRETS__PREVIOUS_KEYS", "c2hvcnQ=")]),
            ("secrets.master_key", &[("RHIZA_SECRETS__MASTER_KEY_FILE", "/run/key")]),
            ("mail.smtp_url", &[("RHIZA_MAIL__SMTP_URL", "")]),
            ("mail.smtp_url", &[("RHIZA_MAIL__SMTP_URL", "smtp+plain://mail.example.org")]),
            ("mail.from", &[("RHIZA_MAIL__FROM", "")]),
            ("mail.smtp_password", &[("RHIZA_MAIL__SMTP_PASSWORD", "short")]),
            ("mail.smtp_password", &[("RHIZA_MAIL__SMTP_PASSWORD", "changeme-password")]),
            ("mail.smtp_user", &[("RHIZA_MAIL__SMTP_USER", "")]),
            ("database.url", &[("RHIZA_DATABASE_URL", "postgres://rhiza:rhiza@db/rhiza")]),
            ("database.url", &[("RHIZA_DATABASE_URL", "postgres://rhiza:my-super-secret-password@db/rhiza")]),
            ("database.url", &[("RHIZA_DATABASE_URL", "postgres://rhiza@db/rhiza")]),
            (
                "storage.s3_secret_access_key",
                &[
                    ("RHIZA_STORAGE__S3_ACCESS_KEY_ID", "minioadmin"),
                    ("RHIZA_STORAGE__S3_SECRET_ACCESS_KEY", "minioadmin"),
                ],
            ),
            (
                "storage.s3_endpoint",
                &[("RHIZA_STORAGE_URL", "s3://bucket"), ("RHIZA_STORAGE__S3_ENDPOINT", "http://s3.example.org")],
            ),
            ("telemetry.metrics_listen", &[("RHIZA_TELEMETRY__METRICS_LISTEN", "0.0.0.0:9090")]),
            (
                "secrets.vault_address",
                &[
                    ("RHIZA_SECRETS__MASTER_KEY", ""),
                    ("RHIZA_SECRETS__VAULT_ADDRESS", "http://vault.example.org:8200"),
                    ("RHIZA_SECRETS__VAULT_PATH", "rhiza"),
                    ("RHIZA_SECRETS__VAULT_TOKEN", "t"),
                ],
            ),
            (
                "secrets.vault_token",
                &[
                    ("RHIZA_SECRETS__MASTER_KEY", ""),
                    ("RHIZA_SECRETS__VAULT_ADDRESS", "https://vault.example.org:8200"),
                    ("RHIZA_SECRETS__VAULT_PATH", "rhiza"),
                ],
            ),
            (
                "secrets.aws_access_key_id",
                &[("RHIZA_SECRETS__MASTER_KEY", ""), ("RHIZA_SECRETS__AWS_SECRET_ID", "rhiza")],
            ),
        ] {
            let faults = production(pairs).expect_err(&format!("{pairs:?} is accepted"));
            let settings: Vec<&str> = faults.0.iter().map(|f| f.setting.as_str()).collect();
            assert_eq!(settings, [setting], "{pairs:?}: {faults}");
            for (name, value) in pairs.iter().filter(|(name, _)| name.contains("KEY") || name.contains("PASSWORD")) {
                let secret = value.len() > 6 && !value.starts_with('/');
                assert!(!secret || !faults.to_string().contains(value), "{name} is shown: {faults}");
            }
        }
    }

    #[test]
    fn production_lists_everything_at_once() {
        let all = BTreeMap::from([
            ("RHIZA_ENV".to_owned(), "production".to_owned()),
            ("RHIZA_SERVER__CORS_ORIGINS".to_owned(), "*".to_owned()),
            ("RHIZA_DATABASE_URL".to_owned(), "postgres://rhiza:short@db/rhiza".to_owned()),
        ]);
        let faults = load(None, &all, &[]).unwrap_err();
        let mut settings: Vec<&str> = faults.0.iter().map(|f| f.setting.as_str()).collect();
        settings.sort_unstable();
        let expected = [
            "database.url",
            "mail.smtp_url",
            "secrets.master_key",
            "server.cors_origins",
            "server.public_url",
            "server.trusted_proxies",
        ];
        assert_eq!(settings, expected);
        assert!(!faults.to_string().contains("short@"), "{faults}");
    }

    #[test]
    fn a_mail_server_is_half_described() {
        for (setting, pair) in [
            ("mail.from", ("RHIZA_MAIL__SMTP_URL", "smtp://mail.example.org")),
            ("mail.from", ("RHIZA_MAIL__FROM", "not an address")),
            ("mail.smtp_user", ("RHIZA_MAIL__SMTP_PASSWORD", "x")),
            ("mail.smtp_timeout_seconds", ("RHIZA_MAIL__SMTP_TIMEOUT_SECONDS", "0")),
        ] {
            let all = BTreeMap::from([(pair.0.to_owned(), pair.1.to_owned())]);
            let faults = load(None, &all, &[]).unwrap_err();
            assert_eq!(faults.0[0].setting, setting);
        }
    }

    #[test]
    fn exceptions_for_outgoing_requests_must_say_something() {
        let allow = "10.0.0.0/8, ollama.internal, 127.0.0.1:11434, http://x, 10.0.0.0/40".to_owned();
        let faults = load(None, &BTreeMap::from([("RHIZA_OUTBOUND__ALLOW".to_owned(), allow)]), &[]).unwrap_err();
        assert_eq!(faults.0.len(), 2, "{faults}");
        assert!(faults.to_string().contains("http://x"), "{faults}");
    }

    #[test]
    fn half_a_key_pair_is_a_fault() {
        let all = BTreeMap::from([("RHIZA_SERVER__TLS_KEY".to_owned(), "k.pem".to_owned())]);
        let faults = load(None, &all, &[]).unwrap_err();
        assert_eq!(faults.0.len(), 1);
    }
}
