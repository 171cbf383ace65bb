//! Joining the slices' routers and serving the document that describes them, for programs and for people.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rhiza_kernel::ErrorCode;
use rhiza_web::{ApiError, Path};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::document::{frame, plain_templates, text};
use crate::pages;

/// Joins routers whose state is already given. The result also serves the document at `/api/openapi.json` and its
/// readable form below `/docs`.
///
/// # Errors
/// When the document cannot be written as JSON.
pub fn assemble(parts: Vec<OpenApiRouter>) -> Result<(Router, OpenApi), serde_json::Error> {
    let joined = parts.into_iter().fold(OpenApiRouter::with_openapi(frame()), OpenApiRouter::merge);
    let (router, mut document) = joined.split_for_parts();
    plain_templates(&mut document);
    let value = serde_json::to_value(&document)?;
    let json = Bytes::from(text(&value)?);
    let pages = Arc::new(pages::pages(&value));
    let page = move |path: &str| -> Response {
        if path == "style.css" {
            return ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], pages::STYLE).into_response();
        }
        match pages.get(path) {
            Some(page) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page.clone()).into_response(),
            None => ApiError::new(ErrorCode::NotFound, "There is no such page.").into_response(),
        }
    };
    let index = page.clone();
    let router = router
        .route(
            "/api/openapi.json",
            get(move || async move { ([(header::CONTENT_TYPE, "application/json")], json).into_response() }),
        )
        .route("/docs", get(move || async move { index("") }))
        .route("/docs/{*path}", get(move |Path(path): Path<String>| async move { page(&path) }));
    Ok((router, document))
}
