//! Who a person is, and the rules of e-mail addresses, names and passwords.

use std::fmt;

use chrono::{DateTime, Utc};
use rhiza_kernel::{OrgId, UserId};

/// An e-mail address that could be delivered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    text: String,
    key: String,
}

impl Email {
    /// Reads an address; blanks around it are dropped.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "must be an e-mail address such as ada@example.com";
        let text = text.trim();
        // 64 and 254 octets: RFC 5321, sections 4.5.3.1.1 and 4.5.3.1.3 (256 with the angle brackets).
        if text.len() > 254 {
            return Err("must be at most 254 characters long");
        }
        let (local, domain) = text.rsplit_once('@').ok_or(WRONG)?;
        if local.is_empty() || local.len() > 64 || !local.chars().all(is_local_char) {
            return Err(WRONG);
        }
        if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
            return Err(WRONG);
        }
        if !domain.split('.').all(is_label) {
            return Err(WRONG);
        }
        Ok(Self { text: text.to_owned(), key: fold(text) })
    }

    /// As the person writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands behind the `@`, in lower case.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.key.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// What two spellings of one address have in common.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The look-up form of any text that may be an address; a text that is none simply finds nobody.
pub(crate) fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// As [`fold`], of a text that a stranger typed: no address is longer than 254 bytes; what is cannot be an account, but
/// must not fill limiters and queues either.
pub(crate) fn look_up_key(text: &str) -> String {
    let text = text.trim();
    text.chars().take(254).flat_map(char::to_lowercase).filter(|c| *c != '\0').collect()
}

// No quoted local parts: nobody has one, and every one of them is an injection waiting for a mail library.
fn is_local_char(c: char) -> bool {
    c.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c)
}

fn is_label(label: &str) -> bool {
    // 63 octets: RFC 1035, section 2.3.4.
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|c| c.is_alphanumeric() || c == '-')
}

/// A person's name as shown to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonName(String);

impl PersonName {
    /// Reads a name; blanks around it are dropped.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        display_name(text).map(Self)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The rule every name people choose obeys: one line, 1 to 120 characters, nothing invisible.
pub(crate) fn display_name(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("must not be empty");
    }
    if text.chars().count() > 120 {
        return Err("must be at most 120 characters long");
    }
    if text.chars().any(|c| c.is_control() || is_direction_override(c)) {
        return Err("must not hold control characters");
    }
    Ok(text.to_owned())
}

/// The marks that make text read in another order than it is stored, so that a name can pose as another.
const fn is_direction_override(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// The fewest characters of a password. NIST SP 800-63B rev. 4 asks for 15 where the password stands alone, OWASP
/// for 8 with a second factor; 12 with the list below is the usual middle until second factors are here.
const MIN_PASSWORD_CHARS: usize = 12;

/// The most bytes of a password: far beyond any passphrase, small enough that hashing it costs nothing extra.
const MAX_PASSWORD_BYTES: usize = 1024;

/// Passwords of twelve characters and more that lead the published lists of leaked ones, and what people type when
/// a form asks for twelve. Compared without case.
const COMMON: &[&str] = &[
    "123456789012",
    "1234567890123",
    "12345678901234",
    "123456789abc",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "abcdefghijkl",
    "adminadminadmin",
    "administrator",
    "changemechangeme",
    "correcthorsebatterystaple",
    "correct horse battery staple",
    "iloveyou1234",
    "letmeinletmein",
    "motdepasse123",
    "passw0rd1234",
    "password1234",
    "password12345",
    "password123456",
    "passwordpassword",
    "passwort1234",
    "qazwsxedcrfv",
    "qwerty123456",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwertyuiopasdf",
    "qwertyuiop[]",
    "welcome12345",
    "zaq12wsxcde3",
];

/// Every rule the password breaks, as sentences for the person choosing it. Empty means that it may be used.
pub(crate) fn check_password(password: &str, email: &Email, names: &[&str]) -> Vec<&'static str> {
    let mut faults = Vec::new();
    if password.chars().count() < MIN_PASSWORD_CHARS {
        faults.push("must be at least 12 characters long");
    }
    if password.len() > MAX_PASSWORD_BYTES {
        faults.push("must be at most 1024 bytes long");
        return faults;
    }
    let folded = password.to_lowercase();
    let squeezed: String = folded.chars().filter(|c| c.is_alphanumeric()).collect();
    let local = email.key().split('@').next().unwrap_or_default();
    let own = std::iter::once(email.key()).chain(std::iter::once(local)).chain(names.iter().copied());
    if own.map(fold).any(|own| !own.is_empty() && is_made_of(&folded, &own)) {
        faults.push("must not be made of your name, e-mail address or organisation");
    }
    if COMMON.iter().any(|common| *common == folded || *common == squeezed) {
        faults.push("is one of the first passwords anybody tries");
    }
    if distinct_chars(&folded) < 5 || is_run(&folded) {
        faults.push("must not be one short pattern repeated or counted through");
    }
    faults
}

/// Whether nothing but digits and punctuation is left of `password` when every `word` is taken out.
fn is_made_of(password: &str, word: &str) -> bool {
    word.chars().count() >= 3
        && password.contains(word)
        && password.replace(word, "").chars().all(|c| !c.is_alphabetic())
}

fn distinct_chars(text: &str) -> usize {
    text.chars().collect::<std::collections::HashSet<_>>().len()
}

/// Whether each character is the one after (or before) the last: `abcdefghijklm`, `9876543210987`.
fn is_run(text: &str) -> bool {
    let steps: Vec<i64> = text
        .chars()
        .zip(text.chars().skip(1))
        .map(|(a, b)| i64::from(u32::from(b)) - i64::from(u32::from(a)))
        // Ten digits wrap round: …8, 9, 0, 1…
        .map(|step| match step {
            -9 => 1,
            9 => -1,
            other => other,
        })
        .collect();
    !steps.is_empty() && (steps.iter().all(|s| *s == 1) || steps.iter().all(|s| *s == -1))
}

/// A person.
#[derive(Debug, Clone)]
pub struct User {
    /// The id.
    pub id: UserId,
    /// As the person writes it.
    pub email: String,
    /// Shown to others.
    pub name: String,
}

/// A person, with what getting in depends on.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// The person.
    pub(crate) user: User,
    /// The stored password hash; none when the person never set one.
    pub(crate) password_hash: Option<String>,
    /// Since when they have that password, if they ever changed it.
    pub(crate) password_changed_at: Option<DateTime<Utc>>,
    /// When an administrator shut the account, or the person deleted it.
    pub(crate) disabled_at: Option<DateTime<Utc>>,
    /// When the address was proved to be theirs.
    pub(crate) email_verified_at: Option<DateTime<Utc>>,
    /// Whether they have an authenticator app, which is asked for at every sign-in.
    pub(crate) totp: bool,
    /// The organisation they joined first.
    pub(crate) org: Option<OrgId>,
}

impl Account {
    /// The hash that a password is checked against; none when no password opens the account.
    pub(crate) fn usable_hash(&self) -> Option<String> {
        self.password_hash.clone().filter(|_| self.disabled_at.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(password: &str) -> Vec<&'static str> {
        check_password(password, &Email::parse("Ada.Lovelace@example.com").unwrap(), &["Ada Lovelace", "Analytical"])
    }

    #[test]
    fn addresses_that_nobody_can_have_are_refused() {
        for good in ["ada@example.com", " Ada+x@sub.example.co.uk ", "ünï@exämple.com", "root@localhost"] {
            assert!(Email::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@-x.com",
            "ada@x..com",
            "a b@x.com",
            "a\n@x.com",
            "a@x.com\r\nBcc: b",
            "\"a\"@x.com",
            ".a@x.com",
            "a..b@x.com",
            "a@x.com>",
        ] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Email::parse(&format!("{}@x.com", "a".repeat(65))).is_err());
    }

    #[test]
    fn two_spellings_of_an_address_are_one_person() {
        assert_eq!(Email::parse("Ada@Example.COM").unwrap().key(), Email::parse("ada@example.com").unwrap().key());
    }

    #[test]
    fn a_good_passphrase_is_accepted() {
        assert_eq!(faults("tin kettle orbit 9"), Vec::<&str>::new());
        assert_eq!(faults("Ada likes difference engines"), Vec::<&str>::new());
    }

    #[test]
    fn a_password_is_refused_for_each_reason() {
        assert_eq!(faults("short"), ["must be at least 12 characters long"]);
        assert_eq!(faults(&"longpassw0rd!".repeat(100)), ["must be at most 1024 bytes long"]);
        assert_eq!(faults("Password-1234"), ["is one of the first passwords anybody tries"]);
        let own = "must not be made of your name, e-mail address or organisation";
        for password in ["ada.lovelace@example.com", "ada.lovelace1815!", "Analytical2026"] {
            assert_eq!(faults(password), [own], "{password}");
        }
        let pattern = "must not be one short pattern repeated or counted through";
        for password in ["aaaaaaaaaaaaaaaa", "abababababab", "0123456789012345", "opqrstuvwxyz", "98765432109876"] {
            assert!(faults(password).contains(&pattern), "{password}: {:?}", faults(password));
        }
    }

    #[test]
    fn names_are_one_visible_line() {
        assert_eq!(PersonName::parse("  Ada ").unwrap().as_str(), "Ada");
        for bad in ["", "   ", "a\nb", "evil\u{202E}txt"] {
            assert!(PersonName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(PersonName::parse(&"x".repeat(121)).is_err());
    }
}
