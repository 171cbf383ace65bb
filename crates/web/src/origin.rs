//! Web origins: which other sites may read our answers (CORS), and proof that a state-changing request with a cookie
//! was made by our own page.

use std::fmt;
use std::str::FromStr;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use rhiza_kernel::ErrorCode;

use crate::error::{ApiError, ApiResult};
use crate::request::Transport;

/// A web origin, `scheme://host[:port]`, in the spelling browsers send.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin(String);

/// The text is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an origin such as https://rhiza.example.org")]
pub struct OriginError(String);

impl Origin {
    /// The origin as browsers spell it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `https`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }

    pub(crate) fn header_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    /// Reads an origin, or the origin of a URL without path (`https://host/`).
    fn from_str(text: &str) -> Result<Self, OriginError> {
        let fault = || OriginError(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| fault())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(fault()) };
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(fault()),
        };
        let bare = uri.query().is_none() && matches!(uri.path(), "" | "/") && !authority.as_str().contains('@');
        if !bare || authority.host().is_empty() || authority.host().contains('*') {
            return Err(fault());
        }
        // Browsers lower the host's case and leave the default port out.
        let host = authority.host().to_ascii_lowercase();
        Ok(Self(match authority.port_u16() {
            Some(port) if port != default_port => format!("{scheme}://{host}:{port}"),
            _ => format!("{scheme}://{host}"),
        }))
    }
}

/// Decides whether a request that rides on a cookie was made by one of our own pages.
#[derive(Debug, Clone, Default)]
pub struct OriginPolicy {
    origins: Vec<Origin>,
}

impl OriginPolicy {
    /// Pages of `origins` are ours. With none given, the page must come from the host that was asked.
    #[must_use]
    pub fn new(origins: Vec<Origin>) -> Self {
        Self { origins }
    }

    /// Lets reads pass, and state changes (WebSocket handshakes among them) that carry our origin.
    ///
    /// # Errors
    /// `permission_denied` for a change that another site made, or that does not say who made it.
    pub fn check(&self, parts: &Parts) -> ApiResult<()> {
        let reads = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
        if reads && !is_websocket(&parts.headers, &parts.method) || self.is_ours(parts) {
            return Ok(());
        }
        Err(ApiError::new(ErrorCode::PermissionDenied, "The request was not made by a page of this server."))
    }

    fn is_ours(&self, parts: &Parts) -> bool {
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(origin) = text("origin") {
            return self.allows(origin, parts);
        }
        // Browsers set this one themselves and no page can forge it. "none" is the person at the address bar.
        matches!(text("sec-fetch-site"), Some("same-origin" | "none"))
    }

    fn allows(&self, origin: &str, parts: &Parts) -> bool {
        // Sent opaque ("null") by sandboxed pages: never ours.
        let Ok(origin) = origin.parse::<Origin>() else { return false };
        if !self.origins.is_empty() {
            return self.origins.contains(&origin);
        }
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let asked = host.or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
        let scheme = if Transport::of(parts).secure { "https" } else { "http" };
        asked.and_then(|host| format!("{scheme}://{host}").parse::<Origin>().ok()).is_some_and(|ours| ours == origin)
    }
}

/// Whether the request opens a WebSocket (HTTP/1.1 upgrade, or extended CONNECT of HTTP/2).
fn is_websocket(headers: &HeaderMap, method: &Method) -> bool {
    let upgrade = headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    upgrade || method == Method::CONNECT
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn verdict(policy: &OriginPolicy, method: Method, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().method(method).uri("/api/v1/projects");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        policy.check(&request.body(()).unwrap().into_parts().0).is_ok()
    }

    fn ours() -> OriginPolicy {
        OriginPolicy::new(vec!["https://rhiza.example.org".parse().unwrap()])
    }

    #[test]
    fn origins_are_spelled_as_browsers_spell_them() {
        let read = |text: &str| text.parse::<Origin>().map(|o| o.to_string());
        assert_eq!(read("HTTPS://Rhiza.Example.org:443/").unwrap(), "https://rhiza.example.org");
        assert_eq!(read("http://127.0.0.1:8080").unwrap(), "http://127.0.0.1:8080");
        assert_eq!(read("http://[::1]:8080").unwrap(), "http://[::1]:8080");
        for bad in
            ["*", "null", "rhiza.example.org", "ftp://x", "https://x/path", "https://x?q", "https://u@x", "https://*.x"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn reading_needs_no_origin() {
        assert!(verdict(&ours(), Method::GET, &[("origin", "https://evil.example")]));
    }

    #[test]
    fn a_change_must_come_from_our_page() {
        let post = |headers: &[(&str, &str)]| verdict(&ours(), Method::POST, headers);
        assert!(post(&[("origin", "https://rhiza.example.org")]));
        assert!(post(&[("sec-fetch-site", "same-origin")]));
        assert!(!post(&[]));
        assert!(!post(&[("origin", "https://evil.example")]));
        assert!(!post(&[("origin", "null")]));
        assert!(!post(&[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")]));
        assert!(!post(&[("sec-fetch-site", "same-site")]));
        assert!(!post(&[("sec-fetch-site", "cross-site")]));
    }

    #[test]
    fn a_websocket_handshake_is_a_change() {
        let open = |origin: &str| verdict(&ours(), Method::GET, &[("upgrade", "WebSocket"), ("origin", origin)]);
        assert!(open("https://rhiza.example.org"));
        assert!(!open("https://evil.example"));
    }

    #[test]
    fn without_a_public_url_the_host_asked_decides() {
        let open = OriginPolicy::default();
        let post = |origin: &str| verdict(&open, Method::POST, &[("host", "127.0.0.1:8080"), ("origin", origin)]);
        assert!(post("http://127.0.0.1:8080"));
        assert!(!post("http://127.0.0.1:9090"));
        assert!(!post("http://evil.example"));
    }
}
