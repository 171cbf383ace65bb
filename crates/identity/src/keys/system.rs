//! Keys before it is known whose they are: the look-up by hash crosses organisations.

use chrono::{DateTime, Utc};
use rhiza_kernel::{KeyId, OrgId, ProjectId, RoleRef, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, binds};
use uuid::Uuid;

use super::store::read_limit;
use super::{KeyHash, Scopes};
use crate::access::{self, Membership};

/// What a key opens, and whether it still does.
#[derive(Debug, Clone)]
pub(crate) struct Opens {
    pub(crate) key: KeyId,
    pub(crate) org: OrgId,
    pub(crate) project: Option<ProjectId>,
    pub(crate) owner: UserId,
    /// What the owner has been given, today. A key outlives neither the account nor the membership of the person who
    /// answers for it.
    pub(crate) membership: Option<Membership>,
    /// The role that the key is limited to.
    pub(crate) role: Option<RoleRef>,
    pub(crate) scopes: Scopes,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) last_used_at: Option<DateTime<Utc>>,
    pub(crate) revoked: bool,
}

#[derive(Debug, FromQueryResult)]
struct Row {
    key_id: Uuid,
    org_id: Uuid,
    project_id: Option<Uuid>,
    created_by: Uuid,
    scopes: serde_json::Value,
    role: String,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    disabled_at: Option<DateTime<Utc>>,
}

/// What the key of this hash opens.
pub(crate) async fn find(db: &Db, hash: KeyHash) -> Result<Option<Opens>, StoreError> {
    let tx = db.system_read().await?;
    let row: Option<Row> = tx
        .fetch_optional(
            "SELECT k.key_id, k.org_id, k.project_id, k.created_by, k.scopes, k.role, k.expires_at, k.last_used_at,
                    k.revoked_at, u.disabled_at
               FROM api_keys k
               JOIN users u ON u.user_id = k.created_by
              WHERE k.secret_hash = $1",
            binds![hash.0.to_vec()],
        )
        .await?;
    let Some(row) = row else {
        tx.rollback().await?;
        return Ok(None);
    };
    let (org, owner) = (OrgId::from_uuid(row.org_id), UserId::from_uuid(row.created_by));
    let membership = access::system::of_person(&tx, org, owner).await?;
    tx.rollback().await?;
    Ok(Some(Opens {
        key: KeyId::from_uuid(row.key_id),
        org,
        project: row.project_id.map(ProjectId::from_uuid),
        owner,
        membership,
        role: read_limit(&row.role)?,
        scopes: Scopes::from_stored(&row.scopes),
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
        revoked: row.revoked_at.is_some() || row.disabled_at.is_some(),
    }))
}
