//! Everything that is kept about a person.

use chrono::{DateTime, Utc};
use rhiza_store::sea_orm::{self, FromQueryResult};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Everything that is kept about a person. Secrets are not in it: they are kept as hashes or sealed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PersonExport {
    /// When it was written.
    pub(super) exported_at: DateTime<Utc>,
    pub(super) profile: Profile,
    /// The organisations the person belongs to.
    pub(super) memberships: Vec<MembershipOf>,
    pub(super) teams: Vec<TeamOf>,
    /// Roles in single projects.
    pub(super) project_roles: Vec<ProjectRoleOf>,
    pub(super) sessions: Vec<SessionOf>,
    /// API keys, without their secrets.
    pub(super) keys: Vec<KeyOf>,
    /// Access tokens for programs, without the tokens.
    pub(super) tokens: Vec<TokensOf>,
    pub(super) passkeys: Vec<PasskeyOf>,
    /// Accounts at other sites.
    pub(super) external_identities: Vec<ExternalOf>,
    /// What the person did, newest first.
    pub(super) audit_entries: Vec<ActOf>,
    /// Older entries that are not in this document; their organisations' audit exports have them.
    pub(super) audit_entries_left_out: i64,
}

/// The person.
#[derive(Debug, Serialize, FromQueryResult, ToSchema)]
pub(super) struct Profile {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) name: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) email_verified_at: Option<DateTime<Utc>>,
    pub(super) password_changed_at: Option<DateTime<Utc>>,
    /// Since when an authenticator app is asked for.
    pub(super) totp_since: Option<DateTime<Utc>>,
}

/// A membership.
#[derive(Debug, Serialize, FromQueryResult, ToSchema)]
pub(super) struct MembershipOf {
    pub(super) organization: String,
    pub(super) slug: String,
    pub(super) role: String,
    pub(super) since: DateTime<Utc>,
}

/// A team the person is in.
#[derive(Debug, Serialize, FromQueryResult, ToSchema)]
pub(super) struct TeamOf {
    pub(super) organization: String,
    pub(super) team: String,
    pub(super) since: DateTime<Utc>,
}

/// A role in one project.
#[derive(Debug, Serialize, FromQueryResult, ToSchema)]
pub(super) struct ProjectRoleOf {
    pub(super) project: String,
    pub(super) role: String,
    pub(super) since: DateTime<Utc>,
}

/// A session.
#[derive(Debug, Serialize, FromQueryResult, ToSchema)]
pub(super) struct SessionOf {
    pub(super) created_at: DateTime<Utc>,
    pub(super) last_seen_at: DateTime<Utc>,
    pub(super) ended_at: Option<DateTime<Utc>>,
    pub(super) method: String,
    pub(super) address: Option<String>,
    pub(super) user_agent: Option<String>,
}

/// An API key.
#[derive(Debug, Serialize, FromQueryResult, ToSchema)]
pub(super) struct KeyOf {
    pub(super) name: String,
    pub(super) prefix: String,
    #[schema(value_type = Vec<String>)]
    pub(super) scopes: Value,
    pub(super) created_at: DateTime<Utc>,
    pub(super) expires_at: Option<DateTime<Utc>>,
    pub(super) last_used_at: Option<DateTime<Utc>>,
    pub(super) revoked_at: Option<DateTime<Utc>>,
}

/// Access tokens of one program.
#[derive(Debug, Serialize, FromQueryResult, ToSchema)]
pub(super) struct TokensOf {
    pub(super) name: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) last_used_at: Option<DateTime<Utc>>,
    pub(super) address: Option<String>,
    pub(super) revoked_at: Option<DateTime<Utc>>,
}

/// A passkey.
#[derive(Debug, Serialize, FromQueryResult, ToSchema)]
pub(super) struct PasskeyOf {
    pub(super) name: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) last_used_at: Option<DateTime<Utc>>,
}

/// An account at another site.
#[derive(Debug, Serialize, FromQueryResult, ToSchema)]
pub(super) struct ExternalOf {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) email: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) last_used_at: Option<DateTime<Utc>>,
}

/// Something the person did, or that was done in their name by their keys.
#[derive(Debug, Serialize, FromQueryResult, ToSchema)]
pub(super) struct ActOf {
    pub(super) at: DateTime<Utc>,
    pub(super) action: String,
    pub(super) subject: String,
    pub(super) address: Option<String>,
    /// The thing before, as JSON text.
    pub(super) before: Option<String>,
    /// The thing after, as JSON text.
    pub(super) after: Option<String>,
}
