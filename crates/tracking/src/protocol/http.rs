//! The edge: who calls, how a request is read, how an answer and an error are written in MLflow's shape.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use rhiza_kernel::{ErrorCode, ProjectScope};
use rhiza_platform::authz::{Access, Allowed, need};
use rhiza_web::{ApiError, ErrorContext, ErrorShape};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields::Fields;
use super::http_body;
use crate::error::{Code, TrackingError};

/// Who makes a request, and in which project.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The project every id of the request is looked up in.
    pub scope: ProjectScope,
    /// The project's slug, which MLflow's clients know as the workspace.
    pub workspace: String,
    /// Who to name in the audit chain.
    pub who: rhiza_platform::authz::Caller,
    /// The plan of the caller's organisation.
    pub plan: Arc<str>,
}

impl From<Access> for Caller {
    fn from(access: Access) -> Self {
        let plan = Arc::clone(&access.principal.plan);
        Self { scope: access.scope, workspace: access.project, who: access.caller, plan }
    }
}

macro_rules! capabilities {
    ($($(#[$doc:meta])* $name:ident = $need:ident;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone)]
            pub struct $name(pub Caller);

            impl<S: Send + Sync> FromRequestParts<S> for $name {
                type Rejection = ApiError;

                async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
                    let allowed = Allowed::<need::$need>::from_request_parts(parts, state).await?;
                    Ok(Self(allowed.into_inner().into()))
                }
            }
        )+
    };
}

capabilities! {
    /// May read experiments and runs.
    CanReadExperiments = ExperimentRead;
    /// May create and change experiments and runs.
    CanWriteExperiments = ExperimentWrite;
    /// May read the registry.
    CanReadModels = ModelRead;
    /// May change the registry.
    CanWriteModels = ModelWrite;
}

/// A request of an MLflow client: its fields out of the query string or the JSON body.
#[derive(Debug)]
pub struct Request(pub Fields);

impl<S: Send + Sync> FromRequest<S> for Request {
    type Rejection = TrackingError;

    async fn from_request(request: axum::extract::Request, _: &S) -> Result<Self, TrackingError> {
        if request.method() == Method::GET
            && let Some(query) = request.uri().query().filter(|q| !q.is_empty())
        {
            let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            return Ok(Self(Fields::Query(pairs)));
        }
        if matches!(*request.method(), Method::POST | Method::PUT) {
            check_content_type(request.headers().get(header::CONTENT_TYPE))?;
        }
        Ok(Self(http_body::parse(&http_body::read(request.into_body()).await?)?))
    }
}

fn check_content_type(given: Option<&HeaderValue>) -> Result<(), TrackingError> {
    let Some(given) = given else {
        return Err(TrackingError::invalid("Bad Request. Content-Type header is missing."));
    };
    let essence = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence == "application/json" {
        return Ok(());
    }
    Err(TrackingError::invalid("Bad Request. Content-Type must be one of ['application/json']."))
}

/// An answer, already encoded.
#[derive(Debug)]
pub struct Reply(pub Vec<u8>);

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.0));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

/// The answer with `value` as its JSON.
///
/// # Errors
/// When it cannot be encoded: our bug.
pub fn reply_json<T: Serialize>(value: &T) -> Result<Reply, TrackingError> {
    serde_json::to_vec(value).map(Reply).map_err(|e| TrackingError::Internal(format!("encoding an answer: {e}")))
}

/// The empty answer, `{}`.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
pub struct Empty {}

impl IntoResponse for Empty {
    fn into_response(self) -> Response {
        Reply(b"{}".to_vec()).into_response()
    }
}

/// A tag or parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyValue {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// An error as MLflow's server writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MlflowErrorBody {
    /// The code to branch on.
    #[schema(example = "RESOURCE_DOES_NOT_EXIST")]
    pub error_code: String,
    /// What went wrong, for people.
    pub message: String,
    /// The class of the error, as SQL numbers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    /// The class of the error, in a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<String>,
}

/// The errors any MLflow route may answer with, for `#[utoipa::path(responses(…, MlflowErrors))]`.
#[derive(Debug, Clone, utoipa::IntoResponses)]
#[response(status = "default", description = "The request was refused or failed")]
pub struct MlflowErrors(#[to_schema] pub MlflowErrorBody);

fn encoded(code: Code, message: String) -> Vec<u8> {
    let class = code.class();
    let body = MlflowErrorBody {
        error_code: code.as_str().to_owned(),
        message,
        sqlstate: class.map(|(state, _)| state.to_owned()),
        error_class: class.map(|(_, class)| class.to_owned()),
    };
    // Texts only: this cannot fail.
    serde_json::to_vec(&body).unwrap_or_default()
}

fn response(status: StatusCode, code: Code, message: String) -> Response {
    let mut response = Reply(encoded(code, message)).into_response();
    *response.status_mut() = status;
    response
}

impl IntoResponse for TrackingError {
    fn into_response(self) -> Response {
        use rhiza_kernel::Coded as _;
        let code = self.mlflow_code();
        let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let answer = response(status, code, self.public_detail());
        rhiza_web::reported(answer, ApiError::from(self).with_status(status))
    }
}

/// Writes the errors of the layers around the routes (401, 413, a timeout) in MLflow's shape.
#[derive(Debug, Clone, Copy, Default)]
pub struct MlflowShape;

impl ErrorShape for MlflowShape {
    fn render(&self, error: &ApiError, _: &ErrorContext<'_>) -> Response {
        let code = match error.code() {
            ErrorCode::Malformed | ErrorCode::Cancelled => Code::BadRequest,
            ErrorCode::TooLarge => Code::TooLarge,
            ErrorCode::InvalidArgument => Code::InvalidParameterValue,
            ErrorCode::Unauthenticated => Code::Unauthenticated,
            ErrorCode::PermissionDenied => Code::PermissionDenied,
            ErrorCode::QuotaExceeded => Code::QuotaExceeded,
            ErrorCode::NotFound if error.reason() == Some("RESOURCE_DOES_NOT_EXIST") => Code::ResourceDoesNotExist,
            ErrorCode::NotFound => Code::EndpointNotFound,
            ErrorCode::Conflict | ErrorCode::PreconditionFailed => Code::ResourceConflict,
            ErrorCode::RateLimited => Code::RequestLimitExceeded,
            ErrorCode::Internal => Code::InternalError,
            ErrorCode::Unavailable => Code::TemporarilyUnavailable,
            ErrorCode::DeadlineExceeded => Code::DeadlineExceeded,
        };
        // MLflow has no 422; a status that was given on purpose (405, 413, 416) stays.
        let status = match code {
            Code::InvalidParameterValue if error.status() == StatusCode::UNPROCESSABLE_ENTITY => {
                StatusCode::BAD_REQUEST
            }
            _ => error.status(),
        };
        response(status, code, error.detail().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_written_as_mlflow_writes_it() {
        let text = String::from_utf8(encoded(Code::ResourceDoesNotExist, "gone".into())).unwrap();
        assert_eq!(
            text,
            r#"{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"gone","sqlstate":"KAM00","error_class":"RESOURCE_NOT_FOUND"}"#
        );
    }
}
