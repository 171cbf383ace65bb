//! The SQL of an organisation's token families and refresh tokens.

use chrono::{DateTime, Utc};
use rhiza_kernel::{KeyId, OrgScope, ProjectId, ServiceAccountId, TokenFamilyId, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{StoreError, Tx, Value, binds};
use uuid::Uuid;

use super::{Family, RefreshHash};
use crate::access::Holder;
use crate::access::system::read_permissions;

#[derive(Debug, FromQueryResult)]
struct Row {
    family_id: Uuid,
    user_id: Option<Uuid>,
    service_account_id: Option<Uuid>,
    key_id: Option<Uuid>,
    project_id: Option<Uuid>,
    name: String,
    scopes: serde_json::Value,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
    address: Option<String>,
    revoked_at: Option<DateTime<Utc>>,
    revoked_because: Option<String>,
}

impl From<Row> for Family {
    fn from(row: Row) -> Self {
        Self {
            id: TokenFamilyId::from_uuid(row.family_id),
            user: row.user_id.map(UserId::from_uuid),
            service_account: row.service_account_id.map(ServiceAccountId::from_uuid),
            key: row.key_id.map(KeyId::from_uuid),
            project: row.project_id.map(ProjectId::from_uuid),
            name: row.name,
            scopes: read_permissions(&row.scopes),
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            address: row.address,
            revoked_at: row.revoked_at,
            revoked_because: row.revoked_because,
        }
    }
}

/// Appends the condition that a family is `holder`'s, when there is one to be asked for.
fn held_by(sql: &mut String, values: &mut Vec<Value>, holder: Option<Holder>) {
    let (column, id) = match holder {
        None => return,
        Some(Holder::Person(user)) => ("user_id", user.uuid()),
        Some(Holder::ServiceAccount(account)) => ("service_account_id", account.uuid()),
    };
    values.push(Value::from(id));
    sql.push_str(&format!(" AND {column} = ${}", values.len()));
}

/// Writes a new family.
pub(super) async fn insert(tx: &Tx, scope: &OrgScope, family: &Family) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO token_families (family_id, org_id, user_id, service_account_id, key_id, project_id, name, scopes,
                                     created_at, expires_at, last_used_at, address, revoked_at, revoked_because)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL, $11, NULL, NULL)",
        binds![
            family.id.uuid(),
            scope.org.uuid(),
            family.user.map(|id| id.uuid()),
            family.service_account.map(|id| id.uuid()),
            family.key.map(|id| id.uuid()),
            family.project.map(|id| id.uuid()),
            family.name.clone(),
            serde_json::Value::from(family.scopes.names()),
            family.created_at,
            family.expires_at,
            family.address.clone(),
        ],
    )
    .await?;
    Ok(())
}

/// Removes a holder's families whose time is over.
pub(super) async fn delete_ended(
    tx: &Tx,
    scope: &OrgScope,
    holder: Holder,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut values: Vec<Value> = binds![scope.org.uuid(), now];
    let mut ended = "org_id = $1 AND expires_at <= $2".to_owned();
    held_by(&mut ended, &mut values, Some(holder));
    let sql = format!(
        "DELETE FROM refresh_tokens WHERE org_id = $1 AND family_id IN (SELECT family_id FROM token_families WHERE {ended})"
    );
    tx.execute(&sql, values.clone()).await?;
    tx.execute(&format!("DELETE FROM token_families WHERE {ended}"), values).await?;
    Ok(())
}

/// A page of families whose time is not over, newest first; those of `holder` only, when there is one.
pub(super) async fn list(
    tx: &Tx,
    scope: &OrgScope,
    holder: Option<Holder>,
    now: DateTime<Utc>,
    before: Option<TokenFamilyId>,
    limit: i64,
) -> Result<Vec<Family>, StoreError> {
    let mut values: Vec<Value> = binds![scope.org.uuid(), limit, now];
    let mut sql = String::from(
        "SELECT family_id, user_id, service_account_id, key_id, project_id, name, scopes, created_at, expires_at,
                last_used_at, address, revoked_at, revoked_because
           FROM token_families WHERE org_id = $1 AND expires_at > $3",
    );
    held_by(&mut sql, &mut values, holder);
    if let Some(before) = before {
        values.push(Value::from(before.uuid()));
        sql.push_str(&format!(" AND family_id < ${}", values.len()));
    }
    sql.push_str(" ORDER BY family_id DESC LIMIT $2");
    let rows: Vec<Row> = tx.fetch_all(&sql, values).await?;
    Ok(rows.into_iter().map(Family::from).collect())
}

/// Whether the family is there for this caller, revoked or not.
pub(super) async fn exists(
    tx: &Tx,
    scope: &OrgScope,
    holder: Option<Holder>,
    id: TokenFamilyId,
) -> Result<bool, StoreError> {
    let mut values: Vec<Value> = binds![scope.org.uuid(), id.uuid()];
    let mut sql = "SELECT COUNT(*) FROM token_families WHERE org_id = $1 AND family_id = $2".to_owned();
    held_by(&mut sql, &mut values, holder);
    Ok(tx.fetch_scalar::<i64>(&sql, values).await?.unwrap_or(0) > 0)
}

/// Revokes a family; whether it was good until now.
pub(super) async fn revoke(
    tx: &Tx,
    scope: &OrgScope,
    holder: Option<Holder>,
    id: TokenFamilyId,
    because: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let mut values: Vec<Value> = binds![scope.org.uuid(), id.uuid(), now, because];
    let mut sql = "UPDATE token_families SET revoked_at = $3, revoked_because = $4
                    WHERE org_id = $1 AND family_id = $2 AND revoked_at IS NULL"
        .to_owned();
    held_by(&mut sql, &mut values, holder);
    Ok(tx.execute(&sql, values).await? > 0)
}

/// Writes that a family was used.
pub(super) async fn used(
    tx: &Tx,
    scope: &OrgScope,
    id: TokenFamilyId,
    address: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE token_families SET last_used_at = $3, address = $4 WHERE org_id = $1 AND family_id = $2",
        binds![scope.org.uuid(), id.uuid(), now, address],
    )
    .await?;
    Ok(())
}

/// Writes a fresh refresh token.
pub(super) async fn insert_refresh(
    tx: &Tx,
    scope: &OrgScope,
    family: TokenFamilyId,
    hash: RefreshHash,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO refresh_tokens (token_hash, org_id, family_id, created_at, expires_at, used_at, used_from)
         VALUES ($1, $2, $3, $4, $5, NULL, NULL)",
        binds![hash.0.to_vec(), scope.org.uuid(), family.uuid(), now, expires_at],
    )
    .await?;
    Ok(())
}

/// Uses a refresh token up; whether it was unused until now. Of two who try at the same time, one does.
pub(super) async fn use_up(
    tx: &Tx,
    scope: &OrgScope,
    hash: RefreshHash,
    address: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let used = tx
        .execute(
            "UPDATE refresh_tokens SET used_at = $3, used_from = $4
              WHERE org_id = $1 AND token_hash = $2 AND used_at IS NULL",
            binds![scope.org.uuid(), hash.0.to_vec(), now, address],
        )
        .await?;
    Ok(used > 0)
}

/// When and from where a refresh token was used.
#[derive(Debug, FromQueryResult)]
pub(super) struct Used {
    pub(super) used_at: Option<DateTime<Utc>>,
    pub(super) used_from: Option<String>,
}

/// How a refresh token was used before.
pub(super) async fn use_of(tx: &Tx, scope: &OrgScope, hash: RefreshHash) -> Result<Option<Used>, StoreError> {
    let sql = "SELECT used_at, used_from FROM refresh_tokens WHERE org_id = $1 AND token_hash = $2";
    tx.fetch_optional(sql, binds![scope.org.uuid(), hash.0.to_vec()]).await
}
