//! The OpenAPI document: what frames the slices' own descriptions, and reading the route table back from it.

use rhiza_web::{Problem, ProblemField, ProblemQuota};
use serde_json::Value;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem};

/// One route of the table: what a walk over all routes needs to know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// The path template, parameters in braces.
    pub path: String,
    /// The HTTP method, in capitals.
    pub method: &'static str,
}

/// The frame of the document, without paths.
pub(crate) fn frame() -> OpenApi {
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
        "__Host-rhiza",
        "The console's session. State-changing requests must also come from the console's own origin.",
    )));
    let bearer = SecurityScheme::Http({
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.description = Some("An API key (`rz_live_…`).".to_owned());
        http
    });
    let basic = SecurityScheme::Http({
        let mut http = Http::new(HttpAuthScheme::Basic);
        http.description = Some("Any user name, and an API key as the password: what MLflow clients send.".to_owned());
        http
    });
    let none: [String; 0] = [];
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Rhiza")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "Native operations answer faults as RFC 9457 problems with a code out of a closed set; operations \
                     under an MLflow path answer as MLflow does.",
                ))
                .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
                .build(),
        )
        .components(Some(
            ComponentsBuilder::new()
                .schema_from::<Problem>()
                .schema_from::<ProblemField>()
                .schema_from::<ProblemQuota>()
                .security_scheme("session", cookie)
                .security_scheme("key", bearer)
                .security_scheme("basic", basic)
                .build(),
        ))
        .security(Some([
            SecurityRequirement::new("key", none.clone()),
            SecurityRequirement::new("session", none.clone()),
            SecurityRequirement::new("basic", none),
        ]))
        .build()
}

/// The methods an item of the document describes.
fn methods(item: &PathItem) -> impl Iterator<Item = &'static str> {
    [
        ("DELETE", item.delete.is_some()),
        ("GET", item.get.is_some()),
        ("HEAD", item.head.is_some()),
        ("PATCH", item.patch.is_some()),
        ("POST", item.post.is_some()),
        ("PUT", item.put.is_some()),
    ]
    .into_iter()
    .filter_map(|(method, there)| there.then_some(method))
}

/// Every route of the document, sorted.
#[must_use]
pub fn routes(document: &OpenApi) -> Vec<Route> {
    let mut found: Vec<Route> = document
        .paths
        .paths
        .iter()
        .flat_map(|(path, item)| methods(item).map(|method| Route { path: path.clone(), method }))
        .collect();
    found.sort();
    found
}

/// Writes a parameter that takes the rest of the path, which the router spells `{*path}`, as the document's readers know
/// it.
pub(crate) fn plain_templates(document: &mut OpenApi) {
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
}

/// The document as committed and served: JSON, keys in a stable order, indented, one final newline.
///
/// # Errors
/// When a description cannot be written as JSON, which would be a bug in a slice's schema.
pub fn document_json(document: &OpenApi) -> Result<String, serde_json::Error> {
    text(&serde_json::to_value(document)?)
}

/// As [`document_json`], of a document that was taken apart already.
pub(crate) fn text(document: &Value) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    Ok(text)
}
