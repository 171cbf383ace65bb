//! What became of imported things: where each one is here, by the id it had where it comes from.

use std::collections::HashMap;

use super::model::{OwnerKind, Version};
use crate::error::{TrackingError, TrackingResult};

/// An experiment's row and the root of its artifacts.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) row: i64,
    pub(super) location: String,
}

/// A run as it is here.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) row: i64,
    pub(super) experiment: i64,
    pub(super) run_id: String,
}

/// Everything imported so far.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) experiments: HashMap<String, Place>,
    pub(super) runs: HashMap<String, Target>,
    pub(super) models: HashMap<String, String>,
    pub(super) names: HashMap<String, String>,
    /// The root of each owner's files.
    pub(super) roots: HashMap<(OwnerKind, String), String>,
    /// The 32 digits of ids that are others here.
    changed: HashMap<String, String>,
    /// Texts that mean something else here.
    renamed: Vec<(String, String)>,
}

/// The refusal of a mention of something that is not there.
pub(super) fn lost(what: &str, id: &str) -> TrackingError {
    TrackingError::invalid(format!("The import names the {what} {id:?}, which it does not bring."))
}

fn digits(id: &str) -> &str {
    id.strip_prefix("m-").unwrap_or(id)
}

impl Known {
    /// Notes that a run or model has another id here.
    pub(super) fn changed(&mut self, old: &str, new: &str) {
        if old != new {
            self.changed.insert(digits(old).to_owned(), digits(new).to_owned());
        }
    }

    /// Notes that a text means something else here.
    pub(super) fn renamed(&mut self, old: String, new: String) {
        self.renamed.push((old, new));
    }

    pub(super) fn place(&self, id: &str) -> TrackingResult<&Place> {
        self.experiments.get(id).ok_or_else(|| lost("experiment", id))
    }

    pub(super) fn run(&self, id: &str) -> TrackingResult<&Target> {
        self.runs.get(id).ok_or_else(|| lost("run", id))
    }

    /// The root of a thing's files.
    pub(super) fn root(&self, kind: OwnerKind, id: &str) -> TrackingResult<&str> {
        self.roots.get(&(kind, id.to_owned())).map(String::as_str).ok_or_else(|| lost("owner", id))
    }

    /// The id a model has here; one that was not brought keeps its own.
    pub(super) fn model_id(&self, id: &str) -> String {
        self.models.get(id).map_or_else(|| id.to_owned(), Clone::clone)
    }

    /// As [`Self::model_id`], for runs.
    pub(super) fn run_id(&self, id: &str) -> String {
        self.runs.get(id).map_or_else(|| id.to_owned(), |target| target.run_id.clone())
    }

    /// The text with every changed id in it replaced.
    pub(super) fn follow(&self, text: &str) -> String {
        let renamed = self.renamed.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old, new));
        if self.changed.is_empty() {
            return renamed;
        }
        let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let mut followed = String::with_capacity(renamed.len());
        let mut rest = renamed.as_str();
        while let Some(start) = rest.find(is_digit) {
            let (before, from) = rest.split_at(start);
            let end = from.find(|c| !is_digit(c)).unwrap_or(from.len());
            let (word, after) = from.split_at(end);
            followed.push_str(before);
            followed.push_str(self.changed.get(word).map_or(word, String::as_str));
            rest = after;
        }
        followed.push_str(rest);
        followed
    }

    /// Where the files at a place of the source are here: MLflow ends the place of a run's or model's files with its
    /// id and `artifacts`, whatever comes before.
    pub(super) fn relocate(&self, uri: &str) -> Option<String> {
        let parts: Vec<&str> = uri.split('/').collect();
        let at = parts.windows(2).enumerate().find_map(|(i, pair)| match pair {
            [id, "artifacts"] => {
                let kind = if id.starts_with("m-") { OwnerKind::Model } else { OwnerKind::Run };
                self.roots.get(&(kind, (*id).to_owned())).map(|root| (i, root))
            }
            _ => None,
        });
        let (i, root) = at?;
        let below = parts.get(i + 2..).unwrap_or_default().join("/");
        Some(if below.is_empty() { root.clone() } else { format!("{root}/{below}") })
    }

    /// Where the files of a version are here; `None` when they were not brought.
    pub(super) fn files_of(&self, version: &Version) -> Option<String> {
        if let Some(root) = self.roots.get(&(OwnerKind::Model, version.model.clone())) {
            return Some(root.clone());
        }
        if let Some((run, path)) = version.source.strip_prefix("runs:/").and_then(|rest| rest.split_once('/')) {
            let root = self.roots.get(&(OwnerKind::Run, run.to_owned()))?;
            return Some(format!("{root}/{path}"));
        }
        version.location.as_deref().and_then(|l| self.relocate(l)).or_else(|| self.relocate(&version.source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_ids_are_followed_wherever_they_stand() {
        let (old, new) = ("a".repeat(32), "b".repeat(32));
        let mut known = Known::default();
        assert_eq!(known.follow(&old), old);
        known.changed(&format!("m-{old}"), &format!("m-{new}"));
        known.renamed("\"name\": \"x\", ".to_owned(), "\"name\": \"x-2\", ".to_owned());
        assert_eq!(
            known.follow(&format!("[{{\"name\": \"x\", \"id\": \"m-{old}\"}}]é")),
            format!("[{{\"name\": \"x-2\", \"id\": \"m-{new}\"}}]é")
        );
        // Longer numbers are other numbers.
        assert_eq!(known.follow(&format!("{old}a")), format!("{old}a"));
        assert_eq!(known.follow("face"), "face");
    }

    #[test]
    fn places_of_the_source_are_found_here() {
        let id = "a".repeat(32);
        let mut known = Known::default();
        known.roots.insert((OwnerKind::Run, id.clone()), "mlflow-artifacts:/7/b/artifacts".to_owned());
        let there = |below: &str| format!("mlflow-artifacts:/1/{id}/artifacts{below}");
        assert_eq!(known.relocate(&there("/model/x")).as_deref(), Some("mlflow-artifacts:/7/b/artifacts/model/x"));
        assert_eq!(known.relocate(&there("")).as_deref(), Some("mlflow-artifacts:/7/b/artifacts"));
        assert_eq!(known.relocate(&format!("s3://x/{id}/other")), None);
    }
}
