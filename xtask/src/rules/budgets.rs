//! Line budgets: a file one can hold in the head, a function one can see whole. Tests are apart.

use super::{Finding, Workspace};

const FILE_SOFT: usize = 400;
const FILE_HARD: usize = 800;
const FUNCTION_SOFT: usize = 50;
const FUNCTION_HARD: usize = 100;

pub(super) fn check(workspace: &Workspace<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in workspace.shipped() {
        let all = workspace.tree.text(path).unwrap_or_default().lines().count();
        findings.extend(file(path, all.saturating_sub(source.test_lines)));
        for function in source.functions.iter().filter(|function| !function.test) {
            let lines = function.what.lines;
            if lines > FUNCTION_SOFT {
                let (level, limit) = judge(lines, FUNCTION_SOFT, FUNCTION_HARD);
                let message = format!("fn {} has {lines} lines; {limit}", function.what.name);
                findings.push(level(path, function.line, message));
            }
        }
    }
    for (path, text) in workspace.tree.texts().filter(|(path, _)| is_console_source(path)) {
        findings.extend(file(path, text.lines().count()));
    }
    findings
}

type Make = fn(&str, usize, String) -> Finding;

fn judge(lines: usize, soft: usize, hard: usize) -> (Make, String) {
    if lines > hard {
        (Finding::error, format!("the limit is {hard}: split it"))
    } else {
        (Finding::warning, format!("{soft} is where to think of splitting it, {hard} the limit"))
    }
}

fn file(path: &str, lines: usize) -> Option<Finding> {
    if lines <= FILE_SOFT {
        return None;
    }
    let (level, limit) = judge(lines, FILE_SOFT, FILE_HARD);
    Some(level(path, 1, format!("{lines} lines without tests; {limit}")))
}

/// What people write for the console: not its tests, and not the client that is generated into src/api.
fn is_console_source(path: &str) -> bool {
    path.starts_with("console/src/")
        && !path.starts_with("console/src/api/")
        && (path.ends_with(".ts") || path.ends_with(".tsx"))
        && !path.contains(".test.")
}

#[cfg(test)]
mod tests {
    use super::super::findings_of;

    fn file_of(lines: usize) -> String {
        format!("//! x\n{}", "const A: u8 = 1;\n".repeat(lines - 1))
    }

    #[test]
    fn files() {
        for (lines, expected) in [(400, None), (401, Some("warning")), (800, Some("warning")), (801, Some("error"))] {
            for path in ["crates/web/src/lib.rs", "console/src/page.tsx"] {
                let found = findings_of("budgets", &[(path, &file_of(lines))]);
                assert_eq!(found.len(), usize::from(expected.is_some()), "{lines}: {found:?}");
                if let Some(level) = expected {
                    assert!(found[0].starts_with(&format!("{path}:1: {level}[budgets]: {lines} lines")), "{found:?}");
                }
            }
        }
    }

    #[test]
    fn functions() {
        for (lines, expected) in [(50, None), (51, Some("warning")), (100, Some("warning")), (101, Some("error"))] {
            let text = format!("//! x\n\nfn long() {{\n{}}}\n", "    f();\n".repeat(lines - 2));
            let found = findings_of("budgets", &[("crates/web/src/lib.rs", &text)]);
            assert_eq!(found.len(), usize::from(expected.is_some()), "{lines}: {found:?}");
            if let Some(level) = expected {
                assert!(
                    found[0].starts_with(&format!("crates/web/src/lib.rs:3: {level}[budgets]: fn long has {lines}")),
                    "{found:?}"
                );
            }
        }
    }

    #[test]
    fn tests_are_apart() {
        let long = "    f();\n".repeat(900);
        let inside = format!("//! x\n#[cfg(test)]\nmod tests {{\n    fn t() {{\n{long}    }}\n}}\n");
        assert!(findings_of("budgets", &[("crates/web/src/lib.rs", &inside)]).is_empty());
        let file = format!("//! x\nfn t() {{\n{long}}}\n");
        assert!(findings_of("budgets", &[("crates/web/tests/all.rs", &file)]).is_empty());
        let declared = [
            ("crates/web/src/lib.rs", "//! x\n#[cfg(test)]\nmod tests;\n"),
            ("crates/web/src/tests.rs", file.as_str()),
        ];
        assert!(findings_of("budgets", &declared).is_empty());
        assert!(findings_of("budgets", &[("console/src/page.test.tsx", &file)]).is_empty());
    }
}
