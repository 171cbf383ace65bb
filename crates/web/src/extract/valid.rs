//! Validation on the way in: a handler that takes `Valid<Json<T>>` never sees a value that breaks `T`'s rules.

use axum::extract::{FromRequest, FromRequestParts, Request};
use garde::Validate;
use http::request::Parts;
use rhiza_kernel::FieldError;

use super::{Json, Query, push_pointer};
use crate::error::{ApiError, ApiResult};

/// An extractor `E` whose value keeps its own rules (`#[derive(garde::Validate)]`).
#[derive(Debug, Clone, Copy)]
pub struct Valid<E>(pub E);

/// Checks a value outside an extractor, with the same faults as [`Valid`].
pub trait Validated: Sized {
    /// The value, if it keeps its rules.
    ///
    /// # Errors
    /// `invalid_argument` with every fault.
    fn validated(self) -> ApiResult<Self>;
}

impl<T> Validated for T
where
    T: Validate<Context = ()>,
{
    fn validated(self) -> ApiResult<Self> {
        match self.validate() {
            Ok(()) => Ok(self),
            Err(report) => Err(ApiError::invalid(faults(&report, pointer))),
        }
    }
}

fn faults(report: &garde::Report, place: fn(&garde::Path) -> String) -> Vec<FieldError> {
    report.iter().map(|(path, error)| FieldError::new(place(path), error.message())).collect()
}

/// A rule's place as a JSON pointer. garde shows paths as `a.b[0]` only, which cannot be told apart from a map key
/// with a dot in it, so its (hidden) iterator is used; it goes from the leaf to the root.
fn pointer(path: &garde::Path) -> String {
    let mut pointer = String::new();
    for (_, component) in path.__iter().rev() {
        if !component.is_empty() {
            push_pointer(&mut pointer, component);
        }
    }
    pointer
}

/// A rule's place as the name of a query parameter.
fn parameter(path: &garde::Path) -> String {
    pointer(path).trim_start_matches('/').to_owned()
}

impl<T, S> FromRequest<S> for Valid<Json<T>>
where
    T: Validate<Context = ()>,
    Json<T>: FromRequest<S, Rejection = ApiError>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        let Json(value) = <Json<T> as FromRequest<S>>::from_request(request, state).await?;
        value.validated().map(|value| Self(Json(value)))
    }
}

impl<T, S> FromRequestParts<S> for Valid<Query<T>>
where
    T: Validate<Context = ()>,
    Query<T>: FromRequestParts<S, Rejection = ApiError>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let Query(value) = Query::<T>::from_request_parts(parts, state).await?;
        match value.validate() {
            Ok(()) => Ok(Self(Query(value))),
            Err(report) => Err(ApiError::invalid(faults(&report, parameter))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, garde::Validate)]
    struct Project {
        #[garde(length(min = 1, max = 10))]
        name: String,
        #[garde(dive)]
        tags: Vec<Tag>,
    }

    #[derive(Debug, garde::Validate)]
    struct Tag {
        #[garde(ascii)]
        key: String,
    }

    #[test]
    fn every_fault_comes_at_once_with_its_place() {
        let project =
            Project { name: String::new(), tags: vec![Tag { key: "fine".into() }, Tag { key: "ümlaut".into() }] };
        let error = project.validated().unwrap_err();
        let places: Vec<_> = error.field_errors().iter().map(|f| f.pointer.as_str()).collect();
        assert_eq!(places, ["/name", "/tags/1/key"]);
    }

    #[test]
    fn what_keeps_the_rules_passes() {
        let project = Project { name: "lab".into(), tags: Vec::new() };
        assert_eq!(project.validated().unwrap().name, "lab");
    }
}
