//! Registered models and versions: what they are, which names are allowed, which stages there are.

use crate::error::{TrackingError, TrackingResult};
use crate::protocol::{json_str, normpath, python_int, repr_str};

/// The tag that makes a registered model, or a version, a prompt.
pub const IS_PROMPT: &str = "mlflow.prompt.is_prompt";
/// The tag that carries a prompt's text.
pub const PROMPT_TEXT: &str = "mlflow.prompt.text";
/// Longest tag key, in characters.
pub const TAG_KEY_MAX: usize = 250;
/// Longest tag value, in characters (MLflow's registry takes whole prompts in tags).
pub const TAG_VALUE_MAX: usize = 100_000;
/// Longest alias, in characters.
pub const ALIAS_MAX: usize = 255;

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Its key, unique on its owner.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A name that points at one version of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The alias.
    pub alias: String,
    /// The version it points at.
    pub version: i64,
}

/// A stage of a version's life, as MLflow names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Not in any stage.
    None,
    /// Being tried.
    Staging,
    /// In use.
    Production,
    /// Put away.
    Archived,
}

impl Stage {
    /// All stages, in MLflow's order.
    pub const ALL: [Self; 4] = [Self::None, Self::Staging, Self::Production, Self::Archived];

    /// The stage's canonical name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Staging => "Staging",
            Self::Production => "Production",
            Self::Archived => "Archived",
        }
    }

    /// Reads a stage, in any case.
    ///
    /// # Errors
    /// When there is no such stage.
    pub fn parse(text: &str) -> TrackingResult<Self> {
        let lower = text.to_lowercase();
        Self::ALL.into_iter().find(|s| s.as_str().to_lowercase() == lower).ok_or_else(|| {
            TrackingError::invalid(format!(
                "Invalid Model Version stage: {text}. Value must be one of None, Staging, Production, Archived."
            ))
        })
    }

    /// Whether versions in this stage are in use.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Staging | Self::Production)
    }
}

/// A version of a registered model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelVersion {
    /// The model's name.
    pub name: String,
    /// Its number, counting from 1, never used twice.
    pub version: i64,
    /// Free text.
    pub description: Option<String>,
    /// Its stage.
    pub stage: Stage,
    /// Where its files came from, as the client said.
    pub source: String,
    /// Where its files are.
    pub storage_location: String,
    /// The run that made it.
    pub run_id: Option<String>,
    /// A link to that run.
    pub run_link: Option<String>,
    /// The logged model it is.
    pub model_id: Option<String>,
    /// When it was made.
    pub created_ms: i64,
    /// When it last changed.
    pub updated_ms: i64,
    /// Tags, by key.
    pub tags: Vec<Tag>,
    /// Aliases that point at it, by name. Filled only where MLflow tells them.
    pub aliases: Vec<String>,
}

/// A registered model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredModel {
    /// The row.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// When it was made.
    pub created_ms: i64,
    /// When it, or the set of its versions, last changed.
    pub updated_ms: i64,
    /// Tags, by key.
    pub tags: Vec<Tag>,
    /// Aliases, by name.
    pub aliases: Vec<Alias>,
    /// The newest version of each stage, stages in the order in which they first occur.
    pub latest_versions: Vec<ModelVersion>,
}

impl RegisteredModel {
    /// Whether it is a prompt.
    #[must_use]
    pub fn is_prompt(&self) -> bool {
        is_prompt(&self.tags)
    }
}

/// Whether these tags mark a prompt.
#[must_use]
pub fn is_prompt(tags: &[Tag]) -> bool {
    tags.iter().rev().find(|t| t.key == IS_PROMPT).is_some_and(|t| t.value.to_lowercase() == "true")
}

/// Keeps the last value of every key, at the place where the key first stood.
#[must_use]
pub fn last_of_each(tags: Vec<Tag>) -> Vec<Tag> {
    let mut kept: Vec<Tag> = Vec::with_capacity(tags.len());
    for tag in tags {
        match kept.iter_mut().find(|t| t.key == tag.key) {
            Some(earlier) => earlier.value = tag.value,
            None => kept.push(tag),
        }
    }
    kept
}

/// Checks the name of a registered model.
///
/// # Errors
/// When it is blank, holds `/` or `:`, or would resolve to another path.
pub fn check_name(name: &str) -> TrackingResult<()> {
    if name.trim().is_empty() {
        return Err(TrackingError::invalid("Missing value for required parameter 'name'."));
    }
    if name.contains(['/', ':']) {
        return Err(TrackingError::invalid(format!("Invalid model name '{name}'. Names cannot contain '/' or ':'.")));
    }
    let norm = normpath(name);
    if norm != name || norm == "." || norm.starts_with("..") || norm.starts_with('/') {
        return Err(TrackingError::invalid(format!(
            "Invalid value {} for parameter 'name' supplied: Names may be treated as files in certain cases, and must \
             not resolve to other names when treated as such. This name would resolve to {}",
            json_str(name),
            repr_str(&norm)
        )));
    }
    Ok(())
}

/// Checks the new name of a registered model.
///
/// # Errors
/// As [`check_name`].
pub fn check_new_name(name: &str) -> TrackingResult<()> {
    if name.trim().is_empty() {
        return Err(TrackingError::invalid("Missing value for required parameter 'new_name'."));
    }
    check_name(name)
}

/// Reads a version number.
///
/// # Errors
/// When it is not an integer.
pub fn parse_version(text: &str) -> TrackingResult<i64> {
    python_int(text)
        // A number beyond any version stays a number: it is simply not found.
        .map(|n| i64::try_from(n).unwrap_or(if n < 0 { i64::MIN } else { i64::MAX }))
        .ok_or_else(|| TrackingError::invalid(format!("Parameter 'version' must be an integer, got '{text}'.")))
}

/// Checks an alias that is looked up or deleted.
///
/// # Errors
/// When it holds other characters than letters, digits, `_` and `-`, or is too long.
pub fn check_alias(alias: &str) -> TrackingResult<()> {
    if alias.is_empty() {
        return Err(TrackingError::invalid("Registered model alias name cannot be empty."));
    }
    if !alias.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
        return Err(TrackingError::invalid(format!(
            "Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )));
    }
    if alias.chars().count() > ALIAS_MAX {
        return Err(TrackingError::invalid(format!(
            "'Registered model alias name' exceeds the maximum length of {ALIAS_MAX} characters"
        )));
    }
    Ok(())
}

/// Checks an alias that is to be given: `latest` and `v12` mean something already.
///
/// # Errors
/// As [`check_alias`], and when it is reserved.
pub fn check_new_alias(alias: &str) -> TrackingResult<()> {
    check_alias(alias)?;
    if alias.to_lowercase() == "latest" {
        return Err(TrackingError::invalid("'latest' alias name (case insensitive) is reserved."));
    }
    let digits = alias.strip_prefix(['v', 'V']);
    if digits.is_some_and(|d| !d.is_empty() && d.chars().all(char::is_numeric)) {
        return Err(TrackingError::invalid(format!("Version alias name '{alias}' is reserved.")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_paths_are_refused() {
        for good in ["m", "a b", "ä", "..a b".trim_start_matches('.'), "a.b", "m@x"] {
            check_name(good).unwrap();
        }
        for bad in ["", "  ", "a/b", "a:b", ".", "..", "..a"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn aliases_that_mean_something_already_are_refused() {
        for good in ["champion", "a-b_c", "v", "v1a", "Ünïcode"] {
            check_new_alias(good).unwrap();
        }
        for bad in ["latest", "LATEST", "v1", "V22", "a b", "a/b", ""] {
            assert!(check_new_alias(bad).is_err(), "{bad}");
        }
        check_alias("latest").unwrap();
    }

    #[test]
    fn stages_read_in_any_case() {
        assert_eq!(Stage::parse("production").unwrap(), Stage::Production);
        assert!(Stage::parse("Bogus").is_err());
    }

    #[test]
    fn the_last_value_of_a_tag_wins_at_its_first_place() {
        let tag = |k: &str, v: &str| Tag { key: k.into(), value: v.into() };
        assert_eq!(last_of_each(vec![tag("a", "1"), tag("b", "2"), tag("a", "3")]), vec![tag("a", "3"), tag("b", "2")]);
    }
}
