//! A family of tokens, and the refresh token that continues it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use rhiza_kernel::{Env, KeyId, Permissions, ProjectId, ServiceAccountId, TokenFamilyId, UserId};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// How long an access token is good for.
pub(crate) const LIFE: Duration = Duration::from_secs(15 * 60);

/// How long a family lasts at most, in days.
pub(super) const MAX_DAYS: u32 = 30;

/// How long after a refresh token was used the same caller may show it again without being taken for a thief: their
/// first answer may have been lost. They get an error and no tokens.
pub(super) const LOST_ANSWER: TimeDelta = TimeDelta::seconds(10);

const PREFIX: &str = "rz_refresh_";
/// Characters of 32 bytes in unpadded base 64.
const SECRET_CHARS: usize = 43;

/// 256 random bits, as a client keeps them.
#[derive(Debug, Clone)]
pub(crate) struct RefreshText(SecretString);

/// SHA-256 of a refresh token, as stored; a fast hash is enough for what nobody can guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RefreshHash(pub(crate) [u8; 32]);

impl RefreshText {
    pub(crate) fn generate(env: &Env) -> Self {
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(env.random_bytes::<32>())).into())
    }

    /// Reads what a client presented; nothing when it cannot be one of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        let fits =
            rest.len() == SECRET_CHARS && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        fits.then(|| Self(text.to_owned().into()))
    }

    /// The token itself, to be shown once.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub(crate) fn hash(&self) -> RefreshHash {
        RefreshHash(Sha256::digest(self.expose().as_bytes()).into())
    }
}

/// The tokens that began with one request.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    pub(crate) id: TokenFamilyId,
    /// What people call it.
    pub(crate) name: String,
    /// The person it acts for.
    pub(crate) user: Option<UserId>,
    /// The service account it acts for.
    pub(crate) service_account: Option<ServiceAccountId>,
    /// The key that asked for it.
    pub(crate) key: Option<KeyId>,
    /// The only project it enters.
    pub(crate) project: Option<ProjectId>,
    /// What it may be used for.
    pub(crate) scopes: Permissions,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) last_used_at: Option<DateTime<Utc>>,
    /// Where it was asked for, or refreshed last.
    pub(crate) address: Option<String>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
    pub(crate) revoked_because: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_token_reads_back_and_is_nothing_else() {
        let (env, _) = Env::fixed(DateTime::from_timestamp(0, 0).unwrap(), 3);
        let text = RefreshText::generate(&env);
        assert_eq!(RefreshText::parse(text.expose()).unwrap().hash(), text.hash());
        assert!(!format!("{text:?}").contains(text.expose()));
        assert!(crate::keys::KeyText::parse(text.expose()).is_none());
        for bad in
            ["", PREFIX, &text.expose()[1..], &format!("{}.", &text.expose()[..53]), &format!("{}a", text.expose())]
        {
            assert!(RefreshText::parse(bad).is_none(), "{bad}");
        }
    }
}
