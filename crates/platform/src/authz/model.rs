//! The caller as the rest of the program sees them.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use rhiza_kernel::{
    Coded, ErrorCode, KeyId, OrgId, Permission, Permissions, ProjectId, Role, RoleRef, ServiceAccountId, SessionId,
    TokenFamilyId, UserId,
};

use super::credentials::{Credentials, RequestedProject};

/// A program's own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// The account.
    pub id: ServiceAccountId,
    /// Its name, for people who read the audit chain.
    pub name: Arc<str>,
}

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
        /// The program's own account, when it has one.
        service_account: Option<ServiceAccount>,
    },
    /// A program with an access token that a person or a service account got for it.
    Token {
        /// The chain of tokens it belongs to.
        family: TokenFamilyId,
        /// The person it acts for.
        owner: Option<UserId>,
        /// The program's own account, when it has one.
        service_account: Option<ServiceAccount>,
    },
    /// Rhiza itself: jobs, schedules, the command line.
    System,
}

impl Actor {
    /// `user`, `key`, `token` or `system`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User { .. } => "user",
            Self::Key { .. } => "key",
            Self::Token { .. } => "token",
            Self::System => "system",
        }
    }

    /// The actor's id with its prefix; empty for the system.
    #[must_use]
    pub fn id_text(&self) -> String {
        match self {
            Self::User { id, .. } => id.to_string(),
            Self::Key { id, .. } => id.to_string(),
            Self::Token { family, .. } => family.to_string(),
            Self::System => String::new(),
        }
    }

    /// What people read: the e-mail address, the service account's name, else the key's id; `system`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::User { email, .. } => email.clone(),
            Self::Key { service_account: Some(account), .. } | Self::Token { service_account: Some(account), .. } => {
                account.name.as_ref().to_owned()
            }
            Self::Key { id, .. } => id.to_string(),
            Self::Token { family, .. } => family.to_string(),
            Self::System => "system".to_owned(),
        }
    }

    /// The service account behind the actor, if any.
    #[must_use]
    pub const fn service_account(&self) -> Option<&ServiceAccount> {
        match self {
            Self::Key { service_account, .. } | Self::Token { service_account, .. } => service_account.as_ref(),
            Self::User { .. } | Self::System => None,
        }
    }

    /// The person behind the actor, if any.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        match self {
            Self::User { id, .. } => Some(*id),
            Self::Key { owner, .. } | Self::Token { owner, .. } => *owner,
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

/// What a caller may do in one place, be it a project or the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// The roles that count there.
    pub roles: Arc<[RoleRef]>,
    /// What the roles allow.
    pub held: Permissions,
    /// What the roles allow within the limits of the credential.
    pub allowed: Permissions,
}

impl Grants {
    /// Everything, for Rhiza itself.
    fn everything() -> Self {
        Self { roles: Arc::new([]), held: Permissions::ALL, allowed: Permissions::ALL }
    }
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The organisation the caller acts in.
    pub org: OrgId,
    /// Who it is.
    pub actor: Actor,
    /// Their role in the organisation.
    pub role: RoleRef,
    /// What they may do to the organisation as a whole. A role in a project counts for nothing here.
    pub in_organization: Grants,
    /// What they may do in the chosen project; as in the organisation when none is chosen.
    pub in_project: Grants,
    /// The project the request works in.
    pub project: ProjectChoice,
    /// What the credential and the way of signing in leave of any role. Together with roles read anew it tells what the
    /// caller may do in other places than the chosen one.
    pub limits: Permissions,
    /// The only project the credential can ever enter; `None` when it is not confined to one.
    pub confined_to: Option<ProjectId>,
    /// The organisation's plan, whose limits count.
    pub plan: Arc<str>,
}

impl Principal {
    /// Rhiza itself, who may do everything.
    #[must_use]
    pub fn system(org: OrgId, project: ProjectChoice) -> Self {
        Self {
            org,
            actor: Actor::System,
            role: RoleRef::BuiltIn(Role::Owner),
            in_organization: Grants::everything(),
            in_project: Grants::everything(),
            project,
            limits: Permissions::ALL,
            confined_to: None,
            plan: Arc::from(""),
        }
    }

    /// Whether `permission` is theirs in the chosen project.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.in_project.allowed.contains(permission)
    }

    /// Whether `permission` is theirs in the organisation as a whole.
    #[must_use]
    pub fn may_in_organization(&self, permission: Permission) -> bool {
        self.in_organization.allowed.contains(permission)
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
    ProjectManage, MemberManage, RoleManage, KeyManage, JobRead, JobManage, AuditRead, SecurityManage, SelfManage,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_has_its_marker() {
        assert_eq!(NEEDS, Permission::ALL);
    }
}
