//! The workspace's own chores.
//!
//! - `cargo xtask tidy [--only RULE,…]` checks what the compiler cannot: the dependency table, which file may import
//!   what, line budgets, documentation that names real paths. It is also a test of this crate.
//! - `cargo xtask generate [--check]` writes the generated files anew, or fails when that would change one.

mod generate;
mod rules;
mod source;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::rules::Level;
use crate::tree::Tree;

const USAGE: &str = "usage: cargo xtask tidy [--only RULE,…] | generate [--check]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = workspace_root();
    match words.as_slice() {
        ["tidy"] => tidy(&root, None),
        ["tidy", "--only", rules] => tidy(&root, Some(rules)),
        ["generate"] => generate::run(&root, generate::Mode::Write),
        ["generate", "--check"] => generate::run(&root, generate::Mode::Check),
        _ => {
            say(USAGE);
            ExitCode::from(2)
        }
    }
}

/// The folder that holds the root manifest. Cargo says at run time where this crate is: the target folder may be
/// shared by several clones, so that what was true when this was compiled may be another clone's path.
#[expect(clippy::disallowed_methods, reason = "what cargo tells its children is no setting of ours")]
fn workspace_root() -> std::path::PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("xtask"), PathBuf::from);
    here.parent().map(Path::to_path_buf).unwrap_or_default()
}

fn tidy(root: &Path, only: Option<&str>) -> ExitCode {
    let tree = match Tree::load(root) {
        Ok(tree) => tree,
        Err(error) => {
            say(&format!("cannot read the workspace: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let findings = match rules::check(&tree, only) {
        Ok(findings) => findings,
        Err(unknown) => {
            say(&format!("no rule is called {unknown}; there are: {}", rules::names().join(", ")));
            return ExitCode::from(2);
        }
    };
    for finding in &findings {
        say(&finding.to_string());
    }
    let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
    say(&format!("tidy: {errors} errors, {} warnings", findings.len() - errors));
    if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::print_stderr, reason = "a command line tool speaks on standard error")]
fn say(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_tidy() {
        let tree = Tree::load(&workspace_root()).expect("the workspace can be read");
        let findings = rules::check(&tree, None).expect("all rules exist");
        let errors: Vec<String> =
            findings.iter().filter(|finding| finding.level == Level::Error).map(ToString::to_string).collect();
        assert!(errors.is_empty(), "\n{}\n", errors.join("\n"));
    }
}
