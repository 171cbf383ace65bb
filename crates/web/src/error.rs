//! The one error type handlers return. It carries two messages that never mix: what the caller is told, and what
//! the log keeps (the source chain). Nothing here writes to the log; the stack does that once, at the boundary.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use rhiza_kernel::{Coded, ErrorCode, FieldError, QuotaFault};

use crate::problem;

/// What a handler answers when it cannot do what was asked.
pub type ApiResult<T> = Result<T, ApiError>;

/// What the caller reads when the fault is ours; the details are in the log under the request id.
const INTERNAL_DETAIL: &str = "The server failed to answer; the request id finds the cause in its log.";

/// An error on its way to the caller: a code of the closed set, the caller's message, and the cause for the log.
///
/// Every [`Coded`] error converts into it, so `?` is all a handler needs.
pub struct ApiError(Box<Inner>);

struct Inner {
    code: ErrorCode,
    status: Option<StatusCode>,
    detail: String,
    fields: Vec<FieldError>,
    headers: HeaderMap,
    reason: Option<&'static str>,
    permission: Option<&'static str>,
    quota: Option<QuotaFault>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl ApiError {
    /// An error of `code`; `detail` is what the caller reads.
    #[must_use]
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            status: None,
            detail: detail.into(),
            fields: Vec::new(),
            headers: HeaderMap::new(),
            reason: None,
            permission: None,
            quota: None,
            source: None,
        }))
    }

    /// Our own fault. The caller learns nothing of `source`; the log gets all of it.
    #[must_use]
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut error = Self::new(ErrorCode::Internal, INTERNAL_DETAIL);
        error.0.source = Some(source.into());
        error
    }

    /// The request's content is not acceptable; one entry per fault.
    #[must_use]
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let detail = match fields.as_slice() {
            [only] if only.pointer.is_empty() => only.detail.clone(),
            [only] => format!("{}: {}", only.pointer, only.detail),
            many => format!("{} values are not acceptable.", many.len()),
        };
        Self::new(ErrorCode::InvalidArgument, detail).with_field_errors(fields)
    }

    /// Not there, or not there for this caller.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, detail)
    }

    /// Adds the faults field by field.
    #[must_use]
    pub fn with_field_errors(mut self, fields: Vec<FieldError>) -> Self {
        self.0.fields.extend(fields);
        self
    }

    /// Adds one field's fault.
    #[must_use]
    pub fn with_field(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.0.fields.push(FieldError::new(pointer, detail));
        self
    }

    /// Adds a response header (`Retry-After`, `WWW-Authenticate`, …).
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
        self
    }

    /// Answers with a status other than the code's own, where HTTP has a more exact one (405, 416).
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = Some(status);
        self
    }

    /// Keeps `source` for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// A protocol's own error code (`RESOURCE_ALREADY_EXISTS`), for its [`ErrorShape`](crate::ErrorShape) to render.
    #[must_use]
    pub fn with_reason(mut self, reason: &'static str) -> Self {
        self.0.reason = Some(reason);
        self
    }

    /// The permission that the caller lacks, by its name in scopes.
    #[must_use]
    pub fn with_permission(mut self, permission: &'static str) -> Self {
        self.0.permission = Some(permission);
        self
    }

    /// The permission that the caller lacks, where that is the fault.
    #[must_use]
    pub fn permission(&self) -> Option<&'static str> {
        self.0.permission
    }

    /// The error that `response` tells of, until the stack has rendered it: for middleware inside the stack.
    #[must_use]
    pub fn of(response: &Response) -> Option<&Self> {
        response.extensions().get::<Failure>().map(|failure| &*failure.error)
    }

    /// The quota that was exceeded.
    #[must_use]
    pub fn with_quota(mut self, quota: Option<QuotaFault>) -> Self {
        self.0.quota = quota;
        self
    }

    /// The quota that was exceeded, where that is the fault.
    #[must_use]
    pub fn quota(&self) -> Option<&QuotaFault> {
        self.0.quota.as_ref()
    }

    /// The code out of the closed set.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// The HTTP status: the code's, unless a more exact one was set.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0
            .status
            .or_else(|| StatusCode::from_u16(self.0.code.http_status()).ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What the caller is told.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The faults field by field.
    #[must_use]
    pub fn field_errors(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// The protocol's own code, when one was given.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        self.0.reason
    }

    /// Headers to send with the error.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The cause, for the log only.
    #[must_use]
    pub fn source(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }

    /// The cause and the causes behind it in one line, for the log.
    pub(crate) fn chain(&self) -> String {
        let Some(source) = self.source() else { return String::new() };
        let mut text = source.to_string();
        let mut next = source.source();
        while let Some(cause) = next {
            let line = cause.to_string();
            // Many errors repeat their cause in their own text: saying it twice helps nobody.
            if !text.ends_with(&line) {
                text.push_str(": ");
                text.push_str(&line);
            }
            next = cause.source();
        }
        text
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("code", &self.0.code)
            .field("detail", &self.0.detail)
            .field("fields", &self.0.fields)
            .field("source", &self.chain())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.as_str(), self.0.detail)
    }
}

impl<E: Coded + Send + Sync + 'static> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self::new(error.code(), error.public_detail())
            .with_field_errors(error.field_errors())
            .with_quota(error.quota())
            .with_source(error)
    }
}

/// The error inside a response's extensions, until the stack has logged and rendered it.
#[derive(Clone)]
pub(crate) struct Failure {
    pub(crate) error: Arc<ApiError>,
    /// The handler has written its own body: log the error, leave the body alone.
    pub(crate) rendered: bool,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        // Complete without the stack too (a router under test, say); the stack only adds the request id.
        let mut response = problem::render(&self, None);
        for (name, value) in self.headers() {
            response.headers_mut().append(name, value.clone());
        }
        response.extensions_mut().insert(Failure { error: Arc::new(self), rendered: false });
        response
    }
}

/// Marks `response`, which a handler rendered itself, as the consequence of `error`: it is logged as every other
/// error is, and the body stays as it is.
#[must_use]
pub fn reported(mut response: Response, error: ApiError) -> Response {
    response.extensions_mut().insert(Failure { error: Arc::new(error), rendered: true });
    response
}

/// Collects every fault of a request before answering, so that the caller can mend all of them at once.
#[derive(Debug, Default)]
pub struct Faults(Vec<FieldError>);

impl Faults {
    /// Notes a fault at `pointer` (a JSON pointer into the body, or a parameter's name).
    pub fn push(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push(FieldError::new(pointer, detail));
    }

    /// Notes a fault unless `holds`.
    pub fn check(&mut self, holds: bool, pointer: &str, detail: &str) {
        if !holds {
            self.push(pointer, detail);
        }
    }

    /// Fails when there was any fault.
    ///
    /// # Errors
    /// `invalid_argument` with every fault noted.
    pub fn finish(self) -> ApiResult<()> {
        if self.0.is_empty() { Ok(()) } else { Err(ApiError::invalid(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Disk;

    impl fmt::Display for Disk {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("I/O error on /var/lib/rhiza")
        }
    }

    impl StdError for Disk {}

    #[derive(Debug)]
    struct Save(Disk);

    impl fmt::Display for Save {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot save the run")
        }
    }

    impl StdError for Save {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    impl Coded for Save {
        fn code(&self) -> ErrorCode {
            ErrorCode::Unavailable
        }
        fn public_detail(&self) -> String {
            "The run could not be saved; try again.".into()
        }
    }

    fn fails() -> ApiResult<()> {
        Err(Save(Disk))?;
        Ok(())
    }

    #[test]
    fn the_caller_and_the_log_read_different_messages() {
        let error = fails().unwrap_err();
        assert_eq!(error.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(error.detail(), "The run could not be saved; try again.");
        assert_eq!(error.chain(), "cannot save the run: I/O error on /var/lib/rhiza");
    }

    #[test]
    fn an_internal_error_tells_the_caller_nothing_of_its_cause() {
        let error = ApiError::internal(Disk);
        assert!(!error.detail().contains("rhiza/"), "{}", error.detail());
        assert_eq!(error.chain(), "I/O error on /var/lib/rhiza");
    }

    #[test]
    fn faults_are_answered_together() {
        let mut faults = Faults::default();
        faults.check(true, "/fine", "never shown");
        faults.check(false, "/name", "must not be empty");
        faults.push("/age", "must be positive");
        let error = faults.finish().unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        let pointers: Vec<_> = error.field_errors().iter().map(|f| f.pointer.as_str()).collect();
        assert_eq!(pointers, ["/name", "/age"]);
        assert!(Faults::default().finish().is_ok());
    }
}
