//! Registering passkeys, and signing in with them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rhiza_kernel::{Env, OrgScope, PasskeyId, UserId};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::{Actor, Caller, OrgAccess};
use rhiza_platform::mail::{Letter, Post, Template};
use rhiza_platform::outbox::{self, Event};
use rhiza_store::{Db, Tx};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use webauthn_rs::prelude::{
    DiscoverableAuthentication, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, WebauthnError,
};

use super::model::MAX_PASSKEYS;
use super::system::Shown;
use super::{Passkey, Site, system};
use crate::challenges::{Challenges, Kind};
use crate::errors::{Faults, IdentityError};
use crate::people::{self, User};
use crate::sessions::{Browser, How, Opened, Sessions, person};

/// The use cases around passkeys. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Passkeys {
    db: Db,
    env: Env,
    site: Option<Site>,
    challenges: Challenges,
    sessions: Sessions,
    post: Post,
}

/// What a browser is asked, and the token that its answer must come with.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) challenge: String,
    pub(crate) options: Value,
}

impl Passkeys {
    pub(crate) fn new(
        db: Db,
        env: Env,
        site: Option<Site>,
        challenges: Challenges,
        sessions: Sessions,
        post: Post,
    ) -> Self {
        Self { db, env, site, challenges, sessions, post }
    }

    /// Whether this site can have passkeys.
    pub(crate) const fn is_available(&self) -> bool {
        self.site.is_some()
    }

    fn site(&self) -> Result<&Site, IdentityError> {
        self.site.as_ref().ok_or_else(|| {
            IdentityError::Conflict(
                "Passkeys need a site that is reached by name over HTTPS (server.public_url).".to_owned(),
            )
        })
    }

    /// Asks for any passkey of this site.
    pub(crate) async fn begin_sign_in(&self) -> Result<Asked, IdentityError> {
        let (options, state) = self.site()?.ask_for_any()?;
        let challenge = self.challenges.begin(Kind::PasskeySignIn, None, &state).await?;
        Ok(Asked { challenge, options })
    }

    /// Opens a session for the owner of the passkey that is shown. Why a passkey is refused is said to nobody but the
    /// log and the owner.
    ///
    /// # Errors
    /// [`IdentityError::PasskeyRefused`], [`IdentityError::Throttled`], or the database does not answer.
    pub(crate) async fn finish_sign_in(
        &self,
        challenge: &str,
        shown: &PublicKeyCredential,
        browser: &Browser,
    ) -> Result<Opened, IdentityError> {
        let site = self.site()?;
        // Whose account it is shows only once the attempt is good; until then the credential stands for it.
        let key = format!("passkey:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(shown.get_credential_id())));
        self.sessions.attempt(browser, &key).await?;
        let taken = self.challenges.take::<DiscoverableAuthentication>(Kind::PasskeySignIn, challenge).await?;
        let taken = taken.ok_or(IdentityError::PasskeyRefused)?;
        let tx = system::begin(&self.db).await?;
        let Some(mut held) = system::hold(&tx, shown.get_credential_id(), self.env.now()).await? else {
            return Err(IdentityError::PasskeyRefused);
        };
        // The authenticator says whose passkey it shows; it must be the one we gave it to.
        if shown.get_user_unique_id() != Some(held.owner.uuid().as_bytes().as_slice()) {
            tracing::warn!(passkey = %held.id, "a passkey was shown with another person's user handle");
            return Err(IdentityError::PasskeyRefused);
        }
        let result = match site.check(shown, taken.state, &held.credential) {
            Ok(result) => result,
            Err(error) => {
                tx.rollback().await?;
                return self.refuse(&held, &error, browser).await;
            }
        };
        let account = people::system::account(&tx, held.owner).await?;
        let Some(account) = account.filter(|account| account.disabled_at.is_none()) else {
            return Err(IdentityError::PasskeyRefused);
        };
        if held.credential.update_credential(&result) == Some(true) {
            system::update(&tx, &held).await?;
        }
        tx.commit().await?;
        let opened = self.sessions.open(&account, How::PASSKEY, browser).await?;
        for key in [key, people::fold(&account.user.email)] {
            self.sessions.succeeded(browser, &key).await?;
        }
        Ok(opened)
    }

    /// Tells the audit chain, and the owner where a counter ran backwards: then two devices hold what only one should.
    async fn refuse<T>(&self, held: &Shown, error: &WebauthnError, browser: &Browser) -> Result<T, IdentityError> {
        let cloned = matches!(error, WebauthnError::CredentialPossibleCompromise);
        tracing::warn!(passkey = %held.id, %error, "a passkey was refused");
        let tx = system::begin(&self.db).await?;
        let account = people::system::account(&tx, held.owner).await?;
        let Some((user, org)) = account.and_then(|account| Some((account.user, account.org?))) else {
            return Err(IdentityError::PasskeyRefused);
        };
        let scope = OrgScope::new(org);
        let address = Some(browser.address);
        let caller = Caller { actor: Actor::System, address, request_id: browser.request_id.clone() };
        if cloned {
            let what = "A passkey of yours was refused: its counter ran backwards, as it does when the passkey was \
                        copied. If you did not just try to sign in, remove that passkey.";
            self.tell(&tx, &user, &caller, what).await?;
        }
        let reason = if cloned { "counter" } else { "not valid" };
        let after = json!({ "user": held.owner, "reason": reason, "user_agent": browser.user_agent });
        let entry = Entry::new(&caller, "identity.passkey.refuse", held.id.to_string()).after(&after);
        audit::record(&tx, &scope, entry, &self.env).await?;
        tx.commit().await?;
        Err(IdentityError::PasskeyRefused)
    }

    /// Asks for a new passkey.
    pub(crate) async fn begin_registration(&self, access: &OrgAccess) -> Result<Asked, IdentityError> {
        let site = self.site()?;
        let (user, _) = self.sessions.require_fresh(access).await?;
        let member = people::system::member(&self.db, access.scope.org, user).await?;
        let member = member.ok_or(IdentityError::NotFound("person"))?;
        let present = system::credential_ids(&self.db, user).await?;
        if present.len() >= MAX_PASSKEYS {
            return Err(IdentityError::Conflict(format!("A person has at most {MAX_PASSKEYS} passkeys; remove one.")));
        }
        let (options, state) = site.ask_for_new(&member, present)?;
        let challenge = self.challenges.begin(Kind::PasskeyRegister, Some(user), &state).await?;
        Ok(Asked { challenge, options })
    }

    /// Keeps a new passkey of the caller's.
    pub(crate) async fn register(
        &self,
        access: &OrgAccess,
        challenge: &str,
        name: &str,
        shown: &RegisterPublicKeyCredential,
    ) -> Result<Passkey, IdentityError> {
        let site = self.site()?;
        let (user, _) = self.sessions.require_fresh(access).await?;
        let name = read_name(name)?;
        let taken = self.challenges.take::<PasskeyRegistration>(Kind::PasskeyRegister, challenge).await?;
        let taken = taken.filter(|taken| taken.user == Some(user)).ok_or_else(too_late)?;
        let credential = site.check_new(shown, &taken.state)?;
        let passkey = Passkey { id: self.env.new_id(), name, created_at: self.env.now(), last_used_at: None };
        let tx = system::begin(&self.db).await?;
        match system::insert(&tx, user, &passkey, &credential).await {
            Err(error) if error.is_unique() => {
                return Err(IdentityError::Conflict("This passkey is registered already.".to_owned()));
            }
            other => other?,
        }
        let what = format!("The passkey \u{201c}{}\u{201d} was added to your account.", passkey.name);
        self.changed(tx, access, user, ("created", "create"), &passkey, &what).await?;
        Ok(passkey)
    }

    /// The caller's own passkeys.
    pub(crate) async fn list(&self, access: &OrgAccess) -> Result<Vec<Passkey>, IdentityError> {
        let (user, _) = person(access)?;
        Ok(system::of_person(&self.db, user).await?)
    }

    /// Gives one of the caller's passkeys another name.
    pub(crate) async fn rename(&self, access: &OrgAccess, id: PasskeyId, name: &str) -> Result<Passkey, IdentityError> {
        let (user, _) = person(access)?;
        let name = read_name(name)?;
        let tx = system::begin(&self.db).await?;
        let before = system::find(&tx, user, id).await?.ok_or(IdentityError::NotFound("passkey"))?;
        system::rename(&tx, user, id, &name).await?;
        let after = Passkey { name, ..before.clone() };
        let event = Event::new("rhiza.identity.passkey.renamed", id.to_string()).data(&json!({ "user": user }));
        outbox::emit(&tx, &access.scope, event, &self.env).await?;
        let entry = Entry::new(&access.caller, "identity.passkey.rename", id.to_string())
            .before(&json!({ "name": before.name }))
            .after(&json!({ "name": after.name }));
        audit::record(&tx, &access.scope, entry, &self.env).await?;
        tx.commit().await?;
        Ok(after)
    }

    /// Removes one of the caller's passkeys, unless it is their last way in.
    pub(crate) async fn delete(&self, access: &OrgAccess, id: PasskeyId) -> Result<(), IdentityError> {
        let (user, _) = self.sessions.require_fresh(access).await?;
        let tx = system::begin(&self.db).await?;
        // Held until the end: of two removals at the same moment, the second counts what the first has left.
        people::system::hold(&tx, user).await?;
        let passkey = system::find(&tx, user, id).await?.ok_or(IdentityError::NotFound("passkey"))?;
        system::delete(&tx, user, id).await?;
        if people::system::ways_in(&tx, user).await? == 0 {
            return Err(IdentityError::Conflict(
                "This is your only way to sign in; set a password or add another passkey first.".to_owned(),
            ));
        }
        let what = format!("The passkey \u{201c}{}\u{201d} was removed from your account.", passkey.name);
        self.changed(tx, access, user, ("deleted", "delete"), &passkey, &what).await
    }

    /// Tells the owner by mail, other slices and the audit chain of a passkey that came or went, and commits.
    async fn changed(
        &self,
        tx: Tx,
        access: &OrgAccess,
        user: UserId,
        (happened, verb): (&str, &str),
        passkey: &Passkey,
        what: &str,
    ) -> Result<(), IdentityError> {
        let id = passkey.id.to_string();
        let account = people::system::account(&tx, user).await?.ok_or(IdentityError::NotFound("person"))?;
        self.tell(&tx, &account.user, &access.caller, what).await?;
        let shown = json!({ "id": passkey.id, "user": user, "name": passkey.name });
        let event = Event::new(&format!("rhiza.identity.passkey.{happened}"), id.clone()).data(&shown);
        outbox::emit(&tx, &access.scope, event, &self.env).await?;
        let entry = Entry::new(&access.caller, &format!("identity.passkey.{verb}"), id);
        let entry = if verb == "create" { entry.after(&shown) } else { entry.before(&shown) };
        audit::record(&tx, &access.scope, entry, &self.env).await?;
        Ok(tx.commit().await?)
    }

    async fn tell(&self, tx: &Tx, user: &User, caller: &Caller, what: &str) -> Result<(), IdentityError> {
        let at = self.env.now().to_rfc3339();
        let letter = Letter {
            to: user.email.clone(),
            name: Some(user.name.clone()),
            template: Template::MfaChanged,
            values: json!({ "name": user.name, "what": what, "at": at, "address": caller.address }),
        };
        self.post.send(tx, letter).await?;
        Ok(())
    }
}

fn read_name(name: &str) -> Result<String, IdentityError> {
    let mut faults = Faults::default();
    faults.take("/name", people::display_name(name)).ok_or_else(|| faults.into_error())
}

fn too_late() -> IdentityError {
    IdentityError::field("/challenge", "is unknown, used or older than five minutes; begin again")
}
