//! The native shape of an error on the wire: RFC 9457 problem details, and their description for OpenAPI.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use chrono::{DateTime, Utc};
use http::{HeaderValue, header};
use rhiza_kernel::{ErrorCode, QuotaFault};
use serde::{Deserialize, Serialize};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use crate::error::ApiError;

/// The media type of problem bodies.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An error as the native API answers it (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Where the code is explained.
    #[serde(rename = "type")]
    #[schema(example = "/docs/errors#invalid_argument")]
    pub kind: String,
    /// The code's title, for people.
    pub title: String,
    /// The HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// What went wrong this time, for people.
    pub detail: String,
    /// The code to branch on.
    #[schema(example = "invalid_argument")]
    pub code: String,
    /// Finds this request in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The permission that the caller lacks, where that is the fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "models:write")]
    pub permission: Option<String>,
    /// The quota that is used up, where that is the fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<ProblemQuota>,
    /// Every fault of the request's content.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemField>,
}

/// A quota of the organisation that is used up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemQuota {
    /// Which.
    #[schema(example = "requests")]
    pub name: String,
    /// What the organisation's plan allows.
    pub limit: u64,
    /// What is used.
    pub used: u64,
    /// When the count begins anew, for what is counted by the month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<DateTime<Utc>>,
}

impl From<&QuotaFault> for ProblemQuota {
    fn from(fault: &QuotaFault) -> Self {
        let QuotaFault { name, limit, used, resets_at } = fault;
        Self { name: (*name).to_owned(), limit: *limit, used: *used, resets_at: *resets_at }
    }
}

/// One fault of the request's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemField {
    /// A JSON pointer (RFC 6901) into the body, or the name of a parameter.
    #[schema(example = "/name")]
    pub pointer: String,
    /// What is wrong, and what would be right.
    pub detail: String,
}

/// The problem on the wire, borrowed from the error it tells of.
#[derive(Serialize)]
struct ProblemRef<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permission: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<ProblemQuota>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [rhiza_kernel::FieldError],
}

/// The problem response of `error`, without the error's own headers.
pub(crate) fn render(error: &ApiError, request_id: Option<&str>) -> Response {
    let status = error.status();
    let code = error.code();
    let problem = ProblemRef {
        kind: format!("/docs/errors#{}", code.as_str()),
        title: code.title(),
        status: status.as_u16(),
        detail: error.detail(),
        code: code.as_str(),
        request_id,
        permission: error.permission(),
        quota: error.quota().map(ProblemQuota::from),
        errors: error.field_errors(),
    };
    // Strings and numbers only: serialisation cannot fail, and an empty body is the honest answer if it did.
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The errors any route may answer with, for `#[utoipa::path(responses(…, ProblemResponses))]`.
#[derive(Debug, Clone, Copy)]
pub struct ProblemResponses;

/// The codes documented on every route.
const DOCUMENTED: [ErrorCode; 12] = [
    ErrorCode::Malformed,
    ErrorCode::Unauthenticated,
    ErrorCode::QuotaExceeded,
    ErrorCode::PermissionDenied,
    ErrorCode::NotFound,
    ErrorCode::Conflict,
    ErrorCode::PreconditionFailed,
    ErrorCode::TooLarge,
    ErrorCode::InvalidArgument,
    ErrorCode::RateLimited,
    ErrorCode::Internal,
    ErrorCode::Unavailable,
];

impl IntoResponses for ProblemResponses {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::response::Response>> {
        DOCUMENTED
            .into_iter()
            .map(|code| {
                let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
                let response = ResponseBuilder::new().description(code.title()).content(PROBLEM_JSON, content).build();
                (code.http_status().to_string(), RefOr::T(response))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_code_has_its_own_response() {
        let responses = ProblemResponses::responses();
        let statuses: Vec<_> = responses.keys().map(String::as_str).collect();
        assert_eq!(statuses, ["400", "401", "402", "403", "404", "409", "412", "413", "422", "429", "500", "503"]);
    }

    #[tokio::test]
    async fn what_is_sent_is_what_the_schema_says() {
        let error = ApiError::invalid(vec![rhiza_kernel::FieldError::new("/name", "must not be empty")]);
        let response = render(&error, Some("req_1"));
        let bytes = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
        let problem: Problem = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(problem.status, 422);
        assert_eq!(problem.kind, "/docs/errors#invalid_argument");
        assert_eq!(problem.request_id.as_deref(), Some("req_1"));
        assert_eq!(problem.errors, [ProblemField { pointer: "/name".into(), detail: "must not be empty".into() }]);
    }
}
