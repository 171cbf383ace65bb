//! A session and the token that opens it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, SessionId};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// 256 random bits, as the browser keeps them.
#[derive(Debug, Clone)]
pub(crate) struct SessionToken(SecretString);

/// SHA-256 of a session token, as stored. The token is random and long, so a fast hash is enough (see the API keys).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionHash(pub [u8; 32]);

/// Characters of 32 bytes in unpadded base 64.
const TOKEN_CHARS: usize = 43;

impl SessionToken {
    /// A fresh token.
    #[must_use]
    pub(crate) fn generate(env: &Env) -> Self {
        Self(URL_SAFE_NO_PAD.encode(env.random_bytes::<32>()).into())
    }

    /// Reads what a browser presented; nothing when it cannot be one of ours.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits =
            text.len() == TOKEN_CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        fits.then(|| Self(text.to_owned().into()))
    }

    /// The token itself, for the cookie.
    #[must_use]
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is stored.
    #[must_use]
    pub(crate) fn hash(&self) -> SessionHash {
        SessionHash(Sha256::digest(self.expose().as_bytes()).into())
    }
}

/// How somebody signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// With a password, or by the link of a letter.
    Password,
    /// With a passkey.
    Passkey,
    /// At another site.
    Oidc,
}

impl Method {
    /// The method as stored and shown.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passkey => "passkey",
            Self::Oidc => "oidc",
        }
    }

    /// Reads a stored method. What this version does not know is shown as the plainest.
    pub(crate) fn read(text: &str) -> Self {
        [Self::Passkey, Self::Oidc].into_iter().find(|method| method.as_str() == text).unwrap_or(Self::Password)
    }
}

/// What was shown at a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct How {
    /// The first thing that was shown.
    pub method: Method,
    /// Whether a second factor was shown, too.
    pub second_factor: bool,
}

impl How {
    /// A password and nothing else.
    pub(crate) const PASSWORD: Self = Self { method: Method::Password, second_factor: false };
    /// A passkey that made sure of its user: something one has, and something one knows or is.
    pub(crate) const PASSKEY: Self = Self { method: Method::Passkey, second_factor: true };
}

/// A session as its owner sees it in the list.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The id.
    pub id: SessionId,
    /// When the person signed in.
    pub created_at: DateTime<Utc>,
    /// The last request, to within a minute.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends if nothing more is heard from it.
    pub expires_at: DateTime<Utc>,
    /// Where the person signed in from.
    pub address: Option<String>,
    /// The browser's own name for itself.
    pub user_agent: Option<String>,
    /// How the person signed in.
    pub method: Method,
    /// Whether a second factor was shown.
    pub second_factor: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_never_shows_in_debug_output() {
        let (env, _) = Env::fixed(DateTime::from_timestamp(0, 0).unwrap(), 3);
        let token = SessionToken::generate(&env);
        assert_eq!(SessionToken::parse(token.expose()).unwrap().hash(), token.hash());
        assert!(!format!("{token:?}").contains(token.expose()));
        assert_ne!(SessionToken::generate(&env).hash(), token.hash());
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for bad in ["", "short", &"a".repeat(44), &"ä".repeat(21), &format!("{};", "a".repeat(42))] {
            assert!(SessionToken::parse(bad).is_none(), "{bad}");
        }
    }
}
