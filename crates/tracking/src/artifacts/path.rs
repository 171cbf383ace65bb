//! The paths of artifacts. A path names a file in a project's tree and nothing else: whatever could climb out of
//! it, or mean different things to two readers, is refused.

use crate::error::{TrackingError, TrackingResult};
use crate::registry::uri::{Uri, decode_fully};

/// Longest path, in bytes; file systems and object stores take 1,024 or more per name.
const PATH_MAX: usize = 2048;
/// Longest name of a file or folder, in bytes: what file systems take, so that a tree can be downloaded.
const NAME_MAX: usize = 255;

/// Begins the names of folders in which we keep what is no artifact: [`clean`] refuses it, so no client's path leads there.
pub(crate) const OURS: char = '#';

/// The refusal of a path.
#[must_use]
pub fn invalid() -> TrackingError {
    TrackingError::invalid("Invalid path")
}

/// The normal form of a path that a client sent; the empty text is the root. Encodings within encodings are
/// undone first, so that nothing hides in them.
///
/// # Errors
/// `Invalid path` for absolute paths, `..`, control characters, backslashes and over-long names.
pub fn clean(text: &str) -> TrackingResult<String> {
    let decoded = decode_fully(text);
    if decoded.starts_with('/') || decoded.contains([OURS, '\\']) || decoded.chars().any(char::is_control) {
        return Err(invalid());
    }
    if has_drive(&decoded) || decoded.contains('\u{fffd}') {
        return Err(invalid());
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in decoded.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(invalid()),
            part if part.len() > NAME_MAX => return Err(invalid()),
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    if path.len() > PATH_MAX { Err(invalid()) } else { Ok(path) }
}

fn has_drive(path: &str) -> bool {
    let mut chars = path.chars();
    matches!((chars.next(), chars.next(), chars.next()), (Some(d), Some(':'), Some('/') | None) if d.is_ascii_alphabetic())
}

/// Undoes the prefix with which clients name their workspace: `workspaces/<name>/…`.
///
/// # Errors
/// When it names another workspace than the caller's, or none.
pub fn in_workspace(path: &str, workspace: &str) -> TrackingResult<String> {
    let Some((first, rest)) = path.split_once('/') else {
        if path.eq_ignore_ascii_case("workspaces") {
            return Err(TrackingError::invalid(
                "Artifact paths prefixed with 'workspaces/' must include a workspace name.",
            ));
        }
        return Ok(path.to_owned());
    };
    if !first.eq_ignore_ascii_case("workspaces") {
        return Ok(path.to_owned());
    }
    let (named, rest) = rest.split_once('/').unwrap_or((rest, ""));
    if named != workspace {
        return Err(TrackingError::invalid(format!(
            "Artifact path targets workspace '{named}' but the workspace specified in the request is '{workspace}'."
        )));
    }
    Ok(rest.to_owned())
}

/// The path below the project's root that an artifact URI of this server means; `None` for URIs of other stores.
#[must_use]
pub fn of_uri(uri: &str) -> Option<String> {
    // What stands behind a number sign is no part of a path; what begins with one is ours alone.
    if uri.contains(OURS) {
        return None;
    }
    let uri = Uri::parse(uri);
    if uri.scheme != "mlflow-artifacts" || !uri.authority.is_empty() {
        return None;
    }
    clean(uri.path.trim_start_matches('/')).ok()
}

/// `folder` and `name` joined; either may be empty.
#[must_use]
pub fn join(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", name) => name.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, name) => format!("{folder}/{name}"),
    }
}

/// The last name of a path.
#[must_use]
pub fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Every folder that contains the path, outermost first, without the root.
#[must_use]
pub fn ancestors(path: &str) -> Vec<&str> {
    path.match_indices('/').map(|(i, _)| &path[..i]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tricks_are_refused() {
        for bad in [
            "..",
            "../a",
            "a/../b",
            "a/..",
            "/a",
            "//a",
            "%2e%2e/a",
            "%252e%252e/a",
            "a/%2e%2e",
            "%2fa",
            "a%00b",
            "a\0b",
            "a\\b",
            "a%5cb",
            "C:/x",
            "c:",
            "a#b",
            "a%23b",
            "a\nb",
            "%ff",
        ] {
            assert!(clean(bad).is_err(), "{bad}");
        }
        assert!(clean(&"x".repeat(256)).is_err());
    }

    #[test]
    fn the_normal_form_has_no_empty_names() {
        for (path, normal) in [
            ("", ""),
            ("a", "a"),
            ("a//b", "a/b"),
            ("./a/./b/", "a/b"),
            ("a b/ü.txt", "a b/ü.txt"),
            ("a%20b", "a b"),
            ("a..b", "a..b"),
        ] {
            assert_eq!(clean(path).unwrap(), normal);
        }
    }

    #[test]
    fn a_workspace_prefix_must_be_the_callers() {
        assert_eq!(in_workspace("workspaces/team/1/x", "team").unwrap(), "1/x");
        assert_eq!(in_workspace("1/x", "team").unwrap(), "1/x");
        assert!(in_workspace("Workspaces/other/1/x", "team").is_err());
        assert!(in_workspace("workspaces", "team").is_err());
    }

    #[test]
    fn only_our_own_uris_have_paths_here() {
        assert_eq!(of_uri("mlflow-artifacts:/1/r/artifacts").as_deref(), Some("1/r/artifacts"));
        assert_eq!(of_uri("mlflow-artifacts://host/1"), None);
        assert_eq!(of_uri("s3://b/1"), None);
        assert_eq!(of_uri("mlflow-artifacts:/1/../2"), None);
    }

    proptest! {
        #[test]
        fn a_clean_path_stays_below_its_root(text in "(?s).{0,80}") {
            if let Ok(path) = clean(&text) {
                prop_assert!(!path.starts_with('/') && !path.ends_with('/'));
                prop_assert!(path.split('/').all(|p| p != ".." && p != "."));
                prop_assert!(path.is_empty() || path.split('/').all(|p| !p.is_empty()));
                prop_assert_eq!(clean(&path).unwrap(), path);
            }
        }
    }
}
