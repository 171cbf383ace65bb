//! The SQL of service accounts.

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgScope, ServiceAccountId, TypedId as _, UserId};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{StoreError, Tx, Value, binds};
use uuid::Uuid;

use super::ServiceAccount;
use crate::access::system::read_role;
use crate::keys::KeyHash;
use crate::keys::store::read_hash;
use crate::people::fold;

#[derive(Debug, FromQueryResult)]
struct Row {
    service_account_id: Uuid,
    name: String,
    description: String,
    role: String,
    created_by: Uuid,
    revision: i64,
    created_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
}

impl Row {
    fn into_account(self) -> Result<ServiceAccount, StoreError> {
        Ok(ServiceAccount {
            id: ServiceAccountId::from_uuid(self.service_account_id),
            role: read_role(&self.role)?,
            name: self.name,
            description: self.description,
            created_by: UserId::from_uuid(self.created_by),
            revision: self.revision,
            created_at: self.created_at,
            disabled_at: self.disabled_at,
        })
    }
}

const ACCOUNT: &str = "SELECT service_account_id, name, description, role, created_by, revision, created_at,
    disabled_at FROM service_accounts";

/// A page of accounts, newest first.
pub(super) async fn list(
    tx: &Tx,
    scope: &OrgScope,
    before: Option<ServiceAccountId>,
    limit: i64,
) -> Result<Vec<ServiceAccount>, StoreError> {
    let mut values: Vec<Value> = binds![scope.org.uuid(), limit];
    let mut sql = format!("{ACCOUNT} WHERE org_id = $1");
    if let Some(before) = before {
        values.push(Value::from(before.uuid()));
        sql.push_str(" AND service_account_id < $3");
    }
    sql.push_str(" ORDER BY service_account_id DESC LIMIT $2");
    let rows: Vec<Row> = tx.fetch_all(&sql, values).await?;
    rows.into_iter().map(Row::into_account).collect()
}

/// One account; kept from changing until the transaction ends where `lock` says so.
pub(super) async fn get(
    tx: &Tx,
    scope: &OrgScope,
    id: ServiceAccountId,
    lock: bool,
) -> Result<Option<ServiceAccount>, StoreError> {
    let lock = if lock { tx.dialect().for_update() } else { "" };
    let sql = format!("{ACCOUNT} WHERE org_id = $1 AND service_account_id = $2{lock}");
    let row: Option<Row> = tx.fetch_optional(&sql, binds![scope.org.uuid(), id.uuid()]).await?;
    row.map(Row::into_account).transpose()
}

/// Writes a new account.
pub(super) async fn insert(tx: &Tx, scope: &OrgScope, account: &ServiceAccount) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO service_accounts (service_account_id, org_id, name, name_key, description, role, created_by,
                                       revision, created_at, disabled_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL)",
        binds![
            account.id.uuid(),
            scope.org.uuid(),
            account.name.clone(),
            fold(&account.name),
            account.description.clone(),
            account.role.to_string(),
            account.created_by.uuid(),
            account.revision,
            account.created_at,
        ],
    )
    .await?;
    Ok(())
}

/// Writes the changeable part of an account.
pub(super) async fn update(tx: &Tx, scope: &OrgScope, account: &ServiceAccount) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE service_accounts SET name = $3, name_key = $4, description = $5, role = $6, revision = $7, disabled_at = $8
          WHERE org_id = $1 AND service_account_id = $2",
        binds![
            scope.org.uuid(),
            account.id.uuid(),
            account.name.clone(),
            fold(&account.name),
            account.description.clone(),
            account.role.to_string(),
            account.revision,
            account.disabled_at,
        ],
    )
    .await?;
    Ok(())
}

#[derive(Debug, FromQueryResult)]
struct HashRow {
    secret_hash: Vec<u8>,
}

/// Removes an account with all that opens something in its name; the hashes of its keys.
pub(super) async fn delete(tx: &Tx, scope: &OrgScope, id: ServiceAccountId) -> Result<Vec<KeyHash>, StoreError> {
    let of_account = "org_id = $1 AND service_account_id = $2";
    let row = || binds![scope.org.uuid(), id.uuid()];
    let keys: Vec<HashRow> =
        tx.fetch_all(&format!("SELECT secret_hash FROM api_keys WHERE {of_account}"), row()).await?;
    for sql in [
        format!(
            "DELETE FROM refresh_tokens WHERE org_id = $1 AND family_id IN
                 (SELECT family_id FROM token_families WHERE {of_account})"
        ),
        format!("DELETE FROM token_families WHERE {of_account}"),
        format!("DELETE FROM api_keys WHERE {of_account}"),
        "DELETE FROM project_roles WHERE org_id = $1 AND subject_kind = 'service_account' AND subject_id = $2"
            .to_owned(),
        format!("DELETE FROM service_accounts WHERE {of_account}"),
    ] {
        tx.execute(&sql, row()).await?;
    }
    keys.into_iter().map(|row| read_hash(&row.secret_hash)).collect()
}
