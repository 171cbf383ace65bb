//! Words that have no place in the tree: placeholders, silenced lints, names of somebody's machine.

use super::{Finding, Workspace};

/// Written in halves, so that this file does not find itself.
const MARKERS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
const HOMES: &[&str] = &[concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Use", "rs/")];

pub(super) fn check(workspace: &Workspace<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in &workspace.sources {
        for found in source.macros.iter().filter(|found| matches!(found.what.as_str(), "todo" | "unimplemented")) {
            findings.push(Finding::error(
                path,
                found.line,
                format!("{}! is a placeholder: what is not built is not there", found.what),
            ));
        }
        for found in &source.allows {
            let message = format!(
                "allow({}): say #[expect(…, reason = \"…\")], which also tells when it is no longer needed",
                found.what
            );
            findings.push(Finding::error(path, found.line, message));
        }
        for found in source.functions.iter().filter(|found| found.what.empty && !found.test) {
            let message = format!(
                "fn {} does nothing: build it, remove it, or say in a comment why nothing is right",
                found.what.name
            );
            findings.push(Finding::error(path, found.line, message));
        }
    }
    for (path, text) in workspace.tree.texts() {
        for (number, line) in text.lines().enumerate() {
            let word =
                is_code(path).then(|| marker(line)).flatten().map(|word| format!("{word}: do it now or file an issue"));
            let home = home(line).map(|home| format!("{home}… is a place on somebody's machine"));
            let pinned = (path.ends_with("package-lock.json") && line.trim_start().starts_with("\"resolved\": \"http"))
                .then(|| "a resolved address ties the lock file to one registry host: npm config omit-lockfile-registry-resolved".to_owned());
            findings.extend(
                word.into_iter().chain(home).chain(pinned).map(|message| Finding::error(path, number + 1, message)),
            );
        }
    }
    findings
}

fn is_code(path: &str) -> bool {
    const ENDINGS: &[&str] = &[".rs", ".ts", ".tsx", ".mjs", ".sh", ".py", ".sql", ".toml", ".yaml", ".css"];
    // The console's client is written by a generator, with its own remarks.
    ENDINGS.iter().any(|ending| path.ends_with(ending)) && !path.starts_with("console/src/api/")
}

/// A marker word in the comment of a line.
fn marker(line: &str) -> Option<&'static str> {
    let start = ["//", "#", "/*", "--", "* "].iter().filter_map(|opening| line.find(opening)).min()?;
    let words = |text: &str| {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_owned).collect::<Vec<_>>()
    };
    let comment = words(&line[start..]);
    MARKERS.iter().copied().find(|marker| comment.iter().any(|word| word == marker))
}

/// A path that begins in somebody's home, not one that only ends like it (`https://host/work/…`).
fn home(line: &str) -> Option<&'static str> {
    HOMES.iter().copied().find(|home| {
        line.match_indices(home).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            before.is_none_or(|c| {
                !c.is_alphanumeric() && !matches!(c, '.' | '_' | '-' | '/' | '}' | ')' | '*' | '~' | '>')
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::findings_of;
    use super::*;

    fn check_one(text: &str) -> Vec<String> {
        findings_of("words", &[("crates/web/src/lib.rs", text)])
    }

    #[test]
    fn placeholders() {
        assert!(check_one("//! x\nfn f() { todo!() }")[0].starts_with("crates/web/src/lib.rs:2: error[words]: todo!"));
        assert!(check_one("//! x\nfn f() { unimplemented!(\"later\") }")[0].contains("unimplemented!"));
        assert!(check_one("//! x\nfn f() {}")[0].contains("fn f does nothing"));
        assert!(check_one("//! x\nfn f() { println!(\"todo!()\") }").is_empty());
        assert!(check_one("//! x\n#[cfg(test)]\nmod tests { fn f() {} }").is_empty());
    }

    #[test]
    fn silenced_lints() {
        assert!(check_one("//! x\n#![allow(dead_code)]\n")[0].contains("allow(dead_code)"));
        assert!(
            check_one("//! x\n#[allow(clippy::unwrap_used)]\nconst A: u8 = 1;")[0]
                .starts_with("crates/web/src/lib.rs:2:")
        );
        assert!(check_one("//! x\nimpl A { #[allow(unused)] fn f() -> u8 { 1 } }").len() == 1);
        assert!(check_one("//! x\n#[expect(dead_code, reason = \"r\")]\nconst A: u8 = 1;").is_empty());
    }

    #[test]
    fn markers_in_comments() {
        for marker in MARKERS {
            for line in [
                format!("// {marker} later"),
                format!("const B: u8 = 1; // {marker}: later"),
                format!("/* {marker} */"),
            ] {
                assert_eq!(check_one(&format!("//! x\n{line}\nconst A: u8 = 1;")).len(), 1, "{line}");
            }
        }
        assert!(check_one(&format!("//! x\nconst A: &str = \"{}\";", MARKERS[0])).is_empty());
        let script = format!("#!/bin/sh\n# {} later\n", MARKERS[1]);
        assert_eq!(findings_of("words", &[("scripts/x.sh", &script)]).len(), 1);
    }

    #[test]
    fn machines() {
        for home_path in HOMES {
            let page = format!("See `{home_path}x` for it.");
            assert_eq!(findings_of("words", &[("docs/x.md", &page)]).len(), 1, "{home_path}");
            let address = format!("See https://host{home_path}x for it.");
            assert!(findings_of("words", &[("docs/x.md", &address)]).is_empty(), "{home_path}");
        }
    }

    #[test]
    fn lock_files_name_no_host() {
        let lock = "{\n  \"resolved\": \"https://registry.example/x.tgz\"\n}\n";
        let found = findings_of("words", &[("console/package-lock.json", lock)]);
        assert!(found[0].starts_with("console/package-lock.json:2:"), "{found:?}");
    }
}
