//! The caller as the rest of the program sees them.

use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;
use rhiza_kernel::{Coded, ErrorCode, KeyId, OrgId, Permission, ProjectId, Role, SessionId, UserId};

use super::credentials::{Credentials, RequestedProject};

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A person with a browser session or a token of their own.
    User {
        /// The person.
        id: UserId,
        /// Their address, for people who read the audit chain.
        email: String,
        /// The session they act in.
        session: SessionId,
    },
    /// A program with an API key.
    Key {
        /// The key.
        id: KeyId,
        /// The person the key belongs to, when it belongs to one.
        owner: Option<UserId>,
    },
    /// Rhiza itself: jobs, schedules, the command line.
    System,
}

impl Actor {
    /// `user`, `key` or `system`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User { .. } => "user",
            Self::Key { .. } => "key",
            Self::System => "system",
        }
    }

    /// The actor's id with its prefix; empty for the system.
    #[must_use]
    pub fn id_text(&self) -> String {
        match self {
            Self::User { id, .. } => id.to_string(),
            Self::Key { id, .. } => id.to_string(),
            Self::System => String::new(),
        }
    }

    /// What people read: the e-mail address, the key's id, `system`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::User { email, .. } => email.clone(),
            Self::Key { id, .. } => id.to_string(),
            Self::System => "system".to_owned(),
        }
    }

    /// The person behind the actor, if any.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        match self {
            Self::User { id, .. } => Some(*id),
            Self::Key { owner, .. } => *owner,
            Self::System => None,
        }
    }
}

/// Which project a request works in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectChoice {
    /// None was asked for and the credential implies none.
    None,
    /// One was asked for which this caller may not enter (or which does not exist: the caller cannot tell).
    /// Routes that need a project answer 404; the others do not care.
    Unknown(RequestedProject),
    /// A project this caller may enter.
    Selected {
        /// Its id.
        id: ProjectId,
        /// Its slug, as in console addresses and MLflow workspace names.
        slug: String,
    },
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The organisation the caller acts in.
    pub org: OrgId,
    /// Who it is.
    pub actor: Actor,
    /// Their role in the chosen project, or in the organisation when none is chosen.
    pub role: Role,
    /// What the credential is limited to; `None` means everything the role allows.
    pub scopes: Option<Vec<Permission>>,
    /// The project the request works in.
    pub project: ProjectChoice,
}

impl Principal {
    /// Whether role and scopes together carry `permission`.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.role.allows(permission) && self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&permission))
    }

    /// Everything this caller may do.
    #[must_use]
    pub fn permissions(&self) -> Vec<Permission> {
        Permission::ALL.iter().copied().filter(|p| self.may(*p)).collect()
    }
}

/// Who did it, from where, in which request: what an audit entry remembers of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The request's id.
    pub request_id: Option<String>,
}

impl Caller {
    /// Rhiza itself, outside any request.
    #[must_use]
    pub const fn system() -> Self {
        Self { actor: Actor::System, address: None, request_id: None }
    }
}

/// Verifies credentials. Implemented by the identity slice; tests bring their own.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// The caller behind `credentials`.
    ///
    /// # Errors
    /// [`AuthError`] says why there is none.
    async fn authenticate(&self, credentials: &Credentials) -> Result<Principal, AuthError>;
}

/// Why a request has no caller.
#[derive(Debug)]
pub enum AuthError {
    /// No credential was presented.
    Missing,
    /// The credential does not verify. Which part of it is wrong is not said.
    Invalid,
    /// The credential was good once.
    Expired,
    /// The credential was withdrawn.
    Revoked,
    /// The credential may not be used from this address.
    AddressRefused,
    /// The credential could not be checked now.
    Unavailable(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no credential"),
            Self::Invalid => f.write_str("credential does not verify"),
            Self::Expired => f.write_str("credential expired"),
            Self::Revoked => f.write_str("credential revoked"),
            Self::AddressRefused => f.write_str("credential used from an address outside its list"),
            Self::Unavailable(cause) => write!(f, "credential could not be checked: {cause}"),
        }
    }
}

impl std::error::Error for AuthError {}

impl Coded for AuthError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Missing | Self::Invalid | Self::Expired | Self::Revoked => ErrorCode::Unauthenticated,
            Self::AddressRefused => ErrorCode::PermissionDenied,
            Self::Unavailable(_) => ErrorCode::Unavailable,
        }
    }

    fn public_detail(&self) -> String {
        match self {
            Self::Missing => "Sign in, or send an API key as `Authorization: Bearer …`.",
            Self::Invalid => "The credential is not valid.",
            Self::Expired => "The credential has expired.",
            Self::Revoked => "The credential was revoked.",
            Self::AddressRefused => "This API key may not be used from your address.",
            Self::Unavailable(_) => "Credentials cannot be checked right now; try again.",
        }
        .to_owned()
    }
}

/// A permission as a type, so that an extractor can name it.
pub trait Need: Send + Sync + 'static {
    /// The permission.
    const PERMISSION: Permission;
}

macro_rules! needs {
    ($($name:ident),+ $(,)?) => {
        /// One marker type per [`Permission`], for [`Allowed`](super::Allowed) and [`AllowedOrg`](super::AllowedOrg).
        pub mod need {
            use super::{Need, Permission};
            $(
                #[doc = concat!("Requires [`Permission::", stringify!($name), "`].")]
                #[derive(Debug, Clone, Copy)]
                pub enum $name {}

                impl Need for $name {
                    const PERMISSION: Permission = Permission::$name;
                }
            )+
        }

        #[cfg(test)]
        const NEEDS: &[Permission] = &[$(Permission::$name),+];
    };
}

needs! {
    ExperimentRead, ExperimentWrite, ModelRead, ModelWrite, ModelReview, OrganizationRead, OrganizationManage,
    ProjectManage, MemberManage, KeyManage, JobRead, JobManage, AuditRead, Operate, SelfManage,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_has_its_marker() {
        assert_eq!(NEEDS, Permission::ALL);
    }

    #[test]
    fn scopes_narrow_a_role_and_never_widen_it() {
        let mut principal = Principal {
            org: rhiza_kernel::TypedId::from_uuid(uuid::Uuid::nil()),
            actor: Actor::System,
            role: Role::Viewer,
            scopes: Some(vec![Permission::ModelRead, Permission::ModelWrite]),
            project: ProjectChoice::None,
        };
        assert_eq!(principal.permissions(), [Permission::ModelRead]);
        principal.scopes = Some(Vec::new());
        assert!(principal.permissions().is_empty(), "no scope means no access");
        principal.scopes = None;
        assert!(principal.may(Permission::ExperimentRead));
        assert!(!principal.may(Permission::ExperimentWrite));
    }
}
