//! The SQL of idempotency keys.

use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, OrgScope};
use rhiza_store::{FromQueryResult, StoreError, Tx, binds, sea_orm};

use super::model::{KEPT_FOR, Known, Reply, UNDER_WAY_FOR};

#[derive(FromQueryResult)]
struct Row {
    request_digest: Vec<u8>,
    state: String,
    status: Option<i32>,
    content_type: Option<String>,
    body: Option<Vec<u8>>,
    expires_at: DateTime<Utc>,
}

/// Notes that a request begins under `key`, or tells what is known of the key already.
pub(super) async fn begin(
    tx: &Tx,
    scope: &OrgScope,
    key: &[u8; 32],
    request: &[u8; 32],
    env: &Env,
) -> Result<Known, StoreError> {
    let org = scope.org.uuid();
    let now = env.now();
    let sql = format!(
        "SELECT request_digest, state, status, content_type, body, expires_at FROM idempotency_keys
         WHERE org_id = $1 AND key_digest = $2{}",
        tx.dialect().for_update()
    );
    // Twice at most: what is found either counts, or has expired and is removed.
    for _ in 0..2 {
        let inserted = tx
            .execute(
                "INSERT INTO idempotency_keys (org_id, key_digest, request_digest, state, created_at, expires_at)
                 VALUES ($1, $2, $3, 'under_way', $4, $5) ON CONFLICT (org_id, key_digest) DO NOTHING",
                binds![org, key.to_vec(), request.to_vec(), now, now + UNDER_WAY_FOR],
            )
            .await?;
        if inserted == 1 {
            return Ok(Known::New);
        }
        let row: Option<Row> = tx.fetch_optional(&sql, binds![org, key.to_vec()]).await?;
        let Some(row) = row else { continue };
        if row.expires_at > now {
            return Ok(known(row, request));
        }
        forget(tx, scope, key).await?;
    }
    Ok(Known::UnderWay)
}

fn known(row: Row, request: &[u8; 32]) -> Known {
    if row.request_digest != request {
        return Known::OtherRequest;
    }
    if row.state == "under_way" {
        return Known::UnderWay;
    }
    match (row.status.and_then(|s| u16::try_from(s).ok()), row.body) {
        (Some(status), Some(body)) => Known::Reply(Reply { status, content_type: row.content_type, body }),
        _ => Known::DoneUnkept,
    }
}

/// Remembers that the request was carried out, with its reply when that may be kept.
pub(super) async fn complete(
    tx: &Tx,
    scope: &OrgScope,
    key: &[u8; 32],
    reply: Option<Reply>,
    env: &Env,
) -> Result<(), StoreError> {
    let (status, content_type, body) = match reply {
        Some(reply) => (Some(i32::from(reply.status)), reply.content_type, Some(reply.body)),
        None => (None, None, None),
    };
    tx.execute(
        "UPDATE idempotency_keys SET state = 'done', status = $1, content_type = $2, body = $3, expires_at = $4
         WHERE org_id = $5 AND key_digest = $6",
        binds![status, content_type, body, env.now() + KEPT_FOR, scope.org.uuid(), key.to_vec()],
    )
    .await?;
    Ok(())
}

/// Forgets a request that changed nothing, so that it can be sent again.
pub(super) async fn forget(tx: &Tx, scope: &OrgScope, key: &[u8; 32]) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM idempotency_keys WHERE org_id = $1 AND key_digest = $2",
        binds![scope.org.uuid(), key.to_vec()],
    )
    .await?;
    Ok(())
}
