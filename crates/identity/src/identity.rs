//! The slice put together: what each folder needs, handed to it once.

use std::sync::Arc;
use std::time::Duration;

use rhiza_kernel::Env;
use rhiza_platform::audit::Denials;
use rhiza_platform::authz::{Authenticator, Policies, Principal};
use rhiza_platform::limits::{KnownPlaces, Limiter};
use rhiza_platform::mail::Post;
use rhiza_platform::outbound::Outbound;
use rhiza_platform::secrets::Sealer;
use rhiza_store::Db;
use rhiza_web::OriginPolicy;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::access::{self, Governance, Shown};
use crate::account::Accounts;
use crate::authenticate::{IdentityAuthenticator, Known, Notes, Who};
use crate::challenges::Challenges;
use crate::departure::Departures;
use crate::errors::IdentityError;
use crate::fresh::Fresh;
use crate::freshness::Freshness;
use crate::invitations::Invitations;
use crate::keys::Keys;
use crate::letters::WriteLetters;
use crate::oidc::{Oidc, OidcProvider, Seams};
use crate::organizations::{ProjectDirectory, Projects};
use crate::passkeys::{Passkeys, Site};
use crate::people::{PasswordCost, Passwords};
use crate::recovery::Recovery;
use crate::registration::{RegistrationMode, RegistrationRules, Registrations};
use crate::second_factor::SecondFactor;
use crate::service_accounts::ServiceAccounts;
use crate::sessions::{Opened, SessionLimits, Sessions};
use crate::setup::Setup;
use crate::throttle::Throttle;
use crate::tokens::{Issuer, SigningKeys, TokenGate, Tokens};

/// How the slice is set up.
#[derive(Debug, Clone)]
pub struct IdentityOptions {
    /// Where people reach the console, when it is configured.
    pub public_url: Option<Url>,
    /// Where people reach the console, configured or not: links lead there, and passkeys are made for it.
    pub links_to: Url,
    /// Takes letters.
    pub post: Post,
    /// Seals what nobody who reads the database may see.
    pub sealer: Sealer,
    /// Who may register.
    pub registration: RegistrationRules,
    /// Whose pages may sign in.
    pub origins: OriginPolicy,
    /// How long sessions last.
    pub sessions: SessionLimits,
    /// What a password hash costs.
    pub passwords: PasswordCost,
    /// Counts attempts to get in; without it this process counts by itself.
    pub limiter: Option<Limiter>,
    /// OpenID providers where one can sign in.
    pub providers: Vec<OidcProvider>,
    /// Reaches them; not needed without any.
    pub outbound: Option<Outbound>,
}

impl IdentityOptions {
    /// The defaults, with what there is no default for.
    #[must_use]
    pub fn new(links_to: Url, post: Post, sealer: Sealer) -> Self {
        Self {
            public_url: None,
            links_to,
            post,
            sealer,
            registration: RegistrationRules::default(),
            providers: Vec::new(),
            outbound: None,
            origins: OriginPolicy::default(),
            sessions: SessionLimits::default(),
            passwords: PasswordCost::default(),
            limiter: None,
        }
    }
}

#[cfg(test)]
impl IdentityOptions {
    /// Options that send no mail.
    pub(crate) fn of_a_test(env: &Env) -> Self {
        let links_to = Url::parse("http://localhost:8080").unwrap();
        let sealer = Sealer::ephemeral(env);
        let post = rhiza_platform::mail::PostOptions { public_url: links_to.clone(), available: false };
        Self::new(links_to, Post::new(env.clone(), sealer.clone(), post), sealer)
    }
}

/// Keys and sessions whose answers are remembered at the same moment; a few hundred bytes each.
const REMEMBERED: u64 = 20_000;

/// How often notes of use and of refused sign-ins are written down.
const NOTES_EVERY: Duration = Duration::from_secs(5);

/// The identity slice. Cheap to clone; the state of its routes.
#[derive(Clone)]
pub struct Identity {
    parts: Arc<Parts>,
}

struct Parts {
    db: Db,
    env: Env,
    options: IdentityOptions,
    passwords: Passwords,
    projects: Projects,
    sessions: Sessions,
    challenges: Challenges,
    passkeys: Passkeys,
    personal: Personal,
    throttle: Throttle,
    oidc: Oidc,
    keys: Keys,
    service_accounts: ServiceAccounts,
    tokens: Tokens,
    setup: Setup,
    governance: Governance,
    invitations: Invitations,
    authenticator: Arc<IdentityAuthenticator>,
    freshness: Freshness,
    notes: Arc<Notes>,
}

/// What people do about their own accounts: come, come back, prove who they are, leave.
struct Personal {
    second_factor: SecondFactor,
    registrations: Registrations,
    recovery: Recovery,
    accounts: Accounts,
    departures: Departures,
}

impl Personal {
    fn new(
        db: &Db,
        env: &Env,
        options: &IdentityOptions,
        policies: &Policies,
        (passwords, sessions, throttle): (&Passwords, &Sessions, &Throttle),
    ) -> Self {
        let second_factor = SecondFactor::new(
            db.clone(),
            env.clone(),
            options.sealer.clone(),
            options.post.clone(),
            sessions.clone(),
            throttle.clone(),
        );
        let registrations = Registrations {
            db: db.clone(),
            env: env.clone(),
            policies: policies.clone(),
            rules: options.registration.clone(),
            sealer: options.sealer.clone(),
            post: options.post.clone(),
            passwords: passwords.clone(),
            sessions: sessions.clone(),
            throttle: throttle.clone(),
        };
        let recovery = Recovery {
            db: db.clone(),
            env: env.clone(),
            sealer: options.sealer.clone(),
            post: options.post.clone(),
            passwords: passwords.clone(),
            sessions: sessions.clone(),
            throttle: throttle.clone(),
        };
        let departures =
            Departures { db: db.clone(), env: env.clone(), post: options.post.clone(), sessions: sessions.clone() };
        let accounts = Accounts {
            db: db.clone(),
            env: env.clone(),
            sealer: options.sealer.clone(),
            post: options.post.clone(),
            passwords: passwords.clone(),
            sessions: sessions.clone(),
            second_factor: second_factor.clone(),
            throttle: throttle.clone(),
        };
        Self { second_factor, registrations, recovery, accounts, departures }
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

impl Identity {
    /// The slice on `db`, whose schema is up to date.
    ///
    /// # Errors
    /// When the configured cost of passwords is none that Argon2 knows, or the access policies do not hold together.
    pub fn new(db: Db, env: Env, options: IdentityOptions) -> Result<Self, IdentityError> {
        let passwords = Passwords::new(options.passwords, env.clone())
            .map_err(|_| IdentityError::field("passwords", "is no cost that Argon2 accepts"))?;
        let policies = Policies::load()?;
        let notes = Arc::new(Notes::default());
        let freshness = Freshness::new(env.clone());
        let known_keys = Fresh::new(freshness.clone(), REMEMBERED);
        let known_sessions = Fresh::new(freshness.clone(), REMEMBERED);
        let directory = ProjectDirectory::new(db.clone(), freshness.clone());
        let limiter = options.limiter.clone().unwrap_or_else(|| Limiter::local(env.clone()));
        let throttle = Throttle::new(limiter, KnownPlaces::new(db.clone(), env.clone()));
        let sessions = Sessions::new(
            db.clone(),
            env.clone(),
            options.sessions,
            passwords.clone(),
            throttle.clone(),
            options.sealer.clone(),
            Arc::clone(&notes),
            known_sessions.clone(),
        );
        let governance = Governance {
            db: db.clone(),
            env: env.clone(),
            policies: policies.clone(),
            directory: directory.clone(),
            known_keys: known_keys.clone(),
            known_sessions: known_sessions.clone(),
        };
        let issuer = Issuer::new(options.links_to.as_str());
        let signing = SigningKeys::new(db.clone(), env.clone(), options.sealer.clone(), freshness.clone());
        let known_families = Fresh::new(freshness.clone(), REMEMBERED);
        let known_tokens = Fresh::new(freshness.clone(), REMEMBERED);
        let gate = TokenGate::new(db.clone(), issuer.clone(), signing.clone(), known_tokens, known_families.clone());
        let authenticator = IdentityAuthenticator::new(
            db.clone(),
            env.clone(),
            Known { keys: known_keys.clone(), sessions: known_sessions, tokens: gate },
            directory.clone(),
            policies.clone(),
            Arc::clone(&notes),
        );
        let challenges = Challenges::new(db.clone(), env.clone(), options.sealer.clone());
        let oidc = Oidc::new(
            Seams {
                db: db.clone(),
                env: env.clone(),
                challenges: challenges.clone(),
                sessions: sessions.clone(),
                policies: policies.clone(),
            },
            options.post.clone(),
            options.providers.clone(),
            options.outbound.as_ref(),
            &options.links_to,
        )?;
        let site = Site::at(&options.links_to);
        let personal = Personal::new(&db, &env, &options, &policies, (&passwords, &sessions, &throttle));
        let projects = Projects::new(db.clone(), env.clone(), policies.clone(), directory);
        Ok(Self {
            parts: Arc::new(Parts {
                passkeys: Passkeys::new(
                    db.clone(),
                    env.clone(),
                    site,
                    challenges.clone(),
                    sessions.clone(),
                    options.post.clone(),
                ),
                challenges,
                tokens: Tokens::new(db.clone(), env.clone(), issuer, signing, projects.clone(), known_families),
                projects,
                oidc,
                keys: Keys::new(db.clone(), env.clone(), policies, known_keys),
                service_accounts: ServiceAccounts { governance: governance.clone() },
                setup: Setup::new(db.clone(), env.clone(), passwords.clone(), sessions.clone()),
                sessions,
                invitations: Invitations {
                    governance: governance.clone(),
                    post: options.post.clone(),
                    links_to: options.links_to.clone(),
                },
                governance,
                personal,
                throttle,
                authenticator: Arc::new(authenticator),
                freshness,
                notes,
                passwords,
                options,
                db,
                env,
            }),
        })
    }

    /// What checks the credentials of every request.
    #[must_use]
    pub fn authenticator(&self) -> Arc<dyn Authenticator> {
        Arc::clone(&self.parts.authenticator) as Arc<dyn Authenticator>
    }

    /// Keys that were refused although it is known whose they are. Whoever records denials records these too.
    #[must_use]
    pub fn denials(&self) -> &Denials {
        self.parts.authenticator.denials()
    }

    /// Projects: look-ups for other slices.
    #[must_use]
    pub fn projects(&self) -> &Projects {
        &self.parts.projects
    }

    /// Whether people can sign in with passkeys here.
    #[must_use]
    pub fn offers_passkeys(&self) -> bool {
        self.parts.passkeys.is_available()
    }

    /// Name and label of each provider where one can sign in.
    pub fn providers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parts.oidc.providers()
    }

    /// The pool that hashes passwords.
    #[must_use]
    pub fn passwords(&self) -> &Passwords {
        &self.parts.passwords
    }

    /// Writes down uses of keys and sessions and refused sign-ins every few seconds until `shutdown`, and once more
    /// then; looks after the keys that sign tokens. Belongs to the task tracker.
    pub async fn run(self, shutdown: CancellationToken) {
        loop {
            let stopping = tokio::select! {
                () = shutdown.cancelled() => true,
                () = tokio::time::sleep(NOTES_EVERY) => false,
            };
            if !stopping && let Err(error) = self.look_after_keys().await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "keys that sign tokens were not looked after"
                );
            }
            if let Err(error) = self.flush().await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "uses and refused sign-ins were not recorded"
                );
            }
            if stopping {
                return;
            }
        }
    }

    /// Makes the next key that signs access tokens when it is time, and the first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn look_after_keys(&self) -> Result<(), IdentityError> {
        self.parts.tokens.keys().keep().await
    }

    /// Hears of changes that other processes make to who may do what, until `shutdown`. Belongs to the task tracker.
    pub async fn listen(self, shutdown: CancellationToken) {
        self.parts.freshness.clone().run(self.db().clone(), shutdown).await;
    }

    /// Writes down what has gathered since the last time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn flush(&self) -> Result<(), IdentityError> {
        let Parts { db, env, options, notes, .. } = &*self.parts;
        notes.write(db, env, options.sessions.idle).await?;
        self.parts.challenges.purge().await
    }

    /// The caller whose session was just opened.
    pub(crate) async fn principal_of(&self, opened: &Opened) -> Result<Principal, IdentityError> {
        let user = opened.actor.user().ok_or(IdentityError::NotFound("person"))?;
        let membership = access::system::find(self.db(), opened.org, user).await?;
        let membership = membership.ok_or(IdentityError::NotFound("membership"))?;
        let who = Who {
            org: opened.org,
            actor: opened.actor.clone(),
            membership: &membership,
            shown: Shown::session(opened.second_factor),
            confined_to: None,
        };
        Ok(self.parts.authenticator.principal(who, None).await?)
    }

    pub(crate) fn db(&self) -> &Db {
        &self.parts.db
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.parts.sessions
    }

    /// Counts attempts to get in.
    #[must_use]
    pub fn throttle(&self) -> &Throttle {
        &self.parts.throttle
    }

    pub(crate) fn oidc(&self) -> &Oidc {
        &self.parts.oidc
    }

    pub(crate) fn passkeys(&self) -> &Passkeys {
        &self.parts.passkeys
    }

    /// The handler of the jobs that write letters to people.
    #[must_use]
    pub fn letters(&self) -> WriteLetters {
        let Parts { db, env, options, .. } = &*self.parts;
        WriteLetters::new(db.clone(), env.clone(), options.sealer.clone(), options.post.clone(), &options.links_to)
    }

    pub(crate) fn second_factor(&self) -> &SecondFactor {
        &self.parts.personal.second_factor
    }

    pub(crate) fn registrations(&self) -> &Registrations {
        &self.parts.personal.registrations
    }

    pub(crate) fn accounts(&self) -> &Accounts {
        &self.parts.personal.accounts
    }

    pub(crate) fn departures(&self) -> &Departures {
        &self.parts.personal.departures
    }

    pub(crate) fn recovery(&self) -> &Recovery {
        &self.parts.personal.recovery
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.parts.keys
    }

    pub(crate) fn service_accounts(&self) -> &ServiceAccounts {
        &self.parts.service_accounts
    }

    /// Whether anybody may make an account, and so an organisation.
    pub(crate) fn anybody_may_register(&self) -> bool {
        self.parts.options.registration.mode == RegistrationMode::Open
    }

    pub(crate) fn invitations(&self) -> &Invitations {
        &self.parts.invitations
    }

    pub(crate) fn governance(&self) -> &Governance {
        &self.parts.governance
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.parts.tokens
    }

    pub(crate) fn setup(&self) -> &Setup {
        &self.parts.setup
    }

    pub(crate) fn origins(&self) -> &OriginPolicy {
        &self.parts.options.origins
    }

    /// Whether `host` (a Host header) is the configured site, and that site is served over HTTPS: then a proxy in
    /// front ends TLS, whether or not it says so.
    pub(crate) fn is_https_site(&self, host: &str) -> bool {
        let Some(url) = self.parts.options.public_url.as_ref().filter(|url| url.scheme() == "https") else {
            return false;
        };
        let Some(name) = url.host_str() else { return false };
        match url.port() {
            Some(port) => host.eq_ignore_ascii_case(&format!("{name}:{port}")),
            None => host.eq_ignore_ascii_case(name) || host.eq_ignore_ascii_case(&format!("{name}:443")),
        }
    }
}
