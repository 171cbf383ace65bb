//! A membership, and the grants that follow from it.

use std::sync::Arc;

use rhiza_kernel::{Permission, Permissions, ProjectId, Role, RoleId, RoleRef, ServiceAccountId, UserId};
use rhiza_platform::authz::{Actor, Grants, Policies, Standing};

use crate::organizations::ProjectRef;

/// Whose membership counts: a person's or a program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    Person(UserId),
    ServiceAccount(ServiceAccountId),
}

impl Holder {
    /// The one behind `actor`; nobody when it is Rhiza itself.
    pub(crate) fn of(actor: &Actor) -> Option<Self> {
        match actor.service_account() {
            Some(account) => Some(Self::ServiceAccount(account.id)),
            None => actor.user().map(Self::Person),
        }
    }
}

/// What an organisation has given to one of its members, person or program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Membership {
    /// The role in the organisation.
    pub(crate) role: RoleRef,
    /// Roles in single projects, by themselves and through teams.
    pub(crate) projects: Vec<(ProjectId, RoleRef)>,
    /// What the organisation's own roles include.
    pub(crate) own_roles: Vec<(RoleId, Permissions)>,
    /// The organisation's plan.
    pub(crate) plan: Arc<str>,
    /// Whether the organisation asks its people for a second factor.
    pub(crate) second_factor_required: bool,
}

/// How the member came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    /// What the credential is limited to.
    pub(crate) limits: Option<Permissions>,
    /// Whether it is a key or token, not a session.
    pub(crate) program: bool,
    /// Whether a second factor was shown.
    pub(crate) second_factor: bool,
}

/// What is done to an organisation as a whole.
pub(crate) const GOVERNING: Permissions = Permissions::NONE
    .with(Permission::OrganizationManage)
    .with(Permission::MemberManage)
    .with(Permission::RoleManage)
    .with(Permission::SecurityManage);

impl Shown {
    /// What coming in like this leaves of any role.
    fn leaves(self, policies: &Policies, second_factor_required: bool) -> Permissions {
        let everything = Standing::new(&[RoleRef::BuiltIn(Role::Owner)], Permissions::ALL);
        let came = everything.limited(self.limits).program(self.program);
        policies.decide(came.second_factor(self.second_factor, second_factor_required))
    }

    /// A session; `second_factor` tells whether one was shown in it.
    pub(crate) const fn session(second_factor: bool) -> Self {
        Self { limits: None, program: false, second_factor }
    }

    /// A key or token with these limits.
    pub(crate) const fn program(limits: Option<Permissions>) -> Self {
        Self { limits, program: true, second_factor: false }
    }
}

impl Membership {
    /// What `roles` of this organisation include by the organisation's own account.
    fn granted(&self, roles: &[RoleRef]) -> Permissions {
        let own = self.own_roles.iter().filter(|(id, _)| roles.contains(&RoleRef::Custom(*id)));
        own.fold(Permissions::NONE, |all, (_, permissions)| all.union(*permissions))
    }

    /// What decides about this member where `roles` count.
    pub(crate) fn standing(&self, roles: &[RoleRef], shown: Shown) -> Standing {
        Standing::new(roles, self.granted(roles))
            .limited(shown.limits)
            .program(shown.program)
            .second_factor(shown.second_factor, self.second_factor_required)
    }

    fn grants(&self, policies: &Policies, roles: Vec<RoleRef>, shown: Shown) -> Grants {
        let standing = self.standing(&roles, shown);
        Grants {
            held: policies.decide(standing.limited(None)),
            allowed: policies.decide(standing),
            roles: Arc::from(roles),
        }
    }

    /// Everything the member may do anywhere, by any of their roles.
    pub(crate) fn anywhere(&self, policies: &Policies) -> Permissions {
        let of_projects = self.projects.iter().map(|(_, role)| self.of_role(policies, *role));
        of_projects.fold(self.of_role(policies, self.role), Permissions::union)
    }

    /// What a role includes, be it fixed or the organisation's own.
    pub(crate) fn of_role(&self, policies: &Policies, role: RoleRef) -> Permissions {
        policies.decide(Standing::new(&[role], self.granted(&[role])))
    }

    /// What is left of any role to a member who came in like this.
    pub(crate) fn limits(&self, policies: &Policies, shown: Shown) -> Permissions {
        shown.leaves(policies, self.second_factor_required)
    }

    /// What the member may do to the organisation as a whole.
    pub(crate) fn in_organization(&self, policies: &Policies, shown: Shown) -> Grants {
        self.grants(policies, vec![self.role], shown)
    }

    /// The roles that count in `project`; none when the member may not enter it. Whoever manages projects may enter the
    /// private ones too: somebody must be able to let people in.
    pub(crate) fn roles_in(&self, policies: &Policies, project: &ProjectRef) -> Vec<RoleRef> {
        let manages = || self.of_role(policies, self.role).contains(Permission::ProjectManage);
        let mut roles: Vec<RoleRef> = Vec::new();
        if !project.is_private || manages() {
            roles.push(self.role);
        }
        for (_, role) in self.projects.iter().filter(|(id, _)| *id == project.id) {
            if !roles.contains(role) {
                roles.push(*role);
            }
        }
        roles
    }

    /// What the member may do in `project`, if they may enter it.
    pub(crate) fn in_project(&self, policies: &Policies, project: &ProjectRef, shown: Shown) -> Option<Grants> {
        let roles = self.roles_in(policies, project);
        (!roles.is_empty()).then(|| self.grants(policies, roles, shown))
    }
}

#[cfg(test)]
mod tests {
    use rhiza_kernel::TypedId as _;

    use super::*;

    fn project(number: u128, is_private: bool) -> ProjectRef {
        let id = ProjectId::from_uuid(uuid::Uuid::from_u128(number));
        ProjectRef { id, slug: "p".into(), name: "P".into(), is_private }
    }

    fn member(role: Role, projects: &[(u128, RoleRef)]) -> Membership {
        let id = |n: u128| ProjectId::from_uuid(uuid::Uuid::from_u128(n));
        Membership {
            role: role.into(),
            projects: projects.iter().map(|(n, role)| (id(*n), *role)).collect(),
            own_roles: vec![(custom(1), [Permission::ModelReview].into_iter().collect())],
            plan: Arc::from("standard"),
            second_factor_required: false,
        }
    }

    fn custom(number: u128) -> RoleId {
        RoleId::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn a_role_in_a_project_counts_there_and_nowhere_else() {
        let policies = Policies::load().unwrap();
        let member = member(Role::Viewer, &[(1, Role::Admin.into())]);
        let shown = Shown::session(false);
        let there = member.in_project(&policies, &project(1, false), shown).unwrap();
        assert!(there.allowed.contains(Permission::ExperimentWrite));
        let elsewhere = member.in_project(&policies, &project(2, false), shown).unwrap();
        assert!(!elsewhere.allowed.contains(Permission::ExperimentWrite));
        assert!(!member.in_organization(&policies, shown).allowed.contains(Permission::MemberManage));
    }

    #[test]
    fn a_private_project_is_for_those_with_a_role_in_it_and_those_who_manage_projects() {
        let policies = Policies::load().unwrap();
        let enters = |member: &Membership| !member.roles_in(&policies, &project(1, true)).is_empty();
        assert!(!enters(&member(Role::Engineer, &[])));
        assert!(!enters(&member(Role::Engineer, &[(2, Role::Viewer.into())])));
        assert!(enters(&member(Role::Viewer, &[(1, Role::Viewer.into())])));
        assert!(enters(&member(Role::Admin, &[])));
    }

    #[test]
    fn a_role_of_the_organisation_includes_what_it_lists_and_nothing_once_it_is_gone() {
        let policies = Policies::load().unwrap();
        let with = |id| member(Role::Viewer, &[(1, RoleRef::Custom(custom(id)))]);
        let allowed =
            |m: &Membership| m.in_project(&policies, &project(1, true), Shown::session(false)).unwrap().allowed;
        assert_eq!(allowed(&with(1)).names(), ["models:review"]);
        assert!(allowed(&with(2)).is_empty(), "the role was deleted");
    }

    #[test]
    fn limits_narrow_what_is_allowed_and_leave_what_is_held() {
        let policies = Policies::load().unwrap();
        let member = member(Role::Engineer, &[]);
        let shown = Shown::program(Some([Permission::ModelRead, Permission::MemberManage].into_iter().collect()));
        let grants = member.in_organization(&policies, shown);
        assert_eq!(grants.allowed.names(), ["models:read"]);
        assert!(grants.held.contains(Permission::ModelWrite));
    }
}
