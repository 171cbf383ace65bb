//! The SQL of an organisation's invitations.

use chrono::{DateTime, Utc};
use rhiza_kernel::{InvitationId, OrgId, OrgScope, TeamId, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{StoreError, Tx, Value, binds};
use uuid::Uuid;

use super::Invitation;
use crate::access::system::read_role;

#[derive(Debug, FromQueryResult)]
pub(super) struct InvitationRow {
    invitation_id: Uuid,
    org_id: Uuid,
    email: String,
    email_key: String,
    role: String,
    teams: serde_json::Value,
    invited_by: Uuid,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl InvitationRow {
    pub(super) fn into_invitation(self) -> Result<Invitation, StoreError> {
        let teams = self.teams.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
        Ok(Invitation {
            id: InvitationId::from_uuid(self.invitation_id),
            org: OrgId::from_uuid(self.org_id),
            email: self.email,
            email_key: self.email_key,
            role: read_role(&self.role)?,
            teams: teams.filter_map(|id| id.parse::<TeamId>().ok()).collect(),
            invited_by: UserId::from_uuid(self.invited_by),
            created_at: self.created_at,
            expires_at: self.expires_at,
        })
    }
}

pub(super) const INVITATION: &str =
    "SELECT invitation_id, org_id, email, email_key, role, teams, invited_by, created_at,
        expires_at FROM invitations WHERE accepted_at IS NULL AND revoked_at IS NULL";

/// A page of the invitations that nobody has accepted or withdrawn, newest first; those whose time is over too.
pub(crate) async fn open(
    tx: &Tx,
    scope: &OrgScope,
    before: Option<InvitationId>,
    limit: i64,
) -> Result<Vec<Invitation>, StoreError> {
    let mut values: Vec<Value> = binds![scope.org.uuid(), limit];
    let mut sql = format!("{INVITATION} AND org_id = $1");
    if let Some(before) = before {
        values.push(Value::from(before.uuid()));
        sql.push_str(" AND invitation_id < $3");
    }
    sql.push_str(" ORDER BY invitation_id DESC LIMIT $2");
    let rows: Vec<InvitationRow> = tx.fetch_all(&sql, values).await?;
    rows.into_iter().map(InvitationRow::into_invitation).collect()
}

/// One that nobody has accepted or withdrawn.
pub(crate) async fn find(tx: &Tx, scope: &OrgScope, id: InvitationId) -> Result<Option<Invitation>, StoreError> {
    let sql = format!("{INVITATION} AND org_id = $1 AND invitation_id = $2");
    let row: Option<InvitationRow> = tx.fetch_optional(&sql, binds![scope.org.uuid(), id.uuid()]).await?;
    row.map(InvitationRow::into_invitation).transpose()
}

/// How many can still be accepted, in all and by this address.
pub(crate) async fn waiting(
    tx: &Tx,
    scope: &OrgScope,
    email_key: &str,
    now: DateTime<Utc>,
) -> Result<(i64, i64), StoreError> {
    let all = "SELECT COUNT(*) FROM invitations
                WHERE org_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $2";
    let own = format!("{all} AND email_key = $3");
    let all: Option<i64> = tx.fetch_scalar(all, binds![scope.org.uuid(), now]).await?;
    let own: Option<i64> = tx.fetch_scalar(&own, binds![scope.org.uuid(), now, email_key]).await?;
    Ok((all.unwrap_or(0), own.unwrap_or(0)))
}

/// Writes a new invitation.
pub(crate) async fn insert(
    tx: &Tx,
    scope: &OrgScope,
    invitation: &Invitation,
    hash: Vec<u8>,
) -> Result<(), StoreError> {
    let teams: Vec<String> = invitation.teams.iter().map(ToString::to_string).collect();
    tx.execute(
        "INSERT INTO invitations (invitation_id, org_id, email, email_key, role, teams, token_hash, invited_by,
                                  created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        binds![
            invitation.id.uuid(),
            scope.org.uuid(),
            invitation.email.clone(),
            invitation.email_key.clone(),
            invitation.role.to_string(),
            serde_json::Value::from(teams),
            hash,
            invitation.invited_by.uuid(),
            invitation.created_at,
            invitation.expires_at,
        ],
    )
    .await?;
    Ok(())
}

/// Gives an invitation another secret, which spoils the one before, and another week.
pub(crate) async fn renew(tx: &Tx, scope: &OrgScope, invitation: &Invitation, hash: Vec<u8>) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE invitations SET token_hash = $3, invited_by = $4, expires_at = $5
          WHERE org_id = $1 AND invitation_id = $2",
        binds![scope.org.uuid(), invitation.id.uuid(), hash, invitation.invited_by.uuid(), invitation.expires_at,],
    )
    .await?;
    Ok(())
}

/// Withdraws an invitation.
pub(crate) async fn revoke(tx: &Tx, scope: &OrgScope, id: InvitationId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let sql = "UPDATE invitations SET revoked_at = $3 WHERE org_id = $1 AND invitation_id = $2";
    tx.execute(sql, binds![scope.org.uuid(), id.uuid(), now]).await?;
    Ok(())
}
