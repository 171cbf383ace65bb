//! The SQL of keys whose limits are explained.

use rhiza_kernel::{KeyId, OrgScope, ProjectId, RoleRef, ServiceAccountId, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{StoreError, Tx, binds};
use uuid::Uuid;

use crate::access::Holder;
use crate::keys::Scopes;
use crate::keys::store::read_limit;

/// What a key is limited to.
pub(super) struct KeyLimits {
    /// Whose rights it has.
    pub(super) holder: Holder,
    pub(super) project: Option<ProjectId>,
    pub(super) scopes: Scopes,
    pub(super) role: Option<RoleRef>,
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
        holder: match row.service_account_id {
            Some(account) => Holder::ServiceAccount(ServiceAccountId::from_uuid(account)),
            None => Holder::Person(UserId::from_uuid(row.created_by)),
        },
        project: row.project_id.map(ProjectId::from_uuid),
        scopes: Scopes::from_stored(&row.scopes),
        role: read_limit(&row.role)?,
    }))
}
