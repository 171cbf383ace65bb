//! A member as others of the organisation see them.

use chrono::{DateTime, Utc};
use rhiza_kernel::{RoleRef, TeamId, UserId};

/// A member in the list.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) user: UserId,
    pub(crate) email: String,
    /// By what the list is sorted.
    pub(crate) email_key: String,
    pub(crate) name: String,
    pub(crate) role: RoleRef,
    pub(crate) teams: Vec<(TeamId, String)>,
    pub(crate) joined_at: DateTime<Utc>,
    /// The last request in a session of this organisation, to within a minute.
    pub(crate) last_seen_at: Option<DateTime<Utc>>,
    /// Whether the person has set one up.
    pub(crate) second_factor: bool,
    /// Whether the account is shut.
    pub(crate) disabled: bool,
}
