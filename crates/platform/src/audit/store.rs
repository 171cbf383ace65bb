//! The SQL of the audit chain.

use chrono::{DateTime, Utc};
use rhiza_kernel::{AuditId, Env, OrgScope, TypedId as _};
use rhiza_store::{FromQueryResult, StoreError, Tx, Value, binds, sea_orm};
use uuid::Uuid;

use super::checkpoint::TrustedKeys;
use super::model::{ChainReport, Entry, GENESIS, Recorded};
use super::store_checkpoints;

const COLUMNS: &str = "org_id, seq, audit_id, at, actor_kind, actor_id, actor_label, action, subject, before_text, \
                       after_text, address, request_id, prev_hash, hash";

/// Rows read at a time while a chain is checked or exported.
pub(super) const CHUNK: i64 = 1000;

#[derive(FromQueryResult)]
struct Head {
    seq: i64,
    hash: Vec<u8>,
}

#[derive(FromQueryResult)]
struct Row {
    org_id: Uuid,
    seq: i64,
    audit_id: Uuid,
    at: DateTime<Utc>,
    actor_kind: String,
    actor_id: String,
    actor_label: String,
    action: String,
    subject: String,
    before_text: Option<String>,
    after_text: Option<String>,
    address: Option<String>,
    request_id: Option<String>,
    prev_hash: Vec<u8>,
    hash: Vec<u8>,
}

impl From<Row> for Recorded {
    fn from(row: Row) -> Self {
        Self {
            org: rhiza_kernel::OrgId::from_uuid(row.org_id),
            seq: row.seq,
            id: AuditId::from_uuid(row.audit_id),
            at: row.at,
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            actor_label: row.actor_label,
            action: row.action,
            subject: row.subject,
            before: row.before_text,
            after: row.after_text,
            address: row.address,
            request_id: row.request_id,
            prev_hash: row.prev_hash,
            hash: row.hash,
        }
    }
}

/// Appends `entry` to the organisation's chain. It takes the head's row lock and keeps it until the transaction ends:
/// call it last.
///
/// # Errors
/// Database failures.
pub async fn record(tx: &Tx, scope: &OrgScope, entry: Entry, env: &Env) -> Result<AuditId, StoreError> {
    let org = scope.org.uuid();
    let head = lock_head(tx, scope).await?;
    let mut recorded = Recorded {
        org: scope.org,
        seq: head.seq + 1,
        id: env.new_id(),
        // Databases keep microseconds: the hash must cover what will be read back.
        at: truncated(env.now()),
        actor_kind: entry.caller.actor.kind().to_owned(),
        actor_id: entry.caller.actor.id_text(),
        actor_label: entry.caller.actor.label(),
        action: entry.action,
        subject: entry.subject,
        before: entry.before.map(|v| v.to_string()),
        after: entry.after.map(|v| v.to_string()),
        address: entry.caller.address.map(|a| a.to_string()),
        request_id: entry.caller.request_id,
        prev_hash: head.hash,
        hash: Vec::new(),
    };
    recorded.hash = recorded.digest().to_vec();
    let id = recorded.id;
    let new_head = binds![recorded.seq, recorded.hash.clone(), org];
    tx.execute(
        &format!("INSERT INTO audit_entries ({COLUMNS}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)"),
        binds![
            org,
            recorded.seq,
            id.uuid(),
            recorded.at,
            recorded.actor_kind,
            recorded.actor_id,
            recorded.actor_label,
            recorded.action,
            recorded.subject,
            recorded.before,
            recorded.after,
            recorded.address,
            recorded.request_id,
            recorded.prev_hash,
            recorded.hash,
        ],
    )
    .await?;
    tx.execute("UPDATE audit_heads SET seq = $1, hash = $2 WHERE org_id = $3", new_head).await?;
    Ok(id)
}

/// Takes the chain's lock until the transaction ends.
pub(super) async fn lock(tx: &Tx, scope: &OrgScope) -> Result<(), StoreError> {
    lock_head(tx, scope).await.map(|_| ())
}

async fn lock_head(tx: &Tx, scope: &OrgScope) -> Result<Head, StoreError> {
    let org = scope.org.uuid();
    let sql = format!("SELECT seq, hash FROM audit_heads WHERE org_id = $1{}", tx.dialect().for_update());
    if let Some(head) = tx.fetch_optional(&sql, binds![org]).await? {
        return Ok(head);
    }
    // The organisation's first entry; another transaction may be writing it at the same moment.
    tx.execute(
        "INSERT INTO audit_heads (org_id, seq, hash) VALUES ($1, 0, $2) ON CONFLICT (org_id) DO NOTHING",
        binds![org, GENESIS.to_vec()],
    )
    .await?;
    tx.fetch_one(&sql, binds![org]).await
}

/// As databases keep it.
pub(super) fn truncated(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

/// Which entries to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this action, or every action under it (`registry` matches `registry.alias.set`).
    pub action: Option<String>,
    /// Only this subject.
    pub subject: Option<String>,
    /// Only this actor, by id or label.
    pub actor: Option<String>,
    /// Only from this address.
    pub address: Option<String>,
    /// Only at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Only before this time.
    pub until: Option<DateTime<Utc>>,
    /// Only where this text occurs in action, subject, actor, request id, or the thing before or after.
    pub text: Option<String>,
}

/// A condition that grows, with its values.
struct Where {
    sql: String,
    values: Vec<Value>,
}

impl Where {
    /// Adds `sql`, in which `#` stands for `value`.
    fn and(&mut self, sql: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let place = format!("${}", self.values.len());
        self.sql.push_str(" AND ");
        self.sql.push_str(&sql.replace('#', &place));
    }

    /// Takes `value`, to be named in `sql` by the place that is returned.
    fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }
}

impl Filter {
    fn condition(&self, scope: &OrgScope) -> Where {
        let mut all = Where { sql: "org_id = $1".to_owned(), values: binds![scope.org.uuid()] };
        if let Some(action) = &self.action {
            // A prefix by comparison, so that no wildcard in the caller's text counts: '/' is the character after '.'.
            let (from, to) = (all.value(format!("{action}.")), all.value(format!("{action}/")));
            all.and(&format!("(action = # OR (action >= {from} AND action < {to}))"), action.clone());
        }
        if let Some(subject) = &self.subject {
            all.and("subject = #", subject.clone());
        }
        if let Some(actor) = &self.actor {
            all.and("(actor_id = # OR actor_label = #)", actor.clone());
        }
        if let Some(address) = &self.address {
            all.and("address = #", address.clone());
        }
        if let Some(since) = self.since {
            all.and("at >= #", since);
        }
        if let Some(until) = self.until {
            all.and("at < #", until);
        }
        if let Some(text) = &self.text {
            let pattern =
                format!("%{}%", text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
            let columns = ["action", "subject", "actor_label", "request_id", "before_text", "after_text"];
            let any = columns.map(|column| format!("LOWER({column}) LIKE # ESCAPE '\\'")).join(" OR ");
            all.and(&format!("({any})"), pattern);
        }
        all
    }
}

/// Entries before place `before` (the newest when `None`), newest first.
///
/// # Errors
/// Database failures.
pub async fn list(
    tx: &Tx,
    scope: &OrgScope,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Recorded>, StoreError> {
    let mut all = filter.condition(scope);
    if let Some(before) = before {
        all.and("seq < #", before);
    }
    let limit = all.value(limit);
    let sql = format!("SELECT {COLUMNS} FROM audit_entries WHERE {} ORDER BY seq DESC LIMIT {limit}", all.sql);
    let rows: Vec<Row> = tx.fetch_all(&sql, all.values).await?;
    Ok(rows.into_iter().map(Recorded::from).collect())
}

/// Walks the organisation's whole chain and tells what is wrong with it. Checkpoints are not believed: for chains that
/// no entry was dropped from.
///
/// # Errors
/// As [`verify_trusting`].
pub async fn verify(tx: &Tx, scope: &OrgScope) -> Result<ChainReport, StoreError> {
    verify_trusting(tx, scope, &TrustedKeys::none()).await
}

/// Walks the organisation's chain, which may begin at a checkpoint that a trusted key signed, and tells what is wrong
/// with it.
///
/// # Errors
/// Database failures. A broken chain is no error but a report with faults.
pub async fn verify_trusting(tx: &Tx, scope: &OrgScope, trusted: &TrustedKeys) -> Result<ChainReport, StoreError> {
    let org = scope.org.uuid();
    let head: Option<Head> =
        tx.fetch_optional("SELECT seq, hash FROM audit_heads WHERE org_id = $1", binds![org]).await?;
    let head = head.map(|h| (h.seq, h.hash));
    let last = head.as_ref().map_or(0, |h| h.0);
    let (mut check, forged) = store_checkpoints::beginning(tx, scope, trusted).await?;
    forged.into_iter().for_each(|fault| check.fault(fault));
    let mut after = i64::MIN;
    loop {
        let rows = ascending(tx, scope, after).await?;
        let Some(end) = rows.last() else { break };
        after = end.seq;
        for row in &rows {
            check.look(row, last);
        }
    }
    Ok(check.finish(scope.org, head))
}

/// The next chunk of the chain after place `after`, oldest first.
pub(super) async fn ascending(tx: &Tx, scope: &OrgScope, after: i64) -> Result<Vec<Recorded>, StoreError> {
    filtered(tx, scope, &Filter::default(), after).await
}

/// As [`ascending`], of what `filter` lets through.
pub(super) async fn filtered(
    tx: &Tx,
    scope: &OrgScope,
    filter: &Filter,
    after: i64,
) -> Result<Vec<Recorded>, StoreError> {
    let mut all = filter.condition(scope);
    all.and("seq > #", after);
    let limit = all.value(CHUNK);
    let sql = format!("SELECT {COLUMNS} FROM audit_entries WHERE {} ORDER BY seq LIMIT {limit}", all.sql);
    let rows: Vec<Row> = tx.fetch_all(&sql, all.values).await?;
    Ok(rows.into_iter().map(Recorded::from).collect())
}
