//! What tracking refuses, in MLflow's own codes, and what fails below it.

use rhiza_kernel::{Coded, ErrorCode, FieldError, QuotaFault};
use rhiza_platform::limits::quota::{QuotaError, QuotaExceeded};
use rhiza_store::StoreError;

/// MLflow's error codes that this server gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A field's value is not acceptable.
    InvalidParameterValue,
    /// The request cannot be served as it stands.
    BadRequest,
    /// The request is larger than this server reads.
    TooLarge,
    /// The name is taken.
    ResourceAlreadyExists,
    /// There is no such thing here.
    ResourceDoesNotExist,
    /// There is no such endpoint.
    EndpointNotFound,
    /// No credential, or a bad one.
    Unauthenticated,
    /// The caller may not do this.
    PermissionDenied,
    /// The request clashes with the present state.
    ResourceConflict,
    /// The thing has changed since the caller read it.
    Stale,
    /// Too many requests.
    RequestLimitExceeded,
    /// The organisation's plan does not allow so much.
    QuotaExceeded,
    /// The thing is in a state that does not allow this.
    InvalidState,
    /// The installation does not offer this feature.
    FeatureDisabled,
    /// The configured storage cannot do this.
    NotImplemented,
    /// Try again later.
    TemporarilyUnavailable,
    /// The request took too long.
    DeadlineExceeded,
    /// Our fault.
    InternalError,
}

impl Code {
    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidParameterValue => "INVALID_PARAMETER_VALUE",
            Self::BadRequest | Self::TooLarge => "BAD_REQUEST",
            Self::ResourceAlreadyExists => "RESOURCE_ALREADY_EXISTS",
            Self::ResourceDoesNotExist => "RESOURCE_DOES_NOT_EXIST",
            Self::EndpointNotFound => "ENDPOINT_NOT_FOUND",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceConflict | Self::Stale => "RESOURCE_CONFLICT",
            Self::RequestLimitExceeded => "REQUEST_LIMIT_EXCEEDED",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::InvalidState => "INVALID_STATE",
            Self::FeatureDisabled => "FEATURE_DISABLED",
            Self::NotImplemented => "NOT_IMPLEMENTED",
            Self::TemporarilyUnavailable => "TEMPORARILY_UNAVAILABLE",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }

    /// The HTTP status MLflow's clients expect with the code. `INVALID_STATE` is the caller's fault here, so it is
    /// not the 500 that MLflow answers.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::InvalidParameterValue | Self::BadRequest | Self::ResourceAlreadyExists | Self::InvalidState => 400,
            Self::Unauthenticated => 401,
            Self::QuotaExceeded => 402,
            Self::PermissionDenied | Self::FeatureDisabled => 403,
            Self::ResourceDoesNotExist | Self::EndpointNotFound => 404,
            Self::ResourceConflict => 409,
            Self::Stale => 412,
            Self::TooLarge => 413,
            Self::RequestLimitExceeded => 429,
            Self::InternalError => 500,
            Self::NotImplemented => 501,
            Self::TemporarilyUnavailable => 503,
            Self::DeadlineExceeded => 504,
        }
    }

    /// The `sqlstate` and `error_class` that accompany the code, where MLflow gives them.
    #[must_use]
    pub const fn class(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::InvalidParameterValue | Self::BadRequest | Self::TooLarge => {
                Some(("KAM00", "INVALID_PARAMETER_VALUE"))
            }
            Self::ResourceDoesNotExist | Self::EndpointNotFound => Some(("KAM00", "RESOURCE_NOT_FOUND")),
            Self::ResourceAlreadyExists => Some(("KAM00", "RESOURCE_ALREADY_EXISTS")),
            Self::PermissionDenied => Some(("KAM00", "PERMISSION_DENIED")),
            Self::FeatureDisabled => Some(("KAM00", "FEATURE_DISABLED")),
            Self::InternalError | Self::InvalidState | Self::TemporarilyUnavailable => {
                Some(("XXM00", "CLIENT_INTERNAL_ERROR"))
            }
            _ => None,
        }
    }

    const fn kernel(self) -> ErrorCode {
        match self {
            Self::InvalidParameterValue | Self::BadRequest => ErrorCode::InvalidArgument,
            Self::TooLarge => ErrorCode::TooLarge,
            Self::ResourceAlreadyExists | Self::ResourceConflict | Self::InvalidState => ErrorCode::Conflict,
            Self::Stale => ErrorCode::PreconditionFailed,
            Self::ResourceDoesNotExist | Self::EndpointNotFound => ErrorCode::NotFound,
            Self::Unauthenticated => ErrorCode::Unauthenticated,
            Self::PermissionDenied | Self::FeatureDisabled => ErrorCode::PermissionDenied,
            Self::RequestLimitExceeded => ErrorCode::RateLimited,
            Self::QuotaExceeded => ErrorCode::QuotaExceeded,
            Self::NotImplemented => ErrorCode::InvalidArgument,
            Self::TemporarilyUnavailable => ErrorCode::Unavailable,
            Self::DeadlineExceeded => ErrorCode::DeadlineExceeded,
            Self::InternalError => ErrorCode::Internal,
        }
    }
}

/// Where in a search text the fault lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// JSON pointer of the field (`/filter`, `/order_by/0`).
    pub pointer: String,
    /// 0-based offset in characters.
    pub offset: usize,
}

/// A failed tracking operation.
#[derive(Debug, thiserror::Error)]
pub enum TrackingError {
    /// The request is refused; the message is MLflow's.
    #[error("{}: {message}", code.as_str())]
    Refused {
        /// MLflow's code.
        code: Code,
        /// The message for the caller.
        message: String,
        /// Where in a search text the fault is.
        position: Option<Position>,
    },
    /// The organisation's plan does not allow so much.
    #[error(transparent)]
    Quota(#[from] QuotaExceeded),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Anything else that is our fault.
    #[error("{0}")]
    Internal(String),
}

/// The result of everything here.
pub type TrackingResult<T> = Result<T, TrackingError>;

impl TrackingError {
    /// A refusal.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self::Refused { code, message: message.into(), position: None }
    }

    /// `INVALID_PARAMETER_VALUE`.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidParameterValue, message)
    }

    /// `RESOURCE_DOES_NOT_EXIST`.
    #[must_use]
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(Code::ResourceDoesNotExist, message)
    }

    /// `RESOURCE_ALREADY_EXISTS`.
    #[must_use]
    pub fn exists(message: impl Into<String>) -> Self {
        Self::new(Code::ResourceAlreadyExists, message)
    }

    /// Notes where in a search text the fault is.
    #[must_use]
    pub fn at(self, pointer: impl Into<String>, offset: usize) -> Self {
        match self {
            Self::Refused { code, message, .. } => {
                Self::Refused { code, message, position: Some(Position { pointer: pointer.into(), offset }) }
            }
            other => other,
        }
    }

    /// The MLflow code of this failure.
    #[must_use]
    pub fn mlflow_code(&self) -> Code {
        match self {
            Self::Refused { code, .. } => *code,
            Self::Quota(_) => Code::QuotaExceeded,
            Self::Store(StoreError::Busy(_) | StoreError::Full(_)) => Code::TemporarilyUnavailable,
            Self::Store(StoreError::Unique(_)) => Code::ResourceConflict,
            Self::Store(StoreError::RowNotFound) => Code::ResourceDoesNotExist,
            Self::Store(StoreError::NulCharacter | StoreError::TooManyValues) => Code::InvalidParameterValue,
            Self::Store(_) | Self::Internal(_) => Code::InternalError,
        }
    }
}

impl Coded for TrackingError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Store(store) => store.code(),
            other => other.mlflow_code().kernel(),
        }
    }

    fn public_detail(&self) -> String {
        match self {
            Self::Refused { message, .. } => message.clone(),
            Self::Quota(exceeded) => exceeded.public_detail(),
            Self::Store(store) => store.public_detail(),
            Self::Internal(_) => "The server failed to answer; the request id finds the cause in its log.".to_owned(),
        }
    }

    fn field_errors(&self) -> Vec<FieldError> {
        match self {
            Self::Refused { message, position: Some(p), .. } => {
                vec![FieldError::new(p.pointer.clone(), format!("{message} at position {}", p.offset))]
            }
            _ => Vec::new(),
        }
    }

    fn quota(&self) -> Option<QuotaFault> {
        match self {
            Self::Quota(exceeded) => exceeded.quota(),
            _ => None,
        }
    }
}

impl From<QuotaError> for TrackingError {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::Exceeded(exceeded) => Self::Quota(exceeded),
            QuotaError::Store(store) => Self::Store(store),
        }
    }
}
