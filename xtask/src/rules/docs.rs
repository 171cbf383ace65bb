//! Documentation that names real things: every path and test in it exists, every relative link leads somewhere.

use super::{Finding, Workspace};
use crate::tree::Tree;

/// Pages whose code spans are checked too. Guides also name a user's own files, so there only links are.
const MAPS: &[&str] = &["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "docs/testing.md"];

const ENDINGS: &[&str] = &[".md", ".rs", ".sh", ".toml", ".json", ".yaml", ".yml", ".py", ".sql"];

pub(super) fn check(workspace: &Workspace<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let ours = |path: &str| path.ends_with(".md") && (!path.contains('/') || path.starts_with("docs/"));
    for (path, text) in workspace.tree.texts().filter(|(path, _)| ours(path)) {
        let mut fenced = false;
        for (number, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
                continue;
            }
            if fenced {
                continue;
            }
            let mut missing = Vec::new();
            if MAPS.contains(&path) {
                missing
                    .extend(spans(line).filter(|span| is_path(workspace.tree, span) && !workspace.tree.exists(span)));
            }
            missing.extend(spans(line).filter(|span| names_no_test(workspace.tree, span)));
            let links = links(line).filter(|link| !workspace.tree.exists(&relative(path, link)));
            findings.extend(
                missing
                    .into_iter()
                    .chain(links)
                    .map(|name| Finding::error(path, number + 1, format!("{name} does not exist"))),
            );
        }
    }
    if workspace.tree.exists("crates") && workspace.tree.text("ARCHITECTURE.md").is_some() {
        findings.extend(crates_on_the_map(workspace.tree));
    }
    findings
}

/// ARCHITECTURE.md names every crate there is.
fn crates_on_the_map(tree: &Tree) -> Vec<Finding> {
    let map = tree.text("ARCHITECTURE.md").unwrap_or_default();
    let missing = tree.manifests().filter(|(name, _, _)| !map.contains(&format!("`{name}`")));
    missing
        .map(|(name, _, _)| Finding::error("ARCHITECTURE.md", 1, format!("the crate `{name}` is not in the table")))
        .collect()
}

/// The code spans of a line.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether a code span means a file or folder of this tree.
fn is_path(tree: &Tree, span: &str) -> bool {
    let odd =
        |c: char| c.is_whitespace() || matches!(c, '{' | '}' | '<' | '>' | '*' | '$' | ':' | '=' | '…' | '(' | '|');
    if span.is_empty() || span.contains(odd) || span.starts_with(['/', '-', '.', '~']) && !span.starts_with(".c") {
        return false;
    }
    let Some((first, _)) = span.split_once('/') else {
        // A bare file name is a path only when it is one of the top: `mod.rs` is a habit, `deny.toml` a file.
        return span.ends_with(".md") && span.chars().next().is_some_and(char::is_uppercase);
    };
    tree.exists(first) || ENDINGS.iter().any(|ending| span.ends_with(ending))
}

/// Whether a code span such as `tests/x.py::test_y` means a test that is not there.
fn names_no_test(tree: &Tree, span: &str) -> bool {
    let Some((file, name)) = span.split_once("::") else { return false };
    if ![".rs", ".py"].iter().any(|ending| file.ends_with(ending)) {
        return false;
    }
    let text = tree.text(file).unwrap_or_default();
    !["fn", "def"].iter().any(|word| text.contains(&format!("{word} {name}(")))
}

/// The targets of a line's relative links, without their anchors.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter_map(|target| {
        let target = target.split('#').next().unwrap_or(target);
        (!target.is_empty() && !target.contains(':') && !target.starts_with('/')).then_some(target)
    })
}

/// A link of a page as a path from the root.
fn relative(page: &str, link: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
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

    const MANIFEST: (&str, &str) = ("crates/web/Cargo.toml", "");

    #[test]
    fn paths_of_the_map_exist() {
        let page = "`web`\nSee `crates/web` and `crates/gone/src/lib.rs`, not `GET /api/v1`, `application/json`, `store*.rs` or `mod.rs`.";
        let found = findings_of("docs", &[("ARCHITECTURE.md", page), MANIFEST]);
        assert_eq!(found, ["ARCHITECTURE.md:2: error[docs]: crates/gone/src/lib.rs does not exist"]);
    }

    #[test]
    fn tests_that_are_named_exist() {
        let page = "`a/b.rs::it_holds`, `a/b.rs::it_held`, `c.py::test_x`, `crate::module`";
        let found = findings_of("docs", &[("docs/attacks.md", page), ("a/b.rs", "async fn it_holds(db: Db) {}")]);
        let error = |name| format!("docs/attacks.md:1: error[docs]: {name} does not exist");
        assert_eq!(found, [error("a/b.rs::it_held"), error("c.py::test_x")]);
    }

    #[test]
    fn code_blocks_are_not_read() {
        let page = "`web`\n```\n`crates/gone`\n```\n";
        assert!(findings_of("docs", &[("ARCHITECTURE.md", page), MANIFEST]).is_empty());
    }

    #[test]
    fn relative_links_lead_somewhere() {
        let page = "[a](../../README.md#x) [b](gone.md) [c](https://x.example/y.md) [d](#here)";
        let found = findings_of("docs", &[("docs/guide/first.md", page), ("README.md", "")]);
        assert_eq!(found, ["docs/guide/first.md:1: error[docs]: gone.md does not exist"]);
    }

    #[test]
    fn every_crate_is_on_the_map() {
        let found = findings_of("docs", &[("ARCHITECTURE.md", "`api`"), MANIFEST]);
        assert_eq!(found, ["ARCHITECTURE.md:1: error[docs]: the crate `web` is not in the table"]);
    }
}
