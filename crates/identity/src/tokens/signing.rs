//! The keys that sign access tokens: made when first needed, published before they sign, replaced every thirty days,
//! and kept for verifying until the last token they signed has ended. So a rotation signs nobody out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::{DecodingKey, EncodingKey};
use rhiza_kernel::Env;
use rhiza_platform::secrets::Sealer;
use rhiza_store::{Db, StoreError};
use zeroize::Zeroizing;

use super::model::LIFE;
use super::system::{self, KeyRow, purpose};
use crate::errors::IdentityError;
use crate::fresh::Fresh;
use crate::freshness::Freshness;

/// How long a key signs.
const SIGNS: Duration = Duration::from_secs(30 * 86_400);

/// How long a key is published before it signs: longer than anybody keeps a copy of the published ones.
const PUBLISHED_BEFORE: Duration = Duration::from_secs(3600);

/// The next key is made this long before the current one ends.
const AHEAD: TimeDelta = TimeDelta::days(1);

/// How long a key verifies after it signed last: the life of a token and what clocks may differ by.
const VERIFIES_AFTER: Duration = Duration::from_secs(LIFE.as_secs() + 60);

/// A key that others may check tokens with.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(super) kid: String,
    pub(super) public: Vec<u8>,
}

/// The key that signs now.
pub(super) struct Signer {
    pub(super) kid: String,
    pub(super) key: EncodingKey,
    until: DateTime<Utc>,
}

/// What is known of the keys at one moment.
struct Known {
    /// Every key that verifies, by id.
    verifying: HashMap<String, (DecodingKey, DateTime<Utc>)>,
    published: Vec<Published>,
    /// The one that signs; none when there is none yet, or its private half cannot be opened.
    signer: Option<Arc<Signer>>,
    /// Whether the key after this one is there.
    next: bool,
    /// The generation of the newest key.
    generation: i64,
}

/// The keys of the installation. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SigningKeys {
    db: Db,
    env: Env,
    sealer: Sealer,
    known: Fresh<(), Arc<Known>>,
}

impl SigningKeys {
    pub(crate) fn new(db: Db, env: Env, sealer: Sealer, freshness: Freshness) -> Self {
        Self { db, env, sealer, known: Fresh::new(freshness, 1) }
    }

    async fn known(&self) -> Result<Arc<Known>, StoreError> {
        self.known.get((), || self.read()).await
    }

    async fn read(&self) -> Result<Arc<Known>, StoreError> {
        let now = self.env.now();
        let mut rows = system::keys(&self.db).await?;
        let generation = newest(&rows);
        rows.retain(|row| now < row.verifies_until);
        let mut verifying = HashMap::new();
        for row in &rows {
            verifying.insert(row.kid.clone(), (DecodingKey::from_ed_der(&row.public_key), row.verifies_until));
        }
        let published = rows.iter().map(|row| Published { kid: row.kid.clone(), public: row.public_key.clone() });
        let current = rows.iter().rfind(|row| row.signs_from <= now && now < row.signs_until);
        let signer = current.and_then(|row| self.open(row)).map(Arc::new);
        let next = rows.iter().any(|row| row.signs_from > now);
        Ok(Arc::new(Known { verifying, published: published.collect(), signer, next, generation }))
    }

    fn open(&self, row: &KeyRow) -> Option<Signer> {
        let opened = self.sealer.open(&purpose(&row.kid), &row.sealed_private_key);
        let opened = opened.inspect_err(|error| {
            tracing::error!(
                kid = row.kid,
                error = error as &dyn std::error::Error,
                "the key that signs access tokens cannot be opened; another takes its place, tokens it signed stay good"
            );
        });
        let key = EncodingKey::from_ed_der(&opened.ok()?);
        Some(Signer { kid: row.kid.clone(), key, until: row.signs_until })
    }

    /// What `read` makes of the keys that verify now.
    pub(super) async fn verify<T>(
        &self,
        read: impl FnOnce(&dyn Fn(&str) -> Option<DecodingKey>) -> T + Send,
    ) -> Result<T, StoreError> {
        let known = self.known().await?;
        let now = self.env.now();
        Ok(read(&|kid| known.verifying.get(kid).filter(|(_, until)| now < *until).map(|(key, _)| key.clone())))
    }

    /// The keys to be published: those that verify, and the next one.
    pub(super) async fn published(&self) -> Result<Vec<Published>, StoreError> {
        Ok(self.known().await?.published.clone())
    }

    /// The key that signs now. Makes the first one, and one in the place of one that cannot be opened: so it must be asked
    /// for outside any other transaction.
    pub(super) async fn signer(&self) -> Result<Arc<Signer>, IdentityError> {
        // The second attempt sees the key that the first made, or that another process made at the same time.
        for _ in 0..3 {
            let known = self.known().await?;
            match &known.signer {
                Some(signer) if self.env.now() < signer.until => return Ok(Arc::clone(signer)),
                _ => {
                    self.known.forget(&());
                    // Something may have changed since it was read.
                    let known = self.known().await?;
                    if known.signer.is_none() {
                        make(&self.db, &self.env, &self.sealer, known.generation, self.env.now()).await?;
                        self.known.forget(&());
                    }
                }
            }
        }
        Err(IdentityError::Conflict("Keys that sign tokens are being changed; try again.".to_owned()))
    }

    /// Makes the first key, and the next one when it is time. To be called now and then.
    pub(crate) async fn keep(&self) -> Result<(), IdentityError> {
        let known = self.known().await?;
        let now = self.env.now();
        match &known.signer {
            None => drop(self.signer().await?),
            Some(signer) if !known.next && signer.until - now <= AHEAD => {
                make(&self.db, &self.env, &self.sealer, known.generation, now + PUBLISHED_BEFORE).await?;
                self.known.forget(&());
            }
            Some(_) => {}
        }
        Ok(())
    }
}

/// A signing key that was just made.
#[derive(Debug, Clone)]
pub struct RotatedKey {
    /// Its id.
    pub kid: String,
    /// From when it signs. Until then the one before does.
    pub signs_from: DateTime<Utc>,
}

/// Makes a key that signs in an hour, when everybody who keeps a copy of the published keys has it. The one before
/// verifies until its last token has ended.
///
/// # Errors
/// When the database does not answer.
pub async fn rotate_signing_key(db: &Db, env: &Env, sealer: &Sealer) -> Result<RotatedKey, IdentityError> {
    // Without one before there is nothing to wait for.
    let rows = system::keys(db).await?;
    let first = rows.iter().all(|row| row.signs_until <= env.now());
    let signs_from = if first { env.now() } else { env.now() + PUBLISHED_BEFORE };
    let made = make(db, env, sealer, newest(&rows), signs_from).await?;
    made.ok_or_else(|| IdentityError::Conflict("Another key was made at the same moment.".to_owned()))
}

fn newest(rows: &[KeyRow]) -> i64 {
    rows.last().map_or(0, |row| row.generation)
}

/// Makes the key after the one of generation `after`; nothing when another process has just made it.
async fn make(
    db: &Db,
    env: &Env,
    sealer: &Sealer,
    after: i64,
    signs_from: DateTime<Utc>,
) -> Result<Option<RotatedKey>, IdentityError> {
    let generation = after + 1;
    let seed = Zeroizing::new(env.random_bytes::<32>());
    let key = SigningKey::from_bytes(&seed);
    let private = key.to_pkcs8_der().map_err(|e| StoreError::Decode(format!("signing key: {e}")))?;
    let kid = URL_SAFE_NO_PAD.encode(env.random_bytes::<12>());
    let signs_until = signs_from + SIGNS;
    let row = KeyRow {
        sealed_private_key: sealer.seal(&purpose(&kid), private.as_bytes()),
        public_key: key.verifying_key().to_bytes().to_vec(),
        generation,
        created_at: env.now(),
        signs_from,
        signs_until,
        verifies_until: signs_until + VERIFIES_AFTER,
        kid: kid.clone(),
    };
    if !system::insert_key(db, &row, signs_from + VERIFIES_AFTER).await? {
        return Ok(None);
    }
    tracing::info!(kid, signs_from = %signs_from, "made a key that signs access tokens");
    Ok(Some(RotatedKey { kid, signs_from }))
}
