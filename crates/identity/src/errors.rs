//! What can go wrong in identity. Each error says one thing to the caller and another to the log.

use std::time::Duration;

use rhiza_kernel::{Coded, ErrorCode, FieldError, Permission};
use rhiza_platform::authz::{AuthError, PolicyFault};
use rhiza_platform::secrets::SecretsError;
use rhiza_store::StoreError;

use crate::people::PasswordsBusy;

/// A refused or failed identity operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Not there, or not there for this caller. The text names the kind of thing.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The caller may see the thing but not do this to it.
    #[error("denied: {0}")]
    Denied(String),
    /// The caller lacks a permission, here or to hand on. The text says what for.
    #[error("lacks {permission}: {why}")]
    Lacks {
        /// The permission.
        permission: Permission,
        /// A sentence.
        why: String,
    },
    /// Clashes with what is there.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The request's content is not acceptable.
    #[error("invalid: {0:?}")]
    Invalid(Vec<FieldError>),
    /// E-mail or password is wrong. Which one, and whether the account exists, is not said.
    #[error("sign-in refused")]
    BadCredentials,
    /// No passkey of this site, not an answer to what was asked, or answered too late. Which, is not said.
    #[error("passkey refused")]
    PasskeyRefused,
    /// The password is right, and the address waits to be proved.
    #[error("the address is not verified")]
    Unverified,
    /// The sign-in that is under way is not, or no longer.
    #[error("sign-in challenge refused")]
    ChallengeOver,
    /// The code of the second factor is wrong, or was used.
    #[error("second factor refused")]
    WrongCode,
    /// The secret of a letter is unknown, used, too old, or replaced by a newer one.
    #[error("letter's secret refused")]
    LinkOver,
    /// The caller has to prove again who they are.
    #[error("a fresh confirmation is needed")]
    Unconfirmed,
    /// What was sealed cannot be opened.
    #[error(transparent)]
    Sealed(#[from] SecretsError),
    /// Too many attempts.
    #[error("sign-in throttled for {0:?}")]
    Throttled(Duration),
    /// The browser would not keep the session cookie on this connection.
    #[error("sign-in over plain HTTP at {host:?}")]
    PlainHttp {
        /// The host as the browser names it.
        host: String,
    },
    /// The thing has changed since the caller read it.
    #[error("stale precondition")]
    Stale,
    /// The set-up token is unknown, used, or replaced by a newer one.
    #[error("set-up token refused")]
    SetupToken,
    /// The refresh token is unknown, used, or its family has ended.
    #[error("refresh token refused")]
    RefreshToken,
    /// The installation has an owner.
    #[error("already set up")]
    AlreadySetUp,
    /// Too many passwords are being checked at once.
    #[error(transparent)]
    Busy(#[from] PasswordsBusy),
    /// The embedded access policies are not valid.
    #[error(transparent)]
    Policies(#[from] PolicyFault),
    /// A provider cannot be set up.
    #[error("provider: {0}")]
    Provider(String),
    /// A sign-in at a provider came to nothing; the text says why to the person.
    #[error("sign-in at a provider: {0}")]
    ProviderRefused(String),
    /// What was kept of a sign-in under way cannot be written or read.
    #[error("state of a sign-in: {0}")]
    State(#[source] serde_json::Error),
    /// Who the caller is could not be told.
    #[error(transparent)]
    Unknown(#[from] AuthError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IdentityError {
    /// One unacceptable field.
    pub(crate) fn field(pointer: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(pointer, detail)])
    }

    /// How long the caller should wait before trying again, when waiting helps.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled(wait) => Some(*wait),
            Self::Busy(_) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

impl Coded for IdentityError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::Denied(_)
            | Self::Lacks { .. }
            | Self::PlainHttp { .. }
            | Self::Unverified
            | Self::Unconfirmed
            | Self::ProviderRefused(_) => ErrorCode::PermissionDenied,
            Self::Conflict(_) | Self::AlreadySetUp => ErrorCode::Conflict,
            Self::Invalid(_) => ErrorCode::InvalidArgument,
            Self::BadCredentials
            | Self::SetupToken
            | Self::RefreshToken
            | Self::PasskeyRefused
            | Self::ChallengeOver
            | Self::WrongCode
            | Self::LinkOver => ErrorCode::Unauthenticated,
            Self::Sealed(error) => error.code(),
            Self::Throttled(_) => ErrorCode::RateLimited,
            Self::Stale => ErrorCode::PreconditionFailed,
            Self::Busy(_) => ErrorCode::Unavailable,
            Self::Policies(_) | Self::State(_) | Self::Provider(_) => ErrorCode::Internal,
            Self::Unknown(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    fn public_detail(&self) -> String {
        match self {
            Self::NotFound(what) => format!("There is no such {what} here."),
            Self::Denied(why) | Self::Lacks { why, .. } | Self::Conflict(why) => why.clone(),
            Self::Invalid(faults) => match faults.as_slice() {
                [only] => format!("{}: {}", only.pointer, only.detail),
                many => format!("{} values are not acceptable.", many.len()),
            },
            Self::BadCredentials => "The e-mail address or the password is not right.".to_owned(),
            Self::PasskeyRefused => {
                "This passkey did not open an account here; try again, or sign in another way.".to_owned()
            }
            Self::Unverified => {
                "Prove your e-mail address first: follow the link in the letter that we sent. You can ask for another."
                    .to_owned()
            }
            Self::ChallengeOver => "This sign-in took too long or too many attempts; begin again.".to_owned(),
            Self::WrongCode => "The code is not right, or was used already.".to_owned(),
            Self::LinkOver => "This link is not valid any more. Ask for a new one; only the newest works.".to_owned(),
            Self::Unconfirmed => "Prove again who you are: enter your password or a code.".to_owned(),
            Self::Sealed(error) => error.public_detail(),
            Self::Throttled(wait) => {
                format!("Too many attempts from here. Try again in {} seconds.", wait.as_secs().max(1))
            }
            Self::PlainHttp { host } => format!(
                "This page was reached over plain HTTP at {host}, where browsers do not keep a secure session cookie. \
                 Open it over HTTPS, or on this machine at http://127.0.0.1 or http://localhost. If a proxy in front \
                 of Rhiza ends TLS, name it in the setting for trusted proxies."
            ),
            Self::Stale => "It has changed since you read it; read it again and repeat the change.".to_owned(),
            Self::SetupToken => {
                "This set-up link is not valid. Each start of the server prints a new one; use the newest.".to_owned()
            }
            Self::RefreshToken => {
                "This refresh token is not valid, or not any more. Ask for tokens anew, with your session or API key."
                    .to_owned()
            }
            Self::AlreadySetUp => "This installation has an owner already; sign in instead.".to_owned(),
            Self::Busy(_) => "Too many people are signing in at this moment; try again in a second.".to_owned(),
            Self::Policies(_) => "The server cannot decide who may do what; its log says why.".to_owned(),
            Self::ProviderRefused(why) => why.clone(),
            Self::Provider(_) => "A provider is not set up as it should be; the server's log says more.".to_owned(),
            Self::State(_) => "The sign-in cannot go on; begin again.".to_owned(),
            Self::Unknown(error) => error.public_detail(),
            Self::Store(error) => error.public_detail(),
        }
    }

    fn field_errors(&self) -> Vec<FieldError> {
        match self {
            Self::Invalid(faults) => faults.clone(),
            Self::Store(error) => error.field_errors(),
            _ => Vec::new(),
        }
    }
}

/// Collects every fault of a request, so that the caller can mend all of them at once.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<FieldError>);

impl Faults {
    /// The value, or nothing and a fault at `pointer`.
    pub(crate) fn take<T>(&mut self, pointer: &str, result: Result<T, &'static str>) -> Option<T> {
        result.map_err(|detail| self.push(pointer, detail)).ok()
    }

    /// Notes a fault.
    pub(crate) fn push(&mut self, pointer: &str, detail: impl Into<String>) {
        self.0.push(FieldError::new(pointer, detail));
    }

    /// All faults as one error.
    pub(crate) fn into_error(self) -> IdentityError {
        IdentityError::Invalid(self.0)
    }

    /// Fails when there was any fault.
    pub(crate) fn finish(self) -> Result<(), IdentityError> {
        if self.0.is_empty() { Ok(()) } else { Err(self.into_error()) }
    }
}
