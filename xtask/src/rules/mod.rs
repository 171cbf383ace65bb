//! The rules of `tidy`. Each is a function from the workspace to findings, with tests that show it firing.

mod budgets;
mod deny;
mod docs;
mod imports;
mod layers;
mod modules;
mod words;

use std::collections::BTreeMap;
use std::fmt;

use crate::source::Source;
use crate::tree::Tree;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Fails the build.
    Error,
    /// Worth a look; a soft limit.
    Warning,
}

/// One thing that is not as it should be, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    pub(crate) rule: &'static str,
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Finding {
    fn error(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { level: Level::Error, rule: "", path: path.to_owned(), line, message: message.into() }
    }

    fn warning(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(path, line, message) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        write!(f, "{}:{}: {level}[{}]: {}", self.path, self.line, self.rule, self.message)
    }
}

/// Everything a rule may look at.
pub(crate) struct Workspace<'a> {
    tree: &'a Tree,
    /// The parsed Rust files, by path.
    sources: BTreeMap<&'a str, Source>,
    /// The files that some crate root reaches through `mod`; true when only tests compile them.
    reached: BTreeMap<String, bool>,
}

impl Workspace<'_> {
    /// Sources that the shipped binary compiles (their own test modules included, marked so).
    fn shipped(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.sources
            .iter()
            .filter(|(path, _)| self.reached.get(**path) != Some(&true))
            .map(|(path, source)| (*path, source))
    }
}

type Rule = fn(&Workspace<'_>) -> Vec<Finding>;

const RULES: &[(&str, Rule)] = &[
    ("layers", layers::check),
    ("imports", imports::check),
    ("modules", modules::check),
    ("budgets", budgets::check),
    ("words", words::check),
    ("docs", docs::check),
    ("deny", deny::check),
];

/// The names of all rules.
pub(crate) fn names() -> Vec<&'static str> {
    RULES.iter().map(|(name, _)| *name).collect()
}

/// Runs all rules, or those named in a comma-separated list; the error is the name that is no rule's.
pub(crate) fn check(tree: &Tree, only: Option<&str>) -> Result<Vec<Finding>, String> {
    let wanted: Option<Vec<&str>> = only.map(|list| list.split(',').map(str::trim).collect());
    if let Some(unknown) = wanted.iter().flatten().find(|name| !names().contains(name)) {
        return Err((*unknown).to_owned());
    }
    let mut findings = Vec::new();
    let mut sources = BTreeMap::new();
    for (path, text) in tree.rust() {
        match Source::parse(text) {
            Ok(source) => drop(sources.insert(path, source)),
            Err((line, reason)) => findings.push(Finding { rule: "parse", ..Finding::error(path, line, reason) }),
        }
    }
    let reached = modules::reach(tree, &sources);
    let workspace = Workspace { tree, sources, reached };
    for (name, rule) in RULES {
        if wanted.as_ref().is_none_or(|wanted| wanted.contains(name)) {
            findings.extend(rule(&workspace).into_iter().map(|finding| Finding { rule: name, ..finding }));
        }
    }
    findings
        .sort_by(|a, b| (a.level == Level::Error, &a.path, a.line).cmp(&(b.level == Level::Error, &b.path, b.line)));
    Ok(findings)
}

/// `crates/web/src/problem.rs` → `web`; `xtask/src/main.rs` → `xtask`.
fn crate_of(path: &str) -> &str {
    path.strip_prefix("crates/").unwrap_or(path).split('/').next().unwrap_or(path)
}

#[cfg(test)]
fn findings_of(rule: &str, files: &[(&str, &str)]) -> Vec<String> {
    let findings = check(&Tree::of(files), Some(rule)).expect("the rule exists");
    findings.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_rule_is_named() {
        assert_eq!(check(&Tree::default(), Some("layers,nonsense")), Err("nonsense".to_owned()));
    }

    #[test]
    fn a_file_that_does_not_parse_is_a_finding() {
        let found = findings_of("words", &[("crates/web/src/lib.rs", "//! x\nfn {")]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/web/src/lib.rs:2: error[parse]: "), "{found:?}");
    }

    #[test]
    fn errors_come_last_where_they_are_seen() {
        let long = format!("//! x\n{}todo!();\n", "const A: u8 = 1;\n".repeat(410));
        let found = check(&Tree::of(&[("crates/web/src/lib.rs", &long)]), Some("budgets,words")).expect("rules");
        assert_eq!(found.last().map(|finding| finding.level), Some(Level::Error));
    }
}
