//! Changing one's own account.

use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, UserId};
use rhiza_platform::audit::Entry;
use rhiza_platform::authz::OrgAccess;
use rhiza_platform::mail::Post;
use rhiza_platform::outbox::Event;
use rhiza_platform::secrets::Sealer;
use rhiza_store::{Db, StoreError};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::system;
use crate::errors::IdentityError;
use crate::letters::system::{self as letter_store, Purpose};
use crate::letters::{self, Asked};
use crate::people::{self, Account, Email, Passwords, PersonName};
use crate::recovery;
use crate::second_factor::{self, SecondFactor};
use crate::secret_link::LinkSecret;
use crate::sessions::{self, Browser, Sessions, person};
use crate::throttle::{Attempt, Throttle};
use crate::trail;

/// What is known of an account's safety.
#[derive(Debug, Clone)]
pub(crate) struct Safety {
    pub(crate) email_verified: bool,
    pub(crate) password: bool,
    pub(crate) password_changed_at: Option<DateTime<Utc>>,
    pub(crate) totp: bool,
    pub(crate) recovery_codes_left: i64,
    pub(crate) passkeys: i64,
    pub(crate) external_identities: i64,
    pub(crate) confirmed_until: Option<DateTime<Utc>>,
}

/// What somebody shows to prove again who they are.
pub(crate) enum Shown {
    Password(SecretString),
    Code(SecretString),
}

/// The use cases around one's own account. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Accounts {
    pub(crate) db: Db,
    pub(crate) env: Env,
    pub(crate) sealer: Sealer,
    pub(crate) post: Post,
    pub(crate) passwords: Passwords,
    pub(crate) sessions: Sessions,
    pub(crate) second_factor: SecondFactor,
    pub(crate) throttle: Throttle,
}

impl Accounts {
    async fn mine(&self, user: UserId) -> Result<Account, IdentityError> {
        people::system::find_account(&self.db, user).await?.ok_or(IdentityError::NotFound("person"))
    }

    /// What is known of the safety of the caller's account.
    pub(crate) async fn safety(&self, access: &OrgAccess) -> Result<Safety, IdentityError> {
        let (user, session) = person(access)?;
        let account = self.mine(user).await?;
        let factors = system::factors(&self.db, user).await?;
        let confirmed_until = self.sessions.confirmed_until(session).await?;
        Ok(Safety {
            email_verified: account.email_verified_at.is_some(),
            password: account.password_hash.is_some(),
            password_changed_at: account.password_changed_at,
            totp: account.totp,
            recovery_codes_left: factors.recovery_codes_left,
            passkeys: factors.passkeys,
            external_identities: factors.external_identities,
            confirmed_until: confirmed_until.filter(|until| *until > self.env.now()),
        })
    }

    /// Takes a proof of who the caller is, for the next ten minutes of their session.
    ///
    /// # Errors
    /// A fault of the field when the proof is wrong: the session itself is good. [`IdentityError::Throttled`].
    pub(crate) async fn confirm(&self, access: &OrgAccess, shown: Shown) -> Result<(), IdentityError> {
        let (user, session) = person(access)?;
        let account = self.mine(user).await?;
        let (tx, field) = match shown {
            Shown::Password(password) => {
                let right = self.is_password(access, &account, password).await?;
                (right.then_some(system::begin(&self.db).await?), "/password")
            }
            Shown::Code(code) => {
                self.second_factor.attempt(access, &account.user.email).await?;
                let tx = system::begin(&self.db).await?;
                let taken = self.second_factor.take(&tx, user, code.expose_secret()).await?;
                (taken.map(|_| tx), "/code")
            }
        };
        let Some(tx) = tx else {
            self.note(access, user, "identity.session.refuse_confirmation", None).await?;
            return Err(IdentityError::field(field, "is not right"));
        };
        sessions::system::confirm(&tx, session, self.env.now()).await?;
        let entry = Entry::new(&access.caller, "identity.session.confirm", session.to_string());
        trail::record(&tx, &self.env, user, None, entry).await?;
        Ok(tx.commit().await?)
    }

    async fn is_password(
        &self,
        access: &OrgAccess,
        account: &Account,
        password: SecretString,
    ) -> Result<bool, IdentityError> {
        if let Some(address) = access.caller.address {
            self.throttle.attempt(Attempt::SignIn, address, &people::fold(&account.user.email)).await?;
        }
        Ok(self.passwords.verify(password, account.usable_hash()).await?)
    }

    async fn note(
        &self,
        access: &OrgAccess,
        user: UserId,
        action: &str,
        after: Option<Value>,
    ) -> Result<(), StoreError> {
        let tx = system::begin(&self.db).await?;
        let mut entry = Entry::new(&access.caller, action, user.to_string());
        if let Some(after) = after {
            entry = entry.after(&after);
        }
        trail::record(&tx, &self.env, user, None, entry).await?;
        tx.commit().await
    }

    /// Gives the caller another name.
    pub(crate) async fn rename(&self, access: &OrgAccess, name: &str) -> Result<(), IdentityError> {
        let (user, _) = person(access)?;
        let name = PersonName::parse(name).map_err(|fault| IdentityError::field("/name", fault))?;
        let before = self.mine(user).await?;
        let tx = system::begin(&self.db).await?;
        system::rename(&tx, user, name.as_str()).await?;
        let after = json!({ "name": name.as_str() });
        let event = Event::new("rhiza.identity.person.updated", user.to_string()).data(&after);
        let entry = Entry::new(&access.caller, "identity.person.update", user.to_string())
            .before(&json!({ "name": before.user.name }))
            .after(&after);
        trail::record(&tx, &self.env, user, Some(event), entry).await?;
        Ok(tx.commit().await?)
    }

    /// Gives the caller another password. Their other sessions end, and so do the access tokens of their programs.
    ///
    /// # Errors
    /// What is wrong with either password; [`IdentityError::Unconfirmed`] for who has none yet and proved long ago who
    /// they are.
    pub(crate) async fn change_password(
        &self,
        access: &OrgAccess,
        current: Option<SecretString>,
        new: SecretString,
    ) -> Result<(), IdentityError> {
        let (user, session) = person(access)?;
        let account = self.mine(user).await?;
        recovery::acceptable(&new, &account.user)?;
        match current {
            Some(current) if account.password_hash.is_some() => {
                if !self.is_password(access, &account, current).await? {
                    self.note(access, user, "identity.password.refuse_change", None).await?;
                    return Err(IdentityError::field("/current_password", "is not right"));
                }
            }
            None if account.password_hash.is_some() => {
                return Err(IdentityError::field("/current_password", "must be given"));
            }
            _ => {
                self.sessions.require_fresh(access).await?;
            }
        }
        let hash = self.passwords.hash(new).await?;
        let now = self.env.now();
        let tx = system::begin(&self.db).await?;
        let ended = recovery::system::replace_password(&tx, user, &hash, Some(session), now).await?;
        let ended = ended.ok_or(IdentityError::NotFound("person"))?;
        self.post.send(&tx, letters::password_changed(&account.user, now, access.caller.address)).await?;
        let event = Event::new("rhiza.identity.password.changed", user.to_string()).data(&json!({ "user": user }));
        let entry = Entry::new(&access.caller, "identity.password.change", user.to_string())
            .after(&json!({ "sessions_ended": ended.len() }));
        trail::record(&tx, &self.env, user, Some(event), entry).await?;
        tx.commit().await?;
        self.sessions.forget(ended);
        Ok(())
    }

    /// Queues a letter to an address that the caller wants to use. Whether it has an account makes no difference.
    ///
    /// # Errors
    /// [`IdentityError::Unconfirmed`], [`IdentityError::Throttled`], and for what is no address.
    pub(crate) async fn ask_new_email(&self, access: &OrgAccess, email: &str) -> Result<(), IdentityError> {
        let (user, _) = self.sessions.require_fresh(access).await?;
        let email = Email::parse(email).map_err(|fault| IdentityError::field("/email", fault))?;
        if let Some(address) = access.caller.address {
            self.throttle.attempt(Attempt::Verification, address, email.key()).await?;
        }
        if !self.post.is_available() {
            let why = "This installation sends no mail, so a new address cannot be proved.";
            return Err(IdentityError::Denied(why.to_owned()));
        }
        let asked = Asked::NewAddress {
            user: user.uuid(),
            email: email.as_str().to_owned(),
            email_key: email.key().to_owned(),
        };
        let tx = system::begin(&self.db).await?;
        letters::ask(&tx, &self.env, &self.sealer, &asked).await?;
        let entry = Entry::new(&access.caller, "identity.email.ask_change", user.to_string())
            .after(&json!({ "email": email.as_str() }));
        trail::record(&tx, &self.env, user, None, entry).await?;
        Ok(tx.commit().await?)
    }

    /// Gives an account the address to which the secret was sent.
    ///
    /// # Errors
    /// [`IdentityError::LinkOver`], also when the address has come to have an account meanwhile.
    pub(crate) async fn confirm_email(&self, token: &str, browser: &Browser) -> Result<(), IdentityError> {
        let secret = LinkSecret::parse(token).ok_or(IdentityError::LinkOver)?;
        let now = self.env.now();
        let tx = system::begin(&self.db).await?;
        let used = letter_store::use_token(&tx, secret.hash(), Purpose::ChangeEmail, now).await?;
        let used = used.ok_or(IdentityError::LinkOver)?;
        let email =
            Email::parse(used.data["email"].as_str().unwrap_or_default()).map_err(|_| IdentityError::LinkOver)?;
        let account = people::system::account(&tx, used.user).await?.ok_or(IdentityError::LinkOver)?;
        letter_store::lock_registrations(&tx, email.key()).await?;
        match system::readdress(&tx, used.user, &email, now).await {
            Ok(true) => {}
            Ok(false) | Err(StoreError::Unique(_)) => return Err(IdentityError::LinkOver),
            Err(other) => return Err(other.into()),
        }
        // A link to a new password that lies in the old mailbox opens nothing any more.
        letter_store::spoil(&tx, used.user, Purpose::ResetPassword).await?;
        letter_store::delete_registrations(&tx, email.key()).await?;
        let (old, name) = (&account.user.email, &account.user.name);
        for to in [old, email.as_str()] {
            self.post.send(&tx, letters::email_changed(to, name, old, email.as_str())).await?;
        }
        let user = used.user.to_string();
        let event = Event::new("rhiza.identity.email.changed", user.clone()).data(&json!({ "user": used.user }));
        let entry = Entry::new(&second_factor::stranger(browser), "identity.email.change", user)
            .before(&json!({ "email": old }))
            .after(&json!({ "email": email.as_str() }));
        trail::record(&tx, &self.env, used.user, Some(event), entry).await?;
        Ok(tx.commit().await?)
    }

    /// Ends every session of the caller, in every organisation, and every access token of their programs.
    pub(crate) async fn sign_out_everywhere(&self, access: &OrgAccess) -> Result<(), IdentityError> {
        let (user, _) = person(access)?;
        let now = self.env.now();
        let tx = system::begin(&self.db).await?;
        let ended = sessions::system::end_all(&tx, user, None, now).await?;
        let families = sessions::system::end_token_families(&tx, user, "signed out everywhere", now).await?;
        second_factor::system::end_challenges_of(&tx, user).await?;
        let data = json!({ "user": user, "sessions_ended": ended.len(), "token_families_ended": families });
        let event = Event::new("rhiza.identity.session.all_revoked", user.to_string()).data(&data);
        let entry = Entry::new(&access.caller, "identity.session.sign_out_everywhere", user.to_string()).after(&data);
        trail::record(&tx, &self.env, user, Some(event), entry).await?;
        tx.commit().await?;
        self.sessions.forget(ended);
        Ok(())
    }
}
