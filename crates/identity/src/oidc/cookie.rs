//! The cookie that ties a sign-in at a provider to the browser that began it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, header};
use rhiza_kernel::Env;
use sha2::{Digest as _, Sha256};

const NAME: &str = "__Host-rhiza-oidc";

/// As long as the state is kept.
const SECONDS: u32 = 300;

/// A secret for the browser, and its hash for the state.
pub(super) fn generate(env: &Env) -> (String, String) {
    let secret = URL_SAFE_NO_PAD.encode(env.random_bytes::<32>());
    let hash = hash(&secret);
    (secret, hash)
}

/// `Set-Cookie` that hands the secret out. Sent along when the provider's page leads back here, as a link does.
pub(super) fn set(secret: &str) -> String {
    format!("{NAME}={secret}; Path=/; Max-Age={SECONDS}; Secure; HttpOnly; SameSite=Lax")
}

/// `Set-Cookie` that takes it away.
pub(super) fn clear() -> String {
    format!("{NAME}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax")
}

/// The hash of the secret that the browser brings.
pub(super) fn brought(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).map(|(_, value)| hash(value))
}

fn hash(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret.as_bytes()))
}
