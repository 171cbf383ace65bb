//! The layers every request passes, outermost first: request id, trace span, metrics and security headers
//! ([`edge`]), CORS, compression, then panic guard, time limit and the rendering of errors ([`guard`]).

mod compress;
mod edge;
mod guard;
mod linger;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::{HeaderName, HeaderValue, Method, header};
use rhiza_kernel::Env;
use tower::util::option_layer;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

pub use compress::NoCompression;

use crate::client::TrustedProxies;
use crate::limit::DEFAULT_BODY_LIMIT;
use crate::origin::Origin;
use crate::request::{Shared, X_REQUEST_ID};
use crate::shape::{ErrorShape, ErrorShapes};

/// Scripts, styles and connections of our own origin only; nobody frames us; images may also be made in the page.
const DEFAULT_CSP: &str = "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; object-src 'none'; \
                           base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// How the stack treats requests. The defaults are the documented ones.
#[derive(Debug, Clone)]
pub struct WebConfig {
    /// The most bytes a body read into memory may have, unless the route says otherwise.
    pub body_limit: usize,
    /// How long a route may take to answer, unless it says otherwise.
    pub timeout: Duration,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: TrustedProxies,
    /// Which other sites' pages may call with credentials.
    pub cors: Vec<Origin>,
    /// Any site's pages may call, without credentials. Ignored when `cors` names sites.
    pub cors_any: bool,
    /// `Strict-Transport-Security` for this long, on encrypted connections only.
    pub hsts: Option<Duration>,
    /// `Content-Security-Policy` where a handler sets none.
    pub csp: HeaderValue,
    /// Compress also for clients on this machine, where it costs more time than it saves.
    pub compress_local: bool,
    /// The shapes of errors by path prefix; see [`WebConfig::shape`].
    pub shapes: ErrorShapes,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            body_limit: DEFAULT_BODY_LIMIT,
            timeout: Duration::from_secs(30),
            trusted_proxies: TrustedProxies::default(),
            cors: Vec::new(),
            cors_any: false,
            // One year, the least that browsers' preload lists accept.
            hsts: Some(Duration::from_secs(365 * 24 * 3600)),
            csp: HeaderValue::from_static(DEFAULT_CSP),
            compress_local: false,
            shapes: ErrorShapes::default(),
        }
    }
}

impl WebConfig {
    /// Renders errors under `prefix` with `shape`. The longest prefix wins.
    #[must_use]
    pub fn shape(mut self, prefix: &str, shape: Arc<dyn ErrorShape>) -> Self {
        self.shapes.add(prefix, shape);
        self
    }

    fn cors_layer(&self) -> Option<CorsLayer> {
        let origins: Vec<HeaderValue> = self.cors.iter().filter_map(Origin::header_value).collect();
        let layer = match (origins.is_empty(), self.cors_any) {
            (true, false) => return None,
            (true, true) => CorsLayer::new().allow_origin(AllowOrigin::any()),
            (false, _) => CorsLayer::new().allow_origin(AllowOrigin::list(origins)).allow_credentials(true),
        };
        let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        let layer = layer
            .allow_methods(methods)
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(EXPOSED)
            .max_age(Duration::from_secs(600));
        Some(layer)
    }
}

/// The response headers pages of other sites may read.
const EXPOSED: [HeaderName; 9] = [
    X_REQUEST_ID,
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
    header::CONTENT_DISPOSITION,
    header::CONTENT_RANGE,
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
];

/// Puts the stack around `router`. Apply it last, over everything that answers requests.
pub fn stack(router: Router, config: &WebConfig, env: Env) -> Router {
    let shared = Arc::new(Shared { trusted_proxies: config.trusted_proxies.clone(), env });
    router.layer((
        edge::EdgeLayer::new(config, shared),
        option_layer(config.cors_layer()),
        compress::layer(),
        guard::GuardLayer::new(config),
    ))
}
