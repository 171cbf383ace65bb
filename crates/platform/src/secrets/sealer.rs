//! Sealing and opening of values.
//!
//! A sealed value is: version (1 byte), id of the master key (8), salt (24), AES-256-GCM ciphertext with its tag. The
//! first half of the salt makes a key of its own for this value, the second half is the nonce: however many values are
//! sealed, no key and nonce come together twice. The purpose is authenticated with all that stands before it, so that a
//! value copied into another row does not open there.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use rhiza_kernel::Env;
use zeroize::Zeroizing;

use super::SecretsError;
use super::keys::{KeyId, KeyRing, MasterKey};

const VERSION: u8 = 1;
const SALT: usize = 24;
const HEAD: usize = 1 + 8 + SALT;
/// What stands before the salt: the same in all values of one key, which lets the database find them.
pub(super) const MARK: usize = 1 + 8;

/// Seals values under the current master key and opens those of every key in the ring.
#[derive(Debug, Clone)]
pub struct Sealer {
    ring: KeyRing,
    env: Env,
}

impl Sealer {
    /// A sealer with these keys.
    #[must_use]
    pub fn new(ring: KeyRing, env: Env) -> Self {
        Self { ring, env }
    }

    /// A sealer whose key is nowhere else: for tests, and where nothing is kept.
    #[must_use]
    pub fn ephemeral(env: &Env) -> Self {
        Self::new(KeyRing::ephemeral(env), env.clone())
    }

    /// The keys.
    #[must_use]
    pub const fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// `plain`, readable only with the master key and only under the same `purpose` (`totp:<user id>`, say).
    #[must_use]
    #[expect(clippy::panic, reason = "more than 64 GiB were to be sealed; going on would lose them")]
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Vec<u8> {
        let key = self.ring.current();
        let mut sealed = mark(key).to_vec();
        sealed.extend_from_slice(&self.env.random_bytes::<SALT>());
        let aad = [&sealed[..], purpose.as_bytes()].concat();
        match cipher(key, &sealed).encrypt(&nonce(&sealed), Payload { msg: plain, aad: &aad }) {
            Ok(ciphertext) => sealed.extend_from_slice(&ciphertext),
            Err(_) => panic!("a value cannot be sealed"),
        }
        sealed
    }

    /// What was sealed for `purpose`.
    ///
    /// # Errors
    /// [`SecretsError::UnknownKey`] and [`SecretsError::Damaged`].
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SecretsError> {
        let id = key_id(sealed).ok_or(SecretsError::Damaged)?;
        let key = self.ring.get(id).ok_or(SecretsError::UnknownKey(id))?;
        let (head, ciphertext) = sealed.split_at_checked(HEAD).ok_or(SecretsError::Damaged)?;
        let aad = [head, purpose.as_bytes()].concat();
        cipher(key, head)
            .decrypt(&nonce(head), Payload { msg: ciphertext, aad: &aad })
            .map(Zeroizing::new)
            .map_err(|_| SecretsError::Damaged)
    }

    /// Whether the value is sealed under the key that seals now.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        key_id(sealed) == Some(self.ring.current().id())
    }
}

/// The bytes with which every value sealed under `key` begins.
pub(super) fn mark(key: &MasterKey) -> [u8; MARK] {
    let mut mark = [VERSION; MARK];
    mark[1..].copy_from_slice(key.id().as_bytes());
    mark
}

/// The key under which a value says it is sealed.
pub(super) fn key_id(sealed: &[u8]) -> Option<KeyId> {
    match sealed {
        [VERSION, rest @ ..] => rest.first_chunk::<8>().map(|id| KeyId(*id)),
        _ => None,
    }
}

fn cipher(key: &MasterKey, head: &[u8]) -> Aes256Gcm {
    // The head is at least as long as its parts wherever this is called.
    let own = Zeroizing::new(*blake3::keyed_hash(key.derived(), &head[MARK..MARK + SALT / 2]).as_bytes());
    Aes256Gcm::new(&(*own).into())
}

fn nonce(head: &[u8]) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut nonce = [0; SALT / 2];
    nonce.copy_from_slice(&head[MARK + SALT / 2..HEAD]);
    nonce.into()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn sealer(seed: u64) -> Sealer {
        let (env, _) = Env::fixed(DateTime::from_timestamp(1_780_000_000, 0).unwrap(), seed);
        Sealer::ephemeral(&env)
    }

    #[test]
    fn a_value_opens_for_its_purpose_only() {
        let sealer = sealer(1);
        let sealed = sealer.seal("totp:usr_1", b"seed");
        assert_eq!(**sealer.open("totp:usr_1", &sealed).unwrap(), *b"seed");
        assert!(matches!(sealer.open("totp:usr_2", &sealed), Err(SecretsError::Damaged)));
        assert!(!sealed.windows(4).any(|w| w == b"seed"));
        assert_ne!(sealed, sealer.seal("totp:usr_1", b"seed"), "equal values must not be seen to be equal");
    }

    #[test]
    fn every_byte_counts() {
        let sealer = sealer(2);
        let sealed = sealer.seal("p", b"something");
        for i in 0..sealed.len() {
            for bit in 0..8 {
                let mut altered = sealed.clone();
                altered[i] ^= 1 << bit;
                assert!(sealer.open("p", &altered).is_err(), "byte {i}");
            }
            assert!(sealer.open("p", &sealed[..i]).is_err(), "cut at {i}");
        }
    }

    #[test]
    fn an_old_key_opens_while_it_is_in_the_ring() {
        let (old, new) = (sealer(3), sealer(4));
        let sealed = old.seal("p", b"v");
        assert!(matches!(new.open("p", &sealed), Err(SecretsError::UnknownKey(id)) if id == old.ring.current().id()));
        let both = Sealer::new(KeyRing::new(new.ring.current().clone(), [old.ring.current().clone()]), new.env.clone());
        assert_eq!(**both.open("p", &sealed).unwrap(), *b"v");
        assert!(!both.is_current(&sealed) && both.is_current(&both.seal("p", b"v")));
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_comes_back(purpose in ".{0,40}", plain in proptest::collection::vec(any::<u8>(), 0..300)) {
            let sealer = sealer(5);
            prop_assert_eq!(sealer.open(&purpose, &sealer.seal(&purpose, &plain)).unwrap().to_vec(), plain);
        }

        #[test]
        fn noise_never_opens_and_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..80)) {
            let sealer = sealer(6);
            let mut marked = mark(sealer.ring.current()).to_vec();
            marked.extend_from_slice(&noise);
            prop_assert!(sealer.open("p", &noise).is_err());
            prop_assert!(sealer.open("p", &marked).is_err());
        }
    }
}
