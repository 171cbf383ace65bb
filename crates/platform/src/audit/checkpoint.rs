//! Checkpoints: signed statements that a chain's entries up to a place were dropped by policy. Without one, a chain that
//! does not begin at its first entry is broken.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use rhiza_kernel::OrgId;

/// A statement that entries were dropped, and what the next one continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose chain.
    pub org: OrgId,
    /// The last place that was dropped.
    pub seq: i64,
    /// Its hash, which the entry after it continues.
    pub hash: Vec<u8>,
    /// Entries dropped with this checkpoint.
    pub dropped: i64,
    /// When.
    pub made_at: DateTime<Utc>,
    /// The policy by which they were: entries older than this were not kept.
    pub retention_days: i64,
    /// The key that signed it.
    pub key_id: String,
    /// Ed25519, of [`Checkpoint::signed`].
    pub signature: Vec<u8>,
}

impl Checkpoint {
    /// The text that is signed: one JSON array.
    #[must_use]
    pub fn signed(&self) -> String {
        let fields = serde_json::json!([
            "rhiza audit checkpoint v1",
            self.org,
            self.seq,
            hex::encode(&self.hash),
            self.dropped,
            self.made_at.timestamp_micros(),
            self.retention_days,
            self.key_id,
        ]);
        fields.to_string()
    }
}

/// The name of a public key: the beginning of its hash.
pub(super) fn key_id(public: &[u8; 32]) -> String {
    let hash = blake3::derive_key("rhiza audit key id v1", public);
    hex::encode(&hash[..8])
}

/// A key that signs checkpoints.
#[derive(Clone)]
pub(super) struct Signer {
    pub(super) key_id: String,
    key: SigningKey,
}

impl Signer {
    pub(super) fn new(private: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(private);
        Self { key_id: key_id(&key.verifying_key().to_bytes()), key }
    }

    pub(super) fn public(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// Puts key and signature onto `checkpoint`.
    pub(super) fn sign(&self, checkpoint: &mut Checkpoint) {
        checkpoint.key_id.clone_from(&self.key_id);
        checkpoint.signature = self.key.sign(checkpoint.signed().as_bytes()).to_bytes().to_vec();
    }
}

/// The public keys of which this installation holds the private halves. A key that merely stands in the database is not
/// among them: whoever can write there could have put it there.
#[derive(Debug, Clone, Default)]
pub struct TrustedKeys(HashMap<String, VerifyingKey>);

impl TrustedKeys {
    /// No keys: every checkpoint is refused.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    pub(super) fn add(&mut self, signer: &Signer) {
        self.0.insert(signer.key_id.clone(), signer.key.verifying_key());
    }

    /// Whether a trusted key signed `checkpoint` as it is.
    #[must_use]
    pub fn accept(&self, checkpoint: &Checkpoint) -> bool {
        let Some(key) = self.0.get(&checkpoint.key_id) else { return false };
        let Ok(signature) = Signature::from_slice(&checkpoint.signature) else { return false };
        key.verify_strict(checkpoint.signed().as_bytes(), &signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use rhiza_kernel::TypedId as _;

    use super::*;

    #[test]
    fn a_signature_covers_every_field_and_only_its_own_key_makes_it() {
        let (signer, stranger) = (Signer::new(&[1; 32]), Signer::new(&[2; 32]));
        let mut trusted = TrustedKeys::none();
        trusted.add(&signer);
        let mut good = Checkpoint {
            org: OrgId::from_uuid(uuid::Uuid::from_u128(1)),
            seq: 7,
            hash: vec![3; 32],
            dropped: 7,
            made_at: DateTime::from_timestamp(1, 0).unwrap(),
            retention_days: 30,
            key_id: String::new(),
            signature: Vec::new(),
        };
        signer.sign(&mut good);
        assert!(trusted.accept(&good));
        assert!(!TrustedKeys::none().accept(&good));
        let other = OrgId::from_uuid(uuid::Uuid::from_u128(2));
        for bad in [
            Checkpoint { org: other, ..good.clone() },
            Checkpoint { seq: 8, ..good.clone() },
            Checkpoint { hash: vec![4; 32], ..good.clone() },
            Checkpoint { dropped: 8, ..good.clone() },
            Checkpoint { made_at: DateTime::from_timestamp(2, 0).unwrap(), ..good.clone() },
            Checkpoint { retention_days: 31, ..good.clone() },
            Checkpoint { key_id: stranger.key_id.clone(), ..good.clone() },
            Checkpoint { signature: vec![0; 64], ..good.clone() },
            Checkpoint { signature: Vec::new(), ..good.clone() },
        ] {
            assert!(!trusted.accept(&bad), "{bad:?}");
        }
        let mut forged = good;
        stranger.sign(&mut forged);
        assert!(!trusted.accept(&forged));
        forged.key_id = signer.key_id;
        assert!(!trusted.accept(&forged));
    }
}
