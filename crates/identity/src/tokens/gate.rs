//! From the text of an access token to what it opens: a signature, checked once, and a look-up of its family, remembered
//! like those of keys and sessions. A revocation or a change of roles counts as soon as for them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rhiza_platform::authz::AuthError;
use rhiza_store::{Db, StoreError};
use sha2::{Digest as _, Sha256};

use super::{Issuer, KnownFamilies, KnownTokens, SigningKeys, Verified, system};

/// Checks access tokens. Cheap to clone.
#[derive(Clone)]
pub(crate) struct TokenGate {
    db: Db,
    issuer: Issuer,
    keys: SigningKeys,
    tokens: KnownTokens,
    families: KnownFamilies,
}

impl TokenGate {
    pub(crate) fn new(db: Db, issuer: Issuer, keys: SigningKeys, tokens: KnownTokens, families: KnownFamilies) -> Self {
        Self { db, issuer, keys, tokens, families }
    }

    /// What the token says and what its family opens, both good at `now`.
    pub(crate) async fn open(
        &self,
        text: &str,
        now: DateTime<Utc>,
    ) -> Result<(Arc<Verified>, Arc<system::Opens>), AuthError> {
        let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        // Only good ones are remembered: what anybody can make up must not fill the memory.
        let read = || async {
            let read = self.keys.verify(|find| self.issuer.verify(text, find)).await;
            read.map_err(unavailable)?.map(Arc::new)
        };
        let token = self.tokens.get(hash, read).await?;
        token.check_time(now)?;
        let read = || async { Ok::<_, StoreError>(system::find(&self.db, token.family).await?.map(Arc::new)) };
        let opens = self.families.get(token.family, read).await.map_err(unavailable)?;
        let opens = opens.ok_or(AuthError::Revoked)?;
        if token.org != opens.org || token.holder != opens.holder || token.project != opens.project {
            return Err(AuthError::Invalid);
        }
        if opens.revoked {
            return Err(AuthError::Revoked);
        }
        let key_ended = opens.key.as_ref().and_then(|key| key.expires_at).is_some_and(|at| at <= now);
        if opens.expires_at <= now || key_ended {
            return Err(AuthError::Expired);
        }
        Ok((token, opens))
    }
}

fn unavailable(error: StoreError) -> AuthError {
    AuthError::Unavailable(Box::new(error))
}
