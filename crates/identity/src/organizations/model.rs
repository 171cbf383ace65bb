//! Organisations, projects, and the slugs that name them in URLs and headers.

use std::fmt;

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgId, ProjectId};

/// The slug that always leads somewhere: the project of that name, else the organisation's oldest. MLflow clients
/// take the workspace `default` for granted.
pub const DEFAULT_SLUG: &str = "default";

/// Path segments of MLflow's own routes, which its client refuses as workspace names.
const RESERVED: [&str; 4] = ["workspaces", "api", "ajax-api", "static-files"];

/// A short name made for URLs: MLflow's rule for workspace names, so that every project is a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(String);

impl Slug {
    /// Reads a slug.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if !(2..=63).contains(&text.len()) {
            return Err("must be between 2 and 63 characters long");
        }
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let edges = text.as_bytes();
        let ends_well = edges.first().copied().is_some_and(inner) && edges.last().copied().is_some_and(inner);
        if !ends_well || !text.bytes().all(|b| inner(b) || b == b'-') {
            return Err("must be lower-case letters, digits and hyphens, beginning and ending with a letter or digit");
        }
        if RESERVED.contains(&text) {
            return Err("is reserved and cannot be used");
        }
        Ok(Self(text.to_owned()))
    }

    /// The slug nearest to a name people chose: `Fraud Models (EU)` becomes `fraud-models-eu`. A name without a
    /// single usable character gives `fallback`.
    #[must_use]
    pub fn from_name(name: &str, fallback: &str) -> Self {
        let mut slug = String::new();
        for c in name.to_lowercase().chars() {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        slug.truncate(63);
        let slug = slug.trim_end_matches('-');
        Self::parse(slug).unwrap_or_else(|_| {
            let longer = format!("{fallback}-{slug}");
            Self::parse(longer.trim_end_matches('-')).unwrap_or_else(|_| Self(fallback.to_owned()))
        })
    }

    /// The slug.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A tenant.
#[derive(Debug, Clone)]
pub struct Organization {
    /// The id.
    pub id: OrgId,
    /// Shown to people.
    pub name: String,
    /// Unique in the installation.
    pub slug: String,
}

/// A project inside an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The id.
    pub id: ProjectId,
    /// Shown to people.
    pub name: String,
    /// Unique in the organisation.
    pub slug: String,
    /// Whether only those with a role in it, and those who manage projects, may enter.
    pub is_private: bool,
    /// Counts the edits.
    pub revision: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was put away: nobody can enter it until it is taken out again.
    pub archived_at: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slugs_obey_the_rule_of_workspace_names() {
        for good in ["ab", "a-b", "team-1", "0x", &"a".repeat(63), "default"] {
            assert!(Slug::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "-ab", "ab-", "Ab", "a_b", "a b", "é-a", &"a".repeat(64), "api", "workspaces", "a\n"] {
            assert!(Slug::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_become_readable_slugs() {
        let slug = |name| Slug::from_name(name, "project").to_string();
        assert_eq!(slug("Fraud Models (EU)"), "fraud-models-eu");
        assert_eq!(slug("  --x--  "), "project-x");
        assert_eq!(slug("日本"), "project");
        assert_eq!(slug("API"), "project-api");
    }

    proptest! {
        #[test]
        fn every_name_gives_a_valid_slug(name in "\\PC{0,200}") {
            prop_assert!(Slug::parse(Slug::from_name(&name, "project").as_str()).is_ok());
        }
    }
}
