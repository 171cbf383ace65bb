//! Why a request to the outside did not work: one text for the log, another for who asked.

use std::error::Error as StdError;

use rhiza_kernel::{Coded, ErrorCode};

use super::resolve::Refused;

/// A request that was refused or failed. The public text is the same for an address that is refused and for a name
/// that does not resolve: which names and addresses exist inside is nobody's business.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// Not an address that can be asked: no URL, no host, a scheme other than http and https.
    #[error("not an address that can be asked: {0}")]
    Address(String),
    /// The port is one that does not speak HTTP.
    #[error("port {0} is blocked")]
    Port(u16),
    /// It leads to where users' requests must not go, or nowhere.
    #[error("{host} is refused: {reason}")]
    Refused {
        /// The host as it was given.
        host: String,
        /// For the log only.
        reason: String,
    },
    /// A redirect that is not followed.
    #[error("redirect not followed: {0}")]
    Redirect(String),
    /// No answer, or not all of it, in time.
    #[error("no answer in time: {0}")]
    Timeout(&'static str),
    /// The answer is larger than whoever asked can use.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// What would have been accepted.
        limit: usize,
    },
    /// The answer is not what was asked for.
    #[error("the answer is not JSON of the expected form")]
    Unexpected(#[source] serde_json::Error),
    /// The request cannot be written: a header or body that is not possible.
    #[error("the request cannot be written: {0}")]
    Request(String),
    /// The connection failed or broke.
    #[error("the connection failed")]
    Connection(#[source] reqwest::Error),
    /// No client can be made on this machine.
    #[error("no HTTP client can be made: {0}")]
    Setup(String),
}

impl OutboundError {
    /// Sorts what the client reports; `host` is who was asked.
    pub(super) fn of(error: reqwest::Error, host: &str) -> Self {
        let mut source = error.source();
        while let Some(inner) = source {
            if let Some(refused) = inner.downcast_ref::<Refused>() {
                return Self::Refused { host: host.to_owned(), reason: refused.to_string() };
            }
            source = inner.source();
        }
        if error.is_timeout() {
            return Self::Timeout("the connection, a piece of the answer, or the whole of it");
        }
        // The address may carry secrets (signed links): the host is named by those who log.
        Self::Connection(error.without_url())
    }

    /// Whether the same request may well work later.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Connection(_))
    }
}

impl Coded for OutboundError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Address(_) | Self::Port(_) | Self::Refused { .. } | Self::Redirect(_) | Self::Request(_) => {
                ErrorCode::InvalidArgument
            }
            Self::Timeout(_) => ErrorCode::DeadlineExceeded,
            Self::TooLarge { .. } | Self::Unexpected(_) | Self::Connection(_) => ErrorCode::Unavailable,
            Self::Setup(_) => ErrorCode::Internal,
        }
    }

    fn public_detail(&self) -> String {
        match self {
            Self::Address(why) => format!("the address cannot be used: {why}"),
            Self::Port(port) => {
                format!("port {port} is blocked; an operator can change [outbound] blocked_ports in the settings")
            }
            Self::Refused { host, .. } => format!(
                "{host} cannot be reached from here: it has no public address; an operator can allow it under \
                 [outbound] allow in the settings"
            ),
            Self::Redirect(why) => format!("the other side redirects, and that is not followed: {why}"),
            Self::Timeout(_) => "the other side did not answer in time".to_owned(),
            Self::TooLarge { limit } => format!("the other side's answer is larger than {limit} bytes"),
            Self::Unexpected(_) => "the other side's answer is not what was expected".to_owned(),
            Self::Request(_) => "the request cannot be written".to_owned(),
            Self::Connection(_) => "the connection to the other side failed".to_owned(),
            Self::Setup(_) => "no request can be made".to_owned(),
        }
    }
}
