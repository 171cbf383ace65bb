//! The one list of what can be reached without a credential. Everything that is not here is refused, so a new route
//! is private until someone adds a line below and a reviewer sees it.

use http::Method;

/// Method and route pattern of every public route, exactly as registered. A `HEAD` counts as the `GET` beside it.
pub const PUBLIC_ROUTES: &[(&str, &str)] = &[
    // Operations: probes come from load balancers that hold no key. They tell nothing about tenants.
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/health"),
    ("GET", "/version"),
    // What the server offers: MLflow's client asks before it has chosen a workspace. The answer tells nothing about tenants.
    ("GET", "/api/3.0/mlflow/server-info"),
    ("GET", "/ajax-api/3.0/mlflow/server-info"),
    // Getting in. Each of these checks its own secret: the set-up token, the password, the passkey.
    ("GET", "/api/v1/setup"),
    ("POST", "/api/v1/setup"),
    ("POST", "/api/v1/auth/sign-in"),
    ("GET", "/api/v1/auth/oidc/{provider}/start"),
    ("GET", "/api/v1/auth/oidc/{provider}/callback"),
    ("POST", "/api/v1/auth/passkey/begin"),
    ("POST", "/api/v1/auth/passkey/finish"),
    ("POST", "/api/v1/auth/second-factor"),
    // Coming for the first time, and coming back without the password. What proves who it is comes by mail.
    ("GET", "/api/v1/auth/options"),
    ("POST", "/api/v1/auth/register"),
    ("POST", "/api/v1/auth/verify-email"),
    ("POST", "/api/v1/auth/verify-email/resend"),
    ("POST", "/api/v1/auth/forgot-password"),
    ("POST", "/api/v1/auth/reset-password"),
    ("POST", "/api/v1/auth/confirm-email"),
    ("POST", "/api/v1/auth/invitation"),
    // The refresh token is the credential.
    ("POST", "/api/v1/auth/tokens/refresh"),
    // Public halves of the keys that sign access tokens.
    ("GET", "/.well-known/jwks.json"),
    // What the API looks like.
    ("GET", "/api/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/docs/{*path}"),
    // The console's own files, where the server registers them as routes instead of as the fallback.
    ("GET", "/"),
    ("GET", "/index.html"),
    ("GET", "/theme.js"),
    ("GET", "/favicon.svg"),
    ("GET", "/favicon.ico"),
    ("GET", "/assets/{*path}"),
];

/// First path segments under which a request always needs a credential, even where no route matches. Elsewhere an
/// unmatched `GET` ends in the fallback, which knows nothing but the console's embedded files.
const API_ROOTS: &[&str] =
    &["ajax-api", "api", "compat", "gateway", "graphql", "metrics", "serving", "telephony", "v1", "v2"];

/// Whether a request may pass without a credential. `matched` is the pattern of the route that will answer, `None`
/// when no route matches and the fallback will.
#[must_use]
pub fn is_public(method: &Method, matched: Option<&str>, path: &str) -> bool {
    let asked = if method == Method::HEAD { "GET" } else { method.as_str() };
    match matched {
        Some(pattern) => PUBLIC_ROUTES.contains(&(asked, pattern)),
        None => asked == "GET" && !API_ROOTS.contains(&first_segment(path).as_str()),
    }
}

/// The first segment as a lenient reader would see it: decoded, without case, without empty or dot segments before it.
fn first_segment(path: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy().to_ascii_lowercase();
    decoded.split(['/', '\\']).find(|s| !matches!(*s, "" | "." | "..")).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listed_method_of_a_listed_route_is_public() {
        assert!(is_public(&Method::POST, Some("/api/v1/auth/sign-in"), "/api/v1/auth/sign-in"));
        assert!(is_public(&Method::HEAD, Some("/livez"), "/livez"));
        assert!(!is_public(&Method::GET, Some("/api/v1/auth/sign-in"), "/api/v1/auth/sign-in"));
        assert!(!is_public(&Method::DELETE, Some("/api/v1/setup"), "/api/v1/setup"));
        assert!(!is_public(&Method::GET, Some("/api/v1/me"), "/api/v1/me"));
        assert!(!is_public(&Method::GET, Some("/{*rest}"), "/assets/app.js"));
    }

    #[test]
    fn console_pages_reach_the_fallback_and_api_paths_do_not() {
        assert!(is_public(&Method::GET, None, "/p/default/experiments"));
        assert!(is_public(&Method::GET, None, "/sign-in"));
        assert!(!is_public(&Method::POST, None, "/p/default"));
        for path in
            ["/api/v1/nothing", "/API/x", "//api/x", "/./api", "/%61pi/x", "/ajax-api", "/v1/models", "/metrics"]
        {
            assert!(!is_public(&Method::GET, None, path), "{path}");
        }
    }
}
