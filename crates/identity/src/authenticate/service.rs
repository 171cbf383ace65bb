//! Checks a credential and says who it is. The hot path of every request: two hash-map look-ups and a SHA-256 while
//! the answers are fresh, and never a write.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, OrgId, ProjectId};
use rhiza_platform::audit::{Denials, Denied};
use rhiza_platform::authz::{
    Actor, AuthError, Authenticator, Caller, Credentials, Policies, Presented, Principal, ProjectChoice, ProjectHeader,
    RequestedProject,
};
use rhiza_store::{Db, StoreError};
use secrecy::{ExposeSecret, SecretString};

use super::Notes;
use crate::access::{GOVERNING, Membership, Shown};
use crate::keys::system::Opens;
use crate::keys::{self, KeyText, KnownKeys};
use crate::organizations::{ProjectDirectory, ProjectRef, choose};
use crate::sessions::{self, KnownSessions, SessionToken};
use crate::tokens::TokenGate;

/// What is remembered of each kind of credential.
pub(crate) struct Known {
    pub(crate) keys: KnownKeys,
    pub(crate) sessions: KnownSessions,
    pub(crate) tokens: TokenGate,
}

/// Verifies sessions, API keys and access tokens.
pub struct IdentityAuthenticator {
    db: Db,
    env: Env,
    known: Known,
    directory: ProjectDirectory,
    policies: Policies,
    notes: Arc<Notes>,
    denials: Denials,
}

impl IdentityAuthenticator {
    pub(crate) fn new(
        db: Db,
        env: Env,
        known: Known,
        directory: ProjectDirectory,
        policies: Policies,
        notes: Arc<Notes>,
    ) -> Self {
        Self { db, env, known, directory, policies, notes, denials: Denials::default() }
    }

    /// Keys that were refused although it is known whose they are, on their way into the audit chain.
    pub(crate) const fn denials(&self) -> &Denials {
        &self.denials
    }

    /// Notes that a key was refused. What no organisation ever had is nobody's attempt: it is only counted by limits.
    fn refused(&self, opens: &Opens, credentials: &Credentials, reason: &str) {
        let actor = opens.actor.clone();
        let denied = Denied {
            org: opens.org,
            caller: Caller { actor, address: Some(credentials.address), request_id: None },
            action: "identity.key.refuse",
            subject: opens.key.to_string(),
            reason: reason.to_owned(),
        };
        self.denials.note(denied, &self.env);
    }

    async fn by_key(&self, secret: &SecretString, credentials: &Credentials) -> Result<Principal, AuthError> {
        let hash = KeyText::parse(secret.expose_secret()).ok_or(AuthError::Invalid)?.hash();
        let read = || async { Ok::<_, StoreError>(keys::system::find(&self.db, hash).await?.map(Arc::new)) };
        let found = self.known.keys.get(hash, read).await.map_err(unavailable)?;
        let opens = found.ok_or(AuthError::Invalid)?;
        if opens.revoked {
            self.refused(&opens, credentials, "revoked");
            return Err(AuthError::Revoked);
        }
        let now = self.env.now();
        if has_passed(opens.expires_at, now) {
            self.refused(&opens, credentials, "expired");
            return Err(AuthError::Expired);
        }
        let Some(membership) = &opens.membership else {
            self.refused(&opens, credentials, "its owner has left");
            return Err(AuthError::Revoked);
        };
        if opens.networks.as_ref().is_some_and(|nets| !nets.contains(credentials.address)) {
            self.notes.refused_elsewhere(opens.org, &opens.actor, credentials.address, now);
            return Err(AuthError::AddressRefused);
        }
        self.notes.key_used(opens.key, opens.last_used_at, now);
        let of_role = opens.role.map(|role| membership.of_role(&self.policies, role));
        let who = Who {
            org: opens.org,
            actor: opens.actor.clone(),
            membership,
            shown: Shown::program(opens.scopes.limits(of_role)),
            confined_to: opens.project,
        };
        self.principal(who, credentials.project.as_ref()).await
    }

    async fn by_token(&self, text: &str, credentials: &Credentials) -> Result<Principal, AuthError> {
        let now = self.env.now();
        let (token, opens) = self.known.tokens.open(text, now).await?;
        let Some(membership) = &opens.membership else { return Err(AuthError::Revoked) };
        let mut limits = token.limits.intersect(opens.scopes);
        if let Some(key) = &opens.key {
            if key.networks.as_ref().is_some_and(|nets| !nets.contains(credentials.address)) {
                self.notes.refused_elsewhere(opens.org, &opens.actor, credentials.address, now);
                return Err(AuthError::AddressRefused);
            }
            // The key's limits as they are today, not as they were when it asked.
            let of_role = key.role.map(|role| membership.of_role(&self.policies, role));
            limits = key.scopes.limits(of_role).map_or(limits, |of_key| limits.intersect(of_key));
        }
        let who = Who {
            org: opens.org,
            actor: opens.actor.clone(),
            membership,
            shown: Shown::program(Some(limits)),
            confined_to: opens.project,
        };
        self.principal(who, credentials.project.as_ref()).await
    }

    async fn by_session(&self, token: &SecretString, asked: Option<&RequestedProject>) -> Result<Principal, AuthError> {
        let hash = SessionToken::parse(token.expose_secret()).ok_or(AuthError::Invalid)?.hash();
        let read = || async { Ok::<_, StoreError>(sessions::system::find(&self.db, hash).await?.map(Arc::new)) };
        let found = self.known.sessions.get(hash, read).await.map_err(unavailable)?;
        let opens = found.ok_or(AuthError::Invalid)?;
        if opens.revoked {
            return Err(AuthError::Revoked);
        }
        let now = self.env.now();
        if now >= opens.expires_at || now >= opens.idle_expires_at {
            return Err(AuthError::Expired);
        }
        // Who has left the organisation has no session in it.
        let Some(membership) = &opens.membership else { return Err(AuthError::Revoked) };
        self.notes.session_seen(opens.session, opens.last_seen_at, now);
        let who = Who {
            org: opens.org,
            actor: Actor::User { id: opens.user, email: opens.email.clone(), session: opens.session },
            membership,
            shown: Shown::session(opens.second_factor),
            confined_to: None,
        };
        self.principal(who, asked).await
    }

    /// Who they are, in the project of the request: the one asked for if they may enter it, else the credential's own,
    /// else the organisation's oldest that they may enter.
    pub(crate) async fn principal(
        &self,
        who: Who<'_>,
        asked: Option<&RequestedProject>,
    ) -> Result<Principal, AuthError> {
        let all = self.directory.of(who.org).await.map_err(unavailable)?;
        let enter = |p: &ProjectRef| who.membership.in_project(&self.policies, p, who.shown);
        let chosen = select(&all, asked, who.confined_to, |p| !who.membership.roles_in(&self.policies, p).is_empty());
        let mut in_organization = who.membership.in_organization(&self.policies, who.shown);
        let (project, in_project) = match chosen {
            Ok(Some(project)) => {
                let choice = ProjectChoice::Selected { id: project.id, slug: project.slug.clone() };
                (choice, enter(project).unwrap_or_else(|| in_organization.clone()))
            }
            Ok(None) => (ProjectChoice::None, in_organization.clone()),
            Err(unknown) => (ProjectChoice::Unknown(unknown), in_organization.clone()),
        };
        if who.confined_to.is_some() {
            // What works in one project manages nothing of the organisation, whoever it belongs to.
            in_organization.allowed = in_organization.allowed.without(GOVERNING);
        }
        Ok(Principal {
            org: who.org,
            actor: who.actor,
            role: who.membership.role,
            in_organization,
            in_project,
            project,
            limits: who.membership.limits(&self.policies, who.shown),
            confined_to: who.confined_to,
            plan: Arc::clone(&who.membership.plan),
        })
    }
}

/// Somebody whose credential is good.
pub(crate) struct Who<'a> {
    pub(crate) org: OrgId,
    pub(crate) actor: Actor,
    pub(crate) membership: &'a Membership,
    pub(crate) shown: Shown,
    pub(crate) confined_to: Option<ProjectId>,
}

#[async_trait]
impl Authenticator for IdentityAuthenticator {
    async fn authenticate(&self, credentials: &Credentials) -> Result<Principal, AuthError> {
        match &credentials.presented {
            Presented::Bearer(key) | Presented::ApiKey(key) | Presented::Basic { password: key, .. } => {
                // Keys have no dots, and tokens have two.
                match key.expose_secret() {
                    token if token.contains('.') => self.by_token(token, credentials).await,
                    _ => self.by_key(key, credentials).await,
                }
            }
            Presented::Session(token) => self.by_session(token, credentials.project.as_ref()).await,
        }
    }
}

fn unavailable(error: StoreError) -> AuthError {
    AuthError::Unavailable(Box::new(error))
}

fn has_passed(limit: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    limit.is_some_and(|at| now >= at)
}

/// The project to work in; none when there is none to enter, and what was asked for when that cannot be entered.
fn select<'a>(
    all: &'a [ProjectRef],
    asked: Option<&RequestedProject>,
    confined_to: Option<ProjectId>,
    opens: impl Fn(&ProjectRef) -> bool,
) -> Result<Option<&'a ProjectRef>, RequestedProject> {
    let may_enter = |p: &ProjectRef| confined_to.is_none_or(|only| only == p.id) && opens(p);
    let found = match asked {
        Some(asked) => match asked.name.parse::<ProjectId>() {
            Ok(id) => all.iter().find(|p| p.id == id && may_enter(p)),
            Err(_) => choose(all, &asked.name, may_enter),
        },
        None => all.iter().find(|p| may_enter(p)),
    };
    match (found, asked, confined_to) {
        (Some(project), ..) => Ok(Some(project)),
        (None, Some(asked), _) => Err(asked.clone()),
        // The key's own project was archived, or its owner may no longer enter it.
        (None, None, Some(only)) => Err(RequestedProject { name: only.to_string(), by: ProjectHeader::Rhiza }),
        (None, None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rhiza_kernel::TypedId as _;

    fn id(number: u128) -> ProjectId {
        ProjectId::from_uuid(uuid::Uuid::from_u128(number))
    }

    fn all() -> Vec<ProjectRef> {
        [(1, "fraud"), (2, "churn")]
            .map(|(n, slug)| ProjectRef { id: id(n), slug: slug.to_owned(), name: slug.to_owned(), is_private: n == 9 })
            .to_vec()
    }

    fn asked(name: &str) -> RequestedProject {
        RequestedProject { name: name.to_owned(), by: ProjectHeader::Mlflow }
    }

    fn selected<'a>(
        all: &'a [ProjectRef],
        asked: Option<&RequestedProject>,
        confined_to: Option<ProjectId>,
    ) -> Result<Option<&'a str>, RequestedProject> {
        select(all, asked, confined_to, |_| true).map(|found| found.map(|p| p.slug.as_str()))
    }

    #[test]
    fn a_key_of_a_project_enters_that_project_only() {
        assert_eq!(selected(&all(), None, Some(id(2))), Ok(Some("churn")));
        assert_eq!(selected(&all(), Some(&asked("churn")), Some(id(2))), Ok(Some("churn")));
        assert_eq!(selected(&all(), Some(&asked("default")), Some(id(2))), Ok(Some("churn")));
        for other in ["fraud".to_owned(), id(1).to_string()] {
            assert_eq!(selected(&all(), Some(&asked(&other)), Some(id(2))), Err(asked(&other)));
        }
    }

    #[test]
    fn others_choose_by_slug_or_id_and_start_in_the_oldest() {
        assert_eq!(selected(&all(), None, None), Ok(Some("fraud")));
        assert_eq!(selected(&all(), Some(&asked("churn")), None), Ok(Some("churn")));
        assert_eq!(selected(&all(), Some(&asked(&id(2).to_string())), None), Ok(Some("churn")));
        assert_eq!(selected(&all(), Some(&asked("nope")), None), Err(asked("nope")));
        assert_eq!(selected(&[], None, None), Ok(None));
        assert!(selected(&all(), None, Some(id(9))).is_err());
    }

    #[test]
    fn a_door_that_does_not_open_is_not_there() {
        let open = |p: &ProjectRef| p.slug == "churn";
        let slug =
            |asked: Option<&RequestedProject>| select(&all(), asked, None, open).map(|p| p.map(|p| p.slug.clone()));
        assert_eq!(slug(None), Ok(Some("churn".to_owned())));
        assert_eq!(slug(Some(&asked("default"))), Ok(Some("churn".to_owned())));
        for name in ["fraud".to_owned(), id(1).to_string()] {
            assert_eq!(slug(Some(&asked(&name))), Err(asked(&name)));
        }
    }
}
