//! The SQL of passwords that are replaced.

use chrono::{DateTime, Utc};
use rhiza_kernel::{SessionId, UserId};
use rhiza_store::{StoreError, Tx, binds};

use crate::letters::system::{Purpose, spoil};
use crate::second_factor;
use crate::sessions::{self, SessionHash};

/// Gives a person a new password, and ends what was opened with the one before: sessions but one, sign-ins under way,
/// access tokens of programs, links to a new password. Answers with the sessions that ended, and `None` when the account
/// is shut.
pub(crate) async fn replace_password(
    tx: &Tx,
    user: UserId,
    hash: &str,
    keep: Option<SessionId>,
    now: DateTime<Utc>,
) -> Result<Option<Vec<SessionHash>>, StoreError> {
    let changed = tx
        .execute(
            "UPDATE users SET password_hash = $2, password_changed_at = $3 WHERE user_id = $1 AND disabled_at IS NULL",
            binds![user.uuid(), hash, now],
        )
        .await?;
    if changed == 0 {
        return Ok(None);
    }
    spoil(tx, user, Purpose::ResetPassword).await?;
    second_factor::system::end_challenges_of(tx, user).await?;
    sessions::system::end_token_families(tx, user, "password changed", now).await?;
    sessions::system::end_all(tx, user, keep, now).await.map(Some)
}

/// Marks a person's address as theirs, if it still is the one that the letter went to.
pub(super) async fn verify_address(
    tx: &Tx,
    user: UserId,
    email_key: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let changed = tx
        .execute(
            "UPDATE users SET email_verified_at = COALESCE(email_verified_at, $3) WHERE user_id = $1 AND email_key = $2",
            binds![user.uuid(), email_key, now],
        )
        .await?;
    Ok(changed == 1)
}
