//! Keys before it is known whose they are: the look-up by hash crosses organisations.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rhiza_kernel::{KeyId, OrgId, ProjectId, RoleRef, ServiceAccountId, TypedId as _, UserId};
use rhiza_platform::authz::{Actor, ServiceAccount};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, binds};
use uuid::Uuid;

use super::store::read_limit;
use super::{KeyHash, Networks, Scopes};
use crate::access::{self, Holder, Membership};

/// What a key opens, and whether it still does.
#[derive(Debug, Clone)]
pub(crate) struct Opens {
    pub(crate) key: KeyId,
    pub(crate) org: OrgId,
    pub(crate) project: Option<ProjectId>,
    /// Who acts: the key, for a person or a service account.
    pub(crate) actor: Actor,
    /// What the owner has been given, today. A person's key outlives neither their account nor their membership; a
    /// service account's key does not outlive the account.
    pub(crate) membership: Option<Membership>,
    /// The role that the key is limited to.
    pub(crate) role: Option<RoleRef>,
    pub(crate) scopes: Scopes,
    pub(crate) networks: Option<Networks>,
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
    service_account_id: Option<Uuid>,
    account_name: Option<String>,
    allowed_networks: Option<serde_json::Value>,
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
            "SELECT k.key_id, k.org_id, k.project_id, k.created_by, k.service_account_id, s.name AS account_name,
                    k.allowed_networks, k.scopes, k.role, k.expires_at, k.last_used_at, k.revoked_at, u.disabled_at
               FROM api_keys k
               JOIN users u ON u.user_id = k.created_by
               LEFT JOIN service_accounts s ON s.service_account_id = k.service_account_id
              WHERE k.secret_hash = $1",
            binds![hash.0.to_vec()],
        )
        .await?;
    let Some(row) = row else {
        tx.rollback().await?;
        return Ok(None);
    };
    let (id, org) = (KeyId::from_uuid(row.key_id), OrgId::from_uuid(row.org_id));
    let account = row.service_account_id.map(|id| ServiceAccount {
        id: ServiceAccountId::from_uuid(id),
        name: Arc::from(row.account_name.unwrap_or_default()),
    });
    let maker = UserId::from_uuid(row.created_by);
    let holder = account.as_ref().map_or(Holder::Person(maker), |account| Holder::ServiceAccount(account.id));
    let role = read_limit(&row.role)?;
    let mut membership = access::system::of_holder(&tx, org, holder).await?;
    if let (Some(membership), Some(role)) = (&mut membership, role) {
        access::system::know_role(&tx, org, membership, role).await?;
    }
    tx.rollback().await?;
    // Whoever made a service account's key may have left long ago.
    let maker_is_gone = account.is_none() && row.disabled_at.is_some();
    Ok(Some(Opens {
        key: id,
        org,
        project: row.project_id.map(ProjectId::from_uuid),
        actor: Actor::Key { id, owner: account.is_none().then_some(maker), service_account: account },
        membership,
        role,
        scopes: Scopes::from_stored(&row.scopes),
        networks: row.allowed_networks.as_ref().map(Networks::from_stored),
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
        revoked: row.revoked_at.is_some() || maker_is_gone,
    }))
}
