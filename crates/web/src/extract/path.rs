//! Path parameters.

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use rhiza_kernel::ErrorCode;
use serde::de::DeserializeOwned;

use crate::error::{ApiError, ApiResult};

/// The path's parameters as a `T`. A value of the wrong shape names nothing that exists: 404, with the parameter.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<T, S> FromRequestParts<S> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) => {
                let names = RawPathParams::from_request_parts(parts, state).await.ok();
                Err(refuse(rejection, names.as_ref()))
            }
        }
    }
}

/// A path's single value and a tuple's values are refused without their names; the route knows them.
fn refuse(rejection: PathRejection, params: Option<&RawPathParams>) -> ApiError {
    let PathRejection::FailedToDeserializePathParams(inner) = &rejection else {
        return ApiError::internal(rejection);
    };
    let name_at = |index: usize| {
        let name = params.and_then(|params| params.iter().nth(index)).map(|(name, _)| name.to_owned());
        name.unwrap_or_default()
    };
    let nothing =
        |name: &str, message: String| ApiError::not_found("There is nothing at this path.").with_field(name, message);
    match inner.kind() {
        ErrorKind::ParseErrorAtKey { key, value, expected_type } => {
            nothing(key, format!("{value:?} is not of type {expected_type}"))
        }
        ErrorKind::DeserializeError { key, message, .. } => nothing(key, message.clone()),
        ErrorKind::ParseErrorAtIndex { index, value, expected_type } => {
            nothing(&name_at(*index), format!("{value:?} is not of type {expected_type}"))
        }
        ErrorKind::ParseError { value, expected_type } => {
            nothing(&name_at(0), format!("{value:?} is not of type {expected_type}"))
        }
        ErrorKind::Message(message) => nothing(&name_at(0), message.clone()),
        ErrorKind::InvalidUtf8InPathParam { key } => {
            ApiError::new(ErrorCode::Malformed, "The path is not UTF-8.").with_field(key, "is not UTF-8")
        }
        // What is left is a handler that asks for other parameters than its route has.
        _ => ApiError::internal(rejection),
    }
}
