//! Reading a credential out of a request's headers. A credential in a header wins over the cookie and is never
//! given up for it: a client that sent a bad key must hear so, not act as whoever is signed in beside it.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use http::request::Parts;
use http::{HeaderMap, Method, header};
use secrecy::SecretString;

use super::model::AuthError;

/// The name of the console's session cookie. The `__Host-` prefix makes browsers insist on `Secure`, `Path=/` and no
/// `Domain`, so that no neighbouring host can set it.
pub const SESSION_COOKIE: &str = "__Host-rhiza";

/// What the caller presented.
#[derive(Debug)]
pub enum Presented {
    /// `Authorization: Bearer …`: an API key or an access token.
    Bearer(SecretString),
    /// `Authorization: Basic …`: an API key as the password; the user name is free.
    Basic {
        /// The user name.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// `x-api-key`, as Anthropic's clients send it.
    ApiKey(SecretString),
    /// The console's session cookie.
    Session(SecretString),
}

/// How a project was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectHeader {
    /// `X-Rhiza-Project`.
    Rhiza,
    /// `X-MLFLOW-WORKSPACE`.
    Mlflow,
    /// `OpenAI-Project`.
    OpenAi,
    /// `?project=` of a plain link in the console.
    Query,
}

/// The project the caller asked for, by slug or id.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestedProject {
    /// As written by the caller.
    pub name: String,
    /// Where it was written.
    pub by: ProjectHeader,
}

impl fmt::Debug for RequestedProject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} by {:?}", self.name, self.by)
    }
}

/// Everything an authenticator may base its decision on.
#[derive(Debug)]
pub struct Credentials {
    /// The credential.
    pub presented: Presented,
    /// The project asked for.
    pub project: Option<RequestedProject>,
    /// The request's method.
    pub method: Method,
    /// The request's path.
    pub path: String,
    /// The client's address (behind a trusted proxy: the one it reports).
    pub address: IpAddr,
    /// The client's own name for itself.
    pub user_agent: Option<String>,
}

/// Longest credential that is looked at; ours are far shorter, and hashing megabytes is work an attacker could ask for.
const MAX_CREDENTIAL: usize = 8 * 1024;

/// The credential in `headers`, the strongest kind first.
pub(super) fn presented(headers: &HeaderMap) -> Result<Presented, AuthError> {
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    if let Some(value) = authorizations.next() {
        // Two of them: whichever a proxy or we look at could differ.
        if authorizations.next().is_some() {
            return Err(AuthError::Invalid);
        }
        return authorization(value.to_str().map_err(|_| AuthError::Invalid)?);
    }
    if let Some(value) = headers.get("x-api-key") {
        let key = value.to_str().map_err(|_| AuthError::Invalid)?;
        return secret(key).map(Presented::ApiKey);
    }
    match session_cookie(headers)? {
        Some(session) => Ok(Presented::Session(session)),
        None => Err(AuthError::Missing),
    }
}

fn authorization(value: &str) -> Result<Presented, AuthError> {
    let (scheme, rest) = value.split_once(' ').ok_or(AuthError::Invalid)?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return secret(rest).map(Presented::Bearer);
    }
    if scheme.eq_ignore_ascii_case("basic") {
        if rest.len() > MAX_CREDENTIAL {
            return Err(AuthError::Invalid);
        }
        let bytes = base64::engine::general_purpose::STANDARD.decode(rest).map_err(|_| AuthError::Invalid)?;
        let text = String::from_utf8(bytes).map_err(|_| AuthError::Invalid)?;
        let (user, password) = text.split_once(':').ok_or(AuthError::Invalid)?;
        return Ok(Presented::Basic { user: user.to_owned(), password: secret(password)? });
    }
    Err(AuthError::Invalid)
}

fn secret(text: &str) -> Result<SecretString, AuthError> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_CREDENTIAL { Err(AuthError::Invalid) } else { Ok(SecretString::from(text)) }
}

fn session_cookie(headers: &HeaderMap) -> Result<Option<SecretString>, AuthError> {
    let mut found = None;
    for value in headers.get_all(header::COOKIE) {
        let Ok(line) = value.to_str() else { continue };
        for pair in line.split(';') {
            let Some((name, value)) = pair.trim().split_once('=') else { continue };
            if name == SESSION_COOKIE {
                // A browser sends one. Two would leave it to chance which of them counts.
                if found.is_some() {
                    return Err(AuthError::Invalid);
                }
                found = Some(secret(value)?);
            }
        }
    }
    Ok(found)
}

/// The project asked for. Headers count for every credential; `?project=` only for links followed in the console.
pub(super) fn requested_project(parts: &Parts, presented: &Presented) -> Option<RequestedProject> {
    const HEADERS: [(&str, ProjectHeader); 3] = [
        ("x-rhiza-project", ProjectHeader::Rhiza),
        ("x-mlflow-workspace", ProjectHeader::Mlflow),
        ("openai-project", ProjectHeader::OpenAi),
    ];
    for (name, by) in HEADERS {
        if let Some(value) = parts.headers.get(name) {
            // Text that is not ASCII names no project; keep it, so that the answer is "no such project".
            let name = String::from_utf8_lossy(value.as_bytes()).trim().to_owned();
            if !name.is_empty() {
                return Some(RequestedProject { name, by });
            }
        }
    }
    if parts.method != Method::GET || !matches!(presented, Presented::Session(_)) {
        return None;
    }
    let query = parts.uri.query()?;
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, value)| key == "project" && !value.is_empty())
        .map(|(_, value)| RequestedProject { name: value.into_owned(), by: ProjectHeader::Query })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use secrecy::ExposeSecret as _;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Presented, AuthError> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers
                .append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        presented(&headers)
    }

    #[test]
    fn a_header_wins_over_the_cookie_and_a_bad_one_is_not_forgiven() {
        let cookie = ("cookie", "a=b; __Host-rhiza=session");
        assert!(matches!(read(&[cookie]), Ok(Presented::Session(s)) if s.expose_secret() == "session"));
        assert!(matches!(read(&[cookie, ("authorization", "Bearer k")]), Ok(Presented::Bearer(_))));
        assert!(matches!(read(&[cookie, ("x-api-key", "k")]), Ok(Presented::ApiKey(_))));
        for bad in ["Bearer", "Bearer ", "Digest x", "Basic !!!", "Basic bm9jb2xvbg=="] {
            assert!(matches!(read(&[cookie, ("authorization", bad)]), Err(AuthError::Invalid)), "{bad}");
        }
        assert!(matches!(
            read(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]),
            Err(AuthError::Invalid)
        ));
        assert!(matches!(read(&[("cookie", "__Host-rhiza=a; __Host-rhiza=b")]), Err(AuthError::Invalid)));
        assert!(matches!(read(&[("cookie", "rhiza=a")]), Err(AuthError::Missing)));
    }

    #[test]
    fn a_basic_password_may_hold_colons() {
        let value = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode("me:a:b"));
        let Ok(Presented::Basic { user, password }) = read(&[("authorization", &value)]) else { panic!("basic") };
        assert_eq!((user.as_str(), password.expose_secret()), ("me", "a:b"));
    }

    #[test]
    fn a_project_in_the_query_counts_for_links_of_the_console_only() {
        let request = |method: &str| {
            http::Request::builder().method(method).uri("/x?project=blue%20one").body(()).unwrap().into_parts().0
        };
        let session = Presented::Session(SecretString::from("s"));
        let bearer = Presented::Bearer(SecretString::from("s"));
        assert_eq!(requested_project(&request("GET"), &session).unwrap().name, "blue one");
        assert_eq!(requested_project(&request("POST"), &session), None);
        assert_eq!(requested_project(&request("GET"), &bearer), None);
    }
}
