//! Writing the notes down: they concern keys, sessions and accounts of every organisation.

use std::time::Duration;

use rhiza_kernel::{Env, OrgScope};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::{Actor, Caller};
use rhiza_store::{Db, StoreError, binds};
use serde_json::json;

use super::notes::{Elsewhere, FailedSignIn, Pending, USED_EVERY};
use crate::people;

/// Writes when keys and sessions were last used, unless something as recent is there already (another process serves
/// the same key).
pub(super) async fn write_uses(db: &Db, pending: &Pending, idle: Duration) -> Result<(), StoreError> {
    if pending.keys.is_empty() && pending.sessions.is_empty() {
        return Ok(());
    }
    let tx = db.system_write().await?;
    for (key, at) in &pending.keys {
        tx.execute(
            "UPDATE api_keys SET last_used_at = $2
             WHERE key_id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)",
            binds![key.uuid(), *at, *at - USED_EVERY],
        )
        .await?;
    }
    for (session, at) in &pending.sessions {
        tx.execute(
            "UPDATE sessions SET last_seen_at = $2, idle_expires_at = $3
             WHERE session_id = $1 AND last_seen_at <= $4 AND revoked_at IS NULL",
            binds![session.uuid(), *at, *at + idle, *at - USED_EVERY],
        )
        .await?;
    }
    tx.commit().await
}

/// Puts uses of good credentials from where they may not be used into the audit chain.
pub(super) async fn record_elsewhere(db: &Db, env: &Env, mut refused: Vec<Elsewhere>) -> Result<(), StoreError> {
    refused.sort_by_key(|r| r.org);
    for group in refused.chunk_by(|a, b| a.org == b.org) {
        let Some(scope) = group.first().map(|r| OrgScope::new(r.org)) else { continue };
        let tx = db.write(&scope).await?;
        for refused in group {
            let caller = Caller { actor: refused.actor.clone(), address: Some(refused.address), request_id: None };
            let after = json!({ "at": refused.at, "times": refused.times });
            let entry = Entry::new(&caller, "identity.credential.refuse_address", refused.actor.id_text());
            audit::record(&tx, &scope, entry.after(&after), env).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Puts refused sign-ins on existing accounts into the audit chain of each organisation of the account.
pub(super) async fn record_failed(db: &Db, env: &Env, mut failed: Vec<FailedSignIn>) -> Result<(), StoreError> {
    failed.retain(|f| f.account.is_some());
    // One transaction per person, whose organisations' chains it locks in order.
    failed.sort_by_key(|f| f.account);
    for group in failed.chunk_by(|a, b| a.account == b.account) {
        let Some(user) = group.first().and_then(|f| f.account) else { continue };
        let tx = db.system_write().await?;
        let organizations = people::system::organizations_of(&tx, user).await?;
        for org in organizations {
            for refused in group {
                let address = Some(refused.address);
                let caller = Caller { actor: Actor::System, address, request_id: refused.request_id.clone() };
                let after = json!({ "at": refused.at, "user_agent": refused.user_agent });
                let entry = Entry::new(&caller, "identity.session.refuse", user.to_string()).after(&after);
                audit::record(&tx, &OrgScope::new(org), entry, env).await?;
            }
        }
        tx.commit().await?;
    }
    Ok(())
}
