//! The dependency table: who may depend on whom. The tiers and the reasons are in ARCHITECTURE.md.

use super::{Finding, Workspace};
use crate::tree::line_of;

const PURE: &[&str] = &["kernel", "mycelium", "learn", "explain", "audio", "retrieval"];
const PLUMBING: &[&str] = &["store", "web"];
const SHARED: &[&str] = &["platform"];
/// The vertical parts.
pub(super) const SLICES: &[&str] =
    &["identity", "tracking", "mlops", "chat", "knowledge", "voice", "simulation", "connect"];
const SURFACES: &[&str] = &["api", "server"];
/// Only ever dev-dependencies.
const DEVELOPMENT: &[&str] = &["testkit", "xtask"];

/// The edges that the tiers alone would forbid.
const EXCEPTIONS: &[(&str, &str)] = &[("explain", "learn"), ("mlops", "tracking")];

/// What a crate without I/O, clock and async has no use for.
const IMPURE: &[&str] =
    &["async-std", "axum", "hyper", "reqwest", "sea-orm", "smol", "sqlx", "tokio", "tracing-subscriber"];

fn tier(name: &str) -> Option<usize> {
    [PURE, PLUMBING, SHARED, SLICES, SURFACES, DEVELOPMENT].iter().position(|tier| tier.contains(&name))
}

fn may_depend(from: &str, to: &str) -> bool {
    if EXCEPTIONS.contains(&(from, to)) {
        return true;
    }
    let (Some(from_tier), Some(to_tier)) = (tier(from), tier(to)) else { return false };
    match from_tier {
        0 => false,
        1 => to == "kernel",
        // api assembles the slices; the binary wires everything.
        4 if from == "server" => to_tier <= 3 || to == "api",
        5 => from != "xtask",
        _ => to_tier < from_tier,
    }
}

/// What tests of a crate may use besides: the testkit, and (in the surfaces) anything.
fn tests_may_depend(from: &str, to: &str) -> bool {
    may_depend(from, to) || (to == "testkit" && from != "xtask") || (SURFACES.contains(&from) && to != "xtask")
}

pub(super) fn check(workspace: &Workspace<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, path, text) in workspace.tree.manifests() {
        let manifest = match text.parse::<toml::Table>() {
            Ok(manifest) => manifest,
            Err(error) => {
                findings.push(Finding::error(path, 1, format!("not TOML: {}", error.message())));
                continue;
            }
        };
        identity(name, path, text, &manifest, &mut findings);
        for (kind, allowed) in [
            ("dependencies", may_depend as fn(&str, &str) -> bool),
            ("build-dependencies", may_depend),
            ("dev-dependencies", tests_may_depend),
        ] {
            for dependency in names_of(&manifest, kind) {
                let line = line_of(text, &dependency);
                if let Some(to) = dependency.strip_prefix("rhiza-") {
                    if !allowed(name, to) {
                        findings.push(Finding::error(path, line, refusal(name, to, kind)));
                    }
                } else if kind == "dependencies" && tier(name) == Some(0) && IMPURE.contains(&dependency.as_str()) {
                    let message =
                        format!("{name} is a pure crate (values in, values out): it cannot depend on {dependency}");
                    findings.push(Finding::error(path, line, message));
                }
            }
        }
    }
    findings
}

fn identity(name: &str, path: &str, text: &str, manifest: &toml::Table, findings: &mut Vec<Finding>) {
    let package = manifest.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    let wanted = if name == "xtask" { "xtask".to_owned() } else { format!("rhiza-{name}") };
    if package != Some(wanted.as_str()) {
        let message = format!("the package in this folder is called {wanted}, not {}", package.unwrap_or("nothing"));
        findings.push(Finding::error(path, line_of(text, "name"), message));
    }
    if tier(name).is_none() {
        findings.push(Finding::error(path, 1, format!("{name} is in no tier; add it to the table in {}", file!())));
    }
    let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
    if inherits != Some(true) {
        findings.push(Finding::error(path, 1, "the workspace's lints are not switched on: [lints] workspace = true"));
    }
}

fn refusal(from: &str, to: &str, kind: &str) -> String {
    if DEVELOPMENT.contains(&to) {
        return format!("{to} is for tests: it can only be a dev-dependency");
    }
    if SLICES.contains(&from) && SLICES.contains(&to) {
        return format!(
            "{from} and {to} are slices, and slices do not know each other: use an id, an event, or a trait that {from} owns"
        );
    }
    format!("{from} may not depend on {to} ({kind}); see the table in {}", file!())
}

/// The names in one kind of dependency table, target-specific ones included.
fn names_of(manifest: &toml::Table, kind: &str) -> Vec<String> {
    let direct = manifest.get(kind).and_then(toml::Value::as_table).into_iter();
    let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::values);
    let of_targets = targets.filter_map(|target| target.get(kind).and_then(toml::Value::as_table));
    direct.chain(of_targets).flat_map(|table| table.iter().map(|(name, value)| package_name(name, value))).collect()
}

/// A dependency may be renamed: `foo = { package = "rhiza-store" }`.
fn package_name(name: &str, value: &toml::Value) -> String {
    value.get("package").and_then(toml::Value::as_str).unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::findings_of;
    use super::*;

    fn manifest(name: &str, rest: &str) -> String {
        format!("[package]\nname = \"rhiza-{name}\"\n[lints]\nworkspace = true\n{rest}")
    }

    fn check_one(name: &str, rest: &str) -> Vec<String> {
        findings_of("layers", &[(&format!("crates/{name}/Cargo.toml"), &manifest(name, rest))])
    }

    #[test]
    fn the_table_of_the_architecture() {
        for (from, to) in [
            ("store", "kernel"),
            ("web", "kernel"),
            ("platform", "web"),
            ("tracking", "platform"),
            ("tracking", "retrieval"),
            ("api", "tracking"),
            ("api", "web"),
            ("server", "api"),
            ("mlops", "tracking"),
            ("explain", "learn"),
            ("testkit", "server"),
        ] {
            assert!(may_depend(from, to), "{from} → {to} is allowed");
        }
        for (from, to) in [
            ("kernel", "learn"),
            ("store", "web"),
            ("web", "store"),
            ("web", "learn"),
            ("platform", "identity"),
            ("tracking", "mlops"),
            ("tracking", "identity"),
            ("api", "server"),
            ("server", "testkit"),
            ("server", "xtask"),
            ("xtask", "kernel"),
        ] {
            assert!(!may_depend(from, to), "{from} → {to} is forbidden");
        }
    }

    #[test]
    fn a_slice_that_depends_on_a_slice_is_told_what_to_do_instead() {
        let found = check_one(
            "tracking",
            "[dependencies]\nrhiza-kernel = { workspace = true }\nrhiza-identity = { workspace = true }\n",
        );
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("crates/tracking/Cargo.toml:7: error[layers]: tracking and identity are slices"),
            "{found:?}"
        );
    }

    #[test]
    fn a_renamed_dependency_does_not_hide() {
        let found = check_one("web", "[dependencies]\ndatabase = { package = \"rhiza-store\", path = \"../store\" }\n");
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn a_target_specific_dependency_does_not_hide() {
        let found = check_one("web", "[target.'cfg(unix)'.dependencies]\nrhiza-store.workspace = true\n");
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn the_testkit_is_for_tests_only() {
        assert!(check_one("store", "[dev-dependencies]\nrhiza-testkit = { workspace = true }\n").is_empty());
        assert!(
            check_one("store", "[dependencies]\nrhiza-testkit = { workspace = true }\n")[0]
                .contains("only be a dev-dependency")
        );
    }

    #[test]
    fn a_pure_crate_stays_pure() {
        assert!(check_one("learn", "[dependencies]\ntokio = \"1\"\n")[0].contains("pure crate"));
        assert!(check_one("learn", "[dev-dependencies]\ntokio = \"1\"\n").is_empty());
    }

    #[test]
    fn names_lints_and_tiers() {
        let found = findings_of("layers", &[("crates/extra/Cargo.toml", "[package]\nname = \"extra\"\n")]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.iter().any(|line| line.contains("called rhiza-extra, not extra")));
        assert!(found.iter().any(|line| line.contains("in no tier")));
        assert!(found.iter().any(|line| line.contains("lints")));
    }

    #[test]
    fn a_broken_manifest_is_a_finding() {
        let found = findings_of("layers", &[("crates/web/Cargo.toml", "[package\n")]);
        assert!(found[0].contains("not TOML"), "{found:?}");
    }
}
