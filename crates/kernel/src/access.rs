//! Roles and what each of them may do. Fixed roles are decided here, in one table, so that the answer to
//! "may a reviewer delete a run?" is one line that can be read and tested.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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

    /// Whether this role carries `permission`.
    #[must_use]
    pub const fn allows(self, permission: Permission) -> bool {
        use Permission as P;
        match permission {
            P::ExperimentRead | P::ModelRead | P::OrganizationRead | P::JobRead | P::SelfManage => true,
            P::ExperimentWrite => {
                matches!(self, Self::Owner | Self::Admin | Self::Engineer | Self::Scientist)
            }
            P::ModelWrite => matches!(self, Self::Owner | Self::Admin | Self::Engineer | Self::Scientist),
            P::ModelReview => matches!(self, Self::Owner | Self::Admin | Self::Reviewer),
            P::KeyManage => {
                matches!(self, Self::Owner | Self::Admin | Self::Engineer | Self::Scientist)
            }
            P::JobManage => matches!(self, Self::Owner | Self::Admin | Self::Engineer | Self::Scientist),
            P::AuditRead => matches!(self, Self::Owner | Self::Admin | Self::Reviewer),
            P::ProjectManage | P::MemberManage | P::Operate => matches!(self, Self::Owner | Self::Admin),
            P::OrganizationManage => matches!(self, Self::Owner),
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
    ($($(#[$doc:meta])* $name:ident => $text:literal,)+) => {
        /// One thing a caller may be allowed to do. Also the vocabulary of API key scopes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Permission {
            $($(#[$doc])* $name,)+
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
    /// Invite, change and remove members.
    MemberManage => "members:manage",
    /// Create and revoke API keys.
    KeyManage => "keys:manage",
    /// Read jobs and their progress.
    JobRead => "jobs:read",
    /// Start and cancel jobs.
    JobManage => "jobs:manage",
    /// Read and export the audit chain.
    AuditRead => "audit:read",
    /// Change the settings of the installation.
    Operate => "operate",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_reads_and_changes_nothing_of_others() {
        let allowed: Vec<_> = Permission::ALL.iter().filter(|p| Role::Viewer.allows(**p)).map(|p| p.as_str()).collect();
        assert_eq!(allowed, ["experiments:read", "models:read", "organization:read", "jobs:read", "self:manage"]);
    }

    #[test]
    fn an_owner_may_do_everything() {
        assert!(Permission::ALL.iter().all(|p| Role::Owner.allows(*p)));
    }

    #[test]
    fn names_survive_parsing() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse::<Role>().unwrap(), role);
        }
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse::<Permission>().unwrap(), *permission);
        }
        assert!("root".parse::<Role>().is_err());
    }
}
