//! The letters, and the links in them. A secret stands behind the `#`: browsers do not send that part to anybody, so it
//! is in no log and no referrer.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use rhiza_platform::mail::{Letter, Template};
use serde_json::{Value, json};
use url::Url;

use crate::people::User;
use crate::secret_link::LinkSecret;

/// How long a link that proves an address is good.
pub(crate) const VERIFY_FOR: TimeDelta = TimeDelta::hours(48);

/// How long a link to a new password is good.
pub(crate) const RESET_FOR: TimeDelta = TimeDelta::minutes(30);

/// Makes the links of letters.
#[derive(Debug, Clone)]
pub(crate) struct Links(String);

impl Links {
    pub(crate) fn new(public_url: &Url) -> Self {
        Self(public_url.as_str().trim_end_matches('/').to_owned())
    }

    fn to(&self, page: &str, secret: &LinkSecret) -> String {
        format!("{}/{page}#token={}", self.0, secret.expose())
    }
}

fn letter(to: &str, name: &str, template: Template, values: Value) -> Letter {
    Letter { to: to.to_owned(), name: Some(name.to_owned()), template, values }
}

/// Prove that the address is yours: a new account's.
pub(crate) fn verify_email(to: &str, name: &str, links: &Links, secret: &LinkSecret) -> Letter {
    verify(to, name, links.to("verify-email", secret))
}

/// Prove that the address is yours: an account's new one.
pub(crate) fn confirm_email(to: &str, name: &str, links: &Links, secret: &LinkSecret) -> Letter {
    verify(to, name, links.to("confirm-email", secret))
}

fn verify(to: &str, name: &str, link: String) -> Letter {
    let values = json!({ "name": name, "link": link, "hours": VERIFY_FOR.num_hours() });
    letter(to, name, Template::VerifyEmail, values)
}

/// Somebody registered an address that has an account.
pub(crate) fn account_exists(user: &User, links: &Links) -> Letter {
    let values = json!({ "name": user.name, "link": format!("{}/sign-in", links.0) });
    letter(&user.email, &user.name, Template::AccountExists, values)
}

/// Choose a new password.
pub(crate) fn reset_password(user: &User, links: &Links, secret: &LinkSecret, address: Option<IpAddr>) -> Letter {
    let values = json!({
        "name": user.name,
        "link": links.to("reset-password", secret),
        "minutes": RESET_FOR.num_minutes(),
        "address": address.map(|a| a.to_string()),
    });
    letter(&user.email, &user.name, Template::ResetPassword, values)
}

fn at(when: DateTime<Utc>, address: Option<IpAddr>) -> (String, Option<String>) {
    (when.to_rfc3339(), address.map(|a| a.to_string()))
}

/// The password was changed.
pub(crate) fn password_changed(user: &User, when: DateTime<Utc>, address: Option<IpAddr>) -> Letter {
    let (at, address) = at(when, address);
    letter(
        &user.email,
        &user.name,
        Template::PasswordChanged,
        json!({ "name": user.name, "at": at, "address": address }),
    )
}

/// How one signs in was changed; `what` is a sentence.
pub(crate) fn factor_changed(user: &User, what: &str, when: DateTime<Utc>, address: Option<IpAddr>) -> Letter {
    let (at, address) = at(when, address);
    let values = json!({ "name": user.name, "what": what, "at": at, "address": address });
    letter(&user.email, &user.name, Template::MfaChanged, values)
}

/// The account's address was changed: to one of the two addresses.
pub(crate) fn email_changed(to: &str, name: &str, old: &str, new: &str) -> Letter {
    letter(to, name, Template::EmailChanged, json!({ "name": name, "old": old, "new": new }))
}

/// The account is gone.
pub(crate) fn account_deleted(user: &User) -> Letter {
    letter(&user.email, &user.name, Template::AccountDeleted, json!({ "name": user.name }))
}
