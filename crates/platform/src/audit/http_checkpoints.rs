//! Reading the checkpoints and the keys that sign them.

use axum::extract::State;
use chrono::{DateTime, Utc};
use rhiza_web::{ApiResult, Json, Page, PageQuery, ProblemResponses};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::checkpoint::Checkpoint;
use super::http::AuditState;
use super::store_checkpoints;
use super::system::{self, PublicKey};
use crate::authz::{AllowedOrg, need};

/// The routes of checkpoints.
pub(super) fn router() -> OpenApiRouter<AuditState> {
    OpenApiRouter::new().routes(routes!(list_audit_checkpoints))
}

/// A signed statement that entries up to a place of the chain were dropped by policy.
#[derive(Debug, Serialize, ToSchema)]
struct AuditCheckpoint {
    /// The last place that was dropped.
    sequence: i64,
    /// The hash of the entry there, in hexadecimal: the `previous_hash` of the next one.
    hash: String,
    /// Entries dropped with this checkpoint.
    dropped: i64,
    /// When they were dropped.
    time: DateTime<Utc>,
    /// The policy: entries older than so many days were not kept.
    retention_days: i64,
    /// The key that signed.
    key_id: String,
    /// The text that is signed.
    signed: String,
    /// Ed25519 signature of that text, in hexadecimal.
    signature: String,
}

impl From<Checkpoint> for AuditCheckpoint {
    fn from(checkpoint: Checkpoint) -> Self {
        let signed = checkpoint.signed();
        Self {
            sequence: checkpoint.seq,
            hash: hex::encode(checkpoint.hash),
            dropped: checkpoint.dropped,
            time: checkpoint.made_at,
            retention_days: checkpoint.retention_days,
            key_id: checkpoint.key_id,
            signed,
            signature: hex::encode(checkpoint.signature),
        }
    }
}

/// A public key that signs checkpoints.
#[derive(Debug, Serialize, ToSchema)]
struct AuditKey {
    id: String,
    /// `Ed25519`.
    #[schema(example = "Ed25519")]
    algorithm: &'static str,
    /// The 32 bytes of the key, in hexadecimal.
    public_key: String,
    created_at: DateTime<Utc>,
}

impl From<PublicKey> for AuditKey {
    fn from(key: PublicKey) -> Self {
        let public_key = hex::encode(key.public_key);
        Self { id: key.key_id, algorithm: "Ed25519", public_key, created_at: key.created_at }
    }
}

/// Checkpoints, and the keys to check them with.
#[derive(Debug, Serialize, ToSchema)]
struct AuditCheckpoints {
    items: Vec<AuditCheckpoint>,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
    /// The installation's public keys. Note them early: a key that changes without reason is a sign of forgery.
    keys: Vec<AuditKey>,
}

/// Lists the checkpoints of the organisation's audit chain, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit/checkpoints",
    operation_id = "listAuditCheckpoints",
    tag = "audit",
    params(PageQuery),
    responses((status = 200, body = AuditCheckpoints), ProblemResponses)
)]
async fn list_audit_checkpoints(
    State(state): State<AuditState>,
    access: AllowedOrg<need::AuditRead>,
    page: PageQuery,
) -> ApiResult<Json<AuditCheckpoints>> {
    let before: Option<i64> = page.cursor()?;
    let tx = state.db.read(&access.scope).await?;
    let rows = store_checkpoints::checkpoints(&tx, &access.scope, before, page.fetch()).await?;
    tx.rollback().await?;
    let rows: Vec<AuditCheckpoint> = rows.into_iter().map(AuditCheckpoint::from).collect();
    let Page { items, next_cursor } = Page::from_overfetch(rows, &page, |last| last.sequence);
    let keys = system::public_keys(&state.db).await?.into_iter().map(AuditKey::from).collect();
    Ok(Json(AuditCheckpoints { items, next_cursor, keys }))
}
