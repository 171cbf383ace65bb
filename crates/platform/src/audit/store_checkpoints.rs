//! The SQL of checkpoints: reading them, and dropping entries in exchange for one.

use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, OrgId, OrgScope, TypedId as _};
use rhiza_store::{FromQueryResult, StoreError, Tx, binds, sea_orm};
use serde_json::json;
use uuid::Uuid;

use super::checkpoint::{Checkpoint, Signer, TrustedKeys};
use super::model::{ChainCheck, ChainFault, Entry};
use super::store;
use crate::authz::Caller;

const COLUMNS: &str = "org_id, seq, hash, dropped, made_at, retention_days, key_id, signature";

/// Entries dropped in one transaction, which keeps the organisation's chain locked meanwhile.
pub(super) const DROPPED_AT_ONCE: i64 = 5000;

#[derive(FromQueryResult)]
struct Row {
    org_id: Uuid,
    seq: i64,
    hash: Vec<u8>,
    dropped: i64,
    made_at: DateTime<Utc>,
    retention_days: i64,
    key_id: String,
    signature: Vec<u8>,
}

impl From<Row> for Checkpoint {
    fn from(row: Row) -> Self {
        Self {
            org: OrgId::from_uuid(row.org_id),
            seq: row.seq,
            hash: row.hash,
            dropped: row.dropped,
            made_at: row.made_at,
            retention_days: row.retention_days,
            key_id: row.key_id,
            signature: row.signature,
        }
    }
}

/// Checkpoints before place `before` (the newest when `None`), newest first.
///
/// # Errors
/// Database failures.
pub async fn checkpoints(
    tx: &Tx,
    scope: &OrgScope,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Checkpoint>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM audit_checkpoints WHERE org_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3");
    let rows: Vec<Row> = tx.fetch_all(&sql, binds![scope.org.uuid(), before.unwrap_or(i64::MAX), limit]).await?;
    Ok(rows.into_iter().map(Checkpoint::from).collect())
}

/// Where a chain must begin: after the newest checkpoint that holds, and the faults of those that do not.
pub(super) async fn beginning(
    tx: &Tx,
    scope: &OrgScope,
    trusted: &TrustedKeys,
) -> Result<(ChainCheck, Vec<ChainFault>), StoreError> {
    let all = checkpoints(tx, scope, None, i64::MAX).await?;
    let faults = all.iter().filter(|c| !trusted.accept(c)).map(|c| ChainFault::Checkpoint { seq: c.seq }).collect();
    let newest = all.iter().find(|c| trusted.accept(c));
    Ok((newest.map_or_else(ChainCheck::new, |c| ChainCheck::after(c.seq, c.hash.clone())), faults))
}

/// What became of one attempt to drop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dropped {
    /// Nothing is old enough.
    Nothing,
    /// So many entries are gone.
    Some(i64),
    /// The chain is broken there: dropping would hide it.
    Broken(Vec<ChainFault>),
}

/// What a policy asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    pub(super) days: i64,
    pub(super) before: DateTime<Utc>,
}

#[derive(FromQueryResult)]
struct Reach {
    seq: Option<i64>,
}

/// Drops the oldest entries that are older than the policy, at most [`DROPPED_AT_ONCE`], after checking them; writes the
/// checkpoint and an entry about it. The transaction is committed by the caller.
pub(super) async fn drop_old(
    tx: &Tx,
    scope: &OrgScope,
    policy: Policy,
    signer: &Signer,
    trusted: &TrustedKeys,
    env: &Env,
) -> Result<Dropped, StoreError> {
    let org = scope.org.uuid();
    store::lock(tx, scope).await?;
    let (mut check, mut faults) = beginning(tx, scope, trusted).await?;
    let start = check.next();
    // Only what stands before the first entry that is kept: a chain has no holes.
    let sql = "SELECT MAX(seq) AS seq FROM audit_entries WHERE org_id = $1 AND seq < $3
                 AND seq < COALESCE((SELECT MIN(seq) FROM audit_entries WHERE org_id = $1 AND at >= $2), $3)";
    let reach: Reach = tx.fetch_one(sql, binds![org, policy.before, start + DROPPED_AT_ONCE]).await?;
    let Some(last) = reach.seq else { return Ok(Dropped::Nothing) };
    let mut after = i64::MIN;
    while after < last {
        let rows = store::ascending(tx, scope, after).await?;
        let Some(end) = rows.last() else { break };
        after = end.seq;
        rows.iter().filter(|row| row.seq <= last).for_each(|row| check.look(row, last));
    }
    let (entries, hash, found) = check.stop();
    faults.extend(found);
    if !faults.is_empty() {
        return Ok(Dropped::Broken(faults));
    }
    tx.execute("DELETE FROM audit_entries WHERE org_id = $1 AND seq <= $2", binds![org, last]).await?;
    let mut checkpoint = Checkpoint {
        org: scope.org,
        seq: last,
        hash,
        dropped: entries,
        made_at: store::truncated(env.now()),
        retention_days: policy.days,
        key_id: String::new(),
        signature: Vec::new(),
    };
    signer.sign(&mut checkpoint);
    insert(tx, &checkpoint).await?;
    let after = json!({ "sequence": last, "dropped": entries, "retention_days": policy.days });
    let entry = Entry::new(&Caller::system(), "audit.entries.drop", scope.org.to_string()).after(&after);
    store::record(tx, scope, entry, env).await?;
    Ok(Dropped::Some(entries))
}

async fn insert(tx: &Tx, checkpoint: &Checkpoint) -> Result<(), StoreError> {
    let values = binds![
        checkpoint.org.uuid(),
        checkpoint.seq,
        checkpoint.hash.clone(),
        checkpoint.dropped,
        checkpoint.made_at,
        checkpoint.retention_days,
        checkpoint.key_id.clone(),
        checkpoint.signature.clone(),
    ];
    let sql = format!("INSERT INTO audit_checkpoints ({COLUMNS}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)");
    tx.execute(&sql, values).await?;
    Ok(())
}
