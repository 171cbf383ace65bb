//! Errors in the caller's protocol. A client that speaks MLflow or OpenAI must be able to read *every* error under
//! that protocol's paths, also those made by a layer before any handler ran: 401, 404, 413, a timeout, a panic.

use std::sync::Arc;

use axum::response::Response;
use http::Method;

use crate::error::ApiError;
use crate::problem;

/// What a shape may know about the request besides the error.
#[derive(Debug, Clone, Copy)]
pub struct ErrorContext<'a> {
    /// The request's id, as returned in `X-Request-Id`.
    pub request_id: &'a str,
    /// The request's method.
    pub method: &'a Method,
    /// The request's path.
    pub path: &'a str,
}

/// Renders errors as one protocol prescribes.
pub trait ErrorShape: Send + Sync {
    /// The response for `error`. The stack adds the error's own headers afterwards.
    fn render(&self, error: &ApiError, context: &ErrorContext<'_>) -> Response;
}

/// Which shape applies under which path prefix; problem JSON where none does.
#[derive(Clone, Default)]
pub struct ErrorShapes(Vec<(String, Arc<dyn ErrorShape>)>);

impl ErrorShapes {
    /// Registers `shape` under `prefix`.
    pub fn add(&mut self, prefix: &str, shape: Arc<dyn ErrorShape>) {
        self.0.push((prefix.trim_end_matches('/').to_owned(), shape));
        // Longest first: the first match is then the most specific one.
        self.0.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
    }

    /// The response for `error` in the shape of its path.
    pub(crate) fn render(&self, error: &ApiError, context: &ErrorContext<'_>) -> Response {
        let shape = self.0.iter().find(|(prefix, _)| {
            context.path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        match shape {
            Some((_, shape)) => shape.render(error, context),
            None => problem::render(error, Some(context.request_id)),
        }
    }
}

impl std::fmt::Debug for ErrorShapes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(prefix, _)| prefix)).finish()
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    struct Named(&'static str);

    impl ErrorShape for Named {
        fn render(&self, _: &ApiError, _: &ErrorContext<'_>) -> Response {
            ([("x-shape", self.0)], "").into_response()
        }
    }

    #[test]
    fn the_longest_prefix_wins_and_only_at_a_segment_border() {
        let mut shapes = ErrorShapes::default();
        shapes.add("/v1", Arc::new(Named("openai")));
        shapes.add("/v1/messages", Arc::new(Named("anthropic")));
        let error = ApiError::not_found("gone");
        let shape_of = |path: &str| {
            let context = ErrorContext { request_id: "r", method: &Method::GET, path };
            let response = shapes.render(&error, &context);
            response.headers().get("x-shape").map(|v| v.to_str().unwrap().to_owned())
        };
        assert_eq!(shape_of("/v1/models").as_deref(), Some("openai"));
        assert_eq!(shape_of("/v1/messages").as_deref(), Some("anthropic"));
        assert_eq!(shape_of("/v1/messages/batches").as_deref(), Some("anthropic"));
        assert_eq!(shape_of("/v1/messages2").as_deref(), Some("openai"));
        assert_eq!(shape_of("/v10/models"), None);
    }
}
