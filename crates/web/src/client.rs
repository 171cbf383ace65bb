//! Who is on the other end of the wire. Forwarding headers are believed only as far back as configured proxies
//! wrote them: the client is the rightmost address that is not one of ours.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use http::{Extensions, HeaderMap, header};
use ipnet::IpNet;

use crate::error::ApiError;
use crate::request::RequestContext;

/// The networks whose forwarding headers are believed. Empty by default: nobody's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// The text names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an address nor a network such as 10.0.0.0/8")]
pub struct NetworkError(String);

impl TrustedProxies {
    /// Reads addresses (`127.0.0.1`) and networks (`10.0.0.0/8`, `fd00::/8`).
    ///
    /// # Errors
    /// Names the first entry that is neither.
    pub fn parse<T: AsRef<str>>(entries: impl IntoIterator<Item = T>) -> Result<Self, NetworkError> {
        let parse = |entry: T| {
            let text = entry.as_ref().trim();
            let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            net.map_err(|_| NetworkError(text.to_owned()))
        };
        entries.into_iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `address` is one of the proxies.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }

    /// The client behind `peer`, given what the proxies wrote into `headers`.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if self.0.is_empty() || !self.contains(peer) {
            return peer;
        }
        let mut client = peer;
        for hop in hops_from_the_right(headers) {
            // What cannot be read (an obfuscated name, rubbish) ends the chain at the last address known.
            let Some(address) = hop else { break };
            client = address;
            if !self.contains(address) {
                break;
            }
        }
        client
    }
}

/// The forwarded addresses, nearest first; `None` for an entry that is no address. `Forwarded` (RFC 7239) counts
/// when present, `X-Forwarded-For` otherwise: mixing the two would let a caller write the one the proxy ignores.
fn hops_from_the_right(headers: &HeaderMap) -> Box<dyn Iterator<Item = Option<IpAddr>> + '_> {
    let name = if headers.contains_key(header::FORWARDED) { "forwarded" } else { "x-forwarded-for" };
    let standard = name == "forwarded";
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    Box::new(
        lines
            .into_iter()
            .rev()
            .flat_map(|line| line.to_str().unwrap_or("?").rsplit(','))
            .map(move |entry| if standard { forwarded_for(entry) } else { address(entry) }),
    )
}

/// The address of a `Forwarded` element's `for=` parameter.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| address(value)).flatten()
    })
}

/// An address with or without quotes, brackets and port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let parsed = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|a| a.ip()))
        .or_else(|| text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).and_then(|t| t.parse().ok()));
    parsed.map(|address| address.to_canonical())
}

/// The address on the other end of the connection.
pub(crate) fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical())
}

/// The address of the client: the connection's peer, or the one a trusted proxy forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddr(IpAddr);

impl ClientAddr {
    /// The address.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.0
    }

    /// The client's address as seen from `parts`.
    ///
    /// # Errors
    /// `internal` outside the stack or the server loop, where the peer is unknown.
    pub fn of(parts: &Parts) -> Result<Self, ApiError> {
        Self::read(&parts.extensions, &parts.headers).ok_or_else(crate::request::outside_the_stack)
    }

    /// As [`ClientAddr::of`], for middleware that holds the whole request.
    ///
    /// # Errors
    /// `internal` outside the stack or the server loop, where the peer is unknown.
    pub fn of_request<B>(request: &http::Request<B>) -> Result<Self, ApiError> {
        Self::read(request.extensions(), request.headers()).ok_or_else(crate::request::outside_the_stack)
    }

    pub(crate) fn read(extensions: &Extensions, headers: &HeaderMap) -> Option<Self> {
        let peer = peer(extensions)?;
        let context = RequestContext::of(extensions)?;
        Some(Self(context.shared.trusted_proxies.client(peer, headers)))
    }
}

impl std::fmt::Display for ClientAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddr {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::of(parts)
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn client(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let proxies = TrustedProxies::parse(["10.0.0.0/8", "::1"]).unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        proxies.client(peer.parse().unwrap(), &map).to_string()
    }

    #[test]
    fn a_stranger_cannot_forward_an_address() {
        assert_eq!(client("203.0.113.9", &[("x-forwarded-for", "1.2.3.4")]), "203.0.113.9");
    }

    #[test]
    fn the_rightmost_untrusted_address_is_the_client() {
        assert_eq!(client("10.1.1.1", &[("x-forwarded-for", "6.6.6.6, 198.51.100.7, 10.2.2.2")]), "198.51.100.7");
        assert_eq!(
            client("10.1.1.1", &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "198.51.100.7:4711")]),
            "198.51.100.7"
        );
    }

    #[test]
    fn the_standard_header_is_read_with_ports_and_brackets() {
        assert_eq!(client("::1", &[("forwarded", "for=6.6.6.6, for=\"[2001:db8::1]:80\";proto=https")]), "2001:db8::1");
        assert_eq!(client("::1", &[("forwarded", "By=x;FOR=198.51.100.7")]), "198.51.100.7");
    }

    #[test]
    fn the_ignored_header_cannot_override_the_standard_one() {
        let both = [("forwarded", "for=198.51.100.7"), ("x-forwarded-for", "6.6.6.6")];
        assert_eq!(client("10.1.1.1", &both), "198.51.100.7");
    }

    #[test]
    fn rubbish_ends_the_chain_at_the_last_known_address() {
        assert_eq!(client("10.1.1.1", &[("x-forwarded-for", "6.6.6.6, unknown, 10.2.2.2")]), "10.2.2.2");
        assert_eq!(client("10.1.1.1", &[("x-forwarded-for", "")]), "10.1.1.1");
    }

    #[test]
    fn mapped_addresses_count_as_the_ipv4_they_are() {
        assert_eq!(client("::ffff:10.1.1.1", &[("x-forwarded-for", "198.51.100.7")]), "198.51.100.7");
    }

    #[test]
    fn a_network_that_is_none_is_named() {
        let error = TrustedProxies::parse(["10.0.0.0/8", "10.0.0.0/99"]).unwrap_err();
        assert!(error.to_string().contains("10.0.0.0/99"));
    }
}
