//! The workspace's files as values, so that every rule is a function and its tests need no disk.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use walkdir::WalkDir;

/// Folders that hold nothing of ours: version control, what is built, what is downloaded, what is run.
const SKIPPED_FOLDERS: &[&str] =
    &[".git", "target", "node_modules", "dist", "rhiza-data", "test-results", "__pycache__", ".venv", ".pytest_cache"];

/// Files whose text is read. Others are known by their path only.
const TEXT: &[&str] = &[
    "conf", "css", "env", "html", "js", "json", "lock", "md", "mjs", "mts", "py", "rs", "service", "sh", "sql", "svg",
    "toml", "ts", "tsx", "txt", "yaml", "yml",
];
const TEXT_NAMES: &[&str] = &["Dockerfile", "Makefile", ".gitignore", ".dockerignore", "run"];

/// Larger files are data, not something a person wrote.
const TEXT_MAX_BYTES: u64 = 2 * 1024 * 1024;

/// Paths relative to the root, with `/`, and the text of those that are text.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, Option<String>>,
}

impl Tree {
    /// Reads the workspace at `root`.
    pub(crate) fn load(root: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        let walk = WalkDir::new(root).into_iter().filter_entry(|entry| {
            let name = entry.file_name().to_string_lossy();
            entry.depth() == 0 || !(entry.file_type().is_dir() && SKIPPED_FOLDERS.contains(&name.as_ref()))
        });
        for entry in walk {
            let entry = entry.map_err(io::Error::other)?;
            if !entry.file_type().is_file() {
                continue;
            }
            let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
            let name = path.to_string_lossy().replace('\\', "/");
            let small = entry.metadata().map_err(io::Error::other)?.len() <= TEXT_MAX_BYTES;
            let text = if small && is_text(&name) { std::fs::read_to_string(entry.path()).ok() } else { None };
            files.insert(name, text);
        }
        Ok(Self { files })
    }

    /// The text of a file, when it exists and is text.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Whether a file or a folder of this name exists.
    pub(crate) fn exists(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        self.files.contains_key(path)
            || self.files.range(folder.clone()..).next().is_some_and(|(name, _)| name.starts_with(&folder))
    }

    /// Every text file with its text, in order of path.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// The Rust sources of the workspace's crates and of xtask.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts()
            .filter(|(path, _)| path.ends_with(".rs") && (path.starts_with("crates/") || path.starts_with("xtask/")))
    }

    /// The manifests of the workspace's crates: (name of the folder, path of the manifest, its text).
    pub(crate) fn manifests(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.texts().filter_map(|(path, text)| {
            let folder = path.strip_suffix("/Cargo.toml")?;
            let name = folder.strip_prefix("crates/").unwrap_or(folder);
            (!name.contains('/') && (folder != name || name == "xtask")).then_some((name, path, text))
        })
    }
}

#[cfg(test)]
impl Tree {
    /// A tree out of paths and texts.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned())));
        Self { files: files.collect() }
    }
}

fn is_text(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    TEXT_NAMES.contains(&name) || name.rsplit_once('.').is_some_and(|(_, ending)| TEXT.contains(&ending))
}

/// The number of the line (from 1) on which `needle` first occurs, for messages; 1 when it does not.
pub(crate) fn line_of(text: &str, needle: &str) -> usize {
    text.lines().position(|line| line.contains(needle)).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_exist_when_a_file_is_in_them() {
        let tree = Tree::of(&[("crates/store/src/lib.rs", "")]);
        assert!(tree.exists("crates/store"));
        assert!(tree.exists("crates/store/"));
        assert!(tree.exists("crates/store/src/lib.rs"));
        assert!(!tree.exists("crates/stor"));
    }

    #[test]
    fn manifests_are_those_of_crates_and_xtask() {
        let tree = Tree::of(&[
            ("Cargo.toml", ""),
            ("xtask/Cargo.toml", ""),
            ("crates/web/Cargo.toml", ""),
            ("crates/web/fixtures/Cargo.toml", ""),
        ]);
        let names: Vec<&str> = tree.manifests().map(|(name, _, _)| name).collect();
        assert_eq!(names, ["web", "xtask"]);
    }

    #[test]
    fn loading_skips_what_is_built_and_downloaded() {
        let folder = tempfile::tempdir().expect("a folder");
        for path in ["src/a.rs", "node_modules/x/b.js", "target/c.rs"] {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().expect("a parent")).expect("made");
            std::fs::write(file, "text").expect("written");
        }
        let tree = Tree::load(folder.path()).expect("read");
        assert_eq!(tree.texts().collect::<Vec<_>>(), [("src/a.rs", "text")]);
    }
}
