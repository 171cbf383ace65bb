//! Long random secrets that are handed out once: in the links of letters, and for a sign-in that is under way. Only their
//! hash is kept; they are random and long, so a fast hash is enough.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rhiza_kernel::Env;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// 256 random bits.
#[derive(Debug, Clone)]
pub(crate) struct LinkSecret(SecretString);

/// Characters of 32 bytes in unpadded base 64.
const CHARS: usize = 43;

impl LinkSecret {
    /// A fresh secret.
    #[must_use]
    pub(crate) fn generate(env: &Env) -> Self {
        Self(URL_SAFE_NO_PAD.encode(env.random_bytes::<32>()).into())
    }

    /// Reads what was presented; nothing when it cannot be one of ours.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = text.len() == CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        fits.then(|| Self(text.to_owned().into()))
    }

    /// The secret itself, for who shall have it.
    #[must_use]
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is stored.
    #[must_use]
    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.expose().as_bytes()).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_reads_back_and_never_shows_in_debug_output() {
        let (env, _) = Env::fixed(chrono::DateTime::from_timestamp(0, 0).unwrap(), 1);
        let secret = LinkSecret::generate(&env);
        assert_eq!(LinkSecret::parse(&format!(" {}\n", secret.expose())).unwrap().hash(), secret.hash());
        assert!(!format!("{secret:?}").contains(secret.expose()));
        for bad in ["", "x", &"é".repeat(43), &"a".repeat(44), &"a".repeat(1 << 20)] {
            assert!(LinkSecret::parse(bad).is_none());
        }
    }
}
