//! An invitation.

use chrono::{DateTime, TimeDelta, Utc};
use rhiza_kernel::{InvitationId, OrgId, RoleRef, TeamId, UserId};

/// How long an invitation can be accepted.
pub(super) const GOOD_FOR: TimeDelta = TimeDelta::days(7);

/// An invitation to one organisation.
#[derive(Debug, Clone)]
pub(crate) struct Invitation {
    pub(crate) id: InvitationId,
    pub(crate) org: OrgId,
    pub(crate) email: String,
    pub(crate) email_key: String,
    pub(crate) role: RoleRef,
    /// Teams to join at once.
    pub(crate) teams: Vec<TeamId>,
    pub(crate) invited_by: UserId,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// Somebody to be invited.
#[derive(Debug, Clone)]
pub(crate) struct NewInvitation {
    pub(crate) email: String,
    pub(crate) role: String,
    pub(crate) teams: Vec<TeamId>,
}

/// What an invitation offers, to who holds it.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) organization: String,
    pub(crate) email: String,
    pub(crate) inviter: String,
    pub(crate) role: String,
    pub(crate) account_exists: bool,
}
