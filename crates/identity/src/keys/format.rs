//! The text of an API key: `rz_live_`, 43 characters of secret, 6 of checksum.
//!
//! The prefix lets secret scanners find a leaked key; the checksum lets us (and them) refuse a mistyped one without
//! asking the database. The secret is 256 random bits in base 62, so no separator ever breaks a double click.

use rhiza_kernel::Env;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// Where every key begins.
const PREFIX: &str = "rz_live_";
/// Characters of 256 bits in base 62: ⌈256 / log2 62⌉.
const SECRET_CHARS: usize = 43;
/// Characters of 32 bits in base 62.
const CHECKSUM_CHARS: usize = 6;
/// How much of the secret is shown in lists, to tell keys apart: 24 of 256 bits.
const SHOWN_CHARS: usize = 4;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// SHA-256 of the whole key, as stored and looked up.
///
/// A fast hash is right here and wrong for passwords: the secret has 256 bits of entropy, so nobody can try
/// candidates however fast each try is, and a slow one would be paid on every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

/// A key's text with a checksum that holds.
#[derive(Debug, Clone)]
pub struct KeyText(SecretString);

impl KeyText {
    /// A fresh key.
    #[must_use]
    pub fn generate(env: &Env) -> Self {
        let mut text = String::with_capacity(PREFIX.len() + SECRET_CHARS + CHECKSUM_CHARS);
        text.push_str(PREFIX);
        text.push_str(&base62(&env.random_bytes::<32>(), SECRET_CHARS));
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Self(text.into())
    }

    /// Reads what a caller presented; nothing when it cannot be a key of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        if rest.len() != SECRET_CHARS + CHECKSUM_CHARS || !rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        let (body, given) = text.split_at(text.len() - CHECKSUM_CHARS);
        (checksum(body) == given).then(|| Self(text.to_owned().into()))
    }

    /// The secret itself, to be shown once.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The beginning, which may be shown for ever.
    #[must_use]
    pub fn shown(&self) -> String {
        self.expose().chars().take(PREFIX.len() + SHOWN_CHARS).collect()
    }

    /// What is stored.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.expose().as_bytes()).into())
    }
}

fn checksum(body: &str) -> String {
    base62(&crc32fast::hash(body.as_bytes()).to_be_bytes(), CHECKSUM_CHARS)
}

/// `bytes` as a big-endian number in base 62, padded with zeros to `width` digits.
fn base62(bytes: &[u8], width: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = vec![b'0'; width];
    for digit in digits.iter_mut().rev() {
        // Long division by 62, the remainder is the next digit from the right.
        let mut remainder = 0_u32;
        for byte in &mut number {
            let value = remainder * 256 + u32::from(*byte);
            // A remainder below 62 times 256 plus a byte, divided by 62, is below 256.
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            remainder = value % 62;
        }
        *digit = DIGITS[remainder as usize];
    }
    String::from_utf8_lossy(&digits).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(seed: u64) -> KeyText {
        KeyText::generate(&Env::fixed(chrono::DateTime::from_timestamp(0, 0).unwrap(), seed).0)
    }

    #[test]
    fn base_62_counts_as_paper_does() {
        assert_eq!(base62(&[0], 2), "00");
        assert_eq!(base62(&[61], 2), "0z");
        assert_eq!(base62(&[62], 2), "10");
        assert_eq!(base62(&[0xFF; 4], 6), "4gfFC3");
        // 2^256 - 1 just fits 43 digits.
        assert_eq!(base62(&[0xFF; 32], 43).len(), 43);
        assert_ne!(base62(&[0xFF; 32], 44).as_bytes()[1], b'0');
    }

    #[test]
    fn a_key_reads_back_and_shows_only_its_beginning() {
        let key = key(1);
        assert_eq!(key.expose().len(), 57);
        assert_eq!(KeyText::parse(key.expose()).unwrap().hash(), key.hash());
        assert_eq!(key.shown().len(), 12);
        assert!(key.expose().starts_with(&key.shown()));
        assert!(!format!("{key:?}").contains(&key.expose()[12..]));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let good = key(2).expose().to_owned();
        for bad in
            ["", "rz_live_", "Bearer", &good[1..], &good[..56], &format!("{good}0"), &good.replace("live", "test")]
        {
            assert!(KeyText::parse(bad).is_none(), "{bad}");
        }
        assert!(KeyText::parse(&format!("{}é", &good[..55])).is_none());
    }

    proptest! {
        #[test]
        fn a_single_wrong_character_never_passes(seed in any::<u64>(), at in 8_usize..57, digit in 0_usize..62) {
            let good = key(seed).expose().to_owned();
            let mut bytes = good.clone().into_bytes();
            prop_assume!(bytes[at] != DIGITS[digit]);
            bytes[at] = DIGITS[digit];
            prop_assert!(KeyText::parse(&String::from_utf8(bytes).unwrap()).is_none());
        }
    }
}
