//! Asking for a letter, and the job that writes it.

use std::net::IpAddr;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rhiza_kernel::{Env, TypedId as _, UserId};
use rhiza_platform::audit::Entry;
use rhiza_platform::authz::{Actor, Caller};
use rhiza_platform::jobs::{JobContext, JobError, JobHandler, NewJob, enqueue};
use rhiza_platform::mail::Post;
use rhiza_platform::outbox::Event;
use rhiza_platform::secrets::Sealer;
use rhiza_store::{Db, StoreError, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::system::{self, Purpose};
use super::texts::{self, Links, RESET_FOR, VERIFY_FOR};
use crate::people::{self, Account};
use crate::secret_link::LinkSecret;
use crate::trail;

const KIND: &str = "identity.write_letter";

/// For what a job's input is sealed: it names an address that may belong to nobody here.
const SEALED_FOR: &str = "identity.write_letter";

/// A letter somebody asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Asked {
    /// Somebody registered.
    Registered { registration: Uuid },
    /// Somebody wants the letter of their registration once more.
    Again { email_key: String },
    /// Somebody has forgotten the password.
    Forgot { email_key: String, address: IpAddr, request_id: Option<String> },
    /// Somebody who is signed in wants to use another address.
    NewAddress { user: Uuid, email: String, email_key: String },
}

#[derive(Deserialize)]
struct Input {
    sealed: String,
}

/// Queues a letter in a transaction of the system.
pub(crate) async fn ask(tx: &Tx, env: &Env, sealer: &Sealer, asked: &Asked) -> Result<(), StoreError> {
    let plain = serde_json::to_vec(asked).map_err(|e| StoreError::Decode(e.to_string()))?;
    let sealed = STANDARD.encode(sealer.seal(SEALED_FOR, &plain));
    enqueue(tx, NewJob::new(KIND, json!({ "sealed": sealed })).max_attempts(10), env).await?;
    Ok(())
}

/// Writes the letters that were asked for.
#[derive(Clone)]
pub struct WriteLetters {
    db: Db,
    env: Env,
    sealer: Sealer,
    post: Post,
    links: Links,
}

impl std::fmt::Debug for WriteLetters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WriteLetters")
    }
}

impl WriteLetters {
    pub(crate) fn new(db: Db, env: Env, sealer: Sealer, post: Post, public_url: &Url) -> Self {
        Self { db, env, sealer, post, links: Links::new(public_url) }
    }

    async fn write(&self, asked: Asked) -> Result<(), StoreError> {
        let tx = system::begin(&self.db).await?;
        system::delete_expired(&tx, self.env.now()).await?;
        match asked {
            Asked::Registered { registration } => self.registered(&tx, registration).await?,
            Asked::Again { email_key } => self.again(&tx, &email_key).await?,
            Asked::Forgot { email_key, address, request_id } => {
                let caller = Caller { actor: Actor::System, address: Some(address), request_id };
                self.forgot(&tx, &email_key, &caller).await?;
            }
            Asked::NewAddress { user, email, email_key } => {
                self.new_address(&tx, UserId::from_uuid(user), &email, &email_key).await?;
            }
        }
        tx.commit().await
    }

    async fn registered(&self, tx: &Tx, id: Uuid) -> Result<(), StoreError> {
        let Some(registration) = system::registration(tx, id, self.env.now()).await? else { return Ok(()) };
        match people::system::account_by_email(tx, &registration.email_key).await? {
            // Whoever registered is not told. The owner is, and learns how to get in if it was them.
            Some(account) => {
                system::delete_registrations(tx, &registration.email_key).await?;
                self.account_exists(tx, &account).await
            }
            None => self.verify(tx, &registration).await,
        }
    }

    async fn verify(&self, tx: &Tx, registration: &system::Registration) -> Result<(), StoreError> {
        let secret = LinkSecret::generate(&self.env);
        system::tie(tx, registration.registration_id, secret.hash(), self.env.now() + VERIFY_FOR).await?;
        let letter = texts::verify_email(&registration.email, &registration.name, &self.links, &secret);
        self.post.send(tx, letter).await.map(|_| ())
    }

    async fn account_exists(&self, tx: &Tx, account: &Account) -> Result<(), StoreError> {
        if account.disabled_at.is_some() {
            return Ok(());
        }
        if account.email_verified_at.is_none() {
            return self.verify_account(tx, account).await;
        }
        self.post.send(tx, texts::account_exists(&account.user, &self.links)).await.map(|_| ())
    }

    async fn verify_account(&self, tx: &Tx, account: &Account) -> Result<(), StoreError> {
        let (secret, now) = (LinkSecret::generate(&self.env), self.env.now());
        let user = account.user.id;
        let data = json!({ "email_key": people::fold(&account.user.email) });
        system::insert_token(tx, secret.hash(), user, Purpose::VerifyEmail, data, now, now + VERIFY_FOR).await?;
        let letter = texts::verify_email(&account.user.email, &account.user.name, &self.links, &secret);
        self.post.send(tx, letter).await.map(|_| ())
    }

    async fn again(&self, tx: &Tx, email_key: &str) -> Result<(), StoreError> {
        match people::system::account_by_email(tx, email_key).await? {
            Some(account) if account.disabled_at.is_none() && account.email_verified_at.is_none() => {
                self.verify_account(tx, &account).await
            }
            // Nothing is left to prove.
            Some(_) => Ok(()),
            None => match system::newest_registration(tx, email_key, self.env.now()).await? {
                Some(registration) => self.verify(tx, &registration).await,
                None => Ok(()),
            },
        }
    }

    async fn forgot(&self, tx: &Tx, email_key: &str, caller: &Caller) -> Result<(), StoreError> {
        let account = people::system::account_by_email(tx, email_key).await?;
        let Some(account) = account.filter(|account| account.disabled_at.is_none()) else { return Ok(()) };
        let (secret, now) = (LinkSecret::generate(&self.env), self.env.now());
        let user = account.user.id;
        // The address is noted: a letter to one that is the account's no more must open nothing.
        let data = json!({ "email_key": email_key });
        system::insert_token(tx, secret.hash(), user, Purpose::ResetPassword, data, now, now + RESET_FOR).await?;
        self.post.send(tx, texts::reset_password(&account.user, &self.links, &secret, caller.address)).await?;
        let event = Event::new("rhiza.identity.password.reset_asked", user.to_string()).data(&json!({ "user": user }));
        let entry = Entry::new(caller, "identity.password.ask_reset", user.to_string());
        trail::record(tx, &self.env, user, Some(event), entry).await
    }

    async fn new_address(&self, tx: &Tx, user: UserId, email: &str, email_key: &str) -> Result<(), StoreError> {
        let Some(account) = people::system::account(tx, user).await?.filter(|a| a.disabled_at.is_none()) else {
            return Ok(());
        };
        if let Some(other) = people::system::account_by_email(tx, email_key).await?.filter(|a| a.user.id != user) {
            return self.account_exists(tx, &other).await;
        }
        let (secret, now) = (LinkSecret::generate(&self.env), self.env.now());
        let data = json!({ "email": email });
        system::insert_token(tx, secret.hash(), user, Purpose::ChangeEmail, data, now, now + VERIFY_FOR).await?;
        let letter = texts::confirm_email(email, &account.user.name, &self.links, &secret);
        self.post.send(tx, letter).await.map(|_| ())
    }
}

#[async_trait]
impl JobHandler for WriteLetters {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, context: JobContext) -> Result<Value, JobError> {
        let input: Input = context.input()?;
        let unreadable = |what: String| JobError::Fatal(format!("the letter asked for cannot be read: {what}"));
        let sealed = STANDARD.decode(input.sealed).map_err(|e| unreadable(e.to_string()))?;
        let plain = self.sealer.open(SEALED_FOR, &sealed).map_err(|e| unreadable(e.to_string()))?;
        let asked: Asked = serde_json::from_slice(&plain).map_err(|e| unreadable(e.to_string()))?;
        self.write(asked).await.map_err(JobError::retry)?;
        Ok(Value::Null)
    }
}
