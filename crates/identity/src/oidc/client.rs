//! Talking to a provider: what it says of itself, and what it says of a person.

use std::pin::Pin;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier, CoreJwsSigningAlgorithm,
    CoreProviderMetadata,
};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, HttpRequest,
    IssuerUrl, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    SignatureVerificationError, TokenResponse as _,
};
use rhiza_kernel::Env;
use rhiza_platform::outbound::{GuardedClient, OutboundError};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

use super::OidcProvider;
use super::model::Claims;

/// How long what a provider says of itself, its keys included, is believed.
const FRESH: Duration = Duration::from_secs(3600);

/// How often it is asked again because a signature names a key that is not known: keys change a few times a year, and
/// nobody must be able to make us ask at will.
const AGAIN: Duration = Duration::from_secs(30);

/// Signatures with the provider's own key. Not HS256: its key would be our secret, or worse, a public key taken for one.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Why a provider did not sign anybody in. For the log; people learn less.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProviderFault {
    /// It does not answer, or not as a provider.
    #[error("discovery of {issuer}: {detail}")]
    Discovery { issuer: String, detail: String },
    /// It gives no token for the code.
    #[error("exchange of the code: {0}")]
    Exchange(String),
    /// The token is not one for us, or not signed by it.
    #[error("identity token: {0}")]
    Token(String),
}

/// What is remembered between leaving and coming back.
#[derive(Serialize, Deserialize)]
pub(super) struct Trip {
    nonce: String,
    verifier: String,
}

type Answer = Pin<Box<dyn Future<Output = Result<http::Response<Vec<u8>>, OutboundError>> + Send>>;

struct Known {
    metadata: CoreProviderMetadata,
    at: Duration,
}

/// One provider.
pub(super) struct Client {
    pub(super) provider: OidcProvider,
    http: GuardedClient,
    env: Env,
    redirect: RedirectUrl,
    known: Mutex<Option<Known>>,
}

impl Client {
    pub(super) fn new(provider: OidcProvider, http: GuardedClient, env: Env, redirect: &Url) -> Self {
        Self { provider, http, env, redirect: RedirectUrl::from_url(redirect.clone()), known: Mutex::new(None) }
    }

    /// The library's way to the provider. The future is boxed and owns what it needs: as an opaque type that borrows, it
    /// would not be known to be `Send` where handlers must be.
    fn way(&self) -> impl Fn(HttpRequest) -> Answer + use<> {
        let http = self.http.clone();
        move |request| {
            let http = http.clone();
            Box::pin(async move { http.execute(request).await })
        }
    }

    /// What the provider says of itself, at most `age` old.
    async fn metadata(&self, age: Duration) -> Result<CoreProviderMetadata, ProviderFault> {
        let mut known = self.known.lock().await;
        let now = self.env.monotonic();
        if let Some(known) = known.as_ref().filter(|known| now.saturating_sub(known.at) < age) {
            return Ok(known.metadata.clone());
        }
        let fault = |detail: String| ProviderFault::Discovery { issuer: self.provider.issuer.clone(), detail };
        let issuer = IssuerUrl::new(self.provider.issuer.clone()).map_err(|e| fault(e.to_string()))?;
        let http = self.way();
        // The library refuses a document that names another issuer than the one it was asked of.
        let metadata = CoreProviderMetadata::discover_async(issuer, &http).await.map_err(|e| fault(chain(&e)))?;
        *known = Some(Known { metadata: metadata.clone(), at: now });
        Ok(metadata)
    }

    /// Where to send the browser, and what to remember until it is back. `state` names what is remembered.
    pub(super) async fn depart(&self, trip: &Trip, state: &str) -> Result<Url, ProviderFault> {
        let metadata = self.metadata(FRESH).await?;
        let client = CoreClient::from_provider_metadata(metadata, ClientId::new(self.provider.client_id.clone()), None)
            .set_redirect_uri(self.redirect.clone());
        let verifier = PkceCodeVerifier::new(trip.verifier.clone());
        let (state, nonce) = (state.to_owned(), trip.nonce.clone());
        let request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .add_scopes(self.provider.scopes.iter().filter(|s| *s != "openid").cloned().map(Scope::new))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        Ok(request.url().0)
    }

    /// What to remember.
    pub(super) fn trip(&self) -> Trip {
        let random = || URL_SAFE_NO_PAD.encode(self.env.random_bytes::<32>());
        Trip { nonce: random(), verifier: random() }
    }

    /// What the provider says of the person who came back with `code`.
    pub(super) async fn arrive(&self, trip: Trip, code: String) -> Result<Claims, ProviderFault> {
        let metadata = self.metadata(FRESH).await?;
        let id = ClientId::new(self.provider.client_id.clone());
        let secret = ClientSecret::new(self.provider.client_secret.expose_secret().to_owned());
        let client = CoreClient::from_provider_metadata(metadata.clone(), id.clone(), Some(secret.clone()))
            .set_redirect_uri(self.redirect.clone());
        let http = self.way();
        let tokens = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|e| ProviderFault::Exchange(e.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(trip.verifier))
            .request_async(&http)
            .await
            .map_err(|e| ProviderFault::Exchange(chain(&e)))?;
        let token = tokens.id_token().ok_or_else(|| ProviderFault::Token("there is none".to_owned()))?;
        let nonce = Nonce::new(trip.nonce);
        let mut verifier = self.verifier(&metadata);
        let claims = match token.claims(&verifier, &nonce) {
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                // The provider has a new key.
                verifier = self.verifier(&self.metadata(AGAIN).await?);
                token.claims(&verifier, &nonce)
            }
            other => other,
        };
        let claims = claims.map_err(|e| ProviderFault::Token(chain(&e)))?;
        // The library leaves this to us.
        if claims.authorized_party().is_some_and(|party| party.as_str() != self.provider.client_id) {
            return Err(ProviderFault::Token("azp names another client".to_owned()));
        }
        if let Some(expected) = claims.access_token_hash() {
            let fault = |e: String| ProviderFault::Token(format!("at_hash: {e}"));
            let algorithm = token.signing_alg().map_err(|e| fault(e.to_string()))?;
            let key = token.signing_key(&verifier).map_err(|e| fault(e.to_string()))?;
            let found =
                AccessTokenHash::from_token(tokens.access_token(), algorithm, key).map_err(|e| fault(e.to_string()))?;
            if found != *expected {
                return Err(fault("is that of another access token".to_owned()));
            }
        }
        Ok(read(token, claims))
    }

    fn verifier(&self, metadata: &CoreProviderMetadata) -> CoreIdTokenVerifier<'_> {
        let env = self.env.clone();
        CoreIdTokenVerifier::new_public_client(
            ClientId::new(self.provider.client_id.clone()),
            metadata.issuer().clone(),
            metadata.jwks().clone(),
        )
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || env.now())
    }
}

/// Claims that the library does not know.
#[derive(Default, Deserialize)]
struct Others {
    hd: Option<String>,
}

fn read(token: &CoreIdToken, claims: &CoreIdTokenClaims) -> Claims {
    let verified = claims.email_verified() == Some(true);
    // Whether several factors count is said by any of these; a list with one method in it says nothing.
    let several = |method: &str| matches!(method, "mfa" | "mca");
    Claims {
        issuer: claims.issuer().to_string(),
        subject: claims.subject().to_string(),
        verified_email: claims.email().filter(|_| verified).map(|email| email.to_string()),
        name: claims.name().and_then(|name| name.get(None)).map(|name| name.to_string()),
        hosted_domain: others(&token.to_string()).hd,
        several_factors: claims.auth_method_refs().into_iter().flatten().any(|method| several(method)),
    }
}

/// Reads the payload of a token whose signature was verified.
fn others(token: &str) -> Others {
    let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    payload.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
