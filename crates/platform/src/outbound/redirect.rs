//! What becomes of a request when the answer is a redirect: a new address that is checked like the first, and nothing
//! secret for a stranger.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use url::Url;

use super::client::Call;
use super::error::OutboundError;

/// Headers that may go to another host than the one they were meant for. All others may hold a secret.
const HARMLESS: [header::HeaderName; 3] = [header::ACCEPT, header::ACCEPT_LANGUAGE, header::USER_AGENT];

/// Whether the answer asks to go elsewhere.
pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The request that follows `call`.
pub(super) fn next(call: Call, status: StatusCode, location: &HeaderValue) -> Result<Call, OutboundError> {
    let refuse = |why: &str| Err(OutboundError::Redirect(why.to_owned()));
    let Ok(location) = std::str::from_utf8(location.as_bytes()) else { return refuse("it leads to no address") };
    let Ok(mut url) = call.url.join(location) else { return refuse("it leads to no address") };
    if !matches!(url.scheme(), "http" | "https") {
        return refuse("it leads away from http and https");
    }
    if call.url.scheme() == "https" && url.scheme() != "https" {
        return refuse("it leads from https to http");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("its address carries credentials");
    }
    url.set_fragment(None);
    let Call { mut method, url: from, mut headers, mut body } = call;
    let to_get = status == StatusCode::SEE_OTHER && method != Method::HEAD
        || matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND) && method == Method::POST;
    if to_get {
        method = Method::GET;
        body = None;
    }
    if body.is_none() {
        for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
            headers.remove(name);
        }
    }
    if !same_origin(&from, &url) {
        if body.is_some() {
            return refuse("it would send the request's content to another host");
        }
        headers = harmless(&headers);
    }
    Ok(Call { method, url, headers, body })
}

fn same_origin(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin()
}

fn harmless(headers: &HeaderMap) -> HeaderMap {
    let keep = HARMLESS.iter().filter_map(|name| Some((name.clone(), headers.get(name)?.clone())));
    keep.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: Method, url: &str) -> Call {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer s"));
        headers.insert("x-api-key", HeaderValue::from_static("s"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("a/b"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("a/b"));
        let body = (method != Method::GET).then(|| "body".into());
        Call { method, url: url.parse().unwrap(), headers, body }
    }

    fn go(method: Method, status: u16, from: &str, to: &str) -> Result<Call, OutboundError> {
        let to = HeaderValue::from_bytes(to.as_bytes()).unwrap();
        next(call(method, from), StatusCode::from_u16(status).unwrap(), &to)
    }

    #[test]
    fn the_same_host_keeps_its_headers_and_other_hosts_get_none_that_could_be_secret() {
        let same = go(Method::GET, 302, "https://a.org/x", "/y").unwrap();
        assert_eq!(same.url.as_str(), "https://a.org/y");
        assert!(same.headers.contains_key("x-api-key") && same.headers.contains_key("authorization"));
        for to in ["https://b.org/", "https://a.org:8443/", "//b.org/y"] {
            let other = go(Method::GET, 302, "https://a.org/x", to).unwrap();
            assert_eq!(other.headers.len(), 1, "{to}: {:?}", other.headers);
            assert!(other.headers.contains_key("accept"), "{to}");
        }
    }

    #[test]
    fn content_is_repeated_to_the_same_host_only() {
        let moved = go(Method::POST, 302, "https://a.org/x", "/y").unwrap();
        assert_eq!((moved.method, moved.body), (Method::GET, None));
        let kept = go(Method::POST, 307, "https://a.org/x", "/y").unwrap();
        assert_eq!((kept.method, kept.body), (Method::POST, Some("body".into())));
        assert!(go(Method::POST, 307, "https://a.org/x", "https://b.org/").is_err());
        assert!(go(Method::PUT, 301, "https://a.org/x", "https://b.org/").is_err());
        assert!(go(Method::POST, 303, "https://a.org/x", "https://b.org/").unwrap().body.is_none());
    }

    #[test]
    fn bad_addresses_are_not_followed() {
        for to in
            ["http://a.org/", "ftp://a.org/", "file:///etc/passwd", "https://u:p@b.org/", "https://[fe80::1%25e]/"]
        {
            assert!(go(Method::GET, 302, "https://a.org/x", to).is_err(), "{to}");
        }
        assert!(go(Method::GET, 302, "http://a.org/x", "https://a.org/").is_ok());
    }
}
