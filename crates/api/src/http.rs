//! Joining the slices' routers and serving the document that describes them.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::document::{document_json, frame};

/// Joins routers whose state is already given. The result also serves the document at `/api/openapi.json`.
///
/// # Errors
/// When the document cannot be written as JSON.
pub fn assemble(parts: Vec<OpenApiRouter>) -> Result<(Router, OpenApi), serde_json::Error> {
    let joined = parts.into_iter().fold(OpenApiRouter::with_openapi(frame()), OpenApiRouter::merge);
    let (router, document) = joined.split_for_parts();
    let body = axum::body::Bytes::from(document_json(&document)?);
    let serve = move || {
        let body = body.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], body).into_response() }
    };
    Ok((router.route("/api/openapi.json", get(serve)), document))
}
