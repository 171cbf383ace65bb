//! The set-up token and what set-up asks for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rhiza_kernel::{Env, OrgId, ProjectId, UserId};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::errors::{Faults, IdentityError};
use crate::organizations::{DEFAULT_SLUG, Slug};
use crate::people::{Email, PersonName, check_password, display_name};

/// 256 random bits that make their bearer the owner, once.
#[derive(Debug, Clone)]
pub struct SetupToken(SecretString);

/// Characters of 32 bytes in unpadded base 64.
const TOKEN_CHARS: usize = 43;

impl SetupToken {
    /// A fresh token.
    #[must_use]
    pub fn generate(env: &Env) -> Self {
        Self(URL_SAFE_NO_PAD.encode(env.random_bytes::<32>()).into())
    }

    /// Reads what the link carried; nothing when it cannot be a token of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = text.len() == TOKEN_CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        fits.then(|| Self(text.to_owned().into()))
    }

    /// The token itself, for the link.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is stored.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.expose().as_bytes()).into()
    }
}

/// Who will own the installation, and what it is called.
#[derive(Debug, Clone)]
pub struct NewOwner {
    /// The owner's e-mail address.
    pub email: String,
    /// The owner's password.
    pub password: SecretString,
    /// The owner's name; the address' local part when absent.
    pub name: Option<String>,
    /// The organisation's name.
    pub organization: String,
    /// The first project's name; `Default` when absent.
    pub project: Option<String>,
}

/// A [`NewOwner`] whose every part is acceptable.
pub(crate) struct Founding {
    pub(crate) email: Email,
    pub(crate) password: SecretString,
    pub(crate) name: PersonName,
    pub(crate) organization: String,
    pub(crate) organization_slug: Slug,
    pub(crate) project: String,
    pub(crate) project_slug: Slug,
}

impl NewOwner {
    /// Checks every part and tells every fault at once.
    pub(crate) fn check(self) -> Result<Founding, IdentityError> {
        let mut faults = Faults::default();
        let email = faults.take("/email", Email::parse(&self.email));
        let organization = faults.take("/organization", display_name(&self.organization));
        let fallback = email.as_ref().and_then(|e| e.as_str().split('@').next()).unwrap_or_default().to_owned();
        let name = faults.take("/name", PersonName::parse(self.name.as_deref().unwrap_or(&fallback)));
        let project = match self.project.as_deref().filter(|p| !p.trim().is_empty()) {
            None => Some("Default".to_owned()),
            Some(project) => faults.take("/project", display_name(project)),
        };
        if let Some(email) = &email {
            let own: Vec<&str> =
                name.iter().map(PersonName::as_str).chain(organization.iter().map(String::as_str)).collect();
            for fault in check_password(self.password.expose_secret(), email, &own) {
                faults.push("/password", fault);
            }
        }
        match (email, name, organization, project) {
            (Some(email), Some(name), Some(organization), Some(project)) => {
                faults.finish()?;
                Ok(Founding {
                    email,
                    password: self.password,
                    name,
                    organization_slug: Slug::from_name(&organization, "organization"),
                    organization,
                    project_slug: Slug::from_name(&project, DEFAULT_SLUG),
                    project,
                })
            }
            _ => Err(faults.into_error()),
        }
    }
}

/// What `rhiza admin init` prints: the new owner and a key of the whole organisation.
#[derive(Debug, Clone, Serialize)]
pub struct Owner {
    /// The organisation.
    pub organization_id: OrgId,
    /// Its first project.
    pub project_id: ProjectId,
    /// The owner.
    pub user_id: UserId,
    /// A key that may do what the owner may. It is shown here and nowhere else.
    pub api_key: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> NewOwner {
        NewOwner {
            email: "ada@example.com".into(),
            password: "tin kettle orbit 9".into(),
            name: None,
            organization: "Analytical Engines".into(),
            project: None,
        }
    }

    #[test]
    fn what_is_not_said_is_filled_in() {
        let founding = owner().check().ok().unwrap();
        assert_eq!(founding.name.as_str(), "ada");
        assert_eq!((founding.project.as_str(), founding.project_slug.as_str()), ("Default", "default"));
        assert_eq!(founding.organization_slug.as_str(), "analytical-engines");
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let bad = NewOwner {
            email: "ada".into(),
            password: "short".into(),
            name: Some(String::new()),
            organization: " ".into(),
            project: Some("a\nb".into()),
        };
        let Err(IdentityError::Invalid(faults)) = bad.check() else { panic!("refused") };
        let pointers: Vec<_> = faults.iter().map(|f| f.pointer.as_str()).collect();
        assert_eq!(pointers, ["/email", "/organization", "/name", "/project"]);
        let weak = NewOwner { password: "short".into(), ..owner() };
        assert!(matches!(weak.check(), Err(IdentityError::Invalid(f)) if f[0].pointer == "/password"));
    }

    #[test]
    fn a_token_reads_back_and_never_shows_in_debug_output() {
        let (env, _) = Env::fixed(chrono::DateTime::from_timestamp(0, 0).unwrap(), 1);
        let token = SetupToken::generate(&env);
        assert_eq!(SetupToken::parse(&format!(" {}\n", token.expose())).unwrap().hash(), token.hash());
        assert!(!format!("{token:?}").contains(token.expose()));
        assert!(SetupToken::parse("x").is_none());
    }
}
