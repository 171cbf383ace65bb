//! Query strings.

use axum::extract::FromRequestParts;
use http::request::Parts;
use rhiza_kernel::FieldError;
use serde::de::DeserializeOwned;

use super::pointer_of;
use crate::error::{ApiError, ApiResult};

/// The query string as a `T`. A key may repeat: `?tag=a&tag=b` fills a `Vec`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<T>(pub T);

/// Reads `query` into a `T`.
///
/// # Errors
/// `invalid_argument` naming the parameter.
pub(crate) fn parse<T: DeserializeOwned>(query: &str) -> ApiResult<T> {
    let deserializer = serde_html_form::Deserializer::from_bytes(query.as_bytes());
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let message = error.inner().to_string();
        let pointer = pointer_of(error.path(), &message);
        let name = pointer.strip_prefix('/').unwrap_or(&pointer);
        ApiError::invalid(vec![FieldError::new(name, message)])
    })
}

impl<T, S> FromRequestParts<S> for Query<T>
where
    T: DeserializeOwned,
    S: Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        parse(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use rhiza_kernel::ErrorCode;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Search {
        #[serde(default)]
        tag: Vec<String>,
        limit: Option<u32>,
        name: String,
    }

    #[test]
    fn keys_may_repeat_and_values_are_decoded() {
        let search: Search = parse("tag=a&name=x%20y+z&tag=b&limit=3&other=1").unwrap();
        assert_eq!(search, Search { tag: vec!["a".into(), "b".into()], limit: Some(3), name: "x y z".into() });
        assert_eq!(parse::<Search>("name=").unwrap().tag, Vec::<String>::new());
    }

    #[test]
    fn a_fault_names_its_parameter() {
        let pointer = |query: &str| {
            let error = parse::<Search>(query).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
            error.field_errors()[0].pointer.clone()
        };
        assert_eq!(pointer("name=a&limit=many"), "limit");
        assert_eq!(pointer("limit=3"), "name");
    }
}
