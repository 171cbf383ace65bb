//! Signing keys, which belong to no organisation, and tokens before it is known whose they are.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgId, Permissions, ProjectId, RoleRef, ServiceAccountId, TokenFamilyId, TypedId as _, UserId};
use rhiza_platform::authz::{Actor, ServiceAccount};
use rhiza_platform::secrets::{KeyKind, KeyValue, SealedColumn};
use rhiza_store::sea_orm::{self, FromQueryResult};
use rhiza_store::{Db, StoreError, Tx, binds};
use uuid::Uuid;

use super::RefreshHash;
use crate::access::system::read_permissions;
use crate::access::{self, Holder, Membership};
use crate::keys::{Networks, Scopes, store::read_limit};

/// The private halves of signing keys, for the rotation of master keys.
pub const SEALED_SIGNING_KEYS: SealedColumn = SealedColumn {
    table: "signing_keys",
    key: &[("kid", KeyKind::Text)],
    column: "sealed_private_key",
    purpose: |key| match key {
        [KeyValue::Text(kid)] => purpose(kid),
        _ => String::new(),
    },
};

/// What a private key is sealed for.
pub(super) fn purpose(kid: &str) -> String {
    format!("signing-key:{kid}")
}

/// A signing key as it is stored.
#[derive(Debug, Clone, FromQueryResult)]
pub(super) struct KeyRow {
    pub(super) kid: String,
    pub(super) generation: i64,
    pub(super) public_key: Vec<u8>,
    pub(super) sealed_private_key: Vec<u8>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) signs_from: DateTime<Utc>,
    pub(super) signs_until: DateTime<Utc>,
    pub(super) verifies_until: DateTime<Utc>,
}

const KEY: &str = "SELECT kid, generation, public_key, sealed_private_key, created_at, signs_from, signs_until,
    verifies_until FROM signing_keys";

/// The keys, oldest first. Those that verify nothing any more are among them until the next one is made.
pub(super) async fn keys(db: &Db) -> Result<Vec<KeyRow>, StoreError> {
    let tx = db.system_read().await?;
    let rows = tx.fetch_all(&format!("{KEY} ORDER BY generation"), binds![]).await?;
    tx.rollback().await?;
    Ok(rows)
}

/// Writes the key of the next generation and lets the others sign until it does. Of two processes that make one at the
/// same time, one succeeds: a generation is made once.
pub(super) async fn insert_key(db: &Db, key: &KeyRow, others_verify_until: DateTime<Utc>) -> Result<bool, StoreError> {
    let tx = db.system_write().await?;
    let inserted = tx
        .execute(
            "INSERT INTO signing_keys (kid, generation, algorithm, public_key, sealed_private_key, created_at, signs_from,
                                       signs_until, verifies_until)
             VALUES ($1, $2, 'EdDSA', $3, $4, $5, $6, $7, $8)",
            binds![
                key.kid.clone(),
                key.generation,
                key.public_key.clone(),
                key.sealed_private_key.clone(),
                key.created_at,
                key.signs_from,
                key.signs_until,
                key.verifies_until,
            ],
        )
        .await;
    match inserted {
        Ok(_) => {}
        Err(error) if error.is_unique() => return Ok(false),
        Err(error) => return Err(error),
    }
    tx.execute(
        "UPDATE signing_keys SET signs_until = $2, verifies_until = $3 WHERE generation < $1 AND signs_until > $2",
        binds![key.generation, key.signs_from, others_verify_until],
    )
    .await?;
    // What verified its last token long ago is of no use to anybody.
    tx.execute("DELETE FROM signing_keys WHERE verifies_until <= $1", binds![key.created_at]).await?;
    tx.commit().await?;
    Ok(true)
}

/// What the tokens of a family open, and whether they still do.
#[derive(Debug, Clone)]
pub(crate) struct Opens {
    pub(crate) org: OrgId,
    pub(crate) project: Option<ProjectId>,
    pub(crate) holder: Holder,
    pub(crate) actor: Actor,
    /// What its holder has been given, today.
    pub(crate) membership: Option<Membership>,
    /// What the family is limited to.
    pub(crate) scopes: Permissions,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) revoked: bool,
    /// The key that asked for it, whose limits count as well.
    pub(crate) key: Option<KeyLimits>,
}

/// What a key imposes on the tokens it asked for.
#[derive(Debug, Clone)]
pub(crate) struct KeyLimits {
    pub(crate) role: Option<RoleRef>,
    pub(crate) scopes: Scopes,
    pub(crate) networks: Option<Networks>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

#[derive(Debug, FromQueryResult)]
struct Row {
    org_id: Uuid,
    user_id: Option<Uuid>,
    service_account_id: Option<Uuid>,
    account_name: Option<String>,
    project_id: Option<Uuid>,
    scopes: serde_json::Value,
    expires_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
    disabled_at: Option<DateTime<Utc>>,
    key_id: Option<Uuid>,
    key_role: Option<String>,
    key_scopes: Option<serde_json::Value>,
    key_networks: Option<serde_json::Value>,
    key_expires_at: Option<DateTime<Utc>>,
    key_revoked_at: Option<DateTime<Utc>>,
}

/// What the family opens; nothing when there is none.
pub(crate) async fn find(db: &Db, family: TokenFamilyId) -> Result<Option<Opens>, StoreError> {
    let tx = db.system_read().await?;
    let found = find_in(&tx, family).await?;
    tx.rollback().await?;
    Ok(found)
}

async fn find_in(tx: &Tx, family: TokenFamilyId) -> Result<Option<Opens>, StoreError> {
    let row: Option<Row> = tx
        .fetch_optional(
            "SELECT f.org_id, f.user_id, f.service_account_id, s.name AS account_name, f.project_id, f.scopes,
                    f.expires_at, f.revoked_at, u.disabled_at, f.key_id, k.role AS key_role, k.scopes AS key_scopes,
                    k.allowed_networks AS key_networks, k.expires_at AS key_expires_at, k.revoked_at AS key_revoked_at
               FROM token_families f
               LEFT JOIN users u ON u.user_id = f.user_id
               LEFT JOIN service_accounts s ON s.service_account_id = f.service_account_id
               LEFT JOIN api_keys k ON k.key_id = f.key_id
              WHERE f.family_id = $1",
            binds![family.uuid()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let org = OrgId::from_uuid(row.org_id);
    let owner = row.user_id.map(UserId::from_uuid);
    let account = row.service_account_id.map(|id| ServiceAccount {
        id: ServiceAccountId::from_uuid(id),
        name: Arc::from(row.account_name.unwrap_or_default()),
    });
    let holder = match (&account, owner) {
        (Some(account), _) => Holder::ServiceAccount(account.id),
        (None, Some(owner)) => Holder::Person(owner),
        (None, None) => return Ok(None),
    };
    let mut membership = access::system::of_holder(tx, org, holder).await?;
    let key = match (row.key_id, row.key_role) {
        (Some(_), Some(role)) => Some(KeyLimits {
            role: read_limit(&role)?,
            scopes: Scopes::from_stored(&row.key_scopes.unwrap_or_default()),
            networks: row.key_networks.as_ref().map(Networks::from_stored),
            expires_at: row.key_expires_at,
        }),
        _ => None,
    };
    if let (Some(membership), Some(role)) = (&mut membership, key.as_ref().and_then(|key| key.role)) {
        access::system::know_role(tx, org, membership, role).await?;
    }
    // Like keys: a person's tokens end with their account, a service account's with the account.
    Ok(Some(Opens {
        org,
        project: row.project_id.map(ProjectId::from_uuid),
        holder,
        actor: Actor::Token { family, owner, service_account: account },
        membership,
        scopes: read_permissions(&row.scopes),
        expires_at: row.expires_at,
        revoked: row.revoked_at.is_some() || row.disabled_at.is_some() || row.key_revoked_at.is_some(),
        key,
    }))
}

#[derive(Debug, FromQueryResult)]
struct RefreshRow {
    org_id: Uuid,
    family_id: Uuid,
}

/// The organisation and family of a refresh token, used or not.
pub(super) async fn family_of(db: &Db, hash: RefreshHash) -> Result<Option<(OrgId, TokenFamilyId)>, StoreError> {
    let tx = db.system_read().await?;
    let sql = "SELECT org_id, family_id FROM refresh_tokens WHERE token_hash = $1";
    let row: Option<RefreshRow> = tx.fetch_optional(sql, binds![hash.0.to_vec()]).await?;
    tx.rollback().await?;
    Ok(row.map(|row| (OrgId::from_uuid(row.org_id), TokenFamilyId::from_uuid(row.family_id))))
}
