//! Whose bucket it is.

use std::fmt;
use std::net::IpAddr;

use rhiza_kernel::OrgId;

use crate::authz::{Actor, Principal};

/// Who is counted: a principal, an address, an account. Sixteen bytes, whatever it was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject(u128);

impl Subject {
    /// What is named by a text of any length, such as an e-mail address. Only a digest is kept.
    #[must_use]
    pub fn of_text(parts: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            // The length goes first: `a` and `bc` are not `ab` and `c`.
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let mut half = [0; 16];
        hasher.finalize_xof().fill(&mut half);
        Self(u128::from_le_bytes(half))
    }

    /// A caller: the key or the person, in the organisation they act in (its plan sets the limits).
    #[must_use]
    pub fn of_principal(principal: &Principal) -> Self {
        let org: OrgId = principal.org;
        let own = match &principal.actor {
            Actor::User { id, .. } => id.uuid(),
            Actor::Key { id, .. } => id.uuid(),
            // Whoever it acts for: signing in again must not fill the bucket.
            Actor::Token { service_account: Some(account), .. } => account.id.uuid(),
            Actor::Token { owner: Some(owner), .. } => owner.uuid(),
            Actor::Token { family, .. } => family.uuid(),
            Actor::System => return Self(org.uuid().as_u128()),
        };
        // Ids are ours, not the caller's: nobody can aim for a collision.
        Self(own.as_u128() ^ org.uuid().as_u128().rotate_left(64))
    }

    /// This place together with an account.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.0.to_le_bytes());
        bytes[16..].copy_from_slice(&other.0.to_le_bytes());
        let mut half = [0; 16];
        blake3::Hasher::new().update(&bytes).finalize_xof().fill(&mut half);
        Self(u128::from_le_bytes(half))
    }

    /// The bytes, for storing.
    #[must_use]
    pub fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

/// What counts as one place: an IPv4 address, or the /64 that a single IPv6 subscriber gets.
#[must_use]
pub fn place(address: IpAddr) -> Subject {
    Subject(match address.to_canonical() {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6) & !u128::from(u64::MAX),
    })
}

/// One bucket: what is limited, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct BucketKey {
    name: &'static str,
    subject: Subject,
}

impl BucketKey {
    pub(super) const fn new(name: &'static str, subject: Subject) -> Self {
        Self { name, subject }
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Display for BucketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:032x}", self.name, self.subject.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Subject {
        place(address.parse().unwrap())
    }

    #[test]
    fn an_ipv6_subscriber_is_one_place() {
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:203.0.113.9"), at("203.0.113.9"));
        assert_ne!(at("203.0.113.9"), at("203.0.113.8"));
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        assert_ne!(Subject::of_text(&["a", "bc"]), Subject::of_text(&["ab", "c"]));
        assert_eq!(Subject::of_text(&["ada@example.org"]), Subject::of_text(&["ada@example.org"]));
        assert_ne!(at("203.0.113.9").and(Subject::of_text(&["a"])), at("203.0.113.9"));
    }
}
