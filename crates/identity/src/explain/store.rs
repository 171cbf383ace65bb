//! The SQL of keys whose limits are explained.

use rhiza_kernel::{KeyId, OrgScope, ProjectId, RoleRef, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{StoreError, Tx, binds};
use uuid::Uuid;

use crate::keys::Scopes;
use crate::keys::store::read_limit;

/// What a key is limited to.
pub(super) struct KeyLimits {
    pub(super) owner: UserId,
    pub(super) project: Option<ProjectId>,
    pub(super) scopes: Scopes,
    pub(super) role: Option<RoleRef>,
    pub(super) service_account: bool,
}

#[derive(Debug, FromQueryResult)]
struct KeyRow {
    created_by: Uuid,
    project_id: Option<Uuid>,
    scopes: serde_json::Value,
    role: String,
    service_account_id: Option<Uuid>,
}

/// A key that has not been withdrawn.
pub(super) async fn key(tx: &Tx, scope: &OrgScope, id: KeyId) -> Result<Option<KeyLimits>, StoreError> {
    let row: Option<KeyRow> = tx
        .fetch_optional(
            "SELECT created_by, project_id, scopes, role, service_account_id FROM api_keys
              WHERE org_id = $1 AND key_id = $2 AND revoked_at IS NULL",
            binds![scope.org.uuid(), id.uuid()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(KeyLimits {
        owner: UserId::from_uuid(row.created_by),
        project: row.project_id.map(ProjectId::from_uuid),
        scopes: Scopes::from_stored(&row.scopes),
        role: read_limit(&row.role)?,
        service_account: row.service_account_id.is_some(),
    }))
}
