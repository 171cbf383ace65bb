//! Letters as text and HTML. The values come from people, some of them hostile: HTML is escaped by the template engine,
//! what ends up in a header is one line, texts have a length, and names cannot pass for links.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use serde_json::Value;
use url::Url;

use super::model::{MailFault, Template};

/// A letter's three faces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rendered {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// Characters of a value that are shown.
const VALUE: usize = 300;
/// Links are ours; one that is longer is a mistake.
const LINK: usize = 2000;
/// Characters of a subject: more is cut by most programs that show it.
const SUBJECT: usize = 150;

macro_rules! templates {
    ($($template:ident => $file:literal,)+) => {
        const SOURCES: &[(&str, &str)] = &[
            ("base.html", include_str!("templates/base.html")),
            ("base.txt", include_str!("templates/base.txt")),
            $(
                (concat!($file, ".subject.txt"), include_str!(concat!("templates/", $file, ".subject.txt"))),
                (concat!($file, ".txt"), include_str!(concat!("templates/", $file, ".txt"))),
                (concat!($file, ".html"), include_str!(concat!("templates/", $file, ".html"))),
            )+
        ];

        const fn files(template: Template) -> (&'static str, &'static str, &'static str) {
            match template {
                $(Template::$template => {
                    (concat!($file, ".subject.txt"), concat!($file, ".txt"), concat!($file, ".html"))
                })+
            }
        }
    };
}

templates! {
    VerifyEmail => "verify_email",
    ResetPassword => "reset_password",
    PasswordChanged => "password_changed",
    Invitation => "invitation",
    EmailChanged => "email_changed",
    MfaChanged => "mfa_changed",
    AccountDeleted => "account_deleted",
    AccountExists => "account_exists",
    NewSignIn => "new_sign_in",
}

/// Writes letters.
#[derive(Debug, Clone)]
pub(super) struct Renderer {
    engine: Arc<Environment<'static>>,
    public_url: String,
}

impl Renderer {
    pub(super) fn new(public_url: &Url) -> Self {
        let mut engine = Environment::new();
        engine
            .set_auto_escape_callback(|name| if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None });
        // A value that is missing is an error and not an empty place in a letter.
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        // Lines that hold nothing but a condition leave no empty line behind.
        if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).build() {
            engine.set_syntax(syntax);
        }
        engine.add_filter("when", when);
        engine.set_loader(|name| {
            Ok(SOURCES.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned()))
        });
        Self { engine: Arc::new(engine), public_url: public_url.as_str().trim_end_matches('/').to_owned() }
    }

    pub(super) fn render(&self, template: Template, values: &Value) -> Result<Rendered, MailFault> {
        let values = self.clean(template, values)?;
        let (subject, text, html) = files(template);
        let write = |file: &str, subject: &str| {
            let fault = |e: minijinja::Error| MailFault::Template { template: template.as_str(), detail: describe(&e) };
            let values = context! { installation => self.public_url.as_str(), subject => subject, ..values.clone() };
            self.engine.get_template(file).and_then(|t| t.render(values)).map_err(fault)
        };
        let subject = plain(&write(subject, "")?, SUBJECT);
        Ok(Rendered { text: tidy(&write(text, &subject)?), html: write(html, &subject)?, subject })
    }

    /// The values made safe: one line each, of bearable length, links only to this installation.
    fn clean(&self, template: Template, values: &Value) -> Result<minijinja::Value, MailFault> {
        let fault = |detail: &str| MailFault::Template { template: template.as_str(), detail: detail.to_owned() };
        let Value::Object(given) = values else { return Err(fault("its values are not an object")) };
        let mut clean = serde_json::Map::new();
        for (key, value) in given {
            let value = match value {
                Value::String(text) if key == "link" => {
                    let ours = text.strip_prefix(&self.public_url).is_some_and(|rest| rest.starts_with(['/', '?']));
                    if !ours || text.len() > LINK || text.contains(|c: char| c.is_control() || c.is_whitespace()) {
                        return Err(MailFault::ForeignLink(template.as_str()));
                    }
                    Value::String(text.clone())
                }
                Value::String(text) if is_name(key) => Value::String(unlinked(&plain(text, VALUE))),
                Value::String(text) => Value::String(plain(text, VALUE)),
                Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
                Value::Array(_) | Value::Object(_) => return Err(fault("a value is neither text nor number")),
            };
            clean.insert(key.clone(), value);
        }
        // A person without a name is greeted without one.
        clean.entry("name").or_insert(Value::Null);
        Ok(Serde(Value::Object(clean)).into())
    }
}

/// Values that strangers choose freely and that a letter quotes.
fn is_name(key: &str) -> bool {
    matches!(key, "name" | "organization" | "inviter" | "role" | "agent" | "what")
}

fn describe(error: &minijinja::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}

/// One line of at most `longest` characters, without characters that cannot be seen or that turn the text around.
pub(super) fn plain(text: &str, longest: usize) -> String {
    let mut line = String::with_capacity(text.len().min(4 * longest));
    let mut kept = 0;
    let visible = text.chars().filter_map(|c| match c {
        // Zero-width characters, embeddings, overrides, isolates, and the byte order mark.
        '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' => None,
        c if c.is_control() || c.is_whitespace() => Some(' '),
        c => Some(c),
    });
    for c in visible {
        if c == ' ' && (line.is_empty() || line.ends_with(' ')) {
            continue;
        }
        if kept == longest {
            line.truncate(line.trim_end().len());
            line.push('…');
            return line;
        }
        line.push(c);
        kept += 1;
    }
    line.truncate(line.trim_end().len());
    line
}

/// The text with an invisible joiner after each dot and colon inside a word: it reads as before, but no mail program
/// makes a link of "Click evil.example/now" when somebody calls their organisation that.
fn unlinked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        out.push(c);
        let inside = characters.peek().is_some_and(|next| !next.is_whitespace());
        if matches!(c, '.' | ':' | '。' | '．' | '｡') && inside {
            out.push('\u{2060}');
        }
    }
    out
}

/// Never more than one empty line, and exactly one line break at the end.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.trim_end();
        if line.is_empty() && (out.is_empty() || out.ends_with("\n\n")) {
            continue;
        }
        out.push_str(line);
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// A time as people read it.
fn when(text: Cow<'_, str>) -> String {
    match DateTime::parse_from_rfc3339(&text) {
        Ok(time) => time.with_timezone(&Utc).format("%-d %B %Y at %H:%M UTC").to_string(),
        Err(_) => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn renderer() -> Renderer {
        Renderer::new(&Url::parse("https://rhiza.example.org").unwrap())
    }

    fn values() -> Value {
        json!({
            "name": "Ada", "link": "https://rhiza.example.org/verify?token=abc&x=1", "hours": 24, "minutes": 30,
            "days": 7, "at": "2026-11-21T18:24:05Z", "address": "203.0.113.7", "organization": "Acme", "inviter": "Bob",
            "role": "reviewer", "old": "a@example.org", "new": "b@example.org",
            "what": "Two-step sign-in was switched off.", "agent": "Firefox on Linux",
        })
    }

    #[test]
    fn every_letter_can_be_written_in_text_and_html() {
        for template in Template::ALL {
            let letter = renderer().render(template, &values()).unwrap();
            assert!(!letter.subject.is_empty() && !letter.subject.contains('\n'), "{letter:?}");
            for face in [&letter.text, &letter.html] {
                assert!(face.len() > 100, "{template:?}: {face}");
                assert!(!face.contains("{{") && !face.contains(" none"), "{template:?}: {face}");
            }
            assert!(letter.html.starts_with("<!doctype html>") && letter.html.trim_end().ends_with("</html>"));
            for tag in ["table", "tr", "td", "p", "a", "div"] {
                let opened =
                    letter.html.matches(&format!("<{tag} ")).count() + letter.html.matches(&format!("<{tag}>")).count();
                assert_eq!(opened, letter.html.matches(&format!("</{tag}>")).count(), "{template:?} {tag}");
            }
            assert!(
                !letter.html.contains("<img") && !letter.html.contains("src="),
                "nothing is fetched from elsewhere"
            );
        }
    }

    #[test]
    fn what_a_letter_says_is_in_both_faces() {
        for (template, said) in [
            (Template::VerifyEmail, vec!["24 hours"]),
            (Template::ResetPassword, vec!["30 minutes", "203.0.113.7"]),
            (Template::PasswordChanged, vec!["21 November 2026 at 18:24 UTC", "203.0.113.7"]),
            (Template::Invitation, vec!["Acme", "Bob", "reviewer", "7 days"]),
            (Template::EmailChanged, vec!["a@example.org", "b@example.org"]),
            (Template::MfaChanged, vec!["Two-step sign-in was switched off.", "203.0.113.7"]),
            (Template::AccountDeleted, vec!["Ada"]),
            (Template::AccountExists, vec!["Ada"]),
            (Template::NewSignIn, vec!["Firefox on Linux", "203.0.113.7", "21 November 2026"]),
        ] {
            let letter = renderer().render(template, &values()).unwrap();
            for word in said {
                assert!(letter.text.contains(word), "{word}: {}", letter.text);
                assert!(letter.html.contains(word), "{word}: {}", letter.html);
            }
        }
    }

    #[test]
    fn links_are_whole_in_text_and_escaped_in_html() {
        for template in [Template::VerifyEmail, Template::ResetPassword, Template::Invitation, Template::AccountExists]
        {
            let letter = renderer().render(template, &values()).unwrap();
            assert!(letter.text.contains("https://rhiza.example.org/verify?token=abc&x=1"), "{}", letter.text);
            assert!(letter.html.contains("token=abc&amp;x=1\""), "{}", letter.html);
        }
    }

    #[test]
    fn a_link_to_elsewhere_is_refused() {
        for link in [
            "https://evil.example/verify",
            "https://rhiza.example.org.evil.example/verify",
            "https://rhiza.example.org@evil.example/",
            "javascript:alert(1)",
            "https://rhiza.example.org/a b",
            "https://rhiza.example.org/a\r\nBcc: x@y.z",
        ] {
            let mut values = values();
            values["link"] = json!(link);
            let outcome = renderer().render(Template::VerifyEmail, &values);
            assert!(matches!(outcome, Err(MailFault::ForeignLink(_))), "{link}");
        }
    }

    #[test]
    fn a_missing_value_is_an_error_and_a_missing_name_is_not() {
        let mut given = values();
        given.as_object_mut().unwrap().remove("hours");
        assert!(renderer().render(Template::VerifyEmail, &given).is_err());
        given = values();
        given["name"] = Value::Null;
        let letter = renderer().render(Template::VerifyEmail, &given).unwrap();
        assert!(letter.text.starts_with("Hello,\n"), "{}", letter.text);
        given.as_object_mut().unwrap().remove("name");
        assert_eq!(renderer().render(Template::VerifyEmail, &given).unwrap(), letter);
        given["address"] = Value::Null;
        assert!(!renderer().render(Template::ResetPassword, &given).unwrap().text.contains("from"));
    }

    #[test]
    fn hostile_names_stay_names() {
        let mut given = values();
        given["organization"] =
            json!("<script>alert(1)</script>\r\nBcc: victim@example.org\r\n\r\nhttps://evil.example/x");
        given["inviter"] = json!("\u{202E}gro.elpmaxe\u{0000}{{ link }}{% raw %}");
        let letter = renderer().render(Template::Invitation, &given).unwrap();
        assert!(!letter.html.contains("<script"), "{}", letter.html);
        assert!(!letter.subject.contains(['\r', '\n', '\0', '\u{202E}']), "{:?}", letter.subject);
        // Nobody makes links of a title.
        let body = letter.html.split("</head>").nth(1).unwrap();
        for face in [letter.text.as_str(), body] {
            assert!(!face.contains("evil.example") && !face.contains("://evil"), "{face}");
            assert!(!face.contains("\nBcc"), "{face}");
        }
        assert!(letter.text.contains("{{ link }}"), "a value is never a template: {}", letter.text);
    }

    #[test]
    fn huge_values_are_cut() {
        let mut given = values();
        given["organization"] = json!("Ω".repeat(1_000_000));
        let letter = renderer().render(Template::Invitation, &given).unwrap();
        assert!(letter.subject.chars().count() <= SUBJECT + 1 && letter.text.len() < 10_000);
    }

    proptest! {
        #[test]
        fn one_line_stays_one_line(text in "\\PC{0,80}|[\\x00-\\x20\u{2000}-\u{2070}a.]{0,80}") {
            let line = plain(&text, 40);
            prop_assert!(line.chars().count() <= 41);
            prop_assert!(!line.contains(|c: char| c.is_control()));
            prop_assert_eq!(line.trim(), &line);
        }
    }
}
