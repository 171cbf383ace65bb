//! What a handler holds once the caller was let in: the caller and the scope they may touch.

use std::sync::Arc;

use rhiza_kernel::{ErrorCode, FieldError, OrgScope, Permission, ProjectScope};
use rhiza_web::{ApiError, ApiResult};

use super::credentials::ProjectHeader;
use super::model::{Caller, Grants, Principal, ProjectChoice};
use super::workspace::workspace_fault;

/// Permission to act in one project.
#[derive(Debug, Clone)]
pub struct Access {
    /// The caller.
    pub principal: Arc<Principal>,
    /// The project whose rows may be touched.
    pub scope: ProjectScope,
    /// The project's slug.
    pub project: String,
    /// Who to name in the audit chain.
    pub caller: Caller,
}

/// Permission to act in one organisation.
#[derive(Debug, Clone)]
pub struct OrgAccess {
    /// The caller.
    pub principal: Arc<Principal>,
    /// The organisation whose rows may be touched.
    pub scope: OrgScope,
    /// Who to name in the audit chain.
    pub caller: Caller,
}

impl Access {
    /// The access of `principal` to the project they chose, if they may do `permission` there.
    ///
    /// # Errors
    /// No project chosen: `invalid_argument`. One they may not enter: `not_found`. Not allowed: `permission_denied`.
    pub fn of(principal: Arc<Principal>, caller: Caller, permission: Permission) -> ApiResult<Self> {
        let (scope, project) = match &principal.project {
            ProjectChoice::Selected { id, slug } => (ProjectScope::new(principal.org, *id), slug.clone()),
            ProjectChoice::Unknown(requested) => {
                return Err(match requested.by {
                    ProjectHeader::Mlflow => no_workspace(&requested.name),
                    _ => ApiError::not_found(format!("There is no project {:?} here.", requested.name)),
                });
            }
            ProjectChoice::None => {
                let detail = "must name a project: this credential is not bound to one";
                return Err(ApiError::invalid(vec![FieldError::new("X-Rhiza-Project", detail)]));
            }
        };
        require(&principal.in_project, permission)?;
        Ok(Self { principal, scope, project, caller })
    }

    /// Rhiza's own access to a project: jobs, the command line, imports.
    #[must_use]
    pub fn system(scope: ProjectScope, project: impl Into<String>) -> Self {
        let project = project.into();
        let choice = ProjectChoice::Selected { id: scope.project, slug: project.clone() };
        Self { principal: Arc::new(Principal::system(scope.org, choice)), scope, project, caller: Caller::system() }
    }

    /// The organisation's part.
    #[must_use]
    pub fn org_access(&self) -> OrgAccess {
        OrgAccess { principal: self.principal.clone(), scope: self.scope.org_scope(), caller: self.caller.clone() }
    }

    /// Fails unless the caller also has `permission`: for handlers whose need depends on the request's content.
    ///
    /// # Errors
    /// `permission_denied`.
    pub fn require(&self, permission: Permission) -> ApiResult<()> {
        require(&self.principal.in_project, permission)
    }
}

impl OrgAccess {
    /// The access of `principal` to their organisation, if they may do `permission` there.
    ///
    /// # Errors
    /// `permission_denied`.
    pub fn of(principal: Arc<Principal>, caller: Caller, permission: Permission) -> ApiResult<Self> {
        require(&principal.in_organization, permission)?;
        Ok(Self { scope: OrgScope::new(principal.org), principal, caller })
    }

    /// Rhiza's own access to an organisation.
    #[must_use]
    pub fn system(scope: OrgScope) -> Self {
        Self { principal: Arc::new(Principal::system(scope.org, ProjectChoice::None)), scope, caller: Caller::system() }
    }

    /// Fails unless the caller also has `permission`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub fn require(&self, permission: Permission) -> ApiResult<()> {
        require(&self.principal.in_organization, permission)
    }
}

/// In MLflow's words, because its client reads them.
fn no_workspace(name: &str) -> ApiError {
    match workspace_fault(name) {
        Some(fault) => ApiError::new(ErrorCode::InvalidArgument, fault),
        None => ApiError::not_found(format!("Workspace '{name}' not found")).with_reason("RESOURCE_DOES_NOT_EXIST"),
    }
}

/// Fails unless `grants` include `permission`, saying what lacks: it is the caller's own role, or their own key's scopes.
fn require(grants: &Grants, permission: Permission) -> ApiResult<()> {
    if grants.allowed.contains(permission) {
        return Ok(());
    }
    let detail = if grants.held.contains(permission) {
        format!("This credential's scopes do not include {permission}.")
    } else {
        let roles: Vec<String> = grants.roles.iter().map(ToString::to_string).collect();
        match roles.as_slice() {
            [] => format!("You have no role here that includes {permission}."),
            [only] => format!("The role {only} does not include {permission}."),
            many => format!("The roles {} do not include {permission}.", many.join(", ")),
        }
    };
    Err(ApiError::new(ErrorCode::PermissionDenied, detail).with_permission(permission.as_str()))
}
