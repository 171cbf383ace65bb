//! Who may register, and what they say when they do.

use rhiza_kernel::Role;
use secrecy::{ExposeSecret as _, SecretString};

use crate::errors::{Faults, IdentityError};
use crate::people::{Email, PersonName, check_password, display_name};

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RegistrationMode {
    /// Who was invited.
    #[default]
    Invite,
    /// Everybody; each founds an organisation of their own.
    Open,
    /// Who has an address in one of some domains; they join the installation's first organisation.
    Domain,
}

impl RegistrationMode {
    /// The mode as in the settings and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Open => "open",
            Self::Domain => "domain",
        }
    }
}

/// Who may register, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationRules {
    /// Who.
    pub mode: RegistrationMode,
    /// The domains, in lower case, where addresses in some domains may.
    pub domains: Vec<String>,
    /// The role that they get then.
    pub role: Role,
}

impl Default for RegistrationRules {
    fn default() -> Self {
        Self { mode: RegistrationMode::Invite, domains: Vec::new(), role: Role::Viewer }
    }
}

impl RegistrationRules {
    /// Whether somebody with this address may register without an invitation.
    ///
    /// # Errors
    /// [`IdentityError::Denied`] says why not. It tells nothing about the address but its domain.
    pub(crate) fn check(&self, email: &Email) -> Result<(), IdentityError> {
        let refused = match self.mode {
            RegistrationMode::Open => return Ok(()),
            RegistrationMode::Domain if self.domains.iter().any(|domain| domain == email.domain()) => return Ok(()),
            RegistrationMode::Domain => {
                format!("Only addresses at {} may register here. Others need an invitation.", self.domains.join(", "))
            }
            RegistrationMode::Invite => "One needs an invitation to register here.".to_owned(),
        };
        Err(IdentityError::Denied(refused))
    }
}

/// What somebody says who registers.
#[derive(Debug)]
pub(crate) struct NewPerson {
    pub(crate) email: String,
    pub(crate) password: SecretString,
    pub(crate) name: String,
    pub(crate) organization: Option<String>,
}

/// A [`NewPerson`] whose every part is acceptable.
pub(crate) struct Checked {
    pub(crate) email: Email,
    pub(crate) password: SecretString,
    pub(crate) name: PersonName,
    pub(crate) organization: Option<String>,
}

impl NewPerson {
    /// Checks every part and tells every fault at once.
    pub(crate) fn check(self) -> Result<Checked, IdentityError> {
        let mut faults = Faults::default();
        let email = faults.take("/email", Email::parse(&self.email));
        let name = faults.take("/name", PersonName::parse(&self.name));
        let organization = match self.organization.as_deref().filter(|text| !text.trim().is_empty()) {
            None => Some(None),
            Some(text) => faults.take("/organization", display_name(text)).map(Some),
        };
        if let Some(email) = &email {
            let said = organization.iter().flatten().map(String::as_str);
            let own: Vec<&str> = name.iter().map(PersonName::as_str).chain(said).collect();
            for fault in check_password(self.password.expose_secret(), email, &own) {
                faults.push("/password", fault);
            }
        }
        match (email, name, organization) {
            (Some(email), Some(name), Some(organization)) => {
                faults.finish()?;
                Ok(Checked { email, password: self.password, name, organization })
            }
            _ => Err(faults.into_error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(mode: RegistrationMode) -> RegistrationRules {
        RegistrationRules { mode, domains: vec!["example.com".into()], role: Role::Viewer }
    }

    #[test]
    fn a_domain_is_the_whole_domain() {
        let allowed = |text: &str| rules(RegistrationMode::Domain).check(&Email::parse(text).unwrap()).is_ok();
        assert!(allowed("ada@example.com") && allowed("ada@EXAMPLE.com"));
        // Not part of one, not one inside another, and no letters that only look the same (a Cyrillic е).
        for foreign in [
            "ada@evil-example.com",
            "ada@sub.example.com",
            "ada@example.com.evil.org",
            "example.com@evil.org",
            "ada@\u{435}xample.com",
        ] {
            assert!(!allowed(foreign), "{foreign}");
        }
    }

    #[test]
    fn each_mode_lets_in_whom_it_says() {
        let ada = Email::parse("ada@example.org").unwrap();
        assert!(rules(RegistrationMode::Open).check(&ada).is_ok());
        assert!(rules(RegistrationMode::Domain).check(&ada).is_err());
        assert!(rules(RegistrationMode::Invite).check(&ada).is_err());
    }

    #[test]
    fn every_fault_is_told_at_once_and_no_line_break_gets_into_a_letter() {
        let bad = NewPerson {
            email: "ada@x.com\r\nBcc: eve@x.com".into(),
            password: "short".into(),
            name: "Ada\r\nBcc: eve@x.com".into(),
            organization: Some("a\nb".into()),
        };
        let Err(IdentityError::Invalid(faults)) = bad.check() else { panic!("refused") };
        let pointers: Vec<_> = faults.iter().map(|f| f.pointer.as_str()).collect();
        assert_eq!(pointers, ["/email", "/name", "/organization"]);
        let long = NewPerson {
            email: format!("{}@x.com", "a".repeat(1 << 16)),
            password: "x".repeat(1 << 16).into(),
            name: "x".repeat(1 << 16),
            organization: None,
        };
        assert!(matches!(long.check(), Err(IdentityError::Invalid(faults)) if faults.len() == 2));
    }
}
