//! A passkey as its owner sees it.

use chrono::{DateTime, Utc};
use rhiza_kernel::PasskeyId;

/// A passkey.
#[derive(Debug, Clone)]
pub(crate) struct Passkey {
    /// The id.
    pub(crate) id: PasskeyId,
    /// What its owner calls it.
    pub(crate) name: String,
    /// When it was registered.
    pub(crate) created_at: DateTime<Utc>,
    /// When it was last used to sign in.
    pub(crate) last_used_at: Option<DateTime<Utc>>,
}

/// Passkeys one person may have: more than anyone has devices, few enough to list and to exclude at registration.
pub(super) const MAX_PASSKEYS: usize = 25;
