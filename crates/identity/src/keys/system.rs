//! Keys before it is known whose they are: the look-up by hash crosses organisations.

use chrono::{DateTime, Utc};
use rhiza_kernel::{KeyId, OrgId, Permission, ProjectId, Role, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, binds};
use uuid::Uuid;

use super::{KeyHash, Scopes};

/// What a key opens, and whether it still does.
#[derive(Debug, Clone)]
pub(crate) struct Opens {
    pub(crate) key: KeyId,
    pub(crate) org: OrgId,
    pub(crate) project: Option<ProjectId>,
    pub(crate) owner: UserId,
    /// The role of the person behind the key, today.
    pub(crate) role: Role,
    /// What the key is limited to within it.
    pub(crate) scopes: Option<Vec<Permission>>,
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
    owner_role: Option<String>,
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
            "SELECT k.key_id, k.org_id, k.project_id, k.created_by, k.scopes, k.role, m.role AS owner_role,
                    k.expires_at, k.last_used_at, k.revoked_at, u.disabled_at
               FROM api_keys k
               JOIN users u ON u.user_id = k.created_by
               LEFT JOIN memberships m ON m.org_id = k.org_id AND m.user_id = k.created_by
              WHERE k.secret_hash = $1",
            binds![hash.0.to_vec()],
        )
        .await?;
    tx.rollback().await?;
    row.map(Row::into_opens).transpose()
}

impl Row {
    fn into_opens(self) -> Result<Opens, StoreError> {
        let parse = |text: &str| text.parse().map_err(|_| StoreError::Decode(format!("role {text:?}")));
        let role: Role = parse(&self.role)?;
        let owner_role: Option<Role> = self.owner_role.as_deref().map(parse).transpose()?;
        // A key outlives neither the account nor the membership of the person who answers for it.
        let revoked = self.revoked_at.is_some() || self.disabled_at.is_some() || owner_role.is_none();
        let acts_as = owner_role.unwrap_or(Role::Viewer);
        Ok(Opens {
            key: KeyId::from_uuid(self.key_id),
            org: OrgId::from_uuid(self.org_id),
            project: self.project_id.map(ProjectId::from_uuid),
            owner: UserId::from_uuid(self.created_by),
            role: acts_as,
            scopes: Scopes::from_stored(&self.scopes).within(role, acts_as),
            expires_at: self.expires_at,
            last_used_at: self.last_used_at,
            revoked,
        })
    }
}
