//! What concerns the chains of all organisations: checking them for `rhiza audit verify`, which ones have entries to drop,
//! and the keys that sign checkpoints.

use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, OrgId, OrgScope, TypedId as _};
use rhiza_store::{Db, FromQueryResult, StoreError, binds, sea_orm};
use uuid::Uuid;

use super::checkpoint::{Signer, TrustedKeys};
use super::model::ChainReport;
use super::store;
use crate::secrets::{KeyKind, KeyValue, SealedColumn, Sealer, SecretsError};

#[derive(FromQueryResult)]
struct Org {
    org_id: Uuid,
}

/// One report per organisation that has a chain, all read from one snapshot. Checkpoints are not believed.
///
/// # Errors
/// Database failures.
pub async fn verify_all(db: &Db) -> Result<Vec<ChainReport>, StoreError> {
    verify_all_trusting(db, &TrustedKeys::none()).await
}

/// One report per organisation that has a chain, all read from one snapshot. A chain may begin at a checkpoint that a
/// trusted key signed.
///
/// # Errors
/// Database failures.
pub async fn verify_all_trusting(db: &Db, trusted: &TrustedKeys) -> Result<Vec<ChainReport>, StoreError> {
    let tx = db.system_read().await?;
    // Entries without a head count too: removing the head must not hide a chain.
    let sql = "SELECT org_id FROM audit_heads UNION SELECT org_id FROM audit_entries
               UNION SELECT org_id FROM audit_checkpoints ORDER BY org_id";
    let orgs: Vec<Org> = tx.fetch_all(sql, Vec::new()).await?;
    let mut reports = Vec::with_capacity(orgs.len());
    for org in orgs {
        let scope = OrgScope::new(OrgId::from_uuid(org.org_id));
        reports.push(store::verify_trusting(&tx, &scope, trusted).await?);
    }
    tx.rollback().await?;
    Ok(reports)
}

/// The organisations with entries from before that time.
pub(super) async fn chains_older_than(db: &Db, before: DateTime<Utc>) -> Result<Vec<OrgScope>, StoreError> {
    let tx = db.system_read().await?;
    let sql = "SELECT DISTINCT org_id FROM audit_entries WHERE at < $1 ORDER BY org_id";
    let orgs: Vec<Org> = tx.fetch_all(sql, binds![before]).await?;
    tx.rollback().await?;
    Ok(orgs.into_iter().map(|org| OrgScope::new(OrgId::from_uuid(org.org_id))).collect())
}

/// The private halves of the keys that sign checkpoints.
pub const SEALED: SealedColumn = SealedColumn {
    table: "audit_keys",
    key: &[("key_number", KeyKind::Integer)],
    column: "private_sealed",
    purpose: |key| match key {
        [KeyValue::Integer(number)] => purpose(*number),
        _ => String::new(),
    },
};

fn purpose(number: i64) -> String {
    format!("audit-signing:{number}")
}

#[derive(FromQueryResult)]
struct KeyRow {
    key_number: i64,
    key_id: String,
    public_key: Vec<u8>,
    private_sealed: Vec<u8>,
    created_at: DateTime<Utc>,
}

/// A public key, as an auditor needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublicKey {
    pub(super) key_id: String,
    pub(super) public_key: Vec<u8>,
    pub(super) created_at: DateTime<Utc>,
}

async fn keys(db: &Db) -> Result<Vec<KeyRow>, StoreError> {
    let tx = db.system_read().await?;
    let sql = "SELECT key_number, key_id, public_key, private_sealed, created_at FROM audit_keys ORDER BY key_number";
    let rows = tx.fetch_all(sql, Vec::new()).await?;
    tx.rollback().await?;
    Ok(rows)
}

/// The public keys, oldest first.
pub(super) async fn public_keys(db: &Db) -> Result<Vec<PublicKey>, StoreError> {
    let public = |row: KeyRow| PublicKey { key_id: row.key_id, public_key: row.public_key, created_at: row.created_at };
    Ok(keys(db).await?.into_iter().map(public).collect())
}

fn opened(row: &KeyRow, sealer: &Sealer) -> Result<Signer, SecretsError> {
    let private = sealer.open(&purpose(row.key_number), &row.private_sealed)?;
    let private: &[u8; 32] = private.as_slice().try_into().map_err(|_| SecretsError::Damaged)?;
    let signer = Signer::new(private);
    // The row's own words are anybody's who can write to the database.
    if signer.key_id != row.key_id || signer.public().as_slice() != row.public_key {
        return Err(SecretsError::Damaged);
    }
    Ok(signer)
}

/// The keys whose private halves this installation can open.
///
/// # Errors
/// Database failures. A key that cannot be opened is logged and not trusted.
pub async fn trusted_keys(db: &Db, sealer: &Sealer) -> Result<TrustedKeys, StoreError> {
    let mut trusted = TrustedKeys::none();
    for row in keys(db).await? {
        match opened(&row, sealer) {
            Ok(signer) => trusted.add(&signer),
            Err(error) => tracing::error!(key = row.key_id, %error, "an audit signing key cannot be opened"),
        }
    }
    Ok(trusted)
}

/// The key that signs, made when there is none yet.
pub(super) async fn signer(db: &Db, sealer: &Sealer, env: &Env) -> Result<Signer, SecretsError> {
    if let Some(newest) = keys(db).await?.last() {
        return opened(newest, sealer);
    }
    let private = zeroize::Zeroizing::new(env.random_bytes::<32>());
    let made = Signer::new(&private);
    let values = binds![
        1_i64,
        made.key_id.clone(),
        made.public().to_vec(),
        sealer.seal(&purpose(1), private.as_slice()),
        env.now(),
    ];
    let tx = db.system_write().await?;
    // Another process may have been first; then its key counts.
    tx.execute(
        "INSERT INTO audit_keys (key_number, key_id, public_key, private_sealed, created_at) VALUES ($1,$2,$3,$4,$5)
         ON CONFLICT (key_number) DO NOTHING",
        values,
    )
    .await?;
    tx.commit().await?;
    let rows = keys(db).await?;
    opened(rows.last().ok_or(SecretsError::Damaged)?, sealer)
}

/// Makes the key that signs checkpoints unless there is one: auditors want to note it before it is used.
///
/// # Errors
/// Database failures; a key that cannot be opened.
pub async fn ensure_key(db: &Db, sealer: &Sealer, env: &Env) -> Result<(), SecretsError> {
    signer(db, sealer, env).await.map(|_| ())
}
