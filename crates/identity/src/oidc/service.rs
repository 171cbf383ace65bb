//! Leaving for a provider, coming back, and whose account that opens.

use std::sync::Arc;

use rhiza_kernel::{Env, OrgScope, Role, UserId};
use rhiza_platform::audit::{self, Entry};
use rhiza_platform::authz::{Caller, OrgAccess, Policies};
use rhiza_platform::mail::Post;
use rhiza_platform::outbound::{Outbound, Purpose};
use rhiza_platform::outbox::{self, Event};
use rhiza_store::{Db, Tx};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::OidcProvider;
use super::client::{Client, Trip};
use super::cookie;
use super::model::{Claims, local_path};
use super::system::{self, ExternalIdentity};
use crate::challenges::{Challenges, Kind};
use crate::errors::IdentityError;
use crate::invitations;
use crate::letters;
use crate::organizations;
use crate::people::{self, Account, Email, PersonName, User};
use crate::registration::Came;
use crate::second_factor::stranger;
use crate::secret_link::LinkSecret;
use crate::sessions::{Browser, Entrance, How, Method, SessionToken, Sessions};
use crate::trail;

/// The use cases around providers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Oidc {
    db: Db,
    env: Env,
    clients: Arc<[Client]>,
    challenges: Challenges,
    sessions: Sessions,
    policies: Policies,
    post: Post,
}

/// What sign-in at providers needs of the rest of the slice.
pub(crate) struct Seams {
    pub(crate) db: Db,
    pub(crate) env: Env,
    pub(crate) challenges: Challenges,
    pub(crate) sessions: Sessions,
    pub(crate) policies: Policies,
}

/// What is kept while the browser is away.
#[derive(Serialize, Deserialize)]
struct Away {
    provider: String,
    trip: Trip,
    return_to: String,
    /// Hash of the secret in the browser's cookie.
    browser: String,
    link: bool,
    /// Secret of the invitation that brought somebody new here.
    invitation: Option<String>,
}

/// What the browser sets out for.
pub(super) struct Errand<'a> {
    /// Path of this site to go to afterwards.
    pub(super) return_to: Option<&'a str>,
    /// To link an account there to that of the session the browser holds, instead of signing in.
    pub(super) link: bool,
    /// Secret of an invitation, which lets in who has no account yet.
    pub(super) invitation: Option<String>,
}

/// Where the browser goes, and with what.
pub(super) struct Departure {
    pub(super) url: Url,
    pub(super) cookie: String,
}

/// What the browser came back with.
pub(super) struct Arrival {
    pub(super) state: String,
    pub(super) code: Option<String>,
    /// The provider's own word for why there is no code.
    pub(super) error: Option<String>,
    /// Who answered (RFC 9207), where they say so.
    pub(super) issuer: Option<String>,
    /// Hash of the secret in the browser's cookie.
    pub(super) browser: Option<String>,
}

/// How it ended.
pub(super) struct Arrived {
    /// None where an account was linked: the session stays as it is.
    pub(super) entrance: Option<Entrance>,
    pub(super) return_to: String,
}

impl Oidc {
    /// Sign-in at `providers`, which send browsers back to `links_to`.
    pub(crate) fn new(
        seams: Seams,
        post: Post,
        providers: Vec<OidcProvider>,
        outbound: Option<&Outbound>,
        links_to: &Url,
    ) -> Result<Self, IdentityError> {
        let Seams { db, env, challenges, sessions, policies } = seams;
        let mut clients = Vec::new();
        for provider in providers {
            let outbound = outbound.ok_or(IdentityError::NotFound("way to reach providers"))?;
            let http = outbound.client(Purpose::OpenId).map_err(|e| IdentityError::Provider(e.to_string()))?;
            let back =
                format!("{}/api/v1/auth/oidc/{}/callback", links_to.as_str().trim_end_matches('/'), provider.name);
            let back = Url::parse(&back).map_err(|e| IdentityError::Provider(e.to_string()))?;
            clients.push(Client::new(provider, http, env.clone(), &back));
        }
        Ok(Self { db, env, clients: clients.into(), challenges, sessions, policies, post })
    }

    /// Name and label of each provider.
    pub(crate) fn providers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.clients.iter().map(|client| (client.provider.name.as_str(), client.provider.label.as_str()))
    }

    fn client(&self, name: &str) -> Result<&Client, IdentityError> {
        self.clients.iter().find(|client| client.provider.name == name).ok_or(IdentityError::NotFound("provider"))
    }

    /// Sends the browser to a provider.
    pub(super) async fn depart(
        &self,
        provider: &str,
        errand: Errand<'_>,
        browser: &Browser,
    ) -> Result<Departure, IdentityError> {
        let client = self.client(provider)?;
        self.sessions.visit(browser).await?;
        let user = if errand.link { Some(self.linking(browser.previous.as_ref()).await?) } else { None };
        let (secret, hash) = cookie::generate(&self.env);
        let away = Away {
            provider: provider.to_owned(),
            trip: client.trip(),
            return_to: local_path(errand.return_to),
            browser: hash,
            link: errand.link,
            invitation: errand.invitation,
        };
        let state = self.challenges.begin(Kind::Oidc, user, &away).await?;
        let url = client.depart(&away.trip, &state).await.map_err(|fault| {
            tracing::error!(provider, error = &fault as &dyn std::error::Error, "a provider cannot be used");
            IdentityError::ProviderRefused("The provider does not answer; try again later.".to_owned())
        })?;
        Ok(Departure { url, cookie: cookie::set(&secret) })
    }

    /// The person whose session the browser holds, who proved who they are a short while ago.
    async fn linking(&self, token: Option<&SessionToken>) -> Result<UserId, IdentityError> {
        let token = token.ok_or_else(|| denied("Sign in first."))?;
        self.sessions.fresh_owner(token).await
    }

    /// Lets in whoever came back from a provider.
    pub(super) async fn arrive(
        &self,
        provider: &str,
        arrival: Arrival,
        browser: &Browser,
    ) -> Result<Arrived, IdentityError> {
        let client = self.client(provider)?;
        self.sessions.visit(browser).await?;
        let taken = self.challenges.take::<Away>(Kind::Oidc, &arrival.state).await?;
        let taken = taken.ok_or_else(|| denied("This sign-in took too long or was finished already; begin again."))?;
        let away = taken.state;
        if away.provider != provider || arrival.browser.as_ref() != Some(&away.browser) {
            tracing::warn!(provider, "a sign-in came back to another browser or provider than it was begun with");
            return Err(denied("This sign-in was not begun in this browser; begin again."));
        }
        if arrival.issuer.as_ref().is_some_and(|issuer| *issuer != client.provider.issuer) {
            tracing::warn!(provider, issuer = arrival.issuer, "another issuer answered than was asked");
            return Err(denied("Another provider answered than was asked; begin again."));
        }
        let Some(code) = arrival.code else {
            tracing::info!(provider, error = arrival.error, "a provider did not sign somebody in");
            return Err(denied("The provider did not sign you in."));
        };
        let claims = client.arrive(away.trip, code).await.map_err(|fault| {
            tracing::error!(provider, error = &fault as &dyn std::error::Error, "a provider's answer was refused");
            denied("The provider's answer could not be verified; begin again.")
        })?;
        let email = client.provider.admit(&claims).map_err(denied)?;
        if away.link {
            let user = self.linking(browser.previous.as_ref()).await?;
            if taken.user != Some(user) {
                return Err(denied("Somebody else has signed in meanwhile; begin again."));
            }
            self.link(&claims, user, browser).await?;
            return Ok(Arrived { entrance: None, return_to: away.return_to });
        }
        let invitation = away.invitation.as_deref();
        let account = self.whose(&client.provider, &claims, email, invitation, browser).await?;
        // Who has an authenticator app here is asked for it, unless two factors were shown there.
        let entrance = if claims.several_factors || client.provider.trusted_second_factor {
            let how = How { method: Method::Oidc, second_factor: true };
            Entrance::Opened(self.sessions.open(&account, how, browser).await?)
        } else {
            self.sessions.enter(&account, Method::Oidc, browser).await?
        };
        if matches!(entrance, Entrance::Opened(_)) {
            self.sessions.succeeded(browser, &people::fold(&account.user.email)).await?;
        }
        Ok(Arrived { entrance: Some(entrance), return_to: away.return_to })
    }

    /// Whose account the provider's account opens; see the module for the rule.
    async fn whose(
        &self,
        provider: &OidcProvider,
        claims: &Claims,
        email: Option<Email>,
        invitation: Option<&str>,
        browser: &Browser,
    ) -> Result<Account, IdentityError> {
        let now = self.env.now();
        let tx = system::begin(&self.db).await?;
        let user = match (system::owner(&tx, claims, now).await?, email) {
            (Some(owner), _) => owner,
            (None, None) => return Err(denied("The provider has not verified your e-mail address.")),
            (None, Some(email)) => match system::holder(&tx, &email).await? {
                Some((user, verified)) if verified && provider.trusted_emails => {
                    self.tie(&tx, claims, user, browser).await?;
                    user
                }
                Some(_) => {
                    return Err(denied(
                        "There is an account with your address. Sign in to it, then link the provider under your account.",
                    ));
                }
                None => {
                    let user = self.insert(&tx, claims, &email).await?;
                    let came = match invitation {
                        Some(secret) => self.invited(&tx, &user, &email, secret).await?,
                        None => self.welcome(&tx, provider, &user).await?,
                    };
                    self.arrived(&tx, claims, &user, &came, browser).await?;
                    user.id
                }
            },
        };
        let account = people::system::account(&tx, user).await?;
        let account = account.filter(|account| account.disabled_at.is_none() && account.org.is_some());
        let account = account.ok_or_else(|| denied("Your account here is shut, or belongs to no organisation."))?;
        tx.commit().await?;
        Ok(account)
    }

    /// Makes an account for somebody new, who belongs nowhere yet.
    async fn insert(&self, tx: &Tx, claims: &Claims, email: &Email) -> Result<User, IdentityError> {
        let fallback = email.as_str().split('@').next().unwrap_or_default();
        let name = claims.name.as_deref().and_then(|name| PersonName::parse(name).ok());
        let name = name.map_or_else(|| fallback.to_owned(), |name| name.as_str().to_owned());
        let user = User { id: self.env.new_id(), email: email.as_str().to_owned(), name };
        system::insert_person(tx, user.id, email, &user.name, self.env.now()).await?;
        system::link(tx, claims, user.id, self.env.now()).await?;
        Ok(user)
    }

    /// Brings somebody new into the organisation that invited the address which the provider vouches for.
    async fn invited(&self, tx: &Tx, user: &User, email: &Email, secret: &str) -> Result<Came, IdentityError> {
        let over = || denied("The invitation is over, was withdrawn, or is to another address than the provider's.");
        let secret = LinkSecret::parse(secret).ok_or_else(over)?;
        let now = self.env.now();
        let joined = invitations::accept(tx, &self.policies, &secret, email.key(), user.id, now).await?;
        let joined = joined.ok_or_else(over)?;
        Ok(Came { org: joined.org, role: joined.role, by: json!({ "invitation": joined.id }) })
    }

    /// Brings somebody new into the organisation that the operator named for the provider.
    async fn welcome(&self, tx: &Tx, provider: &OidcProvider, user: &User) -> Result<Came, IdentityError> {
        // Without a list of domains anybody who can have an account there would be a member here.
        if provider.organization.is_empty() || provider.allowed_domains.is_empty() {
            return Err(denied("You have no account here; ask for an invitation."));
        }
        let org = system::organization(tx, &provider.organization).await?;
        let org = org.ok_or_else(|| denied("The organisation of this provider does not exist."))?;
        let role = Role::Viewer.into();
        organizations::system::insert_membership(tx, org, user.id, role, self.env.now()).await?;
        Ok(Came { org, role, by: json!({ "provider": provider.name }) })
    }

    /// Tells who must know that somebody new came.
    async fn arrived(
        &self,
        tx: &Tx,
        claims: &Claims,
        user: &User,
        came: &Came,
        browser: &Browser,
    ) -> Result<(), IdentityError> {
        let scope = OrgScope::new(came.org);
        let shown = json!({ "user": user.id, "email": user.email, "name": user.name, "issuer": claims.issuer,
            "role": came.role, "by": came.by });
        let event = Event::new("rhiza.identity.member.joined", user.id.to_string()).data(&shown);
        outbox::emit(tx, &scope, event, &self.env).await?;
        let entry = Entry::new(&stranger(browser), "identity.person.register", user.id.to_string()).after(&shown);
        audit::record(tx, &scope, entry, &self.env).await?;
        Ok(())
    }

    /// Links a provider's account to that of the person who is signed in.
    async fn link(&self, claims: &Claims, user: UserId, browser: &Browser) -> Result<(), IdentityError> {
        let tx = system::begin(&self.db).await?;
        match system::owner(&tx, claims, self.env.now()).await? {
            Some(owner) if owner == user => return Ok(tx.commit().await?),
            Some(_) => return Err(denied("That account is linked to another person here.")),
            None => {}
        }
        self.tie(&tx, claims, user, browser).await?;
        Ok(tx.commit().await?)
    }

    /// Writes a link and tells the owner by mail, other slices and the audit chains.
    async fn tie(&self, tx: &Tx, claims: &Claims, user: UserId, browser: &Browser) -> Result<(), IdentityError> {
        system::link(tx, claims, user, self.env.now()).await?;
        let what = format!("Your account at {} can sign in to your account here from now on.", claims.issuer);
        self.changed(tx, user, &stranger(browser), ("linked", "link"), (&claims.issuer, &claims.subject), &what).await
    }

    /// The caller's own accounts at providers.
    pub(super) async fn list(&self, access: &OrgAccess) -> Result<Vec<ExternalIdentity>, IdentityError> {
        let (user, _) = crate::sessions::person(access)?;
        Ok(system::of_person(&self.db, user).await?)
    }

    /// Unties one of the caller's own accounts at providers, unless it is their last way in.
    pub(super) async fn unlink(&self, access: &OrgAccess, issuer: &str, subject: &str) -> Result<(), IdentityError> {
        let (user, _) = self.sessions.require_fresh(access).await?;
        let tx = system::begin(&self.db).await?;
        people::system::hold(&tx, user).await?;
        if !system::unlink(&tx, user, issuer, subject).await? {
            return Err(IdentityError::NotFound("external identity"));
        }
        if people::system::ways_in(&tx, user).await? == 0 {
            return Err(IdentityError::Conflict(
                "This is your only way to sign in; set a password or add a passkey first.".to_owned(),
            ));
        }
        let what = format!("Your account at {issuer} can no longer sign in to your account here.");
        self.changed(&tx, user, &access.caller, ("unlinked", "unlink"), (issuer, subject), &what).await?;
        Ok(tx.commit().await?)
    }

    async fn changed(
        &self,
        tx: &Tx,
        user: UserId,
        caller: &Caller,
        (happened, verb): (&str, &str),
        (issuer, subject): (&str, &str),
        what: &str,
    ) -> Result<(), IdentityError> {
        let account = people::system::account(tx, user).await?.ok_or(IdentityError::NotFound("person"))?;
        self.post.send(tx, letters::factor_changed(&account.user, what, self.env.now(), caller.address)).await?;
        let shown = json!({ "user": user, "issuer": issuer, "subject": subject });
        let event = Event::new(&format!("rhiza.identity.external_identity.{happened}"), user.to_string()).data(&shown);
        let entry = Entry::new(caller, &format!("identity.external_identity.{verb}"), user.to_string()).after(&shown);
        Ok(trail::record(tx, &self.env, user, Some(event), entry).await?)
    }
}

fn denied(why: &str) -> IdentityError {
    IdentityError::ProviderRefused(why.to_owned())
}
