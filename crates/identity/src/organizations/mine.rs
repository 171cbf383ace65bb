//! The organisations of a person: which they are, making another, and going over to one.

use rhiza_kernel::{Env, OrgScope, Role, RoleRef};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::{Actor, OrgAccess};
use rhiza_platform::outbox::{self, Event};
use rhiza_store::{StoreError, Tx};
use serde_json::json;

use super::{DEFAULT_SLUG, Organization, Project, Slug, store, system};
use crate::access::Governance;
use crate::errors::IdentityError;
use crate::people;

/// An organisation and the role that somebody has in it.
#[derive(Debug, Clone)]
pub(crate) struct Belongs {
    pub(crate) organization: Organization,
    pub(crate) role: RoleRef,
}

/// Organisations that one person can own: making them costs next to nothing, keeping them does.
const MOST_OWNED: usize = 20;

impl Governance {
    /// The organisations of the caller, by name. A key belongs to one and knows of no other.
    pub(crate) async fn organizations(&self, access: &OrgAccess) -> Result<Vec<Belongs>, IdentityError> {
        let Some(user) = access.principal.actor.user() else { return Ok(Vec::new()) };
        let mut found = system::of_person(&self.db, user).await?;
        if !matches!(access.principal.actor, Actor::User { .. }) {
            found.retain(|belongs| belongs.organization.id == access.scope.org);
        }
        Ok(found)
    }

    /// Makes an organisation that the caller owns, with a first project. Where anybody may register, anybody may: they
    /// would get one by registering. Elsewhere it is for those who run the installation: the owners and admins of the
    /// organisation that it began with.
    pub(crate) async fn create_organization(
        &self,
        access: &OrgAccess,
        name: &str,
        anybody: bool,
    ) -> Result<Belongs, IdentityError> {
        let Actor::User { id: user, .. } = &access.principal.actor else {
            return Err(IdentityError::Denied("Only people make organisations.".to_owned()));
        };
        let name = people::display_name(name).map_err(|fault| IdentityError::field("/name", fault))?;
        let tx = system::begin(&self.db).await?;
        if !anybody && !system::runs_installation(&tx, *user).await? {
            return Err(IdentityError::Denied(
                "New organisations are made by the owners and admins of the one that this installation began with."
                    .to_owned(),
            ));
        }
        if system::owned(&tx, *user).await? >= MOST_OWNED {
            return Err(IdentityError::Conflict(format!("You own {MOST_OWNED} organisations already.")));
        }
        let organization = found(&tx, &self.env, name).await?;
        let role = RoleRef::BuiltIn(Role::Owner);
        system::insert_membership(&tx, organization.id, *user, role, self.env.now()).await?;
        let scope = OrgScope::new(organization.id);
        let after =
            json!({ "id": organization.id, "name": organization.name, "slug": organization.slug, "owner": user });
        let entry =
            Entry::new(&access.caller, "identity.organization.create", organization.id.to_string()).after(&after);
        audit::record(&tx, &scope, entry, &self.env).await?;
        tx.commit().await?;
        Ok(Belongs { organization, role })
    }
}

/// Writes a new organisation with its first project.
async fn found(tx: &Tx, env: &Env, name: String) -> Result<Organization, StoreError> {
    let slug = Slug::from_name(&name, "organization");
    let slug = if system::slug_is_taken(tx, slug.as_str()).await? {
        let tail: String = env.random_bytes::<4>().iter().map(|byte| format!("{byte:02x}")).collect();
        let head: String = slug.as_str().chars().take(54).collect();
        Slug::from_name(&format!("{head}-{tail}"), "organization")
    } else {
        slug
    };
    let organization = Organization { id: env.new_id(), name, slug: slug.to_string() };
    let scope = OrgScope::new(organization.id);
    system::insert_organization(tx, &organization, env.now()).await?;
    let project = Project {
        id: env.new_id(),
        name: "Default".to_owned(),
        slug: DEFAULT_SLUG.to_owned(),
        is_private: false,
        revision: 1,
        created_at: env.now(),
        archived_at: None,
    };
    store::insert_project(tx, &scope, &project).await?;
    for (kind, subject, name, slug) in [
        ("rhiza.identity.organization.created", organization.id.to_string(), &organization.name, &organization.slug),
        ("rhiza.identity.project.created", project.id.to_string(), &project.name, &project.slug),
    ] {
        let data = json!({ "id": subject, "name": name, "slug": slug });
        outbox::emit(tx, &scope, Event::new(kind, subject).data(&data), env).await?;
    }
    Ok(organization)
}
