//! Beginning and finishing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use rhiza_kernel::{Env, UserId};
use rhiza_platform::secrets::Sealer;
use rhiza_store::Db;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::system::{self, NewChallenge};
use crate::errors::IdentityError;

/// How long an answer may take: time enough to find a security key or to sign in elsewhere.
const LIFE: TimeDelta = TimeDelta::minutes(5);

/// Characters of 32 bytes in unpadded base 64.
const TOKEN_CHARS: usize = 43;

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any passkey of this site.
    PasskeySignIn,
    /// A new passkey.
    PasskeyRegister,
    /// A sign-in at an OpenID provider.
    Oidc,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::PasskeySignIn => "passkey_sign_in",
            Self::PasskeyRegister => "passkey_register",
            Self::Oidc => "oidc",
        }
    }
}

/// What was kept.
#[derive(Debug)]
pub(crate) struct Taken<T> {
    /// The person for whom it was begun, where that was known.
    pub(crate) user: Option<UserId>,
    /// The state.
    pub(crate) state: T,
}

/// The sign-ins under way. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Challenges {
    db: Db,
    env: Env,
    sealer: Sealer,
}

impl Challenges {
    pub(crate) const fn new(db: Db, env: Env, sealer: Sealer) -> Self {
        Self { db, env, sealer }
    }

    /// Keeps `state` until the answer comes. The token is for whoever will bring it.
    pub(crate) async fn begin<T: Serialize + Sync>(
        &self,
        kind: Kind,
        user: Option<UserId>,
        state: &T,
    ) -> Result<String, IdentityError> {
        let token = URL_SAFE_NO_PAD.encode(self.env.random_bytes::<32>());
        let hash = hash(&token);
        let plain = serde_json::to_vec(state).map_err(IdentityError::State)?;
        let now = self.env.now();
        let new = NewChallenge {
            hash,
            kind: kind.as_str(),
            user,
            sealed: self.sealer.seal(&purpose(kind, hash), &plain),
            now,
            expires_at: now + LIFE,
        };
        system::insert(&self.db, new).await?;
        Ok(token)
    }

    /// Takes out what was kept under `token`; nothing when there is no such thing, it is too old, or it was taken.
    pub(crate) async fn take<T: DeserializeOwned>(
        &self,
        kind: Kind,
        token: &str,
    ) -> Result<Option<Taken<T>>, IdentityError> {
        if token.len() != TOKEN_CHARS {
            return Ok(None);
        }
        let hash = hash(token);
        let Some((user, sealed)) = system::take(&self.db, kind.as_str(), hash, self.env.now()).await? else {
            return Ok(None);
        };
        let plain = self.sealer.open(&purpose(kind, hash), &sealed)?;
        let state = serde_json::from_slice(&plain).map_err(IdentityError::State)?;
        Ok(Some(Taken { user, state }))
    }

    /// Removes what nobody came back for.
    pub(crate) async fn purge(&self) -> Result<(), IdentityError> {
        Ok(system::purge(&self.db, self.env.now()).await?)
    }
}

/// The token is random and long, so a fast hash is enough.
fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Ties the sealed state to its row.
fn purpose(kind: Kind, hash: [u8; 32]) -> String {
    format!("sign_in_challenge:{}:{}", kind.as_str(), URL_SAFE_NO_PAD.encode(hash))
}
