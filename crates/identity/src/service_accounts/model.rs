//! A program's own account.

use chrono::{DateTime, Utc};
use rhiza_kernel::{RoleRef, ServiceAccountId, UserId};

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceAccount {
    pub(crate) id: ServiceAccountId,
    pub(crate) name: String,
    pub(crate) description: String,
    /// The role in the organisation.
    pub(crate) role: RoleRef,
    pub(crate) created_by: UserId,
    /// Counts the edits.
    pub(crate) revision: i64,
    pub(crate) created_at: DateTime<Utc>,
    /// Since when nothing opens with its keys.
    pub(crate) disabled_at: Option<DateTime<Utc>>,
}

/// The rule of descriptions: at most 1000 characters, lines allowed.
pub(super) fn description(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.chars().count() > 1000 {
        return Err("must be at most 1000 characters long");
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err("must not hold control characters");
    }
    Ok(text.to_owned())
}
