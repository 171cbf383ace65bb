//! A team.

use chrono::{DateTime, Utc};
use rhiza_kernel::TeamId;

/// A team of one organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Team {
    pub(crate) id: TeamId,
    pub(crate) name: String,
    pub(crate) description: String,
    /// How many belong to it.
    pub(crate) members: i64,
    /// Counts the edits.
    pub(crate) revision: i64,
    pub(crate) created_at: DateTime<Utc>,
}

/// A team to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewTeam {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
}

/// What to change of a team; what is absent stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct TeamChange {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
}
