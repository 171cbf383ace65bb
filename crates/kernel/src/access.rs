//! The names of what can be allowed, and of those it can be allowed to. Which role may do what is decided by the
//! policies in the `policies` folder, not here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::{RoleId, TypedId};

/// A member's role in an organisation or project, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, including giving the organisation away.
    Owner,
    /// Everything but ownership.
    Admin,
    /// Builds and operates: experiments, models, keys of their own.
    Engineer,
    /// Runs experiments and registers models.
    Scientist,
    /// Reads everything and judges models.
    Reviewer,
    /// Reads experiments, models and usage.
    Analyst,
    /// Reads experiments and models.
    Viewer,
}

impl Role {
    /// Every role, strongest first.
    pub const ALL: [Self; 7] =
        [Self::Owner, Self::Admin, Self::Engineer, Self::Scientist, Self::Reviewer, Self::Analyst, Self::Viewer];

    /// The role as stored and shown in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Engineer => "engineer",
            Self::Scientist => "scientist",
            Self::Reviewer => "reviewer",
            Self::Analyst => "analyst",
            Self::Viewer => "viewer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not the name of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRole;

impl fmt::Display for UnknownRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a role")
    }
}

impl std::error::Error for UnknownRole {}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

macro_rules! permissions {
    ($(#[doc = $doc:literal] $name:ident => $text:literal,)+) => {
        /// One thing a caller may be allowed to do. Also the vocabulary of API key scopes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission {
            $(#[doc = $doc] $name,)+
        }

        impl Permission {
            /// Every permission.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The permission as written in key scopes and audit entries.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// What it allows, for people.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$name => $doc.trim_ascii(),)+
                }
            }
        }
    };
}

permissions! {
    /// Read experiments, runs, metrics and artifacts.
    ExperimentRead => "experiments:read",
    /// Create and change experiments, runs, metrics and artifacts.
    ExperimentWrite => "experiments:write",
    /// Read registered models and versions.
    ModelRead => "models:read",
    /// Register models, change versions, aliases and stages.
    ModelWrite => "models:write",
    /// Approve or reject model versions.
    ModelReview => "models:review",
    /// See the organisation, its projects and members.
    OrganizationRead => "organization:read",
    /// Rename or delete the organisation.
    OrganizationManage => "organization:manage",
    /// Create and change projects.
    ProjectManage => "projects:manage",
    /// Invite, change and remove members, teams and service accounts.
    MemberManage => "members:manage",
    /// Make and change the organisation's own roles.
    RoleManage => "roles:manage",
    /// Create and revoke API keys.
    KeyManage => "keys:manage",
    /// Read jobs and their progress.
    JobRead => "jobs:read",
    /// Start and cancel jobs.
    JobManage => "jobs:manage",
    /// Read and export the audit chain.
    AuditRead => "audit:read",
    /// Set the rules of signing in and of what is kept for the record.
    SecurityManage => "security:manage",
    /// See and change one's own profile and sessions.
    SelfManage => "self:manage",
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        Self::ALL.iter().copied().find(|p| p.as_str() == text).ok_or(UnknownPermission)
    }
}

/// The text is not the name of a permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPermission;

impl fmt::Display for UnknownPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a permission")
    }
}

impl std::error::Error for UnknownPermission {}

/// A set of permissions, small enough to be copied about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Permissions(u64);

// A set is one machine word.
const _: () = assert!(Permission::ALL.len() <= 64);

impl Permissions {
    /// No permission.
    pub const NONE: Self = Self(0);
    /// Every permission.
    pub const ALL: Self = Self((1 << Permission::ALL.len()) - 1);

    /// Whether `permission` is in the set.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u64) != 0
    }

    /// The set with `permission` in it.
    #[must_use]
    pub const fn with(self, permission: Permission) -> Self {
        Self(self.0 | (1 << permission as u64))
    }

    /// What is in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both sets.
    #[must_use]
    pub const fn intersect(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this set and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether everything in this set is in `other` too.
    #[must_use]
    pub const fn is_within(self, other: Self) -> bool {
        self.without(other).0 == 0
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The permissions in the set, in the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |p| self.contains(*p))
    }

    /// Their names.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Permission::as_str).collect()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(all: I) -> Self {
        all.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Permission::as_str)).finish()
    }
}

/// A role as it is given to somebody: one of the fixed ones, or one that the organisation made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleRef {
    /// A fixed role.
    BuiltIn(Role),
    /// A role of the organisation.
    Custom(RoleId),
}

impl From<Role> for RoleRef {
    fn from(role: Role) -> Self {
        Self::BuiltIn(role)
    }
}

impl fmt::Display for RoleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(role) => role.fmt(f),
            Self::Custom(id) => id.fmt(f),
        }
    }
}

impl FromStr for RoleRef {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        if text.starts_with(RoleId::PREFIX) {
            return text.parse().map(Self::Custom).map_err(|_| UnknownRole);
        }
        text.parse().map(Self::BuiltIn)
    }
}

impl Serialize for RoleRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RoleRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| serde::de::Error::custom("is not a role"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_parsing() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse::<Role>().unwrap(), role);
            assert_eq!(role.to_string().parse::<RoleRef>().unwrap(), RoleRef::BuiltIn(role));
        }
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse::<Permission>().unwrap(), *permission);
            assert!(permission.description().ends_with('.') && !permission.description().starts_with(' '));
        }
        let custom = RoleRef::Custom(RoleId::from_uuid(uuid::Uuid::from_u128(7)));
        assert_eq!(custom.to_string().parse::<RoleRef>().unwrap(), custom);
        for bad in ["root", "rol_", "rol_x", "Owner", ""] {
            assert!(bad.parse::<RoleRef>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: Permissions = [Permission::ModelRead, Permission::SelfManage].into_iter().collect();
        assert_eq!(set.names(), ["models:read", "self:manage"]);
        assert!(Permission::ALL.iter().all(|p| Permissions::ALL.contains(*p) && !Permissions::NONE.contains(*p)));
        assert!(set.is_within(Permissions::ALL) && !Permissions::ALL.is_within(set));
        assert_eq!(Permissions::ALL.without(set).intersect(set), Permissions::NONE);
        assert_eq!(Permissions::ALL.without(set).union(set), Permissions::ALL);
    }
}
