//! The SQL of new people: they come before they belong to any organisation.

use chrono::{DateTime, Utc};
use rhiza_kernel::{InvitationId, OrgId, TeamId, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, Tx, binds};
use serde_json::Value;
use uuid::Uuid;

/// Opens the transaction in which somebody comes.
pub(super) async fn begin(db: &Db) -> Result<Tx, StoreError> {
    db.system_write().await
}

/// The installation's first organisation.
pub(super) async fn founding_organization(tx: &Tx) -> Result<Option<OrgId>, StoreError> {
    let id: Option<Uuid> =
        tx.fetch_scalar("SELECT org_id FROM organizations ORDER BY created_at, org_id LIMIT 1", binds![]).await?;
    Ok(id.map(OrgId::from_uuid))
}

/// Whether a slug is an organisation's.
pub(super) async fn slug_is_taken(tx: &Tx, slug: &str) -> Result<bool, StoreError> {
    let taken: Option<i64> =
        tx.fetch_scalar("SELECT COUNT(*) FROM organizations WHERE slug = $1", binds![slug]).await?;
    Ok(taken.unwrap_or(0) > 0)
}

/// Marks a person's address as theirs.
pub(super) async fn verify(tx: &Tx, user: UserId, email_key: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let changed = tx
        .execute(
            "UPDATE users SET email_verified_at = COALESCE(email_verified_at, $3)
              WHERE user_id = $1 AND email_key = $2 AND disabled_at IS NULL",
            binds![user.uuid(), email_key, now],
        )
        .await?;
    Ok(changed == 1)
}

/// An invitation that can be accepted.
#[derive(Debug)]
pub(super) struct Invited {
    pub(super) id: InvitationId,
    pub(super) org: OrgId,
    pub(super) role: String,
    pub(super) teams: Vec<TeamId>,
}

/// Accepts the invitation of this secret for `user`, if it is for this address. Of two who try, one gets it.
pub(super) async fn accept_invitation(
    tx: &Tx,
    hash: Vec<u8>,
    email_key: &str,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Option<Invited>, StoreError> {
    #[derive(FromQueryResult)]
    struct Row {
        invitation_id: Uuid,
        org_id: Uuid,
        role: String,
        teams: Value,
    }
    let row: Option<Row> = tx
        .fetch_optional(
            "UPDATE invitations SET accepted_at = $4, accepted_by = $3
              WHERE token_hash = $1 AND email_key = $2 AND accepted_at IS NULL AND revoked_at IS NULL
                AND expires_at > $4
              RETURNING invitation_id, org_id, role, teams",
            binds![hash, email_key, user.uuid(), now],
        )
        .await?;
    Ok(row.map(|row| Invited {
        id: InvitationId::from_uuid(row.invitation_id),
        org: OrgId::from_uuid(row.org_id),
        role: row.role,
        teams: row.teams.as_array().into_iter().flatten().filter_map(|t| t.as_str()?.parse().ok()).collect(),
    }))
}

/// Whether the secret is that of an invitation for this address which can be accepted.
pub(super) async fn is_invited(
    db: &Db,
    hash: Vec<u8>,
    email_key: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let tx = db.system_read().await?;
    let found: Option<i64> = tx
        .fetch_scalar(
            "SELECT COUNT(*) FROM invitations
              WHERE token_hash = $1 AND email_key = $2 AND accepted_at IS NULL AND revoked_at IS NULL
                AND expires_at > $3",
            binds![hash, email_key, now],
        )
        .await?;
    tx.rollback().await?;
    Ok(found.unwrap_or(0) > 0)
}

/// Puts a new member into teams, as far as those still exist.
pub(super) async fn join_teams(
    tx: &Tx,
    org: OrgId,
    user: UserId,
    teams: &[TeamId],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for team in teams {
        tx.execute(
            "INSERT INTO team_members (org_id, team_id, user_id, created_at)
             SELECT org_id, team_id, $3, $4 FROM teams WHERE org_id = $1 AND team_id = $2",
            binds![org.uuid(), team.uuid(), user.uuid(), now],
        )
        .await?;
    }
    Ok(())
}
