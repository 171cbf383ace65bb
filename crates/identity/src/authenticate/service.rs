//! Checks a credential and says who it is. The hot path of every request: two hash-map look-ups and a SHA-256 while
//! the answers are fresh, and never a write.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rhiza_kernel::{Env, OrgId, ProjectId};
use rhiza_platform::authz::{
    Actor, AuthError, Authenticator, Credentials, Presented, Principal, ProjectChoice, ProjectHeader, RequestedProject,
};
use rhiza_store::{Db, StoreError};
use secrecy::{ExposeSecret, SecretString};

use super::Notes;
use crate::keys::{self, KeyText, KnownKeys};
use crate::organizations::{ProjectDirectory, ProjectRef, choose};
use crate::sessions::{self, KnownSessions, SessionToken};

/// Verifies sessions and API keys.
pub struct IdentityAuthenticator {
    db: Db,
    env: Env,
    keys: KnownKeys,
    sessions: KnownSessions,
    directory: ProjectDirectory,
    notes: Arc<Notes>,
}

impl IdentityAuthenticator {
    pub(crate) fn new(
        db: Db,
        env: Env,
        keys: KnownKeys,
        sessions: KnownSessions,
        directory: ProjectDirectory,
        notes: Arc<Notes>,
    ) -> Self {
        Self { db, env, keys, sessions, directory, notes }
    }

    async fn by_key(&self, secret: &SecretString, asked: Option<&RequestedProject>) -> Result<Principal, AuthError> {
        let hash = KeyText::parse(secret.expose_secret()).ok_or(AuthError::Invalid)?.hash();
        let read = || async { Ok::<_, StoreError>(keys::system::find(&self.db, hash).await?.map(Arc::new)) };
        let found = self.keys.get(hash, read).await.map_err(unavailable)?;
        let opens = found.ok_or(AuthError::Invalid)?;
        if opens.revoked {
            return Err(AuthError::Revoked);
        }
        let now = self.env.now();
        if has_passed(opens.expires_at, now) {
            return Err(AuthError::Expired);
        }
        let project = self.choose(opens.org, asked, opens.project).await?;
        self.notes.key_used(opens.key, opens.last_used_at, now);
        Ok(Principal {
            org: opens.org,
            actor: Actor::Key { id: opens.key, owner: Some(opens.owner) },
            role: opens.role,
            scopes: opens.scopes.clone(),
            project,
        })
    }

    async fn by_session(&self, token: &SecretString, asked: Option<&RequestedProject>) -> Result<Principal, AuthError> {
        let hash = SessionToken::parse(token.expose_secret()).ok_or(AuthError::Invalid)?.hash();
        let read = || async { Ok::<_, StoreError>(sessions::system::find(&self.db, hash).await?.map(Arc::new)) };
        let found = self.sessions.get(hash, read).await.map_err(unavailable)?;
        let opens = found.ok_or(AuthError::Invalid)?;
        if opens.revoked {
            return Err(AuthError::Revoked);
        }
        let now = self.env.now();
        if now >= opens.expires_at || now >= opens.idle_expires_at {
            return Err(AuthError::Expired);
        }
        let project = self.choose(opens.org, asked, None).await?;
        self.notes.session_seen(opens.session, opens.last_seen_at, now);
        Ok(Principal {
            org: opens.org,
            actor: Actor::User { id: opens.user, email: opens.email.clone(), session: opens.session },
            role: opens.role,
            scopes: None,
            project,
        })
    }

    /// The project of the request: the one asked for if it may be entered, else the credential's own, else the
    /// organisation's oldest.
    async fn choose(
        &self,
        org: OrgId,
        asked: Option<&RequestedProject>,
        bound: Option<ProjectId>,
    ) -> Result<ProjectChoice, AuthError> {
        let all = self.directory.of(org).await.map_err(unavailable)?;
        Ok(select(&all, asked, bound))
    }
}

#[async_trait]
impl Authenticator for IdentityAuthenticator {
    async fn authenticate(&self, credentials: &Credentials) -> Result<Principal, AuthError> {
        let asked = credentials.project.as_ref();
        match &credentials.presented {
            Presented::Bearer(key) | Presented::ApiKey(key) | Presented::Basic { password: key, .. } => {
                self.by_key(key, asked).await
            }
            Presented::Session(token) => self.by_session(token, asked).await,
        }
    }
}

fn unavailable(error: StoreError) -> AuthError {
    AuthError::Unavailable(Box::new(error))
}

fn has_passed(limit: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    limit.is_some_and(|at| now >= at)
}

fn select(all: &[ProjectRef], asked: Option<&RequestedProject>, bound: Option<ProjectId>) -> ProjectChoice {
    let may_enter = |p: &ProjectRef| bound.is_none_or(|bound| bound == p.id);
    let found = match asked {
        Some(asked) => match asked.name.parse::<ProjectId>() {
            Ok(id) => all.iter().find(|p| p.id == id && may_enter(p)),
            Err(_) => choose(all, &asked.name, may_enter),
        },
        None => all.iter().find(|p| may_enter(p)),
    };
    match (found, asked, bound) {
        (Some(project), ..) => ProjectChoice::Selected { id: project.id, slug: project.slug.clone() },
        (None, Some(asked), _) => ProjectChoice::Unknown(asked.clone()),
        // The key's own project was archived.
        (None, None, Some(bound)) => {
            ProjectChoice::Unknown(RequestedProject { name: bound.to_string(), by: ProjectHeader::Rhiza })
        }
        (None, None, None) => ProjectChoice::None,
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
            .map(|(n, slug)| ProjectRef { id: id(n), slug: slug.to_owned(), name: slug.to_owned() })
            .to_vec()
    }

    fn asked(name: &str) -> RequestedProject {
        RequestedProject { name: name.to_owned(), by: ProjectHeader::Mlflow }
    }

    fn selected(choice: &ProjectChoice) -> Option<&str> {
        match choice {
            ProjectChoice::Selected { slug, .. } => Some(slug),
            _ => None,
        }
    }

    #[test]
    fn a_key_of_a_project_enters_that_project_only() {
        assert_eq!(selected(&select(&all(), None, Some(id(2)))), Some("churn"));
        assert_eq!(selected(&select(&all(), Some(&asked("churn")), Some(id(2)))), Some("churn"));
        assert_eq!(selected(&select(&all(), Some(&asked("default")), Some(id(2)))), Some("churn"));
        for other in ["fraud".to_owned(), id(1).to_string()] {
            let choice = select(&all(), Some(&asked(&other)), Some(id(2)));
            assert_eq!(choice, ProjectChoice::Unknown(asked(&other)));
        }
    }

    #[test]
    fn others_choose_by_slug_or_id_and_start_in_the_oldest() {
        assert_eq!(selected(&select(&all(), None, None)), Some("fraud"));
        assert_eq!(selected(&select(&all(), Some(&asked("churn")), None)), Some("churn"));
        assert_eq!(selected(&select(&all(), Some(&asked(&id(2).to_string())), None)), Some("churn"));
        assert_eq!(select(&all(), Some(&asked("nope")), None), ProjectChoice::Unknown(asked("nope")));
        assert_eq!(select(&[], None, None), ProjectChoice::None);
        assert!(matches!(select(&all(), None, Some(id(9))), ProjectChoice::Unknown(_)));
    }
}
