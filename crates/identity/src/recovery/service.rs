//! Asking for a new password, and choosing it.

use rhiza_kernel::Env;
use rhiza_platform::audit::Entry;
use rhiza_platform::mail::Post;
use rhiza_platform::outbox::Event;
use rhiza_platform::secrets::Sealer;
use rhiza_store::Db;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::system;
use crate::errors::{Faults, IdentityError};
use crate::letters::system::{self as letter_store, Purpose};
use crate::letters::{self, Asked};
use crate::people::{self, Email, Passwords, User, check_password};
use crate::second_factor::stranger;
use crate::secret_link::LinkSecret;
use crate::sessions::{Browser, Sessions};
use crate::throttle::{Attempt, Throttle};
use crate::trail;

/// The use cases around forgotten passwords. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Recovery {
    pub(crate) db: Db,
    pub(crate) env: Env,
    pub(crate) sealer: Sealer,
    pub(crate) post: Post,
    pub(crate) passwords: Passwords,
    pub(crate) sessions: Sessions,
    pub(crate) throttle: Throttle,
}

impl Recovery {
    /// Queues a letter to whoever has forgotten the password of `email`. Whether there is such an account makes no
    /// difference to the answer or to the work.
    ///
    /// # Errors
    /// [`IdentityError::Throttled`], [`IdentityError::Denied`] where no mail is sent, or the database does not answer.
    pub(crate) async fn forgot(&self, email: &str, browser: &Browser) -> Result<(), IdentityError> {
        let email_key = people::look_up_key(email);
        self.throttle.attempt(Attempt::Reset, browser.address, &email_key).await?;
        if !self.post.is_available() {
            let why = "This installation sends no mail. Ask its owner for a new password.";
            return Err(IdentityError::Denied(why.to_owned()));
        }
        let asked = Asked::Forgot { email_key, address: browser.address, request_id: browser.request_id.clone() };
        let tx = letter_store::begin(&self.db).await?;
        letters::ask(&tx, &self.env, &self.sealer, &asked).await?;
        Ok(tx.commit().await?)
    }

    /// Chooses a new password with the secret of a letter. Every session and access token ends.
    ///
    /// # Errors
    /// [`IdentityError::LinkOver`], and what is wrong with the password: then the link still works.
    pub(crate) async fn reset(
        &self,
        token: &str,
        password: SecretString,
        browser: &Browser,
    ) -> Result<(), IdentityError> {
        let secret = LinkSecret::parse(token).ok_or(IdentityError::LinkOver)?;
        let now = self.env.now();
        // Before the password is hashed: strangers cannot make us do that work.
        let user = letter_store::whose(&self.db, secret.hash(), Purpose::ResetPassword, now).await?;
        let user = user.ok_or(IdentityError::LinkOver)?;
        let account = people::system::find_account(&self.db, user).await?.ok_or(IdentityError::LinkOver)?;
        acceptable(&password, &account.user)?;
        let hash = self.passwords.hash(password).await?;
        let tx = letter_store::begin(&self.db).await?;
        let used = letter_store::use_token(&tx, secret.hash(), Purpose::ResetPassword, now).await?;
        let used = used.filter(|used| used.user == user).ok_or(IdentityError::LinkOver)?;
        let key = used.data["email_key"].as_str().unwrap_or_default();
        if !system::verify_address(&tx, user, key, now).await? {
            return Err(IdentityError::LinkOver);
        }
        let ended = system::replace_password(&tx, user, &hash, None, now).await?.ok_or(IdentityError::LinkOver)?;
        self.post.send(&tx, letters::password_changed(&account.user, now, Some(browser.address))).await?;
        let event = Event::new("rhiza.identity.password.changed", user.to_string()).data(&json!({ "user": user }));
        let entry = Entry::new(&stranger(browser), "identity.password.reset", user.to_string())
            .after(&json!({ "sessions_ended": ended.len() }));
        trail::record(&tx, &self.env, user, Some(event), entry).await?;
        tx.commit().await?;
        self.sessions.forget(ended);
        // Where somebody got in with the old password is no longer a place to trust.
        self.throttle.forget(&people::fold(&account.user.email)).await
    }
}

/// Fails unless `password` is one that this person may have.
pub(crate) fn acceptable(password: &SecretString, user: &User) -> Result<(), IdentityError> {
    let mut faults = Faults::default();
    match Email::parse(&user.email) {
        Ok(email) => {
            for fault in check_password(password.expose_secret(), &email, &[&user.name]) {
                faults.push("/password", fault);
            }
        }
        Err(fault) => faults.push("/email", fault),
    }
    faults.finish()
}
