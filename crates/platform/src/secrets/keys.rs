//! Master keys and the ring of those in use.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use rhiza_kernel::Env;
use zeroize::Zeroizing;

use super::SecretsError;

/// Bytes of a master key.
pub const KEY_LENGTH: usize = 32;

/// Says which master key sealed a value, and nothing about the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub(super) [u8; 8]);

impl KeyId {
    /// The id as it stands in sealed values and in the table of keys.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A master key. Nothing is encrypted with it directly: the keys of sealed values are derived from it.
#[derive(Clone)]
pub struct MasterKey {
    id: KeyId,
    derived: Zeroizing<[u8; KEY_LENGTH]>,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

impl MasterKey {
    /// The key of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; KEY_LENGTH]) -> Self {
        let mut id = [0; 8];
        id.copy_from_slice(&blake3::derive_key("rhiza 2026 master key id", bytes)[..8]);
        let derived = Zeroizing::new(blake3::derive_key("rhiza 2026 sealed values", bytes));
        Self { id: KeyId(id), derived }
    }

    /// Reads a key as people give it: base64 (any of its usual forms) of 32 random bytes. `place` is named in faults.
    ///
    /// # Errors
    /// [`SecretsError::BadKey`] says what is wrong; it never repeats the text.
    pub fn parse(text: &str, place: &str) -> Result<Self, SecretsError> {
        let text = text.trim();
        let bad = |why: &str| {
            let advice = "it must be base64 of 32 random bytes, as `rhiza secrets generate` makes it";
            SecretsError::BadKey(format!("the master key in {place} {why}: {advice}"))
        };
        if text.is_empty() {
            return Err(bad("is empty"));
        }
        let decoded = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
            .iter()
            .find_map(|engine| engine.decode(text).ok())
            .map(Zeroizing::new)
            .ok_or_else(|| bad("is not base64 (or was cut off)"))?;
        let bytes: &[u8; KEY_LENGTH] = decoded
            .as_slice()
            .try_into()
            .map_err(|_| bad(&format!("has {} bytes and not {KEY_LENGTH}", decoded.len())))?;
        if !looks_random(bytes) {
            return Err(bad("is an example or a pattern and can be guessed"));
        }
        Ok(Self::from_bytes(bytes))
    }

    /// A fresh key as text, for a settings file or a vault.
    #[must_use]
    pub fn generate(env: &Env) -> Zeroizing<String> {
        loop {
            let bytes = Zeroizing::new(env.random_bytes::<KEY_LENGTH>());
            if looks_random(&bytes) {
                return Zeroizing::new(STANDARD.encode(bytes.as_slice()));
            }
        }
    }

    /// Which key it is.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn derived(&self) -> &[u8; KEY_LENGTH] {
        &self.derived
    }
}

/// Of 32 random bytes about 30 are different; fewer than 20 happens less than once in 10^13 keys. Bytes that are all
/// letters and digits are somebody's sentence, not randomness: that happens once in 10^19.
fn looks_random(bytes: &[u8; KEY_LENGTH]) -> bool {
    let mut seen = [false; 256];
    for byte in bytes {
        seen[usize::from(*byte)] = true;
    }
    let different = seen.iter().filter(|seen| **seen).count();
    let counting = bytes.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == bytes[1].wrapping_sub(bytes[0]));
    different >= 20 && !counting && !bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
}

/// The keys in use: the one that seals, and older ones that still open.
#[derive(Debug, Clone)]
pub struct KeyRing {
    keys: Arc<[MasterKey]>,
}

impl KeyRing {
    /// A ring that seals with `current` and opens with all. Keys given twice count once.
    #[must_use]
    pub fn new(current: MasterKey, previous: impl IntoIterator<Item = MasterKey>) -> Self {
        let mut keys = vec![current];
        for key in previous {
            if keys.iter().all(|known| known.id != key.id) {
                keys.push(key);
            }
        }
        Self { keys: keys.into() }
    }

    /// A ring of one key that nobody keeps, for tests and for making documents.
    #[must_use]
    pub fn ephemeral(env: &Env) -> Self {
        Self::new(MasterKey::from_bytes(&env.random_bytes()), [])
    }

    /// The key that seals.
    #[must_use]
    pub fn current(&self) -> &MasterKey {
        // Never empty: a ring is made around its current key.
        &self.keys[0]
    }

    /// The key with this id.
    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<&MasterKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// Every key, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &MasterKey> {
        self.keys.iter()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn env() -> Env {
        Env::fixed(DateTime::from_timestamp(1_780_000_000, 0).unwrap(), 5).0
    }

    #[test]
    fn a_generated_key_can_be_read_and_says_nothing() {
        let text = MasterKey::generate(&env());
        let key = MasterKey::parse(&format!(" {}\n", *text), "a test").unwrap();
        assert_eq!(key.id(), MasterKey::parse(&text, "a test").unwrap().id());
        let url_safe = text.replace('+', "-").replace('/', "_");
        assert_eq!(key.id(), MasterKey::parse(url_safe.trim_end_matches('='), "a test").unwrap().id());
        assert!(!format!("{key:?}").contains(&text[..8]));
    }

    #[test]
    fn bad_keys_are_refused_with_a_reason_and_without_the_key() {
        let of = |bytes: &[u8]| STANDARD.encode(bytes);
        for (text, reason) in [
            (String::new(), "is empty"),
            ("changeme!".to_owned(), "is not base64"),
            (MasterKey::generate(&env())[..43 - 5].to_owned(), "base64"),
            (of(&[1, 2, 3]), "has 3 bytes"),
            (of(&[0; 32]), "is an example"),
            (of(&std::array::from_fn::<u8, 32, _>(|i| i as u8)), "is an example"),
            (of(b"correct horse battery staple 123"), "is an example"),
            (of(&[7; 64]), "has 64 bytes"),
        ] {
            let error = MasterKey::parse(&text, "secrets.master_key").unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("secrets.master_key"), "{error}");
            assert!(text.is_empty() || !error.contains(&text), "{error}");
        }
    }

    #[test]
    fn a_ring_opens_with_all_its_keys() {
        let env = env();
        let (a, b) = (MasterKey::from_bytes(&env.random_bytes()), MasterKey::from_bytes(&env.random_bytes()));
        let ring = KeyRing::new(a.clone(), [b.clone(), a.clone()]);
        assert_eq!(ring.iter().count(), 2);
        assert_eq!(ring.current().id(), a.id());
        assert!(ring.get(b.id()).is_some());
        assert!(KeyRing::ephemeral(&env).get(a.id()).is_none());
    }
}
