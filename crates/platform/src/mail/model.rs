//! A letter before and after it is written.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A letter to be sent.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The address.
    pub to: String,
    /// The person's name, if known.
    pub name: Option<String>,
    /// What it tells.
    pub template: Template,
    /// What the template needs; see [`Template`]. Links begin with the public URL.
    pub values: Value,
}

/// The letters there are, each with the values it needs. Times (`at`) are RFC 3339 texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Template {
    /// `name`, `link`, `hours`: prove that an address is yours.
    VerifyEmail,
    /// `name`, `link`, `minutes`, `address` (from where it was asked; may be null): choose a new password.
    ResetPassword,
    /// `name`, `at`, `address`: the password was changed.
    PasswordChanged,
    /// `organization`, `inviter`, `role`, `link`, `days`: join an organisation.
    Invitation,
    /// `name`, `old`, `new`: the account's address was changed; goes to both addresses.
    EmailChanged,
    /// `name`, `what` (a sentence: "Two-step sign-in was switched off."), `at`, `address`: how one signs in was changed.
    MfaChanged,
    /// `name`: the account is gone.
    AccountDeleted,
    /// `name`, `link` (to sign in): somebody tried to register an address that has an account.
    AccountExists,
    /// `name`, `at`, `address`, `agent`: a sign-in from a browser that was not seen before.
    NewSignIn,
}

impl Template {
    /// Every letter.
    pub const ALL: [Self; 9] = [
        Self::VerifyEmail,
        Self::ResetPassword,
        Self::PasswordChanged,
        Self::Invitation,
        Self::EmailChanged,
        Self::MfaChanged,
        Self::AccountDeleted,
        Self::AccountExists,
        Self::NewSignIn,
    ];

    /// The letter as stored and logged.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::PasswordChanged => "password_changed",
            Self::Invitation => "invitation",
            Self::EmailChanged => "email_changed",
            Self::MfaChanged => "mfa_changed",
            Self::AccountDeleted => "account_deleted",
            Self::AccountExists => "account_exists",
            Self::NewSignIn => "new_sign_in",
        }
    }

    /// How often sending is tried. With the waits between attempts, 12 are about an hour, after which a link to a new
    /// password is worth nothing; 60 are some nine hours, enough for a night without a mail server.
    pub(super) const fn attempts(self) -> i32 {
        match self {
            Self::ResetPassword => 12,
            _ => 60,
        }
    }
}

/// Where a letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Queued,
    Sent,
    /// There is no mail server; it was shown to the developer.
    Shown,
    Failed,
}

impl State {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Shown => "shown",
            Self::Failed => "failed",
        }
    }
}

/// What is kept sealed: the whole letter as it will be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) to: String,
    pub(super) name: Option<String>,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// Why a letter cannot be written or sent.
#[derive(Debug, thiserror::Error)]
pub enum MailFault {
    /// The template lacks a value, or the value is of another kind: our bug.
    #[error("the letter {template} cannot be written: {detail}")]
    Template {
        /// Which letter.
        template: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// A link that leads elsewhere than to this installation: our bug.
    #[error("the letter {0} links to another place than this installation")]
    ForeignLink(&'static str),
    /// The settings name no usable mail server or sender.
    #[error("{0}")]
    Settings(String),
}
