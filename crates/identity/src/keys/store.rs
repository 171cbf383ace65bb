//! The SQL of an organisation's API keys.

use chrono::{DateTime, Utc};
use rhiza_kernel::{KeyId, OrgScope, ProjectId, RoleRef, ServiceAccountId, TypedId as _, UserId};
use rhiza_platform::authz::Actor;
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{StoreError, Tx, Value, binds};
use uuid::Uuid;

use super::{ApiKey, KeyHash, Networks, Scopes};
use crate::access::Holder;
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
    service_account_id: Option<Uuid>,
    allowed_networks: Option<serde_json::Value>,
    rotated_from: Option<Uuid>,
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
            service_account: self.service_account_id.map(ServiceAccountId::from_uuid),
            allowed_networks: self.allowed_networks.as_ref().map(Networks::from_stored),
            rotated_from: self.rotated_from.map(KeyId::from_uuid),
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
    /// …but only the caller's own, unless they manage other people's.
    pub(crate) only_of: Option<Holder>,
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
        match self.only_of {
            None => {}
            Some(Holder::Person(user)) => {
                values.push(Value::from(user.uuid()));
                sql.push_str(&format!(" AND created_by = ${} AND service_account_id IS NULL", values.len()));
            }
            Some(Holder::ServiceAccount(account)) => {
                values.push(Value::from(account.uuid()));
                sql.push_str(&format!(" AND service_account_id = ${}", values.len()));
            }
        }
        sql
    }
}

/// What a credential that makes another hands down: who answers for it, and the bounds of its own use.
#[derive(Debug, Clone)]
pub(crate) struct Maker {
    pub(crate) person: UserId,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) networks: Option<Networks>,
}

#[derive(Debug, FromQueryResult)]
struct MakerRow {
    person: Uuid,
    expires_at: Option<DateTime<Utc>>,
    allowed_networks: Option<serde_json::Value>,
}

/// The maker behind `actor`; nobody when the credential is gone, or there is none.
pub(crate) async fn maker(tx: &Tx, scope: &OrgScope, actor: &Actor) -> Result<Option<Maker>, StoreError> {
    let (sql, id) = match actor {
        Actor::User { id, .. } => return Ok(Some(Maker { person: *id, expires_at: None, networks: None })),
        Actor::System => return Ok(None),
        Actor::Key { id, .. } => (
            "SELECT created_by AS person, expires_at, allowed_networks FROM api_keys WHERE org_id = $1 AND key_id = $2",
            id.uuid(),
        ),
        Actor::Token { family, .. } => (
            // The chain never ends later than the key that began it.
            "SELECT COALESCE(f.user_id, k.created_by) AS person, f.expires_at, k.allowed_networks
               FROM token_families f LEFT JOIN api_keys k ON k.key_id = f.key_id
              WHERE f.org_id = $1 AND f.family_id = $2",
            family.uuid(),
        ),
    };
    let row: Option<MakerRow> = tx.fetch_optional(sql, binds![scope.org.uuid(), id]).await?;
    Ok(row.map(|row| Maker {
        person: UserId::from_uuid(row.person),
        expires_at: row.expires_at,
        networks: row.allowed_networks.as_ref().map(Networks::from_stored),
    }))
}

/// Writes a new key.
pub(crate) async fn insert(tx: &Tx, scope: &OrgScope, key: &ApiKey, hash: KeyHash) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO api_keys (key_id, org_id, project_id, name, prefix, secret_hash, scopes, role, created_by,
                               created_at, expires_at, last_used_at, revoked_at, service_account_id, allowed_networks,
                               rotated_from)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, NULL, $12, $13, $14)",
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
            key.service_account.map(|id| id.uuid()),
            key.allowed_networks.as_ref().map(|nets| serde_json::Value::from(nets.names())),
            key.rotated_from.map(|id| id.uuid()),
        ],
    )
    .await?;
    Ok(())
}

const KEY: &str = "SELECT key_id, project_id, name, prefix, scopes, role, created_by, service_account_id,
    allowed_networks, rotated_from, created_at, expires_at, last_used_at, revoked_at FROM api_keys";

/// A page of keys, newest first.
pub(crate) async fn list(
    tx: &Tx,
    scope: &OrgScope,
    visible: Visible,
    before: Option<KeyId>,
    limit: i64,
) -> Result<Vec<ApiKey>, StoreError> {
    let mut values: Vec<Value> = binds![scope.org.uuid(), limit];
    let mut sql = format!("{KEY} WHERE org_id = $1 AND {}", visible.condition(&mut values));
    if let Some(before) = before {
        values.push(Value::from(before.uuid()));
        sql.push_str(&format!(" AND key_id < ${}", values.len()));
    }
    sql.push_str(" ORDER BY key_id DESC LIMIT $2");
    let rows: Vec<KeyRow> = tx.fetch_all(&sql, values).await?;
    rows.into_iter().map(KeyRow::into_key).collect()
}

/// A key, kept from changing until the transaction ends.
pub(crate) async fn for_update(
    tx: &Tx,
    scope: &OrgScope,
    visible: Visible,
    id: KeyId,
) -> Result<Option<ApiKey>, StoreError> {
    let mut values: Vec<Value> = binds![scope.org.uuid(), id.uuid()];
    let condition = visible.condition(&mut values);
    let sql = format!("{KEY} WHERE org_id = $1 AND key_id = $2 AND {condition}{}", tx.dialect().for_update());
    let row: Option<KeyRow> = tx.fetch_optional(&sql, values).await?;
    row.map(KeyRow::into_key).transpose()
}

/// Lets a key end at `at`; its hash.
pub(crate) async fn end_at(
    tx: &Tx,
    scope: &OrgScope,
    id: KeyId,
    at: DateTime<Utc>,
) -> Result<Option<KeyHash>, StoreError> {
    let sql = "UPDATE api_keys SET expires_at = $3 WHERE org_id = $1 AND key_id = $2 RETURNING secret_hash";
    let hash: Option<Vec<u8>> = tx.fetch_scalar(sql, binds![scope.org.uuid(), id.uuid(), at]).await?;
    hash.map(|bytes| read_hash(&bytes)).transpose()
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
    hash.map(|bytes| read_hash(&bytes)).transpose()
}

/// Reads a stored hash.
pub(crate) fn read_hash(bytes: &[u8]) -> Result<KeyHash, StoreError> {
    bytes.try_into().map(KeyHash).map_err(|_| StoreError::Decode("key hash".to_owned()))
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
