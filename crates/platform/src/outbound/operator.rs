//! Clients for addresses that the operator set in the settings or typed on the command line. They may lead anywhere:
//! whoever sets them can reach the same places without us.

use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;

use super::client::AGENT;
use super::error::OutboundError;
use super::tls;

/// How such a client behaves.
#[derive(Debug, Clone)]
pub struct OperatorClient {
    /// A server that does not take the connection in this time is not there.
    pub connect: Duration,
    /// Longest silence within an answer.
    pub silence: Duration,
    /// Longest time for a whole answer; `None` where large files come.
    pub total: Option<Duration>,
    /// Redirects that are followed. Headers of one's own (`X-Vault-Token`) go with them to whatever host: 0 where such
    /// a header is sent.
    pub redirects: usize,
    /// Certificates (PEM) trusted beside the machine's.
    pub roots: Option<String>,
}

impl Default for OperatorClient {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            total: Some(Duration::from_secs(60)),
            redirects: 0,
            roots: None,
        }
    }
}

/// A client for addresses that the operator set. No proxy, certificates verified, nothing unpacked on the way, and
/// never from https down to http.
///
/// # Errors
/// When TLS cannot be set up, or `roots` is not PEM.
#[expect(clippy::disallowed_methods, reason = "the client factory that all other code is asked to use")]
pub fn operator_client(options: &OperatorClient) -> Result<Client, OutboundError> {
    let most = options.redirects;
    let redirects = Policy::custom(move |attempt| {
        let from = attempt.previous().last();
        if attempt.previous().len() > most {
            return if most == 0 { attempt.stop() } else { attempt.error("too many redirects") };
        }
        if from.is_some_and(|from| from.scheme() == "https") && attempt.url().scheme() != "https" {
            return attempt.error("it leads from https to http");
        }
        attempt.follow()
    });
    let mut builder = Client::builder()
        .user_agent(AGENT)
        .tls_backend_preconfigured(tls::config(options.roots.as_deref())?)
        .no_proxy()
        .referer(false)
        .no_gzip()
        .redirect(redirects)
        .connect_timeout(options.connect)
        .read_timeout(options.silence);
    if let Some(total) = options.total {
        builder = builder.timeout(total);
    }
    builder.build().map_err(|e| OutboundError::Setup(e.to_string()))
}
