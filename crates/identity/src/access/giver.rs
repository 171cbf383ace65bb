//! Who hands out rights. Nobody can give what they lack, and what they have is read anew in the transaction of the
//! change, behind the lock of the organisation's row: of two who take each other's rights away, the second has none left.

use std::sync::Arc;

use rhiza_kernel::{OrgId, OrgScope, Permission, Permissions, ProjectId, Role, RoleRef, UserId};
use rhiza_platform::authz::{Actor, OrgAccess, Policies, Principal, ProjectChoice, Standing};
use rhiza_store::Tx;

use super::membership::GOVERNING;
use super::{Holder, Membership, system};
use crate::errors::IdentityError;
use crate::organizations::ProjectRef;
use crate::roles::{self, OwnRole};

/// The caller of a change to somebody's rights.
pub(crate) struct Giver<'a> {
    policies: &'a Policies,
    principal: Arc<Principal>,
    /// What the organisation has given to the caller, now; none for Rhiza itself.
    membership: Option<Membership>,
    roles: Vec<OwnRole>,
}

impl<'a> Giver<'a> {
    /// The caller as they stand in `tx`.
    pub(crate) async fn read(tx: &Tx, policies: &'a Policies, access: &OrgAccess) -> Result<Self, IdentityError> {
        let principal = Arc::clone(&access.principal);
        let membership = match Holder::of(&principal.actor) {
            Some(holder) => {
                let found = system::of_holder(tx, access.scope.org, holder).await?;
                Some(found.ok_or_else(|| IdentityError::Denied("You have left this organisation.".to_owned()))?)
            }
            None => None,
        };
        let roles = roles::store::all(tx, &access.scope).await?;
        Ok(Self { policies, principal, membership, roles })
    }

    /// A member as they stand in `tx`, with everything that their roles give; nothing when they are no member.
    pub(crate) async fn of_person(
        tx: &Tx,
        policies: &'a Policies,
        org: OrgId,
        user: UserId,
    ) -> Result<Option<Self>, IdentityError> {
        let Some(membership) = system::of_person(tx, org, user).await? else { return Ok(None) };
        let roles = roles::store::all(tx, &OrgScope::new(org)).await?;
        let principal = Arc::new(Principal::system(org, ProjectChoice::None));
        Ok(Some(Self { policies, principal, membership: Some(membership), roles }))
    }

    /// What the caller may do to the organisation, and so hand on in it.
    pub(crate) fn power(&self) -> Permissions {
        let held = match &self.membership {
            Some(membership) => self.of_role(membership.role).intersect(self.principal.limits),
            None => self.principal.in_organization.allowed,
        };
        if self.principal.confined_to.is_some() { held.without(GOVERNING) } else { held }
    }

    /// What the caller may do in `project`; nothing when they may not enter it.
    pub(crate) fn power_in(&self, project: &ProjectRef) -> Option<Permissions> {
        if self.principal.confined_to.is_some_and(|only| only != project.id) {
            return None;
        }
        match &self.membership {
            Some(membership) => {
                let roles = membership.roles_in(self.policies, project);
                let held = roles.iter().fold(Permissions::NONE, |all, role| all.union(self.of_role(*role)));
                (!roles.is_empty()).then(|| held.intersect(self.principal.limits))
            }
            None if self.principal.actor == Actor::System => Some(Permissions::ALL),
            None => self.chose(project.id).then_some(self.principal.in_project.allowed),
        }
    }

    fn chose(&self, project: ProjectId) -> bool {
        matches!(&self.principal.project, ProjectChoice::Selected { id, .. } if *id == project)
    }

    /// What a role of this organisation includes.
    pub(crate) fn of_role(&self, role: RoleRef) -> Permissions {
        let own = match role {
            RoleRef::BuiltIn(_) => Permissions::NONE,
            RoleRef::Custom(id) => {
                self.roles.iter().find(|own| own.id == id).map_or(Permissions::NONE, |own| own.permissions)
            }
        };
        self.policies.decide(Standing::new(&[role], own))
    }

    /// The role as people call it.
    pub(crate) fn name_of(&self, role: RoleRef) -> String {
        name_of(&self.roles, role)
    }

    /// The role that `text` names, if this organisation has it.
    pub(crate) fn find_role(&self, pointer: &str, text: &str) -> Result<RoleRef, IdentityError> {
        let role: RoleRef = text.parse().map_err(|_| {
            IdentityError::field(
                pointer,
                "must be a role: owner, admin, engineer, scientist, reviewer, analyst, viewer or the id of one of your own",
            )
        })?;
        match role {
            RoleRef::Custom(id) if !self.roles.iter().any(|own| own.id == id) => {
                Err(IdentityError::field(pointer, "is no role of this organisation"))
            }
            role => Ok(role),
        }
    }

    /// Fails unless the caller may do `permission` to the organisation.
    pub(crate) fn needs(&self, permission: Permission) -> Result<(), IdentityError> {
        if self.power().contains(permission) {
            return Ok(());
        }
        Err(IdentityError::Lacks { permission, why: format!("This needs {permission}, which you do not have.") })
    }

    /// Fails unless the caller may give `role` in the organisation.
    pub(crate) fn may_give(&self, role: RoleRef) -> Result<(), IdentityError> {
        let owner = self.membership.as_ref().is_none_or(|m| m.role == RoleRef::BuiltIn(Role::Owner));
        self.hands_on(role, self.power(), owner)
    }

    /// Fails unless the caller may give `role` in `project`.
    pub(crate) fn may_give_in(&self, project: &ProjectRef, role: RoleRef) -> Result<(), IdentityError> {
        let power = self.power_in(project).unwrap_or(Permissions::NONE);
        let owner = self
            .membership
            .as_ref()
            .is_none_or(|m| m.roles_in(self.policies, project).contains(&RoleRef::BuiltIn(Role::Owner)));
        self.hands_on(role, power, owner)
    }

    fn hands_on(&self, role: RoleRef, power: Permissions, owner: bool) -> Result<(), IdentityError> {
        if role == RoleRef::BuiltIn(Role::Owner) && !owner {
            let why = "Only owners make owners.".to_owned();
            return Err(IdentityError::Lacks { permission: Permission::OrganizationManage, why });
        }
        self.covers(self.of_role(role), power, |lacking| {
            format!("The role {} includes {lacking}, which you do not have to give.", self.name_of(role))
        })
    }

    /// Fails unless the caller may hand on every one of `permissions` in the organisation.
    pub(crate) fn may_grant(&self, permissions: Permissions) -> Result<(), IdentityError> {
        self.covers(permissions, self.power(), |lacking| format!("You cannot give {lacking}: you do not have it."))
    }

    /// Fails when whoever has `role` in the organisation holds more than the caller: those are not theirs to change.
    pub(crate) fn may_change_holder_of(&self, role: RoleRef) -> Result<(), IdentityError> {
        self.covers(self.of_role(role), self.power(), |lacking| {
            format!("Who has the role {} holds more than you: {lacking}.", self.name_of(role))
        })
    }

    /// As [`Self::may_change_holder_of`], of a role in a project.
    pub(crate) fn may_change_holder_in(&self, project: &ProjectRef, role: RoleRef) -> Result<(), IdentityError> {
        let power = self.power_in(project).unwrap_or(Permissions::NONE);
        self.covers(self.of_role(role), power, |lacking| {
            format!("Who has the role {} there holds more than you: {lacking}.", self.name_of(role))
        })
    }

    fn covers(
        &self,
        wanted: Permissions,
        power: Permissions,
        why: impl FnOnce(&str) -> String,
    ) -> Result<(), IdentityError> {
        let lacking = wanted.without(power);
        match lacking.iter().next() {
            None => Ok(()),
            Some(permission) => Err(IdentityError::Lacks { permission, why: why(&lacking.names().join(", ")) }),
        }
    }
}

/// The role as people call it.
pub(crate) fn name_of(own: &[OwnRole], role: RoleRef) -> String {
    match role {
        RoleRef::BuiltIn(role) => role.to_string(),
        RoleRef::Custom(id) => {
            own.iter().find(|own| own.id == id).map_or_else(|| id.to_string(), |own| own.name.clone())
        }
    }
}
