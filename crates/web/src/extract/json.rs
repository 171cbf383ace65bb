//! JSON bodies in and out.

use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use rhiza_kernel::{ErrorCode, FieldError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::pointer_of;
use crate::error::{ApiError, ApiResult};
use crate::limit;

/// A JSON body, of a request or a response.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json<T>(pub T);

/// Reads `body` as JSON into a `T`. For protocols whose clients send JSON under any content type.
///
/// # Errors
/// `malformed` when it is not JSON, `invalid_argument` with a pointer when it is JSON of another shape.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> ApiResult<T> {
    // Two passes, the second only after a failure: keeping track of the path costs every body, telling it is
    // needed for few.
    match serde_json::from_slice::<T>(body) {
        Ok(value) => return Ok(value),
        Err(error) if !error.is_data() => return Err(unparsable(body, &error)),
        Err(_) => {}
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Ok(value) => Ok(value),
        Err(error) => {
            let message = plain(error.inner());
            let pointer = pointer_of(error.path(), &message);
            Err(ApiError::invalid(vec![FieldError::new(pointer, message)]))
        }
    }
}

fn unparsable(body: &[u8], error: &serde_json::Error) -> ApiError {
    if body.is_empty() {
        return ApiError::new(ErrorCode::Malformed, "The body is empty; it must be JSON.");
    }
    let detail = format!("The body is not JSON: {error}.");
    ApiError::new(ErrorCode::Malformed, detail)
}

/// The message without serde_json's " at line 1 column 7": the pointer says it better.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim();
    let Some((kind, subtype)) = essence.split_once('/') else { return false };
    let json = subtype.eq_ignore_ascii_case("json")
        || subtype.len() > 5 && subtype.as_bytes()[subtype.len() - 5..].eq_ignore_ascii_case(b"+json");
    kind.eq_ignore_ascii_case("application") && json
}

impl<T, S> FromRequest<S> for Json<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Self> {
        // Also a wall: a form of another site cannot send this content type without asking first (CORS).
        if !is_json(request.headers()) {
            return Err(ApiError::new(ErrorCode::Malformed, "The Content-Type must be application/json."));
        }
        let body: Bytes = limit::read_body(request).await?;
        parse(&body).map(Self)
    }
}

impl<T, S> OptionalFromRequest<S> for Json<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Option<Self>> {
        let bodyless = http_body::Body::is_end_stream(request.body());
        if bodyless && !request.headers().contains_key(header::CONTENT_TYPE) {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        // 512: most answers fit, and the buffer grows by doubling from there.
        let mut body = Vec::with_capacity(512);
        match serde_json::to_writer(&mut body, &self.0) {
            Ok(()) => ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response(),
            Err(error) => ApiError::internal(error).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Run {
        #[expect(dead_code, reason = "only its parsing is of interest")]
        name: String,
        #[serde(default)]
        #[expect(dead_code, reason = "only its parsing is of interest")]
        params: Vec<Param>,
    }

    #[derive(Debug, Deserialize)]
    struct Param {
        #[expect(dead_code, reason = "only its parsing is of interest")]
        #[serde(rename = "a/b")]
        value: u32,
    }

    fn fault(body: &str) -> (ErrorCode, String, String) {
        let error = parse::<Run>(body.as_bytes()).unwrap_err();
        let field = error.field_errors().first().cloned().unwrap_or_else(|| FieldError::new("", ""));
        (error.code(), field.pointer, field.detail)
    }

    #[test]
    fn a_fault_is_pointed_at() {
        let (code, pointer, detail) = fault(r#"{"name":"a","params":[{"a/b":1},{"a/b":"x"}]}"#);
        assert_eq!((code, pointer.as_str()), (ErrorCode::InvalidArgument, "/params/1/a~1b"));
        assert_eq!(detail, "invalid type: string \"x\", expected u32");
    }

    #[test]
    fn a_missing_field_is_pointed_at_itself() {
        assert_eq!(fault(r#"{"params":[]}"#).1, "/name");
        assert_eq!(fault(r#"{"name":"a","params":[{}]}"#).1, "/params/0/a~1b");
    }

    #[test]
    fn an_unknown_field_is_pointed_at_itself() {
        assert_eq!(fault(r#"{"name":"a","nmae":1}"#).1, "/nmae");
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for body in ["", "{", "{\"name\":}", "nope", "{\"name\":\"a\"} trailing", "\u{0}"] {
            assert_eq!(fault(body).0, ErrorCode::Malformed, "{body}");
        }
        assert_eq!(parse::<Run>(&[0xff, 0xfe]).unwrap_err().code(), ErrorCode::Malformed);
    }

    #[test]
    fn content_types_of_json_are_known() {
        let is = |value: &'static str| {
            is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]))
        };
        assert!(is("application/json"));
        assert!(is("Application/JSON; charset=utf-8"));
        assert!(is("application/cloudevents+json"));
        assert!(!is("text/plain"));
        assert!(!is("text/json"));
        assert!(!is("application/x-www-form-urlencoded"));
        assert!(!is_json(&HeaderMap::new()));
    }
}
