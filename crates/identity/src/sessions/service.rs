//! Signing in and out, and the list of one's sessions.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rhiza_kernel::{Env, OrgId, OrgScope, SessionId, UserId};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::{Actor, Caller, OrgAccess};
use rhiza_platform::outbox::{self, Event};
use rhiza_platform::secrets::Sealer;
use rhiza_store::{Db, StoreError, Tx};
use secrecy::SecretString;
use serde_json::json;

use super::store::NewSession;
use super::{How, Method, Session, SessionHash, SessionToken, store, system};
use crate::authenticate::{FailedSignIn, Notes};
use crate::errors::IdentityError;
use crate::fresh::Fresh;
use crate::people::{self, Account, Passwords, User};
use crate::second_factor;
use crate::secret_link::LinkSecret;
use crate::throttle::{Attempt, Throttle};

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Without a request.
    pub idle: Duration,
    /// At most, whatever happens.
    pub absolute: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        // A long weekend without signing in again, and a month at most: NIST SP 800-63B asks for re-authentication
        // after 30 days at its lowest level of assurance.
        Self { idle: Duration::from_secs(4 * 86_400), absolute: Duration::from_secs(30 * 86_400) }
    }
}

/// Who is at the other end of a sign-in.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    /// The client's address.
    pub address: IpAddr,
    /// The browser's own name for itself.
    pub user_agent: Option<String>,
    /// The request, for the audit chain.
    pub request_id: Option<String>,
    /// The session the browser held before, which ends now.
    pub previous: Option<SessionToken>,
}

/// A session just opened.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    /// For the cookie, and nowhere else.
    pub token: SessionToken,
    /// How long the browser should keep it.
    pub life: Duration,
    /// The organisation signed in to.
    pub org: OrgId,
    /// The person.
    pub actor: Actor,
    /// Whether a second factor was shown.
    pub second_factor: bool,
}

/// What becomes of somebody whose password is right.
#[derive(Debug, Clone)]
pub(crate) enum Entrance {
    /// They are in.
    Opened(Opened),
    /// They are asked for a second factor.
    Challenged {
        /// Names the sign-in that is under way, for the browser and nobody else.
        secret: LinkSecret,
        /// Until when it is.
        expires_at: DateTime<Utc>,
    },
}

/// What each session opens, remembered for a second.
pub(crate) type KnownSessions = Fresh<SessionHash, Option<Arc<system::Opens>>>;

/// The use cases around sessions. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sessions {
    pub(super) db: Db,
    pub(super) env: Env,
    limits: SessionLimits,
    passwords: Passwords,
    throttle: Throttle,
    sealer: Sealer,
    notes: Arc<Notes>,
    pub(super) known: KnownSessions,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

/// How long a proof of who one is counts as fresh.
const CONFIRMED_FOR: TimeDelta = TimeDelta::minutes(10);

/// Longest name of a browser that is kept.
const MAX_USER_AGENT: usize = 512;

impl Sessions {
    #[expect(clippy::too_many_arguments, reason = "each is a part of the slice, put together in one place")]
    pub(crate) fn new(
        db: Db,
        env: Env,
        limits: SessionLimits,
        passwords: Passwords,
        throttle: Throttle,
        sealer: Sealer,
        notes: Arc<Notes>,
        known: KnownSessions,
    ) -> Self {
        Self { db, env, limits, passwords, throttle, sealer, notes, known }
    }

    /// Opens a session for whoever knows the password of `email`. Whether the account exists, is disabled or has
    /// another password makes no difference to the answer or to the work done before it.
    ///
    /// # Errors
    /// [`IdentityError::BadCredentials`], [`IdentityError::Throttled`], or the database does not answer.
    pub(crate) async fn sign_in(
        &self,
        email: &str,
        password: SecretString,
        browser: &Browser,
    ) -> Result<Entrance, IdentityError> {
        let key = people::look_up_key(email);
        self.throttle.attempt(Attempt::SignIn, browser.address, &key).await?;
        let (account, waiting) = people::system::at_the_door(&self.db, &key, self.env.now()).await?;
        let stored = account.as_ref().map_or(waiting, Account::usable_hash);
        let right = self.passwords.verify(password.clone(), stored.clone()).await?;
        let user = account.as_ref().map(|account| account.user.id);
        if !right {
            self.notes.sign_in_failed(FailedSignIn {
                account: user,
                address: browser.address,
                user_agent: agent(browser),
                request_id: browser.request_id.clone(),
                at: self.env.now(),
            });
            return Err(IdentityError::BadCredentials);
        }
        // Only who knows the password is told that the address waits to be proved.
        let account = account.filter(|a| a.email_verified_at.is_some()).ok_or(IdentityError::Unverified)?;
        if let Some(old) = stored.filter(|hash| self.passwords.is_outdated(hash)) {
            let new = self.passwords.hash(password).await?;
            people::system::replace_hash(&self.db, account.user.id, &old, &new).await?;
        }
        let entrance = self.enter(&account, Method::Password, browser).await?;
        if matches!(entrance, Entrance::Opened(_)) {
            self.throttle.succeeded(browser.address, &key).await?;
        }
        Ok(entrance)
    }

    /// Opens a session for the owner of `account`, who has shown `method`, or asks for the second factor that they have.
    /// A passkey is two factors by itself: the device, and what unlocks it.
    ///
    /// # Errors
    /// [`IdentityError::Denied`] for who belongs to no organisation, or the database does not answer.
    pub(crate) async fn enter(
        &self,
        account: &Account,
        method: Method,
        browser: &Browser,
    ) -> Result<Entrance, IdentityError> {
        if account.totp && method != Method::Passkey {
            let (secret, expires_at) =
                second_factor::begin(&self.db, &self.env, &self.sealer, account.user.id, method).await?;
            return Ok(Entrance::Challenged { secret, expires_at });
        }
        let how = How { method, second_factor: method == Method::Passkey };
        self.open(account, how, browser).await.map(Entrance::Opened)
    }

    /// Opens a session for the owner of `account`, who has shown everything that is asked for.
    ///
    /// # Errors
    /// As [`Sessions::enter`].
    pub(crate) async fn open(&self, account: &Account, how: How, browser: &Browser) -> Result<Opened, IdentityError> {
        let org = account.org.ok_or_else(|| {
            IdentityError::Denied("Your account belongs to no organisation any more. Ask for an invitation.".to_owned())
        })?;
        let replaced = match &browser.previous {
            Some(previous) => {
                let ended = system::replace(&self.db, previous.hash(), self.env.now()).await?;
                self.known.forget(&previous.hash());
                ended
            }
            None => false,
        };
        let scope = OrgScope::new(org);
        let tx = self.db.write(&scope).await?;
        store::delete_ended(&tx, &scope, account.user.id, self.env.now()).await?;
        let opened = self.write(&tx, &scope, &account.user, how, browser).await?;
        self.record_opened(&tx, &scope, &opened, replaced, how, browser).await?;
        tx.commit().await?;
        Ok(opened)
    }

    /// What the audit chain and other slices learn of a new session. Comes last in `tx`.
    pub(crate) async fn record_opened(
        &self,
        tx: &Tx,
        scope: &OrgScope,
        opened: &Opened,
        replaced: bool,
        how: How,
        browser: &Browser,
    ) -> Result<(), StoreError> {
        let session = session_of(&opened.actor);
        let user = opened.actor.id_text();
        let data = json!({ "session": session, "user": user });
        let event = Event::new("rhiza.identity.session.created", user.clone()).data(&data);
        outbox::emit(tx, scope, event, &self.env).await?;
        let caller = caller(&opened.actor, browser);
        let after = json!({
            "session": session,
            "replaced_previous": replaced,
            "user_agent": agent(browser),
            "method": how.method.as_str(),
            "second_factor": how.second_factor,
        });
        let entry = Entry::new(&caller, "identity.session.create", user).after(&after);
        audit::record(tx, scope, entry, &self.env).await.map(|_| ())
    }

    /// Writes a fresh session of `user` in `tx`.
    pub(crate) async fn write(
        &self,
        tx: &Tx,
        scope: &OrgScope,
        user: &User,
        how: How,
        browser: &Browser,
    ) -> Result<Opened, StoreError> {
        let token = SessionToken::generate(&self.env);
        let id: SessionId = self.env.new_id();
        let now = self.env.now();
        let new = NewSession {
            id,
            user: user.id,
            hash: token.hash(),
            now,
            idle_expires_at: now + self.limits.idle.min(self.limits.absolute),
            expires_at: now + self.limits.absolute,
            user_agent: agent(browser),
            address: Some(browser.address.to_string()),
            how,
        };
        store::insert(tx, scope, new).await?;
        let actor = Actor::User { id: user.id, email: user.email.clone(), session: id };
        let second_factor = how.second_factor;
        Ok(Opened { token, life: self.limits.absolute, org: scope.org, actor, second_factor })
    }

    /// Counts an attempt to get in other than with a password.
    ///
    /// # Errors
    /// [`IdentityError::Throttled`].
    pub(crate) async fn attempt(&self, browser: &Browser, key: &str) -> Result<(), IdentityError> {
        self.throttle.attempt(Attempt::SignIn, browser.address, key).await
    }

    /// Counts a visit on the way to or from a provider.
    ///
    /// # Errors
    /// [`IdentityError::Throttled`].
    pub(crate) async fn visit(&self, browser: &Browser) -> Result<(), IdentityError> {
        // Nothing is guessed there and no account is known yet: the place alone counts.
        self.throttle.attempt(Attempt::Provider, browser.address, &browser.address.to_string()).await
    }

    /// Notes that whoever signs in under `key` has done so from here.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn succeeded(&self, browser: &Browser, key: &str) -> Result<(), IdentityError> {
        self.throttle.succeeded(browser.address, key).await
    }

    /// How long a browser keeps the cookie.
    pub(crate) const fn life(&self) -> Duration {
        self.limits.absolute
    }

    /// Drops what is remembered of sessions that have just ended or changed.
    pub(crate) fn forget(&self, ended: impl IntoIterator<Item = SessionHash>) {
        for hash in ended {
            self.known.forget(&hash);
        }
    }

    /// The caller, who must have proved lately who they are: at sign-in, or since.
    ///
    /// # Errors
    /// [`IdentityError::Unconfirmed`], and as for every person's own things.
    pub(crate) async fn require_fresh(&self, access: &OrgAccess) -> Result<(UserId, SessionId), IdentityError> {
        let (user, session) = person(access)?;
        match self.confirmed_until(session).await? {
            Some(until) if until > self.env.now() => Ok((user, session)),
            _ => Err(IdentityError::Unconfirmed),
        }
    }

    /// Until when the proof of who is behind a session counts as fresh.
    pub(crate) async fn confirmed_until(&self, session: SessionId) -> Result<Option<DateTime<Utc>>, IdentityError> {
        Ok(system::confirmed_at(&self.db, session).await?.map(|at| at + CONFIRMED_FOR))
    }

    /// Makes the caller's session one with a second factor, under a new token. Answers with that, and with the hash of
    /// the old one, to be forgotten once `tx`, a system transaction, is committed.
    pub(crate) async fn strengthen(
        &self,
        tx: &Tx,
        access: &OrgAccess,
    ) -> Result<(SessionToken, SessionHash), IdentityError> {
        let (_, session) = person(access)?;
        let token = SessionToken::generate(&self.env);
        let old = system::strengthen(tx, session, token.hash(), self.env.now()).await?;
        Ok((token, old.ok_or(IdentityError::NotFound("session"))?))
    }

    /// Whose session `token` opens, if they proved who they are a short while ago: for pages that a browser visits without
    /// a caller having been told apart first.
    ///
    /// # Errors
    /// [`IdentityError::BadCredentials`], [`IdentityError::Unconfirmed`], or the database does not answer.
    pub(crate) async fn fresh_owner(&self, token: &SessionToken) -> Result<UserId, IdentityError> {
        let now = self.env.now();
        let opens = system::find(&self.db, token.hash()).await?;
        let good =
            |o: &system::Opens| !o.revoked && now < o.expires_at && now < o.idle_expires_at && o.membership.is_some();
        let opens = opens.filter(good).ok_or(IdentityError::BadCredentials)?;
        match self.confirmed_until(opens.session).await? {
            Some(until) if until > now => Ok(opens.user),
            _ => Err(IdentityError::Unconfirmed),
        }
    }

    /// Ends the caller's own session. A key has none.
    ///
    /// # Errors
    /// When the caller is no person, or the database does not answer.
    pub(crate) async fn sign_out(&self, access: &OrgAccess) -> Result<(), IdentityError> {
        let (user, session) = person(access)?;
        // A session that somebody else has just ended is signed out too.
        self.end(access, user, session, "identity.session.sign_out").await.map(|_| ())
    }

    /// A page of the caller's own sessions, newest first.
    pub(crate) async fn page(
        &self,
        access: &OrgAccess,
        before: Option<SessionId>,
        limit: i64,
    ) -> Result<Vec<Session>, IdentityError> {
        let (user, _) = person(access)?;
        let tx = self.db.read(&access.scope).await?;
        let found = store::active(&tx, &access.scope, user, self.env.now(), before, limit).await?;
        tx.rollback().await?;
        Ok(found)
    }

    /// Ends one of the caller's own sessions.
    pub(crate) async fn revoke(&self, access: &OrgAccess, session: SessionId) -> Result<(), IdentityError> {
        let (user, _) = person(access)?;
        if self.end(access, user, session, "identity.session.revoke").await? {
            Ok(())
        } else {
            Err(IdentityError::NotFound("session"))
        }
    }

    async fn end(
        &self,
        access: &OrgAccess,
        user: UserId,
        session: SessionId,
        action: &str,
    ) -> Result<bool, IdentityError> {
        let tx = self.db.write(&access.scope).await?;
        let Some(hash) = store::revoke(&tx, &access.scope, user, session, self.env.now()).await? else {
            return Ok(false);
        };
        let data = json!({ "session": session, "user": user });
        let event = Event::new("rhiza.identity.session.revoked", user.to_string()).data(&data);
        outbox::emit(&tx, &access.scope, event, &self.env).await?;
        let entry = Entry::new(&access.caller, action, session.to_string());
        audit::record(&tx, &access.scope, entry, &self.env).await?;
        tx.commit().await?;
        self.known.forget(&hash);
        Ok(true)
    }
}

/// The person and session behind a request; keys have neither.
pub(crate) fn person(access: &OrgAccess) -> Result<(UserId, SessionId), IdentityError> {
    match &access.principal.actor {
        Actor::User { id, session, .. } => Ok((*id, *session)),
        _ => {
            Err(IdentityError::Denied("This is for people; an API key has neither sessions nor a password.".to_owned()))
        }
    }
}

pub(super) fn session_of(actor: &Actor) -> Option<SessionId> {
    match actor {
        Actor::User { session, .. } => Some(*session),
        _ => None,
    }
}

/// Who signed in, for the audit chain.
pub(crate) fn caller(actor: &Actor, browser: &Browser) -> Caller {
    Caller { actor: actor.clone(), address: Some(browser.address), request_id: browser.request_id.clone() }
}

/// The browser's own name for itself, fit to be kept.
pub(crate) fn agent(browser: &Browser) -> Option<String> {
    browser.user_agent.as_ref().map(|agent| agent.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT).collect())
}
