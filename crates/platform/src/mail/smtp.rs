//! The way out: one SMTP server, spoken to with TLS unless the settings say otherwise.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lettre::address::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use rhiza_kernel::MailId;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::model::{Content, MailFault};
use super::render::plain;

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// `smtp://`: the connection begins in the clear and must be switched to TLS before anything is said.
    StartTls,
    /// `smtps://`: TLS from the first byte.
    Tls,
    /// `smtp+plain://`: none. For a server on the same machine.
    None,
}

/// Where the mail server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpAddress {
    /// How the connection is protected.
    pub security: Security,
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl SmtpAddress {
    /// Reads `smtp://HOST[:587]`, `smtps://HOST[:465]` or `smtp+plain://HOST[:25]`.
    ///
    /// # Errors
    /// What is wrong with it, without repeating what may be a password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "must be smtp://HOST:PORT (STARTTLS), smtps://HOST:PORT (TLS) or smtp+plain://HOST:PORT";
        let url = Url::parse(text).map_err(|_| FORM)?;
        let (security, port) = match url.scheme() {
            "smtp" => (Security::StartTls, 587),
            "smtps" => (Security::Tls, 465),
            "smtp+plain" => (Security::None, 25),
            _ => return Err(FORM),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a user or a password: they are mail.smtp_user and mail.smtp_password");
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(FORM);
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(FORM)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { security, host, port: url.port().unwrap_or(port) })
    }

    /// Whether the server is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// The mail server as the settings describe it.
#[derive(Debug, Clone)]
pub struct SmtpOptions {
    /// Where it is.
    pub address: SmtpAddress,
    /// User and password, where it wants them.
    pub credentials: Option<(String, SecretString)>,
    /// Who the letters are from: `Name <address>` or an address.
    pub from: String,
    /// Certificates (PEM) of an authority that the system does not know.
    pub authority: Option<Vec<u8>>,
    /// How long the server may take for one answer.
    pub timeout: Duration,
}

/// Where letters go.
#[derive(Clone)]
pub struct Delivery(pub(super) Way);

#[derive(Clone)]
pub(super) enum Way {
    /// To the log and the developer's mailbox.
    Show,
    /// To a mail server.
    Smtp(Box<Outgoing>),
}

/// A mail server, and how it is spoken to.
#[derive(Clone)]
pub(super) struct Outgoing {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    patience: Duration,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self.0, Way::Show) { "Delivery(shown)" } else { "Delivery(smtp)" })
    }
}

impl Delivery {
    /// Letters are shown in the log and kept for the developer.
    #[must_use]
    pub const fn show() -> Self {
        Self(Way::Show)
    }

    /// Letters go to this server. Nothing is connected yet.
    ///
    /// # Errors
    /// Settings that cannot work.
    pub fn smtp(options: &SmtpOptions) -> Result<Self, MailFault> {
        let from = sender(&options.from)?;
        let settings = |what: &str, e: lettre::transport::smtp::Error| MailFault::Settings(format!("{what}: {e}"));
        let mut tls = TlsParameters::builder(options.address.host.clone());
        if let Some(pem) = &options.authority {
            let authority = Certificate::from_pem(pem).map_err(|e| settings("mail.smtp_ca_file is not PEM", e))?;
            tls = tls.add_root_certificate(authority);
        }
        let tls = || tls.build_rustls().map_err(|e| settings("TLS for mail.smtp_url", e));
        let tls = match options.address.security {
            Security::StartTls => Tls::Required(tls()?),
            Security::Tls => Tls::Wrapper(tls()?),
            Security::None => Tls::None,
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(options.address.host.clone())
            .port(options.address.port)
            .timeout(Some(options.timeout))
            .tls(tls);
        if let Some((user, password)) = &options.credentials {
            transport = transport.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
        }
        // A letter takes some ten answers; a server that uses up its time for each is as good as down.
        let patience = options.timeout.saturating_mul(3);
        Ok(Self(Way::Smtp(Box::new(Outgoing { transport: transport.build(), from, patience }))))
    }
}

/// The sender as the settings give it.
///
/// # Errors
/// When it is not `Name <address>` or an address.
pub fn sender(text: &str) -> Result<Mailbox, MailFault> {
    let fault = || MailFault::Settings("mail.from must be like Rhiza <rhiza@example.org>".to_owned());
    let mailbox: Mailbox = text.parse().map_err(|_| fault())?;
    if address(mailbox.email.as_ref()).is_none() {
        return Err(fault());
    }
    Ok(mailbox)
}

/// An address that mail can be written to; at most as long as RFC 5321 lets it be.
pub(super) fn address(text: &str) -> Option<Address> {
    let bad = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"' | ',' | ';' | '(' | ')');
    if text.len() > 254 || text.contains(bad) || text.matches('@').count() != 1 {
        return None;
    }
    text.parse().ok()
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Another attempt may work. `unreachable`: the server as a whole does not work, not this letter.
    Later { reason: String, detail: String, unreachable: bool },
    /// No attempt will work.
    Final { reason: String, detail: String },
}

impl Outgoing {
    /// Sends a letter. The same letter is the same message each time, down to its Message-ID and date.
    pub(super) async fn send(&self, id: MailId, content: Content, written: DateTime<Utc>) -> Result<(), Refusal> {
        let message = compose(&self.from, id, content, written).map_err(|detail| Refusal::Final {
            reason: "the letter cannot be written as a message".to_owned(),
            detail,
        })?;
        match tokio::time::timeout(self.patience, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(judge(&error)),
            Err(_) => Err(Refusal::Later {
                reason: "the mail server took too long".to_owned(),
                detail: format!("no end after {} s", self.patience.as_secs()),
                unreachable: true,
            }),
        }
    }
}

/// The Message-ID of a letter: the same in all attempts.
pub(super) fn message_id(id: MailId, from: &Mailbox) -> String {
    format!("<{id}@{}>", from.email.domain())
}

const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");

fn compose(from: &Mailbox, id: MailId, content: Content, written: DateTime<Utc>) -> Result<Message, String> {
    let to = address(&content.to).ok_or("the address is not one")?;
    // Cleaned when it was written; this is the last place before it becomes a header.
    let name = content.name.map(|name| plain(&name, 100)).filter(|name| !name.is_empty());
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(name, to))
        .subject(plain(&content.subject, 200))
        .message_id(Some(message_id(id, from)))
        .date(written.into())
        // RFC 3834: no out-of-office replies, please.
        .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()))
        .multipart(MultiPart::alternative_plain_html(content.text, content.html))
        .map_err(|e| e.to_string())
}

/// Refusals that speak of the connection or of who we are, and not of the letter: authentication is wrong or wanted, TLS
/// is wanted. The operator will mend them; the letters wait.
const ABOUT_US: [u16; 4] = [530, 534, 535, 538];

fn judge(error: &lettre::transport::smtp::Error) -> Refusal {
    let mut detail = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !detail.contains(&text) {
            detail = format!("{detail}: {text}");
        }
        cause = inner.source();
    }
    let detail = plain(&detail, 500);
    match error.status().map(u16::from) {
        Some(code) if error.is_permanent() && !ABOUT_US.contains(&code) => {
            Refusal::Final { reason: format!("the mail server refused the letter ({code})"), detail }
        }
        Some(code) => Refusal::Later {
            reason: format!("the mail server put the letter off ({code})"),
            detail,
            unreachable: ABOUT_US.contains(&code) || code == 421,
        },
        None if error.is_timeout() => {
            Refusal::Later { reason: "the mail server took too long".to_owned(), detail, unreachable: true }
        }
        None if error.is_tls() => Refusal::Later {
            reason: "the mail server offers no TLS that can be trusted".to_owned(),
            detail,
            unreachable: true,
        },
        None => Refusal::Later { reason: "the mail server cannot be reached".to_owned(), detail, unreachable: true },
    }
}

#[cfg(test)]
mod tests {
    use rhiza_kernel::TypedId as _;

    use super::*;

    #[test]
    fn addresses_of_servers() {
        let parsed = SmtpAddress::parse("smtp://mail.example.org").unwrap();
        assert_eq!((parsed.security, parsed.port), (Security::StartTls, 587));
        assert_eq!(SmtpAddress::parse("smtps://mail.example.org").unwrap().port, 465);
        let local = SmtpAddress::parse("smtp+plain://[::1]:2525").unwrap();
        assert!(local.is_loopback() && local.host == "::1" && local.port == 2525);
        for bad in ["mail.example.org:587", "http://x", "smtp://", "smtp://u:p@h", "smtp://h/x", "smtp://h?tls=no", ""]
        {
            let fault = SmtpAddress::parse(bad).unwrap_err();
            assert!(!fault.contains("u:p"), "{fault}");
        }
    }

    #[test]
    fn only_plain_addresses_are_written_to() {
        for good in ["a@b.org", "first.last+tag@sub.example.org", "o'neil@example.org"] {
            assert!(address(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "a",
            "@b.org",
            "a@",
            "a@b.org\r\nBcc: c@d.org",
            "a@b.org>\r\nRCPT TO:<c@d.org",
            "a b@c.org",
            "\"a\\\r\n\"@b.org",
            "a@b.org,c@d.org",
            "<a@b.org>",
            "a@b@c.org",
            "a\0@b.org",
        ] {
            assert!(address(bad).is_none(), "{bad:?}");
        }
        assert!(address(&format!("{}@b.org", "a".repeat(250))).is_none());
    }

    fn message(name: &str, subject: &str) -> String {
        let content = Content {
            to: "ada@example.org".to_owned(),
            name: Some(name.to_owned()),
            subject: subject.to_owned(),
            text: "text\r\n.\r\nMAIL FROM:<x@y.z>".to_owned(),
            html: "<p>html</p>".to_owned(),
        };
        let id = MailId::from_uuid(uuid::Uuid::from_u128(7));
        let written = DateTime::from_timestamp(1_780_000_000, 0).unwrap();
        let from = sender("Rhiza <rhiza@example.org>").unwrap();
        String::from_utf8(compose(&from, id, content, written).unwrap().formatted()).unwrap()
    }

    #[test]
    fn a_message_is_the_same_each_time() {
        let text = message("Ada", "Hello");
        assert!(text.contains("Message-ID: <mail_00000000000000000000000000000007@example.org>\r\n"), "{text}");
        assert!(text.contains("Date: Thu, 28 May 2026 "), "{text}");
        assert!(text.contains("Auto-Submitted: auto-generated\r\n"), "{text}");
    }

    #[test]
    fn no_name_and_no_subject_makes_a_header() {
        for hostile in [
            "Ada\r\nBcc: victim@example.org",
            "Ada\nBcc: victim@example.org",
            "\"\r\nBcc: victim@example.org\r\n\r\nbody",
            "a\u{2028}Bcc: victim@example.org",
            "Ada\u{85}Bcc: victim@example.org",
            "Ω\r\nBcc: victim@example.org",
            &"x".repeat(100_000),
        ] {
            let text = message(hostile, hostile);
            let head = text.split("\r\n\r\n").next().unwrap();
            assert!(!head.to_lowercase().contains("\r\nbcc"), "{head}");
            assert_eq!(head.matches("\r\nTo: ").count() + usize::from(head.starts_with("To: ")), 1, "{head}");
            assert!(head.len() < 5000, "{}", head.len());
        }
    }

    #[test]
    fn the_sender_must_be_an_address() {
        assert_eq!(sender("Rhiza <rhiza@example.org>").unwrap().name.as_deref(), Some("Rhiza"));
        assert!(sender("rhiza@example.org").is_ok());
        for bad in ["", "Rhiza", "Rhiza <>", "Rhiza <a b@c.org>"] {
            assert!(sender(bad).is_err(), "{bad:?}");
        }
    }
}
