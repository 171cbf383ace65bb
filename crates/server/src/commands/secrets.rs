//! `rhiza secrets generate|rotate`: the settings of a production server with fresh keys, and sealing anew.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rhiza_platform::config;
use rhiza_platform::runtime;
use rhiza_platform::secrets::{self, MasterKey, Sealer};
use zeroize::Zeroizing;

use crate::cli::{GenerateOptions, SecretsCommand, Settings};
use crate::commands::print;
use crate::error::Failure;
use crate::installation::{Installation, SEALED};
use crate::settings;

pub(crate) async fn run(command: SecretsCommand, given: &Settings) -> Result<(), Failure> {
    match command {
        SecretsCommand::Generate(options) => generate(&options, given),
        SecretsCommand::Rotate => rotate(given).await,
    }
}

/// A password longer than this is a file given by mistake.
const LONGEST: u64 = 4096;

fn generate(options: &GenerateOptions, given: &Settings) -> Result<(), Failure> {
    if given.config.is_some() {
        return Err(Failure::usage("--config does not go with generate: what is written here is complete"));
    }
    let mut password = Zeroizing::new(String::new());
    if options.smtp_password_stdin {
        std::io::stdin()
            .take(LONGEST)
            .read_to_string(&mut password)
            .map_err(|e| Failure::usage(format!("cannot read the password from standard input: {e}")))?;
    }
    let lines = lines(options, given, password.trim_end_matches(['\r', '\n']));
    let variables: BTreeMap<String, String> =
        lines.iter().map(|line| (line.name.to_owned(), line.value.to_string())).collect();
    // What is written must be what a production server starts with.
    config::load(None, &variables, &[]).map_err(|faults| Failure::usage(advise(&faults.to_string())))?;
    let mut text = Zeroizing::new(String::from(
        "# Settings of a Rhiza server in production, made by `rhiza secrets generate`. Whoever can read this file can read\n\
         # every secret that the server keeps. The master key is in no backup: keep a copy of it in another safe place.\n",
    ));
    for line in &lines {
        text.push_str(&format!("\n# {}\n{}={}\n", line.comment, line.name, *quoted(line)?));
    }
    match &options.output {
        None => print(&text),
        Some(path) => {
            write_new(path, &text)?;
            print(&format!("wrote {}", path.display()));
        }
    }
    Ok(())
}

struct Line {
    name: &'static str,
    comment: &'static str,
    value: Zeroizing<String>,
}

fn lines(options: &GenerateOptions, given: &Settings, password: &str) -> Vec<Line> {
    let key = MasterKey::generate(&runtime::system_env());
    let tls = options.tls_certificate.is_some() || options.tls_key.is_some();
    let proxies = match options.trusted_proxies.join(",") {
        // Without TLS of its own a server stands behind a proxy; the most careful guess is one on the same machine.
        none if none.is_empty() && !tls => "127.0.0.1/32,::1/128".to_owned(),
        named => named,
    };
    let mail = if options.without_mail { "false" } else { "true" };
    let all = [
        ("RHIZA_ENV", "Refuses to start with settings that are only fit for a laptop.", "production"),
        ("RHIZA_SERVER__PUBLIC_URL", "The address people type.", options.public_url.as_str()),
        ("RHIZA_LISTEN", "Address and port to listen on.", given.listen.as_deref().unwrap_or_default()),
        ("RHIZA_SERVER__TRUSTED_PROXIES", "Networks of the proxies in front that terminate TLS.", &proxies),
        (
            "RHIZA_SERVER__TLS_CERTIFICATE",
            "Certificate and key (PEM) with which the server speaks HTTPS itself.",
            options.tls_certificate.as_deref().unwrap_or_default(),
        ),
        ("RHIZA_SERVER__TLS_KEY", "Its key.", options.tls_key.as_deref().unwrap_or_default()),
        ("RHIZA_DATA_DIR", "Folder of the database and the blobs.", given.data_dir.as_deref().unwrap_or_default()),
        ("RHIZA_DATABASE_URL", "The database.", given.database_url.as_deref().unwrap_or_default()),
        ("RHIZA_STORAGE_URL", "Where blobs live.", given.storage_url.as_deref().unwrap_or_default()),
        ("RHIZA_SECRETS__MASTER_KEY", "The master key: what is stored sealed opens with nothing else.", &key),
        ("RHIZA_MAIL__ENABLED", "Whether letters are sent.", mail),
        ("RHIZA_MAIL__SMTP_URL", "The mail server.", options.smtp_url.as_deref().unwrap_or_default()),
        ("RHIZA_MAIL__SMTP_USER", "How the server signs in there.", options.smtp_user.as_deref().unwrap_or_default()),
        ("RHIZA_MAIL__SMTP_PASSWORD", "And its password.", password),
        ("RHIZA_MAIL__FROM", "Who the letters are from.", options.mail_from.as_deref().unwrap_or_default()),
    ];
    all.into_iter()
        .filter(|(_, _, value)| !value.is_empty())
        .map(|(name, comment, value)| Line { name, comment, value: Zeroizing::new(value.to_owned()) })
        .collect()
}

/// The faults in terms of this command's flags.
fn advise(faults: &str) -> String {
    format!(
        "{faults}\ngive what is missing: --public-url; --smtp-url and --mail-from, or --without-mail; --trusted-proxy, or \
         --tls-certificate and --tls-key; --database-url"
    )
}

/// The value as shells, compose and systemd read it.
fn quoted(line: &Line) -> Result<Zeroizing<String>, Failure> {
    let bare = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,[]".contains(c);
    if line.value.chars().all(bare) {
        return Ok(line.value.clone());
    }
    if line.value.contains(|c: char| c == '\'' || c.is_control()) {
        return Err(Failure::usage(format!(
            "the value of {} holds a quote or a line break, which cannot stand in such a file",
            line.name
        )));
    }
    Ok(Zeroizing::new(format!("'{}'", *line.value)))
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let fault = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::usage(format!(
            "{} exists and is not overwritten: the master key in it may be the only one",
            path.display()
        )),
        _ => Failure::failed(format!("cannot write {}: {e}", path.display())),
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(fault)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(fault)
}

async fn rotate(given: &Settings) -> Result<(), Failure> {
    let installation = Installation::open(settings::load(given)?).await?;
    let Installation { config, env, db, .. } = &installation;
    let sealer = Sealer::new(secrets::load(config, env).await?, env.clone());
    let outcome = secrets::rotate(db, &sealer, SEALED, env).await;
    let current = sealer.ring().current().id();
    installation.close().await?;
    let rotation = outcome?;
    print(&format!("sealed {} values anew under master key {current}", rotation.resealed));
    if !rotation.unreadable.is_empty() {
        return Err(Failure::failed(format!(
            "values that none of the keys opens were left as they are: {}",
            rotation.unreadable.join(", ")
        )));
    }
    for key in &rotation.retired {
        print(&format!("nothing is sealed under master key {key} any more; it may be removed from the settings"));
    }
    Ok(())
}
