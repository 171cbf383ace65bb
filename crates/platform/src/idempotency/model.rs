//! Keys, digests, and what was remembered under them.

use chrono::TimeDelta;
use http::HeaderName;
use rhiza_kernel::{Coded, ErrorCode, FieldError};

use crate::authz::Actor;

/// The header that carries the key.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Says on a reply that it is the one of an earlier request.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// How long a reply is kept.
pub const KEPT_FOR: TimeDelta = TimeDelta::hours(24);

/// How long a request may be under way before its key is taken to have been left behind by a process that died.
pub(super) const UNDER_WAY_FOR: TimeDelta = TimeDelta::minutes(5);

/// A reply larger than this is not kept.
pub(super) const MAX_REPLY: usize = 1024 * 1024;

/// Longest key.
const MAX_KEY: usize = 255;

/// The digest a caller's key is remembered by. The key is never stored: whoever reads the table cannot ask for replies.
pub(super) fn key_digest(actor: &Actor, key: &str) -> Result<[u8; 32], KeyError> {
    let fits = (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    if !fits {
        return Err(KeyError::Malformed);
    }
    Ok(digest("rhiza idempotency key v1", &[actor.kind().as_bytes(), actor.id_text().as_bytes(), key.as_bytes()]))
}

/// The digest by which a second request is known to be the same as the first.
pub(super) fn request_digest(target: &str, project: &str, body: &[u8]) -> [u8; 32] {
    digest("rhiza idempotent request v1", &[target.as_bytes(), project.as_bytes(), body])
}

fn digest(context: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        // The length first, so that no part can run into its neighbour.
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing: it was noted just now, go ahead.
    New,
    /// The first request is still under way.
    UnderWay,
    /// It was used for another request.
    OtherRequest,
    /// This was the reply.
    Reply(Reply),
    /// It was done, and its reply was not kept (it held a secret, or was too large).
    DoneUnkept,
}

/// A kept reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Why a request with a key is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyError {
    #[error("malformed Idempotency-Key")]
    Malformed,
    #[error("the request with this Idempotency-Key is still under way")]
    UnderWay,
    #[error("Idempotency-Key used for another request")]
    OtherRequest,
    #[error("the reply under this Idempotency-Key was not kept")]
    DoneUnkept,
}

impl Coded for KeyError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Malformed => ErrorCode::InvalidArgument,
            _ => ErrorCode::Conflict,
        }
    }

    fn public_detail(&self) -> String {
        match self {
            Self::Malformed => "The Idempotency-Key must be 1 to 255 visible ASCII characters.",
            Self::UnderWay => "The first request with this Idempotency-Key is still under way.",
            Self::OtherRequest => "This Idempotency-Key was used for another request.",
            Self::DoneUnkept => {
                "This request was carried out before. Its reply is not kept, because it held a secret or was very large."
            }
        }
        .to_owned()
    }

    fn field_errors(&self) -> Vec<FieldError> {
        match self {
            Self::Malformed => vec![FieldError::new("Idempotency-Key", "must be 1 to 255 visible ASCII characters")],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_callers_own() {
        let key = |id: u128, key: &str| {
            let id = rhiza_kernel::TypedId::from_uuid(uuid::Uuid::from_u128(id));
            key_digest(&Actor::Key { id, owner: None, service_account: None }, key)
        };
        assert_eq!(key(1, "a"), key(1, "a"));
        assert_ne!(key(1, "a"), key(2, "a"));
        assert_ne!(key(1, "a"), key(1, "b"));
        for bad in ["", "two words", "ü", &"x".repeat(256)] {
            assert_eq!(key(1, bad), Err(KeyError::Malformed));
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(request_digest("/a", "b", b"c"), request_digest("/ab", "", b"c"));
        assert_ne!(request_digest("/a", "b", b"c"), request_digest("/a", "bc", b""));
    }
}
