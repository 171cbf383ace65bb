//! The SQL of letters across organisations: sending them, keeping and removing them, and the developer's mailbox.

use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, MailId, OrgScope, TypedId as _};
use rhiza_store::{Db, FromQueryResult, StoreError, Value, binds, in_list, sea_orm};
use uuid::Uuid;

use super::model::State;

/// A letter that waits.
#[derive(FromQueryResult)]
pub(super) struct Waiting {
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) created_at: DateTime<Utc>,
}

/// The letter, if it still waits to be sent.
pub(super) async fn waiting(db: &Db, id: MailId) -> Result<Option<Waiting>, StoreError> {
    let tx = db.system_read().await?;
    let row = tx
        .fetch_optional(
            "SELECT sealed, created_at FROM mails WHERE mail_id = $1 AND state = 'queued'",
            binds![id.uuid()],
        )
        .await?;
    tx.rollback().await?;
    Ok(row)
}

/// Writes down what became of a letter. What it says is removed unless it was only shown: then it is all there is.
pub(super) async fn settle(
    db: &Db,
    id: MailId,
    state: State,
    error: Option<&str>,
    env: &Env,
) -> Result<(), StoreError> {
    let tx = db.system_write().await?;
    let keep = matches!(state, State::Shown | State::Queued);
    let sql = format!(
        "UPDATE mails SET state = $1, error = $2, settled_at = $3{} WHERE mail_id = $4 AND state = 'queued'",
        if keep { "" } else { ", sealed = NULL" }
    );
    let settled = (state != State::Queued).then(|| env.now());
    tx.execute(&sql, binds![state.as_str(), error, settled, id.uuid()]).await?;
    tx.commit().await
}

/// Removes letters older than `before`, whatever became of them.
pub(super) async fn purge(db: &Db, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let tx = db.system_write().await?;
    let removed = tx.execute("DELETE FROM mails WHERE created_at < $1", binds![before]).await?;
    tx.commit().await?;
    Ok(removed)
}

/// A letter in the developer's mailbox.
#[derive(FromQueryResult)]
pub(super) struct Kept {
    pub(super) mail_id: Uuid,
    pub(super) recipient: String,
    pub(super) template: String,
    pub(super) state: String,
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) error: Option<String>,
    pub(super) created_at: DateTime<Utc>,
}

/// The organisation's letters and those to the given addresses (in lower case), newest first, older than `before`.
pub(super) async fn mailbox(
    db: &Db,
    scope: &OrgScope,
    addresses: &[String],
    before: Option<MailId>,
    limit: i64,
) -> Result<Vec<Kept>, StoreError> {
    let mut values = binds![scope.org.uuid(), limit];
    let mut also = String::new();
    if !addresses.is_empty() {
        also = format!(" OR recipient_key IN ({})", in_list(values.len() + 1, addresses.len()));
        values.extend(addresses.iter().map(|address| Value::from(address.clone())));
    }
    let mut older = String::new();
    if let Some(before) = before {
        older = format!(" AND mail_id < ${}", values.len() + 1);
        values.push(Value::from(before.uuid()));
    }
    let sql = format!(
        "SELECT mail_id, recipient, template, state, sealed, error, created_at FROM mails
         WHERE (org_id = $1{also}){older} ORDER BY mail_id DESC LIMIT $2"
    );
    let tx = db.system_read().await?;
    let rows = tx.fetch_all(&sql, values).await?;
    tx.rollback().await?;
    Ok(rows)
}

/// The id of a kept letter.
impl Kept {
    pub(super) fn id(&self) -> MailId {
        MailId::from_uuid(self.mail_id)
    }
}
