//! Every Rust file is compiled by something and begins by saying what it is.

use std::collections::BTreeMap;

use super::{Finding, Workspace};
use crate::source::{Module, Source};
use crate::tree::Tree;

pub(super) fn check(workspace: &Workspace<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in workspace.tree.rust() {
        if !workspace.reached.contains_key(path) {
            findings.push(Finding::error(path, 1, "no `mod` leads here: nothing compiles this file"));
        }
        let first = text.lines().next().unwrap_or_default();
        if !first.starts_with("//!") || first.trim_end().len() <= "//!".len() {
            findings.push(Finding::error(path, 1, "the first line says what this file is: `//! …`"));
        }
    }
    findings
}

/// Follows `mod` from every crate root. The value says whether only tests compile the file.
pub(super) fn reach(tree: &Tree, sources: &BTreeMap<&str, Source>) -> BTreeMap<String, bool> {
    let mut reached = BTreeMap::new();
    let mut open: Vec<(String, bool, bool)> =
        tree.rust().filter_map(|(path, _)| root_kind(tree, path).map(|test| (path.to_owned(), test, true))).collect();
    while let Some((path, test, root)) = open.pop() {
        // A file that both tests and the binary compile counts as the binary's.
        if reached.get(&path).is_some_and(|known| !known || test) {
            continue;
        }
        reached.insert(path.clone(), test);
        let Some(source) = sources.get(path.as_str()) else { continue };
        for module in &source.modules {
            let place =
                candidates(&path, root, &module.what).into_iter().find(|candidate| tree.text(candidate).is_some());
            open.extend(place.map(|place| (place, test || module.test, false)));
        }
    }
    reached
}

/// Whether cargo takes this file for the root of a crate, and if so whether for one of tests.
fn root_kind(tree: &Tree, path: &str) -> Option<bool> {
    let folder = if path.starts_with("crates/") {
        path.splitn(3, '/').take(2).collect::<Vec<_>>().join("/")
    } else {
        "xtask".to_owned()
    };
    let inner = path.strip_prefix(&folder)?.strip_prefix('/')?;
    let parts: Vec<&str> = inner.split('/').collect();
    match parts.as_slice() {
        ["src", "lib.rs" | "main.rs"] | ["build.rs"] | ["src", "bin", _] | ["src", "bin", _, "main.rs"] => Some(false),
        ["tests" | "benches" | "examples", _] | ["tests" | "benches" | "examples", _, "main.rs"] => Some(true),
        _ => {
            // A target with a path of its own: [[test]] path = "…".
            let manifest = tree.text(&format!("{folder}/Cargo.toml"))?;
            manifest.contains(&format!("path = \"{inner}\"")).then(|| !inner.starts_with("src/"))
        }
    }
}

/// Where `mod name;` in `file` may live.
fn candidates(file: &str, root: bool, module: &Module) -> Vec<String> {
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    if let Some(path) = &module.path {
        return vec![normalised(&format!("{folder}/{path}"))];
    }
    let stem = name.trim_end_matches(".rs");
    let mut base = if root || stem == "mod" { folder.to_owned() } else { format!("{folder}/{stem}") };
    for inside in &module.inside {
        base = format!("{base}/{inside}");
    }
    vec![format!("{base}/{}.rs", module.name), format!("{base}/{}/mod.rs", module.name)]
}

fn normalised(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::super::findings_of;

    #[test]
    fn every_way_to_declare_a_module_is_followed() {
        let found = findings_of(
            "modules",
            &[
                (
                    "crates/web/src/lib.rs",
                    "//! x\nmod a;\nmod b;\nmod c { mod d; }\n#[path = \"../other/e.rs\"]\nmod e;",
                ),
                ("crates/web/src/a.rs", "//! x\nmod inner;"),
                ("crates/web/src/a/inner.rs", "//! x"),
                ("crates/web/src/b/mod.rs", "//! x\nmod inner;"),
                ("crates/web/src/b/inner.rs", "//! x"),
                ("crates/web/src/c/d.rs", "//! x"),
                ("crates/web/other/e.rs", "//! x"),
                ("crates/web/build.rs", "//! x"),
                ("crates/web/tests/all.rs", "//! x\nmod helpers;"),
                ("crates/web/tests/helpers.rs", "//! x"),
                ("crates/web/tests/folder/main.rs", "//! x"),
                ("crates/web/src/bin/tool.rs", "//! x"),
                ("crates/web/Cargo.toml", "[[test]]\nname = \"t\"\npath = \"checks/t.rs\"\n"),
                ("crates/web/checks/t.rs", "//! x"),
            ],
        );
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn an_orphan_is_found() {
        let found = findings_of("modules", &[("crates/web/src/lib.rs", "//! x"), ("crates/web/src/lost.rs", "//! x")]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/web/src/lost.rs:1: error[modules]: no `mod`"), "{found:?}");
    }

    #[test]
    fn an_orphan_that_an_orphan_declares_is_still_one() {
        let found = findings_of(
            "modules",
            &[
                ("crates/web/src/lib.rs", "//! x"),
                ("crates/web/src/lost.rs", "//! x\nmod too;"),
                ("crates/web/src/lost/too.rs", "//! x"),
            ],
        );
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_file_says_what_it_is_on_its_first_line() {
        for text in ["use x;\n// late", "//!\n", "/// an item's\nfn f() {}", ""] {
            let found = findings_of("modules", &[("crates/web/src/lib.rs", text)]);
            assert_eq!(found.len(), 1, "{text:?}: {found:?}");
        }
    }
}
