//! Typed identifiers: a UUIDv7 behind a prefix that says what it names (`org_`, `usr_`, …).
//! The prefix is checked on the way in, so an id of one kind cannot be used as another.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The kind of thing an [`Id`] names.
pub trait TypedId: Copy + Send + Sync + 'static {
    /// The prefix with its underscore, e.g. `org_`.
    const PREFIX: &'static str;
    /// Wraps a raw UUID.
    fn from_uuid(uuid: Uuid) -> Self;
}

/// An identifier of kind `K`, written as the kind's prefix and 32 hexadecimal digits.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

/// Why a string is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdError {
    expected_prefix: &'static str,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} followed by 32 hexadecimal digits", self.expected_prefix)
    }
}

impl std::error::Error for IdError {}

impl<K> Id<K> {
    /// The UUID without its prefix, as stored.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.0
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $kind:ident, $prefix:literal;)+) => {
        /// Marker types of the id kinds.
        mod kind {
            $(#[derive(Debug, Clone, Copy)] pub enum $kind {})+
        }
        $(
            $(#[$doc])*
            pub type $name = Id<kind::$kind>;

            impl TypedId for $name {
                const PREFIX: &'static str = $prefix;
                fn from_uuid(uuid: Uuid) -> Self {
                    Self(uuid, PhantomData)
                }
            }
        )+
    };
}

ids! {
    /// A search for a model.
    AutomlId, Automl, "aml_";
    /// A stored explanation of a model.
    ExplanationId, Explanation, "xpl_";
    /// An organisation: the tenant wall.
    OrgId, Org, "org_";
    /// A person.
    UserId, User, "usr_";
    /// A project inside an organisation.
    ProjectId, Project, "prj_";
    /// An API key.
    KeyId, Key, "key_";
    /// A browser session.
    SessionId, Session, "ses_";
    /// A background job.
    JobId, Job, "job_";
    /// An event in the outbox.
    EventId, Event, "evt_";
    /// An entry of the audit chain.
    AuditId, Audit, "aud_";
    /// A stored blob.
    BlobId, Blob, "blb_";
    /// A role that an organisation made for itself.
    RoleId, CustomRole, "rol_";
    /// A team of people in an organisation.
    TeamId, Team, "team_";
    /// An invitation into an organisation.
    InvitationId, Invitation, "inv_";
    /// A program's own account in an organisation.
    ServiceAccountId, ServiceAccount, "sva_";
    /// A passkey of a person.
    PasskeyId, Passkey, "pky_";
    /// A chain of refresh tokens that began with one sign-in.
    TokenFamilyId, TokenFamily, "tfm_";
    /// A letter to be sent by mail.
    MailId, Mail, "mail_";
    /// A stored dataset.
    DatasetId, Dataset, "dat_";
}

impl<K> fmt::Display for Id<K>
where
    Self: TypedId,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0.as_simple())
    }
}

impl<K> fmt::Debug for Id<K>
where
    Self: TypedId,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K> FromStr for Id<K>
where
    Self: TypedId,
{
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let fault = IdError { expected_prefix: Self::PREFIX };
        let digits = text.strip_prefix(Self::PREFIX).ok_or_else(|| fault.clone())?;
        // One spelling per id: the simple form only, so that equal ids are equal strings in logs and URLs.
        if digits.len() != 32 || digits.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(fault);
        }
        Uuid::try_parse(digits).map(Self::from_uuid).map_err(|_| fault)
    }
}

impl<K> Serialize for Id<K>
where
    Self: TypedId,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K> Deserialize<'de> for Id<K>
where
    Self: TypedId,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_form() {
        let id = OrgId::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));
        let text = id.to_string();
        assert_eq!(text, "org_01900000000070008000000000000001");
        assert_eq!(text.parse::<OrgId>().unwrap(), id);
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        assert!("usr_01900000000070008000000000000001".parse::<OrgId>().is_err());
        assert!("org_0190000000007000800000000000000G".parse::<OrgId>().is_err());
        assert!("org_0190000000007000800000000000000A".parse::<OrgId>().is_err());
        assert!("org_".parse::<OrgId>().is_err());
    }
}
