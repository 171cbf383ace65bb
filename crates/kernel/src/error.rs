//! The closed set of error codes. Every error of every crate maps to one of these, and each surface (HTTP,
//! gRPC, command line) derives its own status from the code, so that one fault reads the same everywhere.

use serde::{Deserialize, Serialize};

/// What went wrong, in a word that callers can branch on. The set is closed: a new code is an API change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request could not be parsed at all.
    Malformed,
    /// Parsed, but not acceptable.
    InvalidArgument,
    /// No credential, or one that does not verify.
    Unauthenticated,
    /// A known caller who may see the thing but not do this to it.
    PermissionDenied,
    /// Not there, or not there for this caller.
    NotFound,
    /// Clashes with the present state (duplicate name, write-once value).
    Conflict,
    /// The caller's `If-Match` no longer holds.
    PreconditionFailed,
    /// The body or a field exceeds a limit.
    TooLarge,
    /// Too many requests in the window.
    RateLimited,
    /// The plan's quota is spent.
    QuotaExceeded,
    /// The caller went away or cancelled.
    Cancelled,
    /// Our fault; the caller learns only a request id.
    Internal,
    /// A dependency is down or the server is stopping; trying again may work.
    Unavailable,
    /// Took longer than the limit.
    DeadlineExceeded,
}

impl ErrorCode {
    /// Every code, in the order of the published table.
    pub const ALL: [Self; 14] = [
        Self::Malformed,
        Self::InvalidArgument,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::NotFound,
        Self::Conflict,
        Self::PreconditionFailed,
        Self::TooLarge,
        Self::RateLimited,
        Self::QuotaExceeded,
        Self::Cancelled,
        Self::Internal,
        Self::Unavailable,
        Self::DeadlineExceeded,
    ];

    /// The code as it appears in problem bodies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::InvalidArgument => "invalid_argument",
            Self::Unauthenticated => "unauthenticated",
            Self::PermissionDenied => "permission_denied",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::PreconditionFailed => "precondition_failed",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::QuotaExceeded => "quota_exceeded",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::DeadlineExceeded => "deadline_exceeded",
        }
    }

    /// The HTTP status of a native (problem) answer. 499 is the usual non-standard "client closed request".
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::InvalidArgument => 422,
            Self::Unauthenticated => 401,
            Self::PermissionDenied => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::PreconditionFailed => 412,
            Self::TooLarge => 413,
            Self::RateLimited => 429,
            Self::QuotaExceeded => 402,
            Self::Cancelled => 499,
            Self::Internal => 500,
            Self::Unavailable => 503,
            Self::DeadlineExceeded => 504,
        }
    }

    /// The canonical gRPC status number (google.rpc.Code).
    #[must_use]
    pub const fn grpc_code(self) -> i32 {
        match self {
            Self::Cancelled => 1,
            Self::Malformed | Self::InvalidArgument => 3,
            Self::DeadlineExceeded => 4,
            Self::NotFound => 5,
            Self::Conflict => 6,
            Self::PermissionDenied => 7,
            Self::TooLarge | Self::RateLimited | Self::QuotaExceeded => 8,
            Self::PreconditionFailed => 9,
            Self::Internal => 13,
            Self::Unavailable => 14,
            Self::Unauthenticated => 16,
        }
    }

    /// The command line's exit code: 2 for wrong usage, 1 for anything else.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Malformed | Self::InvalidArgument => 2,
            _ => 1,
        }
    }

    /// A short title for people, the same for every error of the code.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Malformed => "The request could not be parsed",
            Self::InvalidArgument => "The request is not acceptable",
            Self::Unauthenticated => "Sign-in required",
            Self::PermissionDenied => "Not allowed",
            Self::NotFound => "Not found",
            Self::Conflict => "Conflicts with the present state",
            Self::PreconditionFailed => "Changed in the meantime",
            Self::TooLarge => "Too large",
            Self::RateLimited => "Too many requests",
            Self::QuotaExceeded => "Quota exceeded",
            Self::Cancelled => "Cancelled",
            Self::Internal => "Internal error",
            Self::Unavailable => "Unavailable",
            Self::DeadlineExceeded => "Took too long",
        }
    }
}

/// One fault of one field. `pointer` is a JSON pointer (RFC 6901) into the body, or a parameter's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Where the fault is.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl FieldError {
    /// A fault at `pointer`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

/// A quota that is used up: which, and when it is worth trying again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaFault {
    /// The quota's name.
    pub name: &'static str,
    /// What the plan allows.
    pub limit: u64,
    /// What is used.
    pub used: u64,
    /// When the count begins anew, if it does.
    pub resets_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// An error that knows its code. `Display` and the source chain are for the log;
/// [`Coded::public_detail`] is what the caller may read. They are different strings on purpose.
pub trait Coded: std::error::Error {
    /// The code out of the closed set.
    fn code(&self) -> ErrorCode;
    /// What the caller is told. Must not carry SQL, paths, addresses or other people's data.
    fn public_detail(&self) -> String;
    /// Faults field by field, when the error is about the request's content.
    fn field_errors(&self) -> Vec<FieldError> {
        Vec::new()
    }
    /// The quota, when that is what was exceeded.
    fn quota(&self) -> Option<QuotaFault> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_their_serialised_form() {
        for code in ErrorCode::ALL {
            let json = serde_json::to_string(&code).unwrap();
            assert_eq!(json, format!("\"{}\"", code.as_str()));
        }
    }

    #[test]
    fn every_code_has_its_own_http_status() {
        let mut seen: Vec<u16> = ErrorCode::ALL.iter().map(|c| c.http_status()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), ErrorCode::ALL.len());
    }
}
