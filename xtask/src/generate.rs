//! The files that are written by programs and committed: the OpenAPI document, the configuration reference, and the
//! console's client made from the former.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{fs, io};

use crate::say;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Write,
    /// As `Write`, and fails when a file changed: the committed one was stale.
    Check,
}

/// What `rhiza` prints, and where it is kept.
const PRINTED: &[(&[&str], &str)] =
    &[(&["openapi"], "docs/reference/openapi.json"), (&["config", "reference"], "docs/reference/config.md")];

/// What `npm run generate` writes in the console.
const CLIENT: &str = "console/src/api";

pub(crate) fn run(root: &Path, mode: Mode) -> ExitCode {
    match generate(root) {
        Ok(changed) if changed.is_empty() => {
            say("generate: everything was up to date");
            ExitCode::SUCCESS
        }
        Ok(changed) => {
            for path in &changed {
                say(&format!("generate: wrote {path}"));
            }
            if mode == Mode::Write {
                return ExitCode::SUCCESS;
            }
            say("generate: these were not what the code makes of them; they are now: look at them and commit them");
            ExitCode::FAILURE
        }
        Err(reason) => {
            say(&format!("generate: {reason}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes every generated file; returns those that changed.
fn generate(root: &Path) -> Result<Vec<String>, String> {
    let rhiza = build(root)?;
    let mut changed = Vec::new();
    for (arguments, path) in PRINTED {
        let text = printed(&rhiza, arguments)?;
        let file = root.join(path);
        if fs::read(&file).ok().as_ref() != Some(&text) {
            write(&file, &text).map_err(|error| format!("cannot write {path}: {error}"))?;
            changed.push((*path).to_owned());
        }
    }
    let folder = root.join(CLIENT);
    let before = contents(&folder).map_err(|error| format!("cannot read {CLIENT}: {error}"))?;
    succeed(Command::new("npm").args(["run", "--silent", "generate"]).current_dir(root.join("console")))?;
    let after = contents(&folder).map_err(|error| format!("cannot read {CLIENT}: {error}"))?;
    changed.extend(differences(&before, &after).into_iter().map(|name| format!("{CLIENT}/{name}")));
    Ok(changed)
}

/// Builds the binary and says where it is: beside this one, as both come out of the same target folder.
fn build(root: &Path) -> Result<PathBuf, String> {
    succeed(Command::new("cargo").args(["build", "--quiet", "--workspace", "--bins"]).current_dir(root))?;
    let here = std::env::current_exe().map_err(|error| format!("cannot tell where xtask runs from: {error}"))?;
    Ok(here.with_file_name("rhiza"))
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("cannot run {:?}: {error}", command.get_program()))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}")) }
}

fn printed(rhiza: &Path, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let what = format!("rhiza {}", arguments.join(" "));
    let output = Command::new(rhiza).args(arguments).output().map_err(|error| format!("cannot run {what}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{what} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    if output.stdout.is_empty() {
        return Err(format!("{what} printed nothing"));
    }
    Ok(output.stdout)
}

fn write(file: &Path, text: &[u8]) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text)
}

/// The files under a folder, by relative name; nothing when there is no folder.
fn contents(folder: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut contents = BTreeMap::new();
    if !folder.exists() {
        return Ok(contents);
    }
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.map_err(io::Error::other)?;
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(folder).unwrap_or(entry.path()).to_string_lossy().into_owned();
            contents.insert(name, fs::read(entry.path())?);
        }
    }
    Ok(contents)
}

/// The names whose contents are not the same on both sides.
fn differences(before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn changed_new_and_vanished_files_are_differences() {
        let before = map(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let after = map(&[("a", "1"), ("b", "2"), ("d", "1")]);
        assert_eq!(differences(&before, &after), ["b", "c", "d"]);
    }

    #[test]
    fn contents_are_read_by_relative_name() {
        let folder = tempfile::tempdir().expect("a folder");
        write(&folder.path().join("deep/er/a.ts"), b"text").expect("written");
        assert_eq!(contents(folder.path()).expect("read"), map(&[("deep/er/a.ts", "text")]));
        assert!(contents(&folder.path().join("gone")).expect("nothing").is_empty());
    }

    #[test]
    fn a_command_that_prints_nothing_or_fails_is_an_error() {
        assert!(printed(Path::new("/bin/true"), &[]).expect_err("empty").contains("printed nothing"));
        assert!(
            printed(Path::new("/bin/false"), &["openapi"]).expect_err("failed").contains("rhiza openapi ended with")
        );
        assert_eq!(printed(Path::new("/bin/echo"), &["x"]).expect("text"), b"x\n");
    }
}
