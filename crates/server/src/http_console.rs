//! The web console: files that were built by `make console` and are carried inside the binary.
//!
//! Paths of the console's own router (`/p/demo/experiments`) exist only in the browser: any page request that no other
//! route answers gets the start page. Files whose name carries a hash of their content never change and say so.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rhiza_kernel::ErrorCode;
use rhiza_web::ApiError;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../console/dist"]
#[allow_missing = true]
struct Files;

const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// Prefixes under which a path that no route knows is an unknown operation, not a page.
const API_ROOTS: [&str; 6] = ["/api/", "/ajax-api/", "/v1/", "/v2/", "/serving/", "/compat/"];

/// Answers what no other route did.
pub(crate) async fn fallback(request: Request) -> Response {
    let path = request.uri().path();
    if API_ROOTS.iter().any(|root| path.starts_with(root)) {
        return not_found("There is no such operation.");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return not_found("There is no such operation.");
    }
    let name = path.trim_start_matches('/');
    if let Some(file) = Files::get(name).filter(|_| !name.is_empty() && name != "index.html") {
        return respond(name, file, request.headers());
    }
    // The front page is a page whoever asks; other paths are pages only for those who can show one.
    let front = name.is_empty() || name == "index.html";
    if !front && (!wants_page(request.headers()) || name.starts_with("assets/")) {
        return not_found("There is no such file.");
    }
    match Files::get("index.html") {
        Some(page) => respond("index.html", page, request.headers()),
        None => not_found("This binary was built without the console: build console/ first, then the binary."),
    }
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok()).any(|v| v.contains("text/html"))
}

fn respond(name: &str, file: rust_embed::EmbeddedFile, asked: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", hex(&file.metadata.sha256_hash()[..16]));
    let cache = if name.starts_with("assets/") { FOREVER } else { REVALIDATE };
    let fresh = asked.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains(&etag));
    let headers = [
        (header::CACHE_CONTROL, cache),
        (header::ETAG, HeaderValue::from_str(&etag).unwrap_or(REVALIDATE)),
        (header::CONTENT_TYPE, content_type(name)),
    ];
    if fresh {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, Body::from(file.data.into_owned())).into_response()
}

fn content_type(name: &str) -> HeaderValue {
    HeaderValue::from_static(match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "map" | "webmanifest" => "application/json",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    })
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn not_found(detail: &str) -> Response {
    ApiError::new(ErrorCode::NotFound, detail).into_response()
}
