//! The SQL of the outbox.

use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, EventId, OrgScope, TypedId as _};
use rhiza_store::{FromQueryResult, StoreError, Tx, binds, sea_orm};
use uuid::Uuid;

use super::model::{CloudEvent, Event};

#[derive(FromQueryResult)]
struct Row {
    event_id: Uuid,
    event_type: String,
    subject: String,
    sequence: i64,
    occurred_at: DateTime<Utc>,
    data: serde_json::Value,
}

/// Writes `event` in the transaction of the change. Events of one subject are numbered without gaps in the order in
/// which their transactions commit: the subject's row stays locked until then.
///
/// # Errors
/// Database failures.
pub async fn emit(tx: &Tx, scope: &OrgScope, event: Event, env: &Env) -> Result<EventId, StoreError> {
    let org = scope.org.uuid();
    let sequence: i64 = tx
        .fetch_scalar(
            "INSERT INTO outbox_subjects (org_id, subject, last_sequence) VALUES ($1, $2, 1)
             ON CONFLICT (org_id, subject) DO UPDATE SET last_sequence = outbox_subjects.last_sequence + 1
             RETURNING last_sequence",
            binds![org, event.subject.clone()],
        )
        .await?
        .ok_or(StoreError::RowNotFound)?;
    let id: EventId = env.new_id();
    tx.execute(
        "INSERT INTO outbox (org_id, event_id, event_type, subject, sequence, occurred_at, data)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        binds![org, id.uuid(), event.kind, event.subject, sequence, env.now(), event.data],
    )
    .await?;
    Ok(id)
}

/// The events of one subject, in order, after `sequence`.
///
/// # Errors
/// Database failures.
pub async fn of_subject(
    tx: &Tx,
    scope: &OrgScope,
    subject: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<CloudEvent>, StoreError> {
    let rows: Vec<Row> = tx
        .fetch_all(
            "SELECT event_id, event_type, subject, sequence, occurred_at, data FROM outbox
             WHERE org_id = $1 AND subject = $2 AND sequence > $3 ORDER BY sequence LIMIT $4",
            binds![scope.org.uuid(), subject, after, i64::from(limit)],
        )
        .await?;
    let source = format!("/organizations/{}", scope.org);
    Ok(rows
        .into_iter()
        .map(|row| CloudEvent {
            specversion: "1.0",
            id: EventId::from_uuid(row.event_id),
            source: source.clone(),
            kind: row.event_type,
            subject: row.subject,
            time: row.occurred_at,
            sequence: row.sequence.to_string(),
            datacontenttype: "application/json",
            data: row.data,
        })
        .collect())
}
