//! What a new credential may be given: never more than its maker has where it will work.

use chrono::{DateTime, Utc};
use rhiza_kernel::{Permission, Permissions, RoleRef};
use rhiza_platform::authz::{Grants, Policies, Principal};

use super::model::ALL;
use super::store::Maker;
use super::{ApiKey, Networks, Scopes};
use crate::access::{Holder, Membership};
use crate::errors::{Faults, IdentityError};

/// Reads `role` as one that whoever has `held` may give away: it must exist and include nothing beyond that.
/// `membership` knows the organisation's own roles.
pub(crate) fn giveable_role(
    policies: &Policies,
    membership: &Membership,
    role: &str,
    held: Permissions,
) -> Result<RoleRef, &'static str> {
    const NO_ROLE: &str =
        "must be a role: owner, admin, engineer, scientist, reviewer, analyst, viewer or the id of one of your own";
    let role: RoleRef = role.parse().map_err(|_| NO_ROLE)?;
    if let RoleRef::Custom(id) = role
        && !membership.own_roles.iter().any(|(own, _)| *own == id)
    {
        return Err(NO_ROLE);
    }
    if membership.of_role(policies, role).is_within(held) { Ok(role) } else { Err("may do things that you may not") }
}

/// Reads the scopes of a credential out of `names`, all of which must be `grantable` by the maker.
pub(crate) fn read_scopes(names: &[String], maker: &Grants, grantable: Permissions, faults: &mut Faults) -> Scopes {
    if names.iter().any(|name| name == ALL) {
        if maker.allowed != maker.held {
            faults.push("/scopes", "cannot be * when the credential you make it with is limited itself");
        }
        return Scopes::All;
    }
    let mut listed = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let pointer = format!("/scopes/{at}");
        match name.parse::<Permission>() {
            Err(_) => faults.push(&pointer, format!("{name:?} is not a permission")),
            Ok(permission) if !grantable.contains(permission) => {
                faults.push(&pointer, format!("{permission} is more than you may grant with this role"));
            }
            Ok(permission) if !listed.contains(&permission) => listed.push(permission),
            Ok(_) => {}
        }
    }
    if names.is_empty() {
        faults.push("/scopes", "must not be empty: such a credential could do nothing");
    }
    Scopes::Listed(listed)
}

impl Maker {
    /// When a credential ends that was asked to end at `wanted`: never after the one it is made with.
    pub(crate) fn ending(&self, wanted: Option<DateTime<Utc>>, faults: &mut Faults) -> Option<DateTime<Utc>> {
        match (wanted, self.expires_at) {
            (Some(wanted), Some(own)) if wanted > own => {
                faults.push("/expires_at", "must not be after the end of the credential you make it with");
                None
            }
            (wanted, own) => wanted.or(own),
        }
    }

    /// The networks of a credential that was asked to have `wanted`: never beyond those of the one it is made with.
    pub(crate) fn networks(&self, wanted: Option<&[String]>, faults: &mut Faults) -> Option<Networks> {
        let Some(wanted) = wanted else { return self.networks.clone() };
        match (Networks::parse(wanted), &self.networks) {
            (Err(found), _) => {
                for (place, detail) in found {
                    faults.push(&format!("/allowed_networks{place}"), detail);
                }
                None
            }
            (Ok(nets), Some(own)) if !nets.is_within(own) => {
                faults.push("/allowed_networks", "must be within the networks of the credential you make it with");
                None
            }
            (Ok(nets), _) => Some(nets),
        }
    }

    /// Whether a credential with these bounds could be used where or when the maker's own could not.
    fn is_exceeded_by(&self, key: &ApiKey) -> bool {
        let later = match (key.expires_at, self.expires_at) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(key), Some(own)) => key > own,
        };
        let elsewhere = match (&key.allowed_networks, &self.networks) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(key), Some(own)) => !key.is_within(own),
        };
        later || elsewhere
    }
}

/// Whether `maker` may hold the secret of `key`: it is their own, or a service account's with nothing they lack.
/// `membership` is what the key stands on.
pub(crate) fn may_hold(
    policies: &Policies,
    principal: &Principal,
    maker: &Maker,
    key: &ApiKey,
    membership: &Membership,
) -> Result<(), IdentityError> {
    let of_role = key.role.map(|role| membership.of_role(policies, role));
    let limits = key.scopes.limits(of_role);
    let grants = if key.project.is_none() { &principal.in_organization } else { &principal.in_project };
    let more = || Err(IdentityError::Denied("This key may do more than the credential you use.".to_owned()));
    if maker.is_exceeded_by(key) {
        return more();
    }
    if Holder::of(&principal.actor) == Some(key.holder()) {
        let limited = [&principal.in_organization, &principal.in_project].into_iter().any(|g| g.allowed != g.held);
        // The roles are the same; only the limits of the two credentials can differ.
        return if !limited || limits.is_some_and(|l| l.is_within(grants.allowed)) { Ok(()) } else { more() };
    }
    match key.holder() {
        Holder::Person(_) => {
            Err(IdentityError::Denied("Only the person whose key it is may have its secret.".to_owned()))
        }
        Holder::ServiceAccount(_) => {
            manages_accounts(principal)?;
            let all = membership.anywhere(policies);
            let most = limits.map_or(all, |limits| limits.intersect(all));
            if most.is_within(grants.allowed) { Ok(()) } else { more() }
        }
    }
}

/// Who makes keys for a service account could act as it.
pub(crate) fn manages_accounts(principal: &Principal) -> Result<(), IdentityError> {
    if principal.may_in_organization(Permission::MemberManage) {
        return Ok(());
    }
    Err(IdentityError::Denied("Only those who manage members may handle keys of service accounts.".to_owned()))
}
