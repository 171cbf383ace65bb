//! The bans and sources of deny.toml, held against Cargo.lock without any tool to install.

use super::{Finding, Workspace};
use crate::tree::line_of;

const BANS: &str = "deny.toml";
const LOCK: &str = "Cargo.lock";

/// Crates of which a second major version in one binary is a mistake, not a nuisance.
const ONE_MAJOR: &[(&str, &str)] = &[
    ("arrow", "tables could not pass between the two"),
    ("axum", "a handler of one is not a handler of the other"),
    ("libsqlite3-sys", "two copies of SQLite cannot be linked into one binary"),
    ("rustls", "two TLS stacks, two configurations"),
    ("tokio", "two runtimes"),
];

pub(super) fn check(workspace: &Workspace<'_>) -> Vec<Finding> {
    let (Some(bans), Some(lock)) = (workspace.tree.text(BANS), workspace.tree.text(LOCK)) else {
        // Trees of other rules' tests have neither; the real one always has both, or cargo would not have built this.
        return Vec::new();
    };
    let banned = match banned(bans) {
        Ok(banned) => banned,
        Err(reason) => return vec![Finding::error(BANS, 1, reason)],
    };
    let packages = match packages(lock) {
        Ok(packages) => packages,
        Err(reason) => return vec![Finding::error(LOCK, 1, reason)],
    };
    let mut findings = Vec::new();
    for package in &packages {
        let line = line_of(lock, &format!("name = \"{}\"", package.name));
        if let Some((_, reason)) = banned.iter().find(|(name, _)| *name == package.name) {
            findings.push(Finding::error(
                LOCK,
                line,
                format!("{} {} is banned: {reason}", package.name, package.version),
            ));
        }
        if let Some(source) = package.source.as_deref().filter(|source| !source.contains("crates.io-index")) {
            findings.push(Finding::error(
                LOCK,
                line,
                format!("{} comes from {source}: only crates.io is a source", package.name),
            ));
        }
    }
    for (name, reason) in ONE_MAJOR {
        let mut majors: Vec<&str> =
            packages.iter().filter(|package| package.name == *name).map(|package| major(&package.version)).collect();
        majors.sort_unstable();
        majors.dedup();
        if majors.len() > 1 {
            let line = line_of(lock, &format!("name = \"{name}\""));
            findings.push(Finding::error(
                LOCK,
                line,
                format!("{name} is there in versions {}: {reason}", majors.join(" and ")),
            ));
        }
    }
    findings
}

fn banned(text: &str) -> Result<Vec<(String, String)>, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let list = table.get("bans").and_then(|bans| bans.get("deny")).and_then(toml::Value::as_array);
    let mut banned = Vec::new();
    for entry in list.into_iter().flatten() {
        let word = |key: &str| entry.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        match (word("crate"), word("reason")) {
            (Some(name), Some(reason)) => banned.push((name, reason)),
            _ => return Err(format!("each ban names a crate and a reason: {entry}")),
        }
    }
    Ok(banned)
}

struct Package {
    name: String,
    version: String,
    source: Option<String>,
}

fn packages(text: &str) -> Result<Vec<Package>, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let list = table.get("package").and_then(toml::Value::as_array);
    Ok(list
        .into_iter()
        .flatten()
        .map(|package| {
            let word = |key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
            Package {
                name: word("name").unwrap_or_default(),
                version: word("version").unwrap_or_default(),
                source: word("source"),
            }
        })
        .collect())
}

/// What semver treats as one compatible line: `1` of 1.2.3, `0.9` of 0.9.1.
fn major(version: &str) -> &str {
    let dots = usize::from(version.starts_with("0."));
    version.match_indices('.').nth(dots).map_or(version, |(at, _)| &version[..at])
}

#[cfg(test)]
mod tests {
    use super::super::findings_of;
    use super::*;

    const DENY: (&str, &str) =
        ("deny.toml", "[bans]\ndeny = [{ crate = \"openssl-sys\", reason = \"one TLS stack\" }]\n");

    fn package(name: &str, version: &str, source: &str) -> String {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"{source}\"\n\n")
    }

    const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

    #[test]
    fn a_banned_crate_is_found_with_its_reason() {
        let lock = package("serde", "1.0.0", CRATES_IO) + &package("openssl-sys", "0.9.1", CRATES_IO);
        let found = findings_of("deny", &[DENY, ("Cargo.lock", &lock)]);
        assert_eq!(found, ["Cargo.lock:7: error[deny]: openssl-sys 0.9.1 is banned: one TLS stack"]);
    }

    #[test]
    fn a_crate_from_git_is_found() {
        let found =
            findings_of("deny", &[DENY, ("Cargo.lock", &package("serde", "1.0.0", "git+https://x.example/serde"))]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("only crates.io"), "{found:?}");
    }

    #[test]
    fn workspace_members_have_no_source() {
        assert!(
            findings_of("deny", &[DENY, ("Cargo.lock", "[[package]]\nname = \"rhiza-web\"\nversion = \"0.1.0\"\n")])
                .is_empty()
        );
    }

    #[test]
    fn a_second_major_is_found() {
        let lock = package("arrow", "59.3.0", CRATES_IO) + &package("arrow", "60.0.0", CRATES_IO);
        assert!(findings_of("deny", &[DENY, ("Cargo.lock", &lock)])[0].contains("59 and 60"));
        let lock = package("arrow", "59.3.0", CRATES_IO) + &package("arrow", "59.4.0", CRATES_IO);
        assert!(findings_of("deny", &[DENY, ("Cargo.lock", &lock)]).is_empty());
    }

    #[test]
    fn a_ban_without_a_reason_is_found() {
        let deny = ("deny.toml", "[bans]\ndeny = [{ crate = \"x\" }]\n");
        assert!(findings_of("deny", &[deny, ("Cargo.lock", "")])[0].contains("each ban names"));
    }

    #[test]
    fn majors() {
        assert_eq!(major("1.2.3"), "1");
        assert_eq!(major("0.9.1"), "0.9");
        assert_eq!(major("12.0.0-rc.1"), "12");
    }
}
