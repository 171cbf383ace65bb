//! Providers as the operator set them up, and what they say of a person.

use secrecy::SecretString;
use url::Url;

use crate::people::Email;

/// An OpenID provider.
#[derive(Debug, Clone)]
pub struct OidcProvider {
    /// Its name in addresses.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// Its issuer, exactly as it names itself.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// Proves it.
    pub client_secret: SecretString,
    /// Asked for beside `openid`.
    pub scopes: Vec<String>,
    /// Domains (in lower case) whose addresses may come in; empty for all.
    pub allowed_domains: Vec<String>,
    /// Slug of the organisation that new people join; empty for none.
    pub organization: String,
    /// Whether an address that the provider has verified opens the account of that address here.
    pub trusted_emails: bool,
    /// Whether a sign-in there counts as one with a second factor, whatever the provider says.
    pub trusted_second_factor: bool,
}

/// What a provider has said of a person, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) issuer: String,
    pub(super) subject: String,
    /// The address, if the provider says that it is verified.
    pub(super) verified_email: Option<String>,
    pub(super) name: Option<String>,
    /// Google's claim: the organisation that runs the account.
    pub(super) hosted_domain: Option<String>,
    /// Whether several factors were shown there (RFC 8176).
    pub(super) several_factors: bool,
}

const GOOGLE: &str = "https://accounts.google.com";

impl OidcProvider {
    /// The verified address, if people with it may come in here.
    pub(super) fn admit(&self, claims: &Claims) -> Result<Option<Email>, &'static str> {
        let email = claims.verified_email.as_deref().and_then(|text| Email::parse(text).ok());
        if self.allowed_domains.is_empty() {
            return Ok(email);
        }
        let Some(email) = email else { return Err("The provider has not verified your e-mail address.") };
        let domain = email.key().rsplit('@').next().unwrap_or_default().to_owned();
        if !self.allowed_domains.contains(&domain) {
            return Err("Accounts of your e-mail domain may not sign in here.");
        }
        // Anybody can have a Google account with an address of any domain; the organisation's own ones carry this claim.
        if self.issuer.trim_end_matches('/') == GOOGLE {
            let hosted = claims.hosted_domain.as_deref().map(str::to_lowercase);
            if !hosted.is_some_and(|hosted| self.allowed_domains.contains(&hosted)) {
                return Err("Only accounts that your organisation manages may sign in here.");
            }
        }
        Ok(Some(email))
    }
}

/// Where to go after signing in: a path of this site, or its front page.
pub(super) fn local_path(asked: Option<&str>) -> String {
    let asked = asked.unwrap_or("/");
    // Browsers read `\` as `/` and drop tabs and line breaks; whatever is not plain goes nowhere.
    let plain = asked.starts_with('/')
        && asked.len() <= 2000
        && asked.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
        && !asked.starts_with("//");
    let base = Url::parse("https://here.invalid/").ok();
    let stays = base
        .as_ref()
        .and_then(|base| base.join(asked).ok())
        .is_some_and(|url| base.as_ref().is_some_and(|base| url.origin() == base.origin()));
    if plain && stays && !asked.starts_with("/api/") { asked.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_stays_on_this_site() {
        for good in ["/", "/p/fraud/experiments?sort=name#x", "/p/a%20b"] {
            assert_eq!(local_path(Some(good)), good);
        }
        for bad in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "javascript:alert(1)",
            "p/x",
            "",
            "/é",
            "/api/v1/auth/oidc/x/start",
        ] {
            assert_eq!(local_path(Some(bad)), "/", "{bad:?}");
        }
        assert_eq!(local_path(None), "/");
    }

    fn provider(issuer: &str, domains: &[&str]) -> OidcProvider {
        OidcProvider {
            name: "x".into(),
            label: "X".into(),
            issuer: issuer.into(),
            client_id: "rhiza".into(),
            client_secret: "s".into(),
            scopes: Vec::new(),
            allowed_domains: domains.iter().map(|d| (*d).to_owned()).collect(),
            organization: String::new(),
            trusted_emails: false,
            trusted_second_factor: false,
        }
    }

    fn claims(email: Option<&str>, hosted: Option<&str>) -> Claims {
        Claims {
            issuer: "i".into(),
            subject: "s".into(),
            verified_email: email.map(str::to_owned),
            name: None,
            hosted_domain: hosted.map(str::to_owned),
            several_factors: false,
        }
    }

    #[test]
    fn only_verified_addresses_of_the_listed_domains_come_in() {
        let ours = provider("https://id.example.org", &["example.org"]);
        assert!(ours.admit(&claims(Some("Ada@Example.org"), None)).is_ok());
        for bad in [None, Some("ada@evil.example"), Some("ada@sub.example.org"), Some("ada@example.org.evil.example")] {
            assert!(ours.admit(&claims(bad, None)).is_err(), "{bad:?}");
        }
        assert!(provider("https://id.example.org", &[]).admit(&claims(None, None)).unwrap().is_none());
    }

    #[test]
    fn google_accounts_must_be_the_organisations_own() {
        let google = provider("https://accounts.google.com", &["example.org"]);
        assert!(google.admit(&claims(Some("ada@example.org"), Some("example.org"))).is_ok());
        assert!(google.admit(&claims(Some("ada@example.org"), None)).is_err());
        assert!(google.admit(&claims(Some("ada@example.org"), Some("other.org"))).is_err());
    }
}
