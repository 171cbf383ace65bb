//! Sealed storage: what the database must keep but nobody who reads the database may see (TOTP seeds, signing keys,
//! letters with a reset link, credentials of other services) is encrypted under a master key that lives elsewhere.
//!
//! Several keys can be in use at once: new values are sealed under the newest, old values are opened with whichever key
//! they name, and rotation seals them anew in batches while the server runs.

mod aws;
mod keys;
mod provider;
mod rotate;
mod sealer;
mod system;
mod vault;

pub use keys::{KEY_LENGTH, KeyId, KeyRing, MasterKey};
pub use provider::{DEVELOPMENT_KEY, load};
pub use rotate::{KeyKind, KeyValue, Rotation, SealedColumn, rotate};
pub use sealer::Sealer;
pub use system::{check_keys, keys_in_use};

use rhiza_kernel::{Coded, ErrorCode};
use rhiza_store::StoreError;

/// Why something sealed cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Sealed under a key that is not in the ring.
    #[error("sealed under master key {0}, which is not among secrets.master_key and secrets.previous_keys")]
    UnknownKey(KeyId),
    /// Not a sealed value, an altered one, or one that was sealed for another purpose.
    #[error("not a sealed value of this purpose, or altered since it was sealed")]
    Damaged,
    /// A text that should be a master key is none.
    #[error("{0}")]
    BadKey(String),
    /// The place that keeps the master key did not give it.
    #[error("{0}")]
    Provider(String),
    /// The master key is not the one this installation's secrets are sealed under.
    #[error("{0}")]
    WrongKey(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Coded for SecretsError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::BadKey(_) | Self::WrongKey(_) => ErrorCode::InvalidArgument,
            Self::Provider(_) => ErrorCode::Unavailable,
            Self::Store(error) => error.code(),
            Self::UnknownKey(_) | Self::Damaged => ErrorCode::Internal,
        }
    }

    fn public_detail(&self) -> String {
        match self {
            Self::Store(error) => error.public_detail(),
            // A caller can do nothing about keys; the operator reads the log.
            _ => "a stored secret cannot be read".to_owned(),
        }
    }
}
