//! Answering why.

use rhiza_kernel::{KeyId, Permission, Permissions, ProjectId, Role, RoleRef, UserId};
use rhiza_platform::authz::{Actor, Explanation, OrgAccess, Reason};
use rhiza_store::Tx;

use super::store;
use crate::access::{GOVERNING, Giver, Governance, Holder, Membership, Shown, name_of, system};
use crate::errors::IdentityError;
use crate::members;
use crate::organizations::ProjectRef;
use crate::roles::{self, OwnRole};
use crate::sessions;

/// A question.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) permission: Permission,
    /// In this project; else about the organisation as a whole.
    pub(crate) project: Option<ProjectId>,
    /// Of this person; else of the caller.
    pub(crate) user: Option<UserId>,
    /// Of this key.
    pub(crate) key: Option<KeyId>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Explained {
    pub(crate) allowed: bool,
    pub(crate) roles: Vec<RoleHeld>,
    pub(crate) reasons: Vec<Reason>,
    /// Whether the limits of the credential let it pass.
    pub(crate) scopes_allow: bool,
    /// What would help, when it is denied.
    pub(crate) hint: Option<String>,
}

/// A role that counts.
#[derive(Debug, Clone)]
pub(crate) struct RoleHeld {
    pub(crate) role: RoleRef,
    pub(crate) name: String,
    /// Whether it was given in the project, not in the organisation.
    pub(crate) in_project: bool,
}

/// Whose rights are asked for, and how they come in.
struct Subject {
    membership: Membership,
    shown: Shown,
    confined_to: Option<ProjectId>,
    /// Whether it is the caller as they ask.
    own: bool,
}

/// How many are named whom to ask.
const NAMED: i64 = 5;

impl Governance {
    /// Why the caller, somebody else or a key may do something, or not. Of others only who manages members may ask.
    pub(crate) async fn explain(&self, access: &OrgAccess, asked: Asked) -> Result<Explained, IdentityError> {
        let tx = self.db.read(&access.scope).await?;
        let giver = Giver::read(&tx, &self.policies, access).await?;
        let project = match asked.project {
            None => None,
            Some(id) => {
                let found = self.project_ref(&tx, access, id).await?.filter(|p| giver.power_in(p).is_some());
                Some(found.ok_or(IdentityError::NotFound("project"))?)
            }
        };
        let own_roles = roles::store::all(&tx, &access.scope).await?;
        let mut subject = self.subject(&tx, &giver, access, &asked).await?;
        subject.membership.own_roles = own_roles.iter().map(|role| (role.id, role.permissions)).collect();
        tx.rollback().await?;

        let permission = asked.permission;
        let roles = held(&subject.membership, &self.policies, project.as_ref(), &own_roles);
        let counted: Vec<RoleRef> = roles.iter().map(|held| held.role).collect();
        let standing = subject.membership.standing(&counted, subject.shown);
        let mut explanation = self.policies.explain(standing, permission);
        confine(&mut explanation, subject.confined_to, project.as_ref(), permission);
        let scopes_allow = subject.shown.limits.is_none_or(|limits| limits.contains(permission));
        let hint = if explanation.allowed {
            None
        } else {
            let held = self.policies.explain(standing.limited(None).second_factor(true, false), permission).allowed;
            Some(self.hint(access, &subject, project.as_ref(), permission, held, scopes_allow).await?)
        };
        let Explanation { allowed, reasons } = explanation;
        Ok(Explained { allowed, roles, reasons, scopes_allow, hint })
    }

    async fn subject(
        &self,
        tx: &Tx,
        giver: &Giver<'_>,
        access: &OrgAccess,
        asked: &Asked,
    ) -> Result<Subject, IdentityError> {
        let principal = &access.principal;
        let manages = giver.power().contains(Permission::MemberManage);
        let me = Holder::of(&principal.actor);
        if let Some(key) = asked.key {
            let key = store::key(tx, &access.scope, key).await?;
            let key = key.filter(|key| manages || Some(key.holder) == me).ok_or(IdentityError::NotFound("key"))?;
            let membership = system::of_holder(tx, access.scope.org, key.holder).await?;
            let membership = membership.ok_or(IdentityError::NotFound("key"))?;
            let of_role = key.role.map(|role| giver.of_role(role));
            let shown = Shown::program(key.scopes.limits(of_role));
            return Ok(Subject { membership, shown, confined_to: key.project, own: false });
        }
        let holder = asked.user.map(Holder::Person).or(me).ok_or(IdentityError::NotFound("member"))?;
        if Some(holder) != me && !manages {
            let permission = Permission::MemberManage;
            let why = "What others may do is told to those who manage members.".to_owned();
            return Err(IdentityError::Lacks { permission, why });
        }
        let membership = system::of_holder(tx, access.scope.org, holder).await?;
        let membership = membership.ok_or(IdentityError::NotFound("member"))?;
        if let Some(user) = asked.user.filter(|_| Some(holder) != me) {
            // As they would stand after signing in with what they have.
            let listed = members::system::find(&self.db, access.scope.org, user).await?;
            let shown = Shown::session(listed.is_some_and(|listed| listed.second_factor));
            return Ok(Subject { membership, shown, confined_to: None, own: false });
        }
        let shown = match &principal.actor {
            Actor::User { session, .. } => {
                Shown::session(sessions::store::has_second_factor(tx, &access.scope, *session).await?)
            }
            _ => Shown::program((principal.limits != Permissions::ALL).then_some(principal.limits)),
        };
        Ok(Subject { membership, shown, confined_to: principal.confined_to, own: true })
    }

    /// What would help. People are named to those who may see the members anyway.
    async fn hint(
        &self,
        access: &OrgAccess,
        subject: &Subject,
        project: Option<&ProjectRef>,
        permission: Permission,
        held: bool,
        scopes_allow: bool,
    ) -> Result<String, IdentityError> {
        if subject.confined_to.is_some_and(|only| project.is_none_or(|p| p.id != only)) {
            return Ok("Use a key of the whole organisation, or sign in.".to_owned());
        }
        if held && !scopes_allow {
            return Ok(format!("Use a key whose scopes include {permission}."));
        }
        if held {
            return Ok("Sign in with a second factor; set one up in your profile first if you have none.".to_owned());
        }
        // Weakest first: nobody should be told to ask for more than they need.
        let enough = Role::ALL.into_iter().rev().find(|role| self.policies.of_role(*role).contains(permission));
        let enough = enough.map_or_else(String::new, |role| format!(", such as {role}"));
        let can: Vec<String> = [Role::Owner, Role::Admin]
            .into_iter()
            .filter(|role| {
                let power = self.policies.of_role(*role);
                power.contains(permission) && power.contains(Permission::MemberManage)
            })
            .map(|role| role.to_string())
            .collect();
        let whom = if access.principal.may_in_organization(Permission::OrganizationRead) {
            members::system::named(&self.db, access.scope.org, &can, NAMED).await?.join(", ")
        } else {
            format!("an {}", can.join(" or "))
        };
        let who = if subject.own { "you" } else { "them" };
        let place = match project {
            Some(project) => format!(" in the project {}", project.name),
            None => String::new(),
        };
        Ok(format!("Ask {whom} to give {who} a role{place} that includes {permission}{enough}."))
    }
}

/// The roles that count, as people call them.
fn held(
    membership: &Membership,
    policies: &rhiza_platform::authz::Policies,
    project: Option<&ProjectRef>,
    own_roles: &[OwnRole],
) -> Vec<RoleHeld> {
    let roles = match project {
        None => vec![membership.role],
        Some(project) => membership.roles_in(policies, project),
    };
    let given = |role: RoleRef| {
        project.is_some_and(|project| membership.projects.contains(&(project.id, role))) && role != membership.role
    };
    roles.into_iter().map(|role| RoleHeld { role, name: name_of(own_roles, role), in_project: given(role) }).collect()
}

/// Turns a permit into a denial where a key belongs to another place.
fn confine(
    explanation: &mut Explanation,
    confined_to: Option<ProjectId>,
    project: Option<&ProjectRef>,
    permission: Permission,
) {
    let Some(only) = confined_to else { return };
    let outside = match project {
        Some(project) => project.id != only,
        None => GOVERNING.contains(permission),
    };
    if outside {
        explanation.allowed = false;
        explanation.reasons.retain(|reason| !reason.permits);
        explanation.reasons.push(Reason {
            policy: "key-of-a-project".to_owned(),
            permits: false,
            says: "The key works in one project; it opens no other, and manages nothing of the organisation."
                .to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use rhiza_kernel::TypedId as _;

    use super::*;

    #[test]
    fn a_key_of_a_project_is_explained_by_where_it_belongs() {
        let id = |n| ProjectId::from_uuid(uuid::Uuid::from_u128(n));
        let project = |n| ProjectRef { id: id(n), slug: "p".to_owned(), name: "P".to_owned(), is_private: false };
        let says = |confined_to, project: Option<&ProjectRef>, permission| {
            let mut explanation = Explanation { allowed: true, reasons: Vec::new() };
            confine(&mut explanation, confined_to, project, permission);
            explanation.allowed
        };
        assert!(says(Some(id(1)), Some(&project(1)), Permission::MemberManage));
        assert!(!says(Some(id(1)), Some(&project(2)), Permission::ModelRead));
        assert!(!says(Some(id(1)), None, Permission::MemberManage));
        assert!(says(Some(id(1)), None, Permission::OrganizationRead));
        assert!(says(None, Some(&project(2)), Permission::MemberManage));
    }
}
