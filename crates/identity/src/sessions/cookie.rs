//! The session cookie's text, and where browsers keep it.

use std::time::Duration;

use rhiza_platform::authz::SESSION_COOKIE;

use super::SessionToken;

/// The `Set-Cookie` value that hands `token` to the browser for `life`. Out of reach of scripts, never sent over
/// plain HTTP, not sent along with requests that other sites make (top-level links apart).
pub(crate) fn set(token: &SessionToken, life: Duration) -> String {
    let (value, seconds) = (token.expose(), life.as_secs());
    format!("{SESSION_COOKIE}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax")
}

/// The `Set-Cookie` value that takes the cookie away again.
pub(crate) fn clear() -> String {
    format!("{SESSION_COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax")
}

/// Whether browsers keep a `Secure` cookie from this host over plain HTTP: they do for the machine itself.
/// `host` is the Host header, port and all.
pub(crate) fn kept_over_plain_http(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if name == "localhost" || name.ends_with(".localhost") {
        return true;
    }
    name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_carries_every_flag() {
        let (env, _) = rhiza_kernel::Env::fixed(chrono::DateTime::from_timestamp(0, 0).unwrap(), 1);
        let token = SessionToken::generate(&env);
        let text = set(&token, Duration::from_secs(60));
        assert_eq!(
            text,
            format!("__Host-rhiza={}; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax", token.expose())
        );
        assert!(!text.to_lowercase().contains("domain"), "a __Host- cookie must not name a domain");
    }

    #[test]
    fn only_the_machine_itself_keeps_it_over_plain_http() {
        for host in ["localhost", "LOCALHOST:8080", "app.localhost", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080"] {
            assert!(kept_over_plain_http(host), "{host}");
        }
        for host in
            ["", "rhiza.example.org", "10.0.0.1:8080", "localhost.example.org", "127.0.0.1.example.org", "[::2]"]
        {
            assert!(!kept_over_plain_http(host), "{host}");
        }
    }
}
