//! The SQL of an organisation's API keys.

use chrono::{DateTime, Utc};
use rhiza_kernel::{KeyId, OrgScope, ProjectId, RoleRef, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{StoreError, Tx, Value, binds};
use uuid::Uuid;

use super::{ApiKey, KeyHash, Scopes};
use crate::access::system::read_role;

#[derive(Debug, FromQueryResult)]
struct KeyRow {
    key_id: Uuid,
    project_id: Option<Uuid>,
    name: String,
    prefix: String,
    scopes: serde_json::Value,
    role: String,
    created_by: Uuid,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl KeyRow {
    fn into_key(self) -> Result<ApiKey, StoreError> {
        let role = read_limit(&self.role)?;
        Ok(ApiKey {
            id: KeyId::from_uuid(self.key_id),
            project: self.project_id.map(ProjectId::from_uuid),
            name: self.name,
            prefix: self.prefix,
            scopes: Scopes::from_stored(&self.scopes),
            role,
            created_by: UserId::from_uuid(self.created_by),
            created_at: self.created_at,
            expires_at: self.expires_at,
            last_used_at: self.last_used_at,
            revoked_at: self.revoked_at,
        })
    }
}

/// Stored in place of a role: the key may do whatever its owner may.
const OWNERS: &str = "*";

/// Reads the role that a key is limited to.
pub(crate) fn read_limit(text: &str) -> Result<Option<RoleRef>, StoreError> {
    if text == OWNERS { Ok(None) } else { read_role(text).map(Some) }
}

/// Which keys a caller may see and withdraw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visible {
    /// The keys of this project…
    pub(crate) project: ProjectId,
    /// …and those of the whole organisation, for whom those are meant…
    pub(crate) organization_wide: bool,
    /// …but only this person's own, unless the caller manages other people's.
    pub(crate) only_of: Option<UserId>,
}

impl Visible {
    /// The condition, with its values appended to `values`.
    fn condition(self, values: &mut Vec<Value>) -> String {
        values.push(Value::from(self.project.uuid()));
        let project = values.len();
        let mut sql = if self.organization_wide {
            format!("(project_id = ${project} OR project_id IS NULL)")
        } else {
            format!("project_id = ${project}")
        };
        if let Some(user) = self.only_of {
            values.push(Value::from(user.uuid()));
            sql.push_str(&format!(" AND created_by = ${}", values.len()));
        }
        sql
    }
}

/// Writes a new key.
pub(crate) async fn insert(tx: &Tx, scope: &OrgScope, key: &ApiKey, hash: KeyHash) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO api_keys (key_id, org_id, project_id, name, prefix, secret_hash, scopes, role, created_by,
                               created_at, expires_at, last_used_at, revoked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, NULL)",
        binds![
            key.id.uuid(),
            scope.org.uuid(),
            key.project.map(|p| p.uuid()),
            key.name.clone(),
            key.prefix.clone(),
            hash.0.to_vec(),
            serde_json::Value::from(key.scopes.names()),
            key.role.map_or_else(|| OWNERS.to_owned(), |role| role.to_string()),
            key.created_by.uuid(),
            key.created_at,
            key.expires_at,
        ],
    )
    .await?;
    Ok(())
}

/// A page of keys, newest first.
pub(crate) async fn list(
    tx: &Tx,
    scope: &OrgScope,
    visible: Visible,
    before: Option<KeyId>,
    limit: i64,
) -> Result<Vec<ApiKey>, StoreError> {
    let mut values: Vec<Value> = binds![scope.org.uuid(), limit];
    let mut sql = format!(
        "SELECT key_id, project_id, name, prefix, scopes, role, created_by, created_at, expires_at, last_used_at,
                revoked_at
           FROM api_keys WHERE org_id = $1 AND {}",
        visible.condition(&mut values)
    );
    if let Some(before) = before {
        values.push(Value::from(before.uuid()));
        sql.push_str(&format!(" AND key_id < ${}", values.len()));
    }
    sql.push_str(" ORDER BY key_id DESC LIMIT $2");
    let rows: Vec<KeyRow> = tx.fetch_all(&sql, values).await?;
    rows.into_iter().map(KeyRow::into_key).collect()
}

/// Whether the key is there for this caller, withdrawn or not.
pub(crate) async fn exists(tx: &Tx, scope: &OrgScope, visible: Visible, id: KeyId) -> Result<bool, StoreError> {
    let mut values: Vec<Value> = binds![scope.org.uuid(), id.uuid()];
    let condition = visible.condition(&mut values);
    let sql = format!("SELECT COUNT(*) FROM api_keys WHERE org_id = $1 AND key_id = $2 AND {condition}");
    Ok(tx.fetch_scalar::<i64>(&sql, values).await?.unwrap_or(0) > 0)
}

/// Withdraws a key; its hash when it was good until now.
pub(crate) async fn revoke(
    tx: &Tx,
    scope: &OrgScope,
    visible: Visible,
    id: KeyId,
    now: DateTime<Utc>,
) -> Result<Option<KeyHash>, StoreError> {
    let mut values: Vec<Value> = binds![scope.org.uuid(), id.uuid(), now];
    let sql = format!(
        "UPDATE api_keys SET revoked_at = $3 WHERE org_id = $1 AND key_id = $2 AND revoked_at IS NULL AND {}
         RETURNING secret_hash",
        visible.condition(&mut values)
    );
    let hash: Option<Vec<u8>> = tx.fetch_scalar(&sql, values).await?;
    hash.map(|bytes| bytes.as_slice().try_into().map(KeyHash).map_err(|_| StoreError::Decode("key hash".to_owned())))
        .transpose()
}

/// Withdraws every key that acts for a person; their hashes. Keys of service accounts that they made stay: those belong to
/// the organisation.
pub(crate) async fn revoke_all(
    tx: &Tx,
    scope: &OrgScope,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<KeyHash>, StoreError> {
    let rows = tx
        .fetch_rows(
            "UPDATE api_keys SET revoked_at = $3
             WHERE org_id = $1 AND created_by = $2 AND service_account_id IS NULL AND revoked_at IS NULL
             RETURNING secret_hash",
            binds![scope.org.uuid(), user.uuid(), now],
        )
        .await?;
    let read = |bytes: Vec<u8>| bytes.as_slice().try_into().map(KeyHash);
    rows.iter()
        .map(|row| read(row.try_get_by_index(0)?).map_err(|_| StoreError::Decode("key hash".to_owned())))
        .collect()
}
