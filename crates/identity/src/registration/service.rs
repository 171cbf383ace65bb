//! Registering, and proving the address.

use rhiza_kernel::{Env, OrgId, OrgScope, Role, RoleRef, UserId};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::Policies;
use rhiza_platform::mail::Post;
use rhiza_platform::outbox::{self, Event};
use rhiza_platform::secrets::Sealer;
use rhiza_store::{Db, StoreError, Tx};
use serde_json::json;

use super::model::{Checked, NewPerson};
use super::{RegistrationRules, system};
use crate::errors::IdentityError;
use crate::invitations;
use crate::letters::system::{self as letter_store, Purpose, Registration};
use crate::letters::{self, Asked, VERIFY_FOR};
use crate::organizations::{self, DEFAULT_SLUG, Organization, Project, Slug};
use crate::people::{self, Email, Passwords, User};
use crate::secret_link::LinkSecret;
use crate::sessions::{self, Browser, Entrance, How, Method, Opened, Sessions};
use crate::throttle::{Attempt, Throttle};
use crate::trail;

/// The use cases around registration. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Registrations {
    pub(crate) db: Db,
    pub(crate) env: Env,
    pub(crate) policies: Policies,
    pub(crate) rules: RegistrationRules,
    pub(crate) sealer: Sealer,
    pub(crate) post: Post,
    pub(crate) passwords: Passwords,
    pub(crate) sessions: Sessions,
    pub(crate) throttle: Throttle,
}

impl Registrations {
    /// Who may register.
    pub(crate) const fn rules(&self) -> &RegistrationRules {
        &self.rules
    }

    /// Whether letters lead anywhere.
    pub(crate) const fn has_mail(&self) -> bool {
        self.post.is_available()
    }

    /// Writes down who wants to come, and queues a letter. Whether the address has an account makes no difference to the
    /// answer or to the work.
    ///
    /// # Errors
    /// What is not acceptable, [`IdentityError::Denied`] for who may not register, [`IdentityError::Throttled`].
    pub(crate) async fn register(&self, new: NewPerson, browser: &Browser) -> Result<(), IdentityError> {
        let person = new.check()?;
        self.throttle.attempt(Attempt::Registration, browser.address, person.email.key()).await?;
        self.rules.check(&person.email)?;
        self.need_mail()?;
        let password_hash = self.passwords.hash(person.password).await?;
        let now = self.env.now();
        let registration = Registration {
            registration_id: self.env.new_uuid(),
            email: person.email.as_str().to_owned(),
            email_key: person.email.key().to_owned(),
            name: person.name.as_str().to_owned(),
            password_hash,
            organization: person.organization,
        };
        let tx = system::begin(&self.db).await?;
        letter_store::insert_registration(&tx, &registration, now, now + VERIFY_FOR).await?;
        let asked = Asked::Registered { registration: registration.registration_id };
        letters::ask(&tx, &self.env, &self.sealer, &asked).await?;
        tx.commit().await?;
        Ok(())
    }

    fn need_mail(&self) -> Result<(), IdentityError> {
        if self.post.is_available() {
            return Ok(());
        }
        let why =
            "This installation sends no mail, so nobody can prove an address here. Ask its owner for an invitation.";
        Err(IdentityError::Denied(why.to_owned()))
    }

    /// Makes an account for who was invited, and signs them in: the invitation came to their address.
    ///
    /// # Errors
    /// [`IdentityError::LinkOver`] for an invitation that is none, or for somebody else, and as for registering.
    pub(crate) async fn accept(
        &self,
        new: NewPerson,
        invitation: &str,
        browser: &Browser,
    ) -> Result<Opened, IdentityError> {
        let person = new.check()?;
        self.throttle.attempt(Attempt::Registration, browser.address, person.email.key()).await?;
        let secret = LinkSecret::parse(invitation).ok_or(IdentityError::LinkOver)?;
        // Before the password is hashed: strangers cannot make us do that work.
        if !invitations::is_to(&self.db, &secret, person.email.key(), self.env.now()).await? {
            return Err(IdentityError::LinkOver);
        }
        let hash = self.passwords.hash(person.password.clone()).await?;
        let tx = system::begin(&self.db).await?;
        let user = self.insert_person(&tx, &person, &hash).await.map_err(|error| match error {
            // Who holds the invitation has proved the address, and may know of its account.
            IdentityError::LinkOver => {
                let why = "This address has an account already. Sign in, and follow the invitation then.";
                IdentityError::Conflict(why.to_owned())
            }
            other => other,
        })?;
        let now = self.env.now();
        let joined = invitations::accept(&tx, &self.policies, &secret, person.email.key(), user.id, now).await?;
        let joined = joined.ok_or(IdentityError::LinkOver)?;
        let came = Came { org: joined.org, role: joined.role, by: json!({ "invitation": joined.id }) };
        let opened = self.arrive(&tx, &user, &came, browser).await?;
        tx.commit().await?;
        Ok(opened)
    }

    /// Writes a person whose address is proved; [`IdentityError::LinkOver`] when the address has an account.
    async fn insert_person(&self, tx: &Tx, person: &Checked, hash: &str) -> Result<User, IdentityError> {
        let (email, name) = (&person.email, person.name.as_str());
        self.insert_user(tx, email, name, hash).await
    }

    async fn insert_user(&self, tx: &Tx, email: &Email, name: &str, hash: &str) -> Result<User, IdentityError> {
        let user = User { id: self.env.new_id(), email: email.as_str().to_owned(), name: name.to_owned() };
        letter_store::lock_registrations(tx, email.key()).await?;
        match people::system::insert_user(tx, user.id, email, name, hash, self.env.now()).await {
            Ok(()) => {}
            // Two links to one address at the same moment: the first counts.
            Err(StoreError::Unique(_)) => return Err(IdentityError::LinkOver),
            Err(other) => return Err(other.into()),
        }
        letter_store::delete_registrations(tx, email.key()).await?;
        Ok(user)
    }

    /// Opens the session of somebody who just came to their first organisation, and tells who must know.
    async fn arrive(&self, tx: &Tx, user: &User, came: &Came, browser: &Browser) -> Result<Opened, IdentityError> {
        let scope = OrgScope::new(came.org);
        let opened = self.sessions.write(tx, &scope, user, How::PASSWORD, browser).await?;
        let data = json!({ "user": user.id, "email": user.email, "role": came.role, "by": came.by });
        let event = Event::new("rhiza.identity.member.joined", user.id.to_string()).data(&data);
        outbox::emit(tx, &scope, event, &self.env).await?;
        let caller = sessions::caller(&opened.actor, browser);
        let entry = Entry::new(&caller, "identity.person.register", user.id.to_string()).after(&data);
        audit::record(tx, &scope, entry, &self.env).await?;
        self.sessions.record_opened(tx, &scope, &opened, false, How::PASSWORD, browser).await?;
        Ok(opened)
    }

    /// Proves an address with the secret of a letter, and lets its owner in.
    ///
    /// # Errors
    /// [`IdentityError::LinkOver`], [`IdentityError::Throttled`], or the rules have changed meanwhile.
    pub(crate) async fn verify(&self, token: &str, browser: &Browser) -> Result<Entrance, IdentityError> {
        let secret = LinkSecret::parse(token).ok_or(IdentityError::LinkOver)?;
        let now = self.env.now();
        let tx = system::begin(&self.db).await?;
        if let Some(registration) = letter_store::take_registration(&tx, secret.hash(), now).await? {
            let opened = self.welcome(&tx, &registration, browser).await?;
            tx.commit().await?;
            return Ok(Entrance::Opened(opened));
        }
        let used = letter_store::use_token(&tx, secret.hash(), Purpose::VerifyEmail, now).await?;
        let used = used.ok_or(IdentityError::LinkOver)?;
        let key = used.data["email_key"].as_str().unwrap_or_default();
        if !system::verify(&tx, used.user, key, now).await? {
            return Err(IdentityError::LinkOver);
        }
        let account = people::system::account(&tx, used.user).await?.ok_or(IdentityError::LinkOver)?;
        self.record_verified(&tx, used.user, browser).await?;
        tx.commit().await?;
        self.sessions.enter(&account, Method::Password, browser).await
    }

    async fn record_verified(&self, tx: &Tx, user: UserId, browser: &Browser) -> Result<(), StoreError> {
        let event = Event::new("rhiza.identity.email.verified", user.to_string()).data(&json!({ "user": user }));
        let caller = crate::second_factor::stranger(browser);
        let entry = Entry::new(&caller, "identity.email.verify", user.to_string());
        trail::record(tx, &self.env, user, Some(event), entry).await
    }

    /// Makes the account of a registration whose address is proved.
    async fn welcome(&self, tx: &Tx, new: &Registration, browser: &Browser) -> Result<Opened, IdentityError> {
        let email = Email::parse(&new.email).map_err(|_| IdentityError::LinkOver)?;
        self.rules.check(&email)?;
        let user = self.insert_user(tx, &email, &new.name, &new.password_hash).await?;
        let came = match self.rules.mode {
            super::RegistrationMode::Domain => {
                let org = system::founding_organization(tx).await?.ok_or(IdentityError::NotFound("organization"))?;
                Came { org, role: self.rules.role.into(), by: json!("domain") }
            }
            _ => {
                let org = self.found(tx, new).await?;
                Came { org, role: Role::Owner.into(), by: json!("registration") }
            }
        };
        organizations::system::insert_membership(tx, came.org, user.id, came.role, self.env.now()).await?;
        self.arrive(tx, &user, &came, browser).await
    }

    /// Founds the organisation of somebody who registered.
    async fn found(&self, tx: &Tx, new: &Registration) -> Result<OrgId, IdentityError> {
        let name = new.organization.clone().unwrap_or_else(|| new.name.clone());
        let slug = Slug::from_name(&name, "organization");
        let slug = match system::slug_is_taken(tx, slug.as_str()).await? {
            false => slug,
            true => another(&slug, self.env.random_bytes::<4>()),
        };
        let organization = Organization { id: self.env.new_id(), name, slug: slug.to_string() };
        let now = self.env.now();
        organizations::system::insert_organization(tx, &organization, now).await?;
        let scope = OrgScope::new(organization.id);
        let project = Project {
            id: self.env.new_id(),
            name: "Default".to_owned(),
            slug: DEFAULT_SLUG.to_owned(),
            is_private: false,
            revision: 1,
            created_at: now,
            archived_at: None,
        };
        organizations::store::insert_project(tx, &scope, &project).await?;
        let made = [
            (
                "rhiza.identity.organization.created",
                organization.id.to_string(),
                &organization.name,
                &organization.slug,
            ),
            ("rhiza.identity.project.created", project.id.to_string(), &project.name, &project.slug),
        ];
        for (kind, subject, name, slug) in made {
            let data = json!({ "id": subject, "name": name, "slug": slug });
            outbox::emit(tx, &scope, Event::new(kind, subject).data(&data), &self.env).await?;
        }
        Ok(organization.id)
    }

    /// Queues another letter for who waits to prove their address.
    ///
    /// # Errors
    /// [`IdentityError::Throttled`], or the database does not answer.
    pub(crate) async fn send_again(&self, email: &str, browser: &Browser) -> Result<(), IdentityError> {
        let email_key = people::look_up_key(email);
        self.throttle.attempt(Attempt::Verification, browser.address, &email_key).await?;
        self.need_mail()?;
        let tx = system::begin(&self.db).await?;
        letters::ask(&tx, &self.env, &self.sealer, &Asked::Again { email_key }).await?;
        Ok(tx.commit().await?)
    }
}

/// To which organisation somebody came, as what, and why they may.
pub(crate) struct Came {
    pub(crate) org: OrgId,
    pub(crate) role: RoleRef,
    pub(crate) by: serde_json::Value,
}

/// `slug` with something after it that makes it another.
fn another(slug: &Slug, random: [u8; 4]) -> Slug {
    let tail: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let head: String = slug.as_str().chars().take(54).collect();
    Slug::from_name(&format!("{head}-{tail}"), "organization")
}
