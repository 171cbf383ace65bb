//! The text of an access token: what is put in, and everything that must hold before any of it is believed.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rhiza_kernel::{OrgId, Permissions, ProjectId, ServiceAccountId, TokenFamilyId, UserId};
use rhiza_platform::authz::AuthError;
use serde::{Deserialize, Serialize};

use super::model::LIFE;
use crate::access::Holder;

/// RFC 9068: what tells an access token from any other JWT.
const TYPE: &str = "at+jwt";

/// For whom tokens are made.
pub(crate) const AUDIENCE: &str = "rhiza";

/// No token of ours is good for longer.
const LIFE_SECONDS: i64 = LIFE.as_secs().cast_signed();

/// By how much the clocks of two servers may differ.
const LEEWAY_SECONDS: i64 = 5;

/// Longest text that is looked at. Ours, with every permission there is, have less than a third of it.
const MAX_CHARS: usize = 4096;

/// What a token says. Nothing else may stand in it, and nothing twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) aud: String,
    /// The person or service account it acts for.
    pub(super) sub: String,
    pub(super) org: OrgId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) prj: Option<ProjectId>,
    pub(super) fam: TokenFamilyId,
    /// The permissions that it is limited to.
    pub(super) scp: Vec<String>,
    pub(super) iat: i64,
    pub(super) nbf: i64,
    pub(super) exp: i64,
    pub(super) jti: String,
}

/// The only header that our tokens have. No key, no address of one, no list of extensions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StrictHeader<'a> {
    typ: &'a str,
    alg: &'a str,
    kid: &'a str,
}

/// What a good token says, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) org: OrgId,
    pub(crate) family: TokenFamilyId,
    pub(crate) holder: Holder,
    pub(crate) project: Option<ProjectId>,
    pub(crate) limits: Permissions,
    not_before: i64,
    expires: i64,
}

impl Verified {
    /// Whether it is a token's time.
    pub(crate) fn check_time(&self, now: DateTime<Utc>) -> Result<(), AuthError> {
        let now = now.timestamp();
        if now < self.not_before - LEEWAY_SECONDS {
            return Err(AuthError::Invalid);
        }
        if now >= self.expires + LEEWAY_SECONDS { Err(AuthError::Expired) } else { Ok(()) }
    }
}

/// Who makes the tokens: the address of this installation.
#[derive(Debug, Clone)]
pub(crate) struct Issuer(Arc<str>);

impl Issuer {
    pub(crate) fn new(url: &str) -> Self {
        Self(Arc::from(url.trim_end_matches('/')))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The text of a token with `claims`.
    pub(super) fn sign(
        &self,
        kid: &str,
        key: &EncodingKey,
        claims: &Claims,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let header = Header { typ: Some(TYPE.to_owned()), kid: Some(kid.to_owned()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, key)
    }

    /// What `token` says, if one of our keys signed it. Time is left to [`Verified::check_time`]: this answer may be
    /// remembered.
    ///
    /// # Errors
    /// [`AuthError::Invalid`], whatever is wrong.
    pub(super) fn verify(
        &self,
        token: &str,
        key: impl FnOnce(&str) -> Option<DecodingKey>,
    ) -> Result<Verified, AuthError> {
        self.read(token, key).ok_or(AuthError::Invalid)
    }

    fn read(&self, token: &str, key: impl FnOnce(&str) -> Option<DecodingKey>) -> Option<Verified> {
        if token.len() > MAX_CHARS {
            return None;
        }
        let (header, _) = token.split_once('.')?;
        let header = URL_SAFE_NO_PAD.decode(header).ok()?;
        let header: StrictHeader<'_> = serde_json::from_slice(&header).ok()?;
        // The header chooses among our keys, and nothing else: each has one algorithm.
        if header.typ != TYPE || header.alg != "EdDSA" {
            return None;
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[self.as_str()]);
        // Judged by the injected clock.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &key(header.kid)?, &validation).ok()?.claims;
        // Stricter than the audience check above, which would take one audience among others.
        if claims.aud != AUDIENCE || claims.exp <= claims.iat || claims.exp - claims.iat > LIFE_SECONDS {
            return None;
        }
        let holder = match claims.sub.parse::<UserId>() {
            Ok(user) => Holder::Person(user),
            Err(_) => Holder::ServiceAccount(claims.sub.parse::<ServiceAccountId>().ok()?),
        };
        Some(Verified {
            org: claims.org,
            family: claims.fam,
            holder,
            project: claims.prj,
            // A permission that this version does not know grants nothing.
            limits: claims.scp.iter().filter_map(|name| name.parse().ok()).collect(),
            not_before: claims.nbf.max(claims.iat),
            expires: claims.exp,
        })
    }
}
