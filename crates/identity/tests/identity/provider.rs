//! An OpenID provider that lies on request: what a real one never does, and an attacker tries.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use rhiza_identity::OidcProvider;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::{Url, form_urlencoded};

pub(crate) const SECRET: &str = "a-secret-for-tests-only-7391";
/// The time of the tests' clock.
const NOW: i64 = 1_780_000_000;

/// How the next token is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    /// With the key that the provider publishes.
    Well,
    /// With another key under the same name.
    ByAnother,
    /// Not at all.
    Not,
    /// With our own secret (HS256).
    WithOurSecret,
    /// With the published key's coordinates taken for a secret (HS256).
    WithThePublicKey,
}

struct Inner {
    issuer: String,
    key: SigningKey,
    kid: String,
    claims: Value,
    signed: Signed,
    /// Code to PKCE challenge and nonce.
    codes: HashMap<String, (String, String)>,
    at_hash: Option<String>,
}

/// The provider, at an address of its own.
#[derive(Clone)]
pub(crate) struct Double(Arc<Mutex<Inner>>);

impl Double {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let inner = Inner {
            issuer,
            key: SigningKey::from_slice(&[7; 32]).unwrap(),
            kid: "one".into(),
            claims: json!({}),
            signed: Signed::Well,
            codes: HashMap::new(),
            at_hash: None,
        };
        let double = Self(Arc::new(Mutex::new(inner)));
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .with_state(double.clone());
        #[expect(clippy::disallowed_methods, reason = "the test's runtime ends with the test")]
        tokio::spawn(async move { axum::serve(listener, app).await });
        double
    }

    /// The provider as the operator would set it up.
    pub(crate) fn settings(&self, name: &str) -> OidcProvider {
        OidcProvider {
            name: name.into(),
            label: "Test".into(),
            issuer: self.0.lock().unwrap().issuer.clone(),
            client_id: "rhiza".into(),
            client_secret: SECRET.into(),
            scopes: vec!["openid".into(), "email".into(), "profile".into()],
            allowed_domains: Vec::new(),
            organization: String::new(),
            trusted_emails: false,
            trusted_second_factor: false,
        }
    }

    /// What the provider will say of the next person, beside what is always right.
    pub(crate) fn says(&self, claims: Value) {
        self.0.lock().unwrap().claims = claims;
    }

    pub(crate) fn signs(&self, signed: Signed) {
        self.0.lock().unwrap().signed = signed;
    }

    pub(crate) fn says_at_hash(&self, at_hash: Option<&str>) {
        self.0.lock().unwrap().at_hash = at_hash.map(str::to_owned);
    }

    /// Signs with a new key from now on.
    pub(crate) fn rotate(&self, seed: u8, kid: &str) {
        let mut inner = self.0.lock().unwrap();
        inner.key = SigningKey::from_slice(&[seed; 32]).unwrap();
        inner.kid = kid.into();
    }

    /// Signs the person in who comes with this address: the query of the way back.
    pub(crate) fn authorize(&self, url: &Url) -> HashMap<String, String> {
        let asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], "rhiza");
        assert_eq!(asked["code_challenge_method"], "S256");
        let mut inner = self.0.lock().unwrap();
        let code = format!("code{}", inner.codes.len());
        inner.codes.insert(code.clone(), (asked["code_challenge"].clone(), asked["nonce"].clone()));
        [("code".to_owned(), code), ("state".to_owned(), asked["state"].clone())].into()
    }
}

async fn discovery(State(double): State<Double>) -> Json<Value> {
    let issuer = double.0.lock().unwrap().issuer.clone();
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/auth"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        // It would take anything; we must not.
        "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
    }))
}

async fn jwks(State(double): State<Double>) -> Json<Value> {
    let inner = double.0.lock().unwrap();
    let (x, y) = coordinates(&inner.key);
    Json(
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": inner.kid, "x": x, "y": y }] }),
    )
}

async fn token(State(double): State<Double>, body: String) -> Result<Json<Value>, (StatusCode, Json<Value>)> {
    let form: HashMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let mut inner = double.0.lock().unwrap();
    let refused = || (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" })));
    let (challenge, nonce) = inner.codes.remove(&form["code"]).ok_or_else(refused)?;
    let shown = URL_SAFE_NO_PAD.encode(Sha256::digest(form["code_verifier"].as_bytes()));
    if shown != challenge {
        return Err(refused());
    }
    let mut claims = json!({
        "iss": inner.issuer, "sub": "ada", "aud": "rhiza", "iat": NOW, "exp": NOW + 300, "nonce": nonce,
        "email": "ada@example.com", "email_verified": true, "name": "Ada Lovelace",
    });
    for (name, value) in inner.claims.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let half = |text: &str| URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..16]);
    claims["at_hash"] = json!(half(inner.at_hash.as_deref().unwrap_or("access")));
    let token = sign(&inner, &claims);
    Ok(Json(json!({ "access_token": "access", "token_type": "Bearer", "expires_in": 300, "id_token": token })))
}

fn coordinates(key: &SigningKey) -> (String, String) {
    let point = key.verifying_key().to_sec1_point(false);
    let bytes = point.as_bytes();
    (URL_SAFE_NO_PAD.encode(&bytes[1..33]), URL_SAFE_NO_PAD.encode(&bytes[33..]))
}

fn sign(inner: &Inner, claims: &Value) -> String {
    let algorithm = match inner.signed {
        Signed::Well | Signed::ByAnother => "ES256",
        Signed::Not => "none",
        Signed::WithOurSecret | Signed::WithThePublicKey => "HS256",
    };
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(&json!({ "alg": algorithm, "kid": inner.kid, "typ": "JWT" }));
    let text = format!("{head}.{}", part(claims));
    let by = |key: &SigningKey| -> Vec<u8> {
        let signature: Signature = key.sign(text.as_bytes());
        signature.to_bytes().to_vec()
    };
    let signature = match inner.signed {
        Signed::Well => by(&inner.key),
        Signed::ByAnother => by(&SigningKey::from_slice(&[99; 32]).unwrap()),
        Signed::Not => Vec::new(),
        Signed::WithOurSecret => hmac(SECRET.as_bytes(), text.as_bytes()),
        Signed::WithThePublicKey => hmac(coordinates(&inner.key).0.as_bytes(), text.as_bytes()),
    };
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// HMAC-SHA-256 (RFC 2104) with a key of at most a block.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |with: u8| -> Vec<u8> { (0..64).map(|i| key.get(i).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::digest([pad(0x36), text.to_vec()].concat());
    Sha256::digest([pad(0x5c), inner.to_vec()].concat()).to_vec()
}
