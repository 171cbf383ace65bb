//! To whom a role in a project is given.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use rhiza_kernel::{RoleRef, ServiceAccountId, TeamId, TypedId as _, UserId};
use uuid::Uuid;

/// Who can have a role in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    User(UserId),
    Team(TeamId),
    ServiceAccount(ServiceAccountId),
}

impl Subject {
    /// As stored.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Team(_) => "team",
            Self::ServiceAccount(_) => "service_account",
        }
    }

    pub(crate) fn uuid(self) -> Uuid {
        match self {
            Self::User(id) => id.uuid(),
            Self::Team(id) => id.uuid(),
            Self::ServiceAccount(id) => id.uuid(),
        }
    }

    /// Reads a stored subject.
    pub(crate) fn of(kind: &str, id: Uuid) -> Option<Self> {
        match kind {
            "user" => Some(Self::User(UserId::from_uuid(id))),
            "team" => Some(Self::Team(TeamId::from_uuid(id))),
            "service_account" => Some(Self::ServiceAccount(ServiceAccountId::from_uuid(id))),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::Team(id) => id.fmt(f),
            Self::ServiceAccount(id) => id.fmt(f),
        }
    }
}

/// The text is the id of nobody who could have a role.
#[derive(Debug)]
pub(crate) struct NoSubject;

impl FromStr for Subject {
    type Err = NoSubject;

    fn from_str(text: &str) -> Result<Self, NoSubject> {
        let user = text.parse().map(Self::User).ok();
        let team = || text.parse().map(Self::Team).ok();
        let account = || text.parse().map(Self::ServiceAccount).ok();
        user.or_else(team).or_else(account).ok_or(NoSubject)
    }
}

/// A role in a project, and who has it.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) subject: Subject,
    pub(crate) role: RoleRef,
    /// Of the person, team or service account.
    pub(crate) name: String,
    /// The person's address.
    pub(crate) email: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_known_by_its_prefix() {
        let id = Uuid::from_u128(5);
        for kind in ["user", "team", "service_account"] {
            let subject = Subject::of(kind, id).unwrap();
            assert_eq!((subject.kind(), subject.uuid()), (kind, id));
            assert_eq!(subject.to_string().parse::<Subject>().unwrap(), subject);
        }
        assert!(Subject::of("role", id).is_none());
        assert!("rol_00000000000000000000000000000005".parse::<Subject>().is_err());
    }
}
