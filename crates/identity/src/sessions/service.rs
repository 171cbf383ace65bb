//! Signing in and out, and the list of one's sessions.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rhiza_kernel::{Env, OrgId, OrgScope, SessionId, UserId};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::{Actor, Caller, OrgAccess};
use rhiza_platform::outbox::{self, Event};
use rhiza_store::{Db, StoreError, Tx};
use secrecy::SecretString;
use serde_json::json;

use super::store::NewSession;
use super::{How, Session, SessionHash, SessionToken, store, system};
use crate::authenticate::{FailedSignIn, Notes};
use crate::errors::IdentityError;
use crate::fresh::Fresh;
use crate::people::{self, Member, Passwords, User};
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
    notes: Arc<Notes>,
    pub(super) known: KnownSessions,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

/// Longest name of a browser that is kept.
const MAX_USER_AGENT: usize = 512;

/// How long a proof of who one is holds for changes to how one signs in.
const CONFIRMED_FOR: TimeDelta = TimeDelta::minutes(10);

impl Sessions {
    pub(crate) fn new(
        db: Db,
        env: Env,
        limits: SessionLimits,
        passwords: Passwords,
        throttle: Throttle,
        notes: Arc<Notes>,
        known: KnownSessions,
    ) -> Self {
        Self { db, env, limits, passwords, throttle, notes, known }
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
    ) -> Result<Opened, IdentityError> {
        // No address is longer than 254 bytes; what is cannot be an account, but must not fill the limiter either.
        let key: String = people::fold(email).chars().take(254).collect();
        self.throttle.attempt(Attempt::SignIn, browser.address, &key).await?;
        let member = people::system::member_by_email(&self.db, &key).await?;
        let stored = member.as_ref().filter(|m| m.disabled_at.is_none()).and_then(|m| m.password_hash.clone());
        let right = self.passwords.verify(password.clone(), stored.clone()).await?;
        let account = member.as_ref().map(|m| (m.org, m.user.id));
        let Some(member) = member.filter(|_| right) else {
            self.notes.sign_in_failed(FailedSignIn {
                account,
                address: browser.address,
                user_agent: agent(browser),
                request_id: browser.request_id.clone(),
                at: self.env.now(),
            });
            return Err(IdentityError::BadCredentials);
        };
        if let Some(old) = stored.filter(|hash| self.passwords.is_outdated(hash)) {
            let new = self.passwords.hash(password).await?;
            people::system::replace_hash(&self.db, member.user.id, &old, &new).await?;
        }
        let opened = self.open(&member, How::PASSWORD, browser).await?;
        self.throttle.succeeded(browser.address, &key).await?;
        Ok(opened)
    }

    /// Opens a session for a member who has shown `how`, in place of the one the browser held.
    pub(crate) async fn open(&self, member: &Member, how: How, browser: &Browser) -> Result<Opened, IdentityError> {
        let replaced = match &browser.previous {
            Some(previous) => {
                let ended = system::replace(&self.db, previous.hash(), self.env.now()).await?;
                self.known.forget(&previous.hash());
                ended
            }
            None => false,
        };
        let scope = OrgScope::new(member.org);
        let tx = self.db.write(&scope).await?;
        store::delete_ended(&tx, &scope, member.user.id, self.env.now()).await?;
        let opened = self.write(&tx, &scope, member, how, browser).await?;
        let session = session_of(&opened.actor);
        let data = json!({ "session": session, "user": member.user.id });
        let event = Event::new("rhiza.identity.session.created", member.user.id.to_string()).data(&data);
        outbox::emit(&tx, &scope, event, &self.env).await?;
        let caller = caller(&opened.actor, browser);
        let after = json!({
            "session": session,
            "method": how.method.as_str(),
            "second_factor": how.second_factor,
            "replaced_previous": replaced,
            "user_agent": agent(browser),
        });
        let entry = Entry::new(&caller, "identity.session.create", member.user.id.to_string()).after(&after);
        audit::record(&tx, &scope, entry, &self.env).await?;
        tx.commit().await?;
        Ok(opened)
    }

    /// Writes a fresh session of `member` in `tx`.
    pub(crate) async fn write(
        &self,
        tx: &Tx,
        scope: &OrgScope,
        member: &Member,
        how: How,
        browser: &Browser,
    ) -> Result<Opened, StoreError> {
        let token = SessionToken::generate(&self.env);
        let id: SessionId = self.env.new_id();
        let now = self.env.now();
        let new = NewSession {
            id,
            user: member.user.id,
            hash: token.hash(),
            now,
            idle_expires_at: now + self.limits.idle.min(self.limits.absolute),
            expires_at: now + self.limits.absolute,
            user_agent: agent(browser),
            address: Some(browser.address.to_string()),
            how,
        };
        store::insert(tx, scope, new).await?;
        let User { id: user, email, .. } = &member.user;
        let actor = Actor::User { id: *user, email: email.clone(), session: id };
        Ok(Opened { token, life: self.limits.absolute, org: scope.org, actor, second_factor: how.second_factor })
    }

    /// Counts an attempt to get in other than with a password.
    ///
    /// # Errors
    /// [`IdentityError::Throttled`].
    pub(crate) async fn attempt(&self, browser: &Browser, key: &str) -> Result<(), IdentityError> {
        self.throttle.attempt(Attempt::SignIn, browser.address, key).await
    }

    /// The person and session of `access`, who proved who they are a short while ago: for what would let a thief of an
    /// open browser stay in.
    ///
    /// # Errors
    /// [`IdentityError::Unconfirmed`]; the caller is no person; or the database does not answer.
    pub(crate) async fn require_fresh(&self, access: &OrgAccess) -> Result<(UserId, SessionId), IdentityError> {
        let (user, session) = person(access)?;
        let tx = self.db.read(&access.scope).await?;
        let at = store::confirmed_at(&tx, &access.scope, session).await?;
        tx.rollback().await?;
        match at {
            Some(at) if self.env.now() - at <= CONFIRMED_FOR => Ok((user, session)),
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
        _ => Err(IdentityError::Denied("Sessions belong to people; an API key has none.".to_owned())),
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

fn agent(browser: &Browser) -> Option<String> {
    browser.user_agent.as_ref().map(|agent| agent.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT).collect())
}
