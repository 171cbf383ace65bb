//! Switching the second factor on and off, and showing it.

use chrono::{DateTime, TimeDelta, Utc};
use rhiza_kernel::{Env, UserId};
use rhiza_platform::audit::Entry;
use rhiza_platform::authz::{Actor, Caller, OrgAccess};
use rhiza_platform::mail::Post;
use rhiza_platform::outbox::Event;
use rhiza_platform::secrets::Sealer;
use rhiza_store::{Db, Tx};
use serde_json::json;
use zeroize::Zeroizing;

use super::model::{self, Proof};
use super::system;
use crate::errors::IdentityError;
use crate::letters;
use crate::people::{self, Account};
use crate::secret_link::LinkSecret;
use crate::sessions::{Browser, How, Method, Opened, SessionToken, Sessions};
use crate::throttle::{Attempt, Throttle};
use crate::trail;

/// How long a sign-in waits for its second factor.
const WAITS: TimeDelta = TimeDelta::minutes(10);

/// What an authenticator app calls us.
const ISSUER: &str = "Rhiza";

fn challenge_purpose(secret: &LinkSecret) -> String {
    let hash: String = secret.hash().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("challenge:{hash}")
}

/// Begins to wait for the second factor of `user`, whose first was right. What names the wait is bound to nothing that
/// could be guessed, and the database keeps its hash.
pub(crate) async fn begin(
    db: &Db,
    env: &Env,
    sealer: &Sealer,
    user: UserId,
    method: Method,
) -> Result<(LinkSecret, DateTime<Utc>), IdentityError> {
    let secret = LinkSecret::generate(env);
    let expires_at = env.now() + WAITS;
    let sealed = sealer.seal(&challenge_purpose(&secret), method.as_str().as_bytes());
    system::insert_challenge(db, secret.hash(), user, sealed, env.now(), expires_at).await?;
    Ok((secret, expires_at))
}

/// A secret that an authenticator app is to learn.
pub(crate) struct Proposal {
    /// In base 32, to be typed.
    pub(crate) secret: String,
    /// To be read by the app.
    pub(crate) uri: String,
    /// The same as a picture.
    pub(crate) qr_svg: String,
}

/// The use cases around the second factor. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SecondFactor {
    db: Db,
    env: Env,
    sealer: Sealer,
    post: Post,
    sessions: Sessions,
    throttle: Throttle,
}

impl SecondFactor {
    pub(crate) const fn new(
        db: Db,
        env: Env,
        sealer: Sealer,
        post: Post,
        sessions: Sessions,
        throttle: Throttle,
    ) -> Self {
        Self { db, env, sealer, post, sessions, throttle }
    }

    /// Finishes the sign-in that waits under `challenge` with a code of the app or a recovery code.
    ///
    /// # Errors
    /// [`IdentityError::ChallengeOver`], [`IdentityError::WrongCode`], [`IdentityError::Throttled`], or the database does
    /// not answer.
    pub(crate) async fn finish(&self, challenge: &str, code: &str, browser: &Browser) -> Result<Opened, IdentityError> {
        let secret = LinkSecret::parse(challenge).ok_or(IdentityError::ChallengeOver)?;
        let now = self.env.now();
        let user = system::challenged(&self.db, secret.hash(), now).await?.ok_or(IdentityError::ChallengeOver)?;
        let account = people::system::find_account(&self.db, user).await?;
        let account = account.filter(|a| a.disabled_at.is_none()).ok_or(IdentityError::ChallengeOver)?;
        let key = people::fold(&account.user.email);
        self.throttle.attempt(Attempt::SecondFactor, browser.address, &key).await?;
        let begun = system::take_attempt(&self.db, secret.hash(), now).await?.ok_or(IdentityError::ChallengeOver)?;
        let state = self.sealer.open(&challenge_purpose(&secret), &begun.sealed)?;
        let method = Method::read(&String::from_utf8_lossy(&state));
        let caller = stranger(browser);
        let tx = system::begin_write(&self.db).await?;
        let Some(shown) = self.take(&tx, begun.user, code).await? else {
            let entry = Entry::new(&caller, "identity.second_factor.refuse", user.to_string());
            trail::record(&tx, &self.env, user, None, entry).await?;
            tx.commit().await?;
            return Err(IdentityError::WrongCode);
        };
        if !system::end_challenge(&tx, secret.hash()).await? {
            return Err(IdentityError::ChallengeOver);
        }
        if matches!(shown, Proof::Recovery(_)) {
            self.record_recovery(&tx, &account, &caller).await?;
        }
        tx.commit().await?;
        let opened = self.sessions.open(&account, How { method, second_factor: true }, browser).await?;
        self.throttle.succeeded(browser.address, &key).await?;
        Ok(opened)
    }

    /// Takes `code` if it is right and was not taken before.
    pub(crate) async fn take(&self, tx: &Tx, user: UserId, code: &str) -> Result<Option<Proof>, IdentityError> {
        let Some(proof) = Proof::read(code) else { return Ok(None) };
        let Some(factor) = system::factor(tx, user).await?.filter(|f| f.confirmed_at.is_some()) else {
            return Ok(None);
        };
        let taken = match &proof {
            Proof::Totp(code) => {
                let secret = self.open(user, &factor.sealed_secret)?;
                match model::matching_step(&secret, code, self.env.now()) {
                    Some(step) => system::take_step(tx, user, step).await?,
                    None => false,
                }
            }
            Proof::Recovery(bare) => system::use_code(tx, user, model::code_hash(user, bare), self.env.now()).await?,
        };
        Ok(taken.then_some(proof))
    }

    fn open(&self, user: UserId, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
        Ok(self.sealer.open(&model::purpose(user), sealed)?)
    }

    async fn record_recovery(&self, tx: &Tx, account: &Account, caller: &Caller) -> Result<(), IdentityError> {
        let left = system::codes_left(tx, account.user.id).await?;
        let what = format!("A recovery code was used to sign in. {left} are left.");
        self.post.send(tx, letters::factor_changed(&account.user, &what, self.env.now(), caller.address)).await?;
        let entry = Entry::new(caller, "identity.recovery_code.use", account.user.id.to_string())
            .after(&json!({ "left": left }));
        Ok(trail::record(tx, &self.env, account.user.id, None, entry).await?)
    }

    /// A secret for the caller's authenticator app. It is no factor until a code from it was shown.
    pub(crate) async fn propose(&self, access: &OrgAccess) -> Result<Proposal, IdentityError> {
        let (user, email) = self.fresh(access).await?;
        let secret = Zeroizing::new(self.env.random_bytes::<{ model::SECRET_BYTES }>());
        let sealed = self.sealer.seal(&model::purpose(user), &*secret);
        let tx = system::begin_write(&self.db).await?;
        if !system::propose(&tx, user, sealed, self.env.now()).await? {
            return Err(IdentityError::Conflict("Two-step sign-in is on already; switch it off first.".to_owned()));
        }
        tx.commit().await?;
        let base32 = model::totp(&*secret).map(|totp| totp.secret().to_base32());
        let uri = model::uri(&*secret, ISSUER, &email);
        let qr_svg = uri.as_deref().and_then(model::qr_svg);
        match (base32, uri, qr_svg) {
            (Some(secret), Some(uri), Some(qr_svg)) => Ok(Proposal { secret, uri, qr_svg }),
            _ => Err(IdentityError::field("/email", "cannot be shown by an authenticator app")),
        }
    }

    /// Makes the proposed secret the caller's second factor, once a code from it was shown. Answers with recovery codes,
    /// and with a new token for the session, which now counts as one with a second factor.
    pub(crate) async fn confirm(
        &self,
        access: &OrgAccess,
        code: &str,
    ) -> Result<(Vec<String>, SessionToken), IdentityError> {
        let (user, email) = self.fresh(access).await?;
        self.attempt(access, &email).await?;
        let account = people::system::find_account(&self.db, user).await?.ok_or(IdentityError::NotFound("person"))?;
        let tx = system::begin_write(&self.db).await?;
        let factor = system::factor(&tx, user).await?.filter(|f| f.confirmed_at.is_none());
        let factor =
            factor.ok_or_else(|| IdentityError::Conflict("There is no secret that waits for a code.".to_owned()))?;
        let secret = self.open(user, &factor.sealed_secret)?;
        let step = match Proof::read(code) {
            Some(Proof::Totp(digits)) => model::matching_step(&secret, &digits, self.env.now()),
            _ => None,
        };
        let step = step.ok_or_else(|| wrong("is not the code that the app shows now"))?;
        let taken = system::take_step(&tx, user, step).await?;
        if !taken || !system::confirm(&tx, user, self.env.now()).await? {
            return Err(wrong("was used already; wait for the next one"));
        }
        let codes = self.new_codes(&tx, user).await?;
        let token = self.sessions.strengthen(&tx, access).await?;
        let what = "Two-step sign-in was switched on.";
        self.tell(&tx, access, &account, what, ("rhiza.identity.totp.enabled", "identity.totp.enable")).await?;
        tx.commit().await?;
        let (token, old) = token;
        self.sessions.forget([old]);
        Ok((codes, token))
    }

    /// Switches the caller's second factor off.
    pub(crate) async fn remove(&self, access: &OrgAccess) -> Result<(), IdentityError> {
        let (user, _) = self.fresh(access).await?;
        let account = people::system::find_account(&self.db, user).await?.ok_or(IdentityError::NotFound("person"))?;
        let tx = system::begin_write(&self.db).await?;
        if !system::remove(&tx, user).await? {
            return Err(IdentityError::NotFound("authenticator app"));
        }
        let what = "Two-step sign-in was switched off.";
        self.tell(&tx, access, &account, what, ("rhiza.identity.totp.disabled", "identity.totp.disable")).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A new set of recovery codes; those before are worth nothing from now on.
    pub(crate) async fn renew_codes(&self, access: &OrgAccess) -> Result<Vec<String>, IdentityError> {
        let (user, _) = self.fresh(access).await?;
        let account = people::system::find_account(&self.db, user).await?.filter(|account| account.totp);
        let account = account.ok_or_else(|| {
            IdentityError::Conflict("Recovery codes are for two-step sign-in, which is off.".to_owned())
        })?;
        let tx = system::begin_write(&self.db).await?;
        let codes = self.new_codes(&tx, user).await?;
        let what = "New recovery codes were made; the old ones no longer work.";
        let names = ("rhiza.identity.recovery_codes.renewed", "identity.recovery_codes.renew");
        self.tell(&tx, access, &account, what, names).await?;
        tx.commit().await?;
        Ok(codes)
    }

    async fn new_codes(&self, tx: &Tx, user: UserId) -> Result<Vec<String>, IdentityError> {
        let codes = model::new_codes(&self.env);
        let hashes = codes.iter().map(|code| model::code_hash(user, &code.replace('-', ""))).collect();
        system::replace_codes(tx, user, hashes, self.env.now()).await?;
        Ok(codes)
    }

    /// The letter, the event and the audit entries of a change. Comes last in `tx`.
    async fn tell(
        &self,
        tx: &Tx,
        access: &OrgAccess,
        account: &Account,
        what: &str,
        (event, action): (&str, &str),
    ) -> Result<(), IdentityError> {
        let user = account.user.id;
        self.post.send(tx, letters::factor_changed(&account.user, what, self.env.now(), access.caller.address)).await?;
        let event = Event::new(event, user.to_string()).data(&json!({ "user": user }));
        let entry = Entry::new(&access.caller, action, user.to_string());
        Ok(trail::record(tx, &self.env, user, Some(event), entry).await?)
    }

    /// The caller, who has proved lately who they are.
    async fn fresh(&self, access: &OrgAccess) -> Result<(UserId, String), IdentityError> {
        let (user, _) = self.sessions.require_fresh(access).await?;
        let email = match &access.principal.actor {
            Actor::User { email, .. } => email.clone(),
            _ => String::new(),
        };
        Ok((user, email))
    }

    /// Counts an attempt at a code by somebody who is signed in.
    pub(crate) async fn attempt(&self, access: &OrgAccess, email: &str) -> Result<(), IdentityError> {
        let Some(address) = access.caller.address else { return Ok(()) };
        self.throttle.attempt(Attempt::SecondFactor, address, &people::fold(email)).await
    }
}

fn wrong(detail: &str) -> IdentityError {
    IdentityError::field("/code", detail)
}

/// Somebody at the door, of whom it is not known yet who they are.
pub(crate) fn stranger(browser: &Browser) -> Caller {
    Caller { actor: Actor::System, address: Some(browser.address), request_id: browser.request_id.clone() }
}
