//! The factory of guarded clients, and the clients.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use reqwest::redirect::Policy;
use rhiza_kernel::Env;
use url::{Host, Url};

use super::allow::AllowList;
use super::error::OutboundError;
use super::redirect;
use super::request::GuardedRequest;
use super::resolve::{Gate, Lookup, SystemLookup};
use super::response::GuardedResponse;
use super::tls;
use crate::config::OutboundConfig;

/// Who we say we are.
pub(super) const AGENT: &str = concat!("rhiza/", env!("CARGO_PKG_VERSION"));

/// Idle connections to one host that are kept; users' addresses are many and rarely asked twice in a row.
const IDLE_PER_HOST: usize = 4;

/// What a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until the connection stands, name resolution and TLS included.
    pub connect: Duration,
    /// Until the head of an answer is there, from the sending of each request on.
    pub first_byte: Duration,
    /// Between two pieces of the answer.
    pub silence: Duration,
    /// For everything, redirects and body included; `None` for answers that stream for as long as they like.
    pub total: Option<Duration>,
    /// Bytes of an answer's body, unpacked.
    pub body: usize,
    /// Redirects followed; with 0 the redirecting answer itself is given.
    pub redirects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(15),
            silence: Duration::from_secs(10),
            total: Some(Duration::from_secs(30)),
            body: 1024 * 1024,
            redirects: 3,
        }
    }
}

/// What a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Discovery, keys and tokens of an OpenID provider: small documents somebody waits for, at the address given and
    /// nowhere else (redirects would carry client secrets on).
    OpenId,
    /// Anything else.
    Other(Limits),
}

impl Purpose {
    /// What its requests may take.
    #[must_use]
    pub fn limits(self) -> Limits {
        match self {
            Self::OpenId => Limits {
                first_byte: Duration::from_secs(8),
                silence: Duration::from_secs(5),
                total: Some(Duration::from_secs(10)),
                redirects: 0,
                ..Limits::default()
            },
            Self::Other(limits) => limits,
        }
    }
}

/// Makes clients for addresses that users gave. Cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    allow: Arc<AllowList>,
    blocked: Arc<[u16]>,
    lookup: Arc<dyn Lookup>,
    tls: rustls::ClientConfig,
    env: Env,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("allow", &self.allow).field("blocked", &self.blocked).finish_non_exhaustive()
    }
}

impl Outbound {
    /// A factory with the operator's exceptions.
    ///
    /// # Errors
    /// When an exception cannot be understood or TLS cannot be set up.
    pub fn new(config: &OutboundConfig, env: Env) -> Result<Self, OutboundError> {
        Ok(Self {
            allow: Arc::new(AllowList::parse(&config.allow).map_err(|e| OutboundError::Setup(e.to_string()))?),
            blocked: config.blocked_ports.clone().into(),
            lookup: Arc::new(SystemLookup::new()),
            tls: tls::config(None)?,
            env,
        })
    }

    /// The same with another way to find names' addresses; what it finds is checked all the same.
    #[must_use]
    pub fn with_lookup(mut self, lookup: Arc<dyn Lookup>) -> Self {
        self.lookup = lookup;
        self
    }

    /// The same with other certificates (PEM) trusted beside the machine's.
    ///
    /// # Errors
    /// When the text is not PEM.
    pub fn with_roots(mut self, pem: &str) -> Result<Self, OutboundError> {
        self.tls = tls::config(Some(pem))?;
        Ok(self)
    }

    /// A client. Keep it: it holds connections.
    ///
    /// # Errors
    /// When no client can be made on this machine.
    pub fn client(&self, purpose: Purpose) -> Result<GuardedClient, OutboundError> {
        let limits = purpose.limits();
        let general = self.behind(None, &limits)?;
        // The client asks for names without saying for which port. One client per port that an exception names knows.
        let ports = self.allow.ports().into_iter();
        let by_port = ports.map(|port| Ok((port, self.behind(Some(port), &limits)?))).collect::<Result<_, _>>()?;
        let inner = Inner { general, by_port, blocked: Arc::clone(&self.blocked), limits, env: self.env.clone() };
        Ok(GuardedClient(Arc::new(inner)))
    }

    #[expect(clippy::disallowed_methods, reason = "the client factory that all other code is asked to use")]
    fn behind(&self, port: Option<u16>, limits: &Limits) -> Result<Door, OutboundError> {
        let gate = Gate { allow: Arc::clone(&self.allow), lookup: Arc::clone(&self.lookup), port };
        let client = reqwest::Client::builder()
            .user_agent(AGENT)
            .tls_backend_preconfigured(self.tls.clone())
            .dns_resolver(Arc::new(gate.clone()))
            .no_proxy()
            .referer(false)
            .redirect(Policy::none())
            .connect_timeout(limits.connect)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .build()
            .map_err(|e| OutboundError::Setup(e.to_string()))?;
        Ok(Door { gate, client })
    }
}

/// A client, and what it may reach.
struct Door {
    gate: Gate,
    client: reqwest::Client,
}

struct Inner {
    general: Door,
    by_port: HashMap<u16, Door>,
    blocked: Arc<[u16]>,
    limits: Limits,
    env: Env,
}

/// A client that reaches public addresses and what the operator allows. Cheap to clone.
#[derive(Clone)]
pub struct GuardedClient(Arc<Inner>);

impl std::fmt::Debug for GuardedClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardedClient").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}

impl GuardedClient {
    /// A `GET`.
    pub fn get(&self, url: impl AsRef<str>) -> GuardedRequest {
        self.request(Method::GET, url)
    }

    /// A `POST`.
    pub fn post(&self, url: impl AsRef<str>) -> GuardedRequest {
        self.request(Method::POST, url)
    }

    /// Any request. Faults of the address come out when it is sent.
    pub fn request(&self, method: Method, url: impl AsRef<str>) -> GuardedRequest {
        GuardedRequest::new(self.clone(), method, url.as_ref())
    }

    /// Whether `url` could be asked: its form, port and, where it names one, its address. Names are not looked up. For
    /// telling users at once what cannot work; every request checks again.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, url: &str) -> Result<Url, OutboundError> {
        let url = parse(url)?;
        self.door(&url)?;
        Ok(url)
    }

    /// A request and its answer as plain values, for libraries that bring their own HTTP types. The answer's body is
    /// bounded by the client's limit.
    ///
    /// # Errors
    /// As [`GuardedRequest::send`] and [`GuardedResponse::bytes`].
    pub async fn execute(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>, OutboundError> {
        let (parts, body) = request.into_parts();
        let request = self.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
        let answer = request.send().await?;
        let mut response = http::Response::new(Vec::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        *response.body_mut() = answer.bytes().await?.into();
        Ok(response)
    }

    pub(super) fn limits(&self) -> Limits {
        self.0.limits
    }

    pub(super) async fn send(&self, call: Call, limits: Limits) -> Result<GuardedResponse, OutboundError> {
        let Some(total) = limits.total else { return self.follow(call, &limits).await };
        let all = tokio::time::timeout(total, self.follow(call, &limits));
        all.await.map_err(|_| OutboundError::Timeout("the whole of it"))?
    }

    async fn follow(&self, mut call: Call, limits: &Limits) -> Result<GuardedResponse, OutboundError> {
        let start = self.0.env.monotonic();
        let mut hops = 0;
        loop {
            let spent = self.0.env.monotonic().saturating_sub(start);
            let left = limits.total.map(|total| total.saturating_sub(spent));
            let response = self.once(&call, limits, left).await?;
            if limits.redirects == 0 || !redirect::is_redirect(response.status()) {
                return Ok(GuardedResponse::new(response, limits));
            }
            let Some(location) = response.headers().get(header::LOCATION) else {
                return Ok(GuardedResponse::new(response, limits));
            };
            hops += 1;
            if hops > limits.redirects {
                return Err(OutboundError::Redirect(format!("more than {} in a row", limits.redirects)));
            }
            call = redirect::next(call, response.status(), location)?;
        }
    }

    /// One request to an address that was checked.
    async fn once(
        &self,
        call: &Call,
        limits: &Limits,
        left: Option<Duration>,
    ) -> Result<reqwest::Response, OutboundError> {
        let door = self.door(&call.url)?;
        let host = call.url.host_str().unwrap_or_default();
        let mut request = door.client.request(call.method.clone(), call.url.clone()).headers(call.headers.clone());
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        if let Some(left) = left {
            request = request.timeout(left);
        }
        let sent = tokio::time::timeout(limits.first_byte, request.send()).await;
        let response = sent.map_err(|_| OutboundError::Timeout("the head of the answer"))?.map_err(|e| {
            if e.is_builder() {
                OutboundError::Request(e.without_url().to_string())
            } else {
                OutboundError::of(e, host)
            }
        });
        if let Err(OutboundError::Refused { host, reason }) = &response {
            tracing::warn!(host, reason, "a request to the outside was refused");
        }
        response
    }

    /// The client for that address, when it may be asked.
    fn door(&self, url: &Url) -> Result<&Door, OutboundError> {
        let (host, port) = place(url)?;
        if self.0.blocked.contains(&port) {
            return Err(OutboundError::Port(port));
        }
        let door = self.0.by_port.get(&port).unwrap_or(&self.0.general);
        let checked = match &host {
            Host::Domain(name) => door.gate.check_name(name),
            // Addresses do not pass the resolver.
            Host::Ipv4(v4) => door.gate.check(None, (*v4).into()),
            Host::Ipv6(v6) => door.gate.check(None, (*v6).into()),
        };
        checked.map_err(|refused| {
            tracing::warn!(%host, reason = %refused, "a request to the outside was refused");
            OutboundError::Refused { host: host.to_string(), reason: refused.to_string() }
        })?;
        Ok(door)
    }
}

/// A request as it is sent, and sent again after a redirect.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

/// An address as people write it. Numbers that browsers take for IPv4 addresses (2130706433, 0x7f.1, 017700000001) are
/// addresses afterwards.
pub(super) fn parse(text: &str) -> Result<Url, OutboundError> {
    let url = Url::parse(text).map_err(|e| OutboundError::Address(e.to_string()))?;
    place(&url)?;
    Ok(url)
}

fn place(url: &Url) -> Result<(Host<&str>, u16), OutboundError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(OutboundError::Address("it must begin with http:// or https://".to_owned()));
    }
    match (url.host(), url.port_or_known_default()) {
        (Some(_), Some(0)) => Err(OutboundError::Address("port 0 is no port".to_owned())),
        (Some(host), Some(port)) => Ok((host, port)),
        _ => Err(OutboundError::Address("it names no host".to_owned())),
    }
}
